//! `…/request/{request_id}/curl`: the request as a command, quoted so that a shell changes nothing and runs nothing of it.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use semnal_core::application::Scope;
use semnal_core::request_bin::capture::Capture;
use semnal_core::request_bin::head::Head;
use serde::Serialize;
use utoipa::ToSchema;

use super::bins;
use super::requests::find_request;
use crate::api::ApiState;
use crate::api::answer::Answer;
use crate::api::auth::Caller;
use crate::api::error::ApiError;
use crate::api::find::Segments;
use crate::api::query::Params;

/// The shells.
pub(crate) const SHELLS: [&str; 3] = ["bash", "powershell", "httpie"];
/// Headers that the command makes itself.
const LEFT_OUT: [&str; 5] = ["connection", "content-length", "expect", "host", "transfer-encoding"];

/// A captured request as a command that sends it.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct CommandOut {
    shell: String,
    /// Quoted: the shell runs nothing of what the request has.
    command: String,
    /// Whether the command sends all of the body: it does not when only a part was kept.
    complete: bool,
}

/// `GET …/curl?shell=bash`
pub(crate) async fn get(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments((bin, request)): Segments<(String, String)>,
    mut params: Params,
) -> Result<Answer, ApiError> {
    let (view, bins) = (caller.organisation(Scope::Read)?, bins(&api)?);
    let shell = params.word("shell", &SHELLS).unwrap_or_else(|| SHELLS[0].to_owned());
    params.finish()?;
    let it = find_request(&api, bins, view, &bin, &request).await?.capture;
    let command = command(&shell, &it, &bins.base_url);
    Ok(Answer::json(StatusCode::OK, &CommandOut { shell, command, complete: !it.is_truncated() }))
}

/// Writes a request as a command of a shell: one of [`SHELLS`].
pub(crate) fn command(shell: &str, it: &Capture, base_url: &str) -> String {
    let parts = Parts::of(it, base_url);
    match shell {
        "powershell" => powershell(&parts),
        "httpie" => httpie(&parts),
        _ => bash(&parts),
    }
}

/// What a command is made of.
struct Parts<'a> {
    method: String,
    url: Vec<u8>,
    headers: Vec<(&'a [u8], Vec<u8>)>,
    body: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(it: &'a Capture, base_url: &str) -> Parts<'a> {
        let head = Head::parse(&it.head);
        let mut url = base_url.as_bytes().to_vec();
        url.extend_from_slice(head.path_and_query());
        let kept = |name: &[u8]| !LEFT_OUT.iter().any(|it| name.eq_ignore_ascii_case(it.as_bytes()));
        let headers = head.headers.iter().filter(|(name, _)| kept(name));
        Parts {
            method: String::from_utf8_lossy(head.method).into_owned(),
            url,
            headers: headers.map(|(name, value)| (*name, value.to_vec())).collect(),
            body: &it.body,
        }
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// Returns the body when it can be written as text of a command.
    fn text_body(&self) -> Option<&str> {
        std::str::from_utf8(self.body).ok().filter(|text| !text.contains('\0'))
    }
}

fn bash(parts: &Parts<'_>) -> String {
    let mut command = String::new();
    let text = parts.text_body();
    if text.is_none() {
        write!(command, "printf %s '{}' | base64 -d | ", STANDARD.encode(parts.body))
            .expect("a text takes all");
    }
    let method = bash_quoted(parts.method.as_bytes());
    // Globbing and dot segments would change the target, and 100-continue the answer.
    write!(command, "curl --globoff --path-as-is -X {method} {}", bash_quoted(&parts.url))
        .expect("a text takes all");
    for (name, value) in &parts.headers {
        // An empty value is written with a semicolon: with a colon curl would leave the header out.
        let line =
            if value.is_empty() { [name, &b";"[..]].concat() } else { [name, &b": "[..], value].concat() };
        write!(command, " \\\n  -H {}", bash_quoted(&line)).expect("a text takes all");
    }
    for name in ["User-Agent", "Accept", "Content-Type"].into_iter().filter(|name| !parts.has(name)) {
        // Without a value curl leaves out what it would add itself.
        write!(command, " \\\n  -H '{name}:'").expect("a text takes all");
    }
    match text {
        Some("") => {}
        Some(text) => {
            write!(command, " \\\n  --data-raw {}", bash_quoted(text.as_bytes())).expect("a text takes all");
        }
        None => command.push_str(" \\\n  --data-binary @-"),
    }
    command
}

/// Quotes bytes for bash: in single quotes when they are plain text, else as `$'…'` with escapes.
pub(crate) fn bash_quoted(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(|c| c.is_control() && c != '\n') => {
            format!("'{}'", text.replace('\'', "'\\''"))
        }
        _ => {
            let mut quoted = "$'".to_owned();
            for byte in bytes {
                match byte {
                    b'\'' | b'\\' => quoted.extend(['\\', char::from(*byte)]),
                    b' '..=b'~' => quoted.push(char::from(*byte)),
                    _ => write!(quoted, "\\x{byte:02x}").expect("a text takes all"),
                }
            }
            quoted + "'"
        }
    }
}

fn powershell(parts: &Parts<'_>) -> String {
    let common = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"];
    let method = if common.contains(&parts.method.as_str()) { "-Method" } else { "-CustomMethod" };
    let url = String::from_utf8_lossy(&parts.url);
    let mut command = format!(
        "Invoke-WebRequest {method} {} -Uri {}",
        powershell_quoted(&parts.method),
        powershell_quoted(&url)
    );
    let mut joined: Vec<(String, String)> = Vec::new();
    for (name, value) in &parts.headers {
        let (name, value) = (String::from_utf8_lossy(name), String::from_utf8_lossy(value));
        // A table has each name once.
        match joined.iter_mut().find(|(n, _)| n.eq_ignore_ascii_case(&name)) {
            Some((_, all)) => *all = format!("{all}, {value}"),
            None => joined.push((name.into_owned(), value.into_owned())),
        }
    }
    let (types, others): (Vec<_>, Vec<_>) =
        joined.into_iter().partition(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    if !others.is_empty() {
        let entry = |(name, value): &(String, String)| {
            format!("{} = {}", powershell_quoted(name), powershell_quoted(value))
        };
        let entries: Vec<String> = others.iter().map(entry).collect();
        write!(command, " -Headers @{{ {} }}", entries.join("; ")).expect("a text takes all");
    }
    if let Some((_, content_type)) = types.first() {
        write!(command, " -ContentType {}", powershell_quoted(content_type)).expect("a text takes all");
    }
    match parts.text_body() {
        Some("") => {}
        // A text would be sent in another encoding, depending on the version.
        Some(text) if text.is_ascii() => {
            write!(command, " -Body {}", powershell_quoted(text)).expect("a text takes all");
        }
        _ => {
            let encoded = STANDARD.encode(parts.body);
            write!(command, " -Body ([Convert]::FromBase64String('{encoded}'))").expect("a text takes all");
        }
    }
    command
}

/// Quotes text for PowerShell, which takes four typographic quotes for single quotes as well.
fn powershell_quoted(text: &str) -> String {
    let mut quoted = "'".to_owned();
    for character in text.chars() {
        if matches!(character, '\'' | '\u{2018}'..='\u{201b}') {
            quoted.push(character);
        }
        quoted.push(character);
    }
    quoted + "'"
}

fn httpie(parts: &Parts<'_>) -> String {
    let text = parts.text_body();
    let mut command = String::new();
    if text.is_none() {
        write!(command, "printf %s '{}' | base64 -d | ", STANDARD.encode(parts.body))
            .expect("a text takes all");
    }
    let ignore = if text.is_some() { "--ignore-stdin " } else { "" };
    let (method, url) = (bash_quoted(parts.method.as_bytes()), bash_quoted(&parts.url));
    write!(command, "http {ignore}--path-as-is {method} {url}").expect("a text takes all");
    for (name, value) in &parts.headers {
        let item = match value.first() {
            None => [name, &b";"[..]].concat(),
            // These would be read as separators of another kind.
            Some(b'@' | b'=') => [name, &b":\\"[..], value].concat(),
            Some(_) => [name, &b":"[..], value].concat(),
        };
        write!(command, " \\\n  {}", bash_quoted(&item)).expect("a text takes all");
    }
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        write!(command, " \\\n  --raw {}", bash_quoted(text.as_bytes())).expect("a text takes all");
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts<'a>(body: &'a [u8], value: &'a [u8]) -> Parts<'a> {
        Parts {
            method: "POST".into(),
            url: b"http://b/mine?a=[1]&b='x'".to_vec(),
            headers: vec![(b"X-A", value.to_vec()), (b"X-Empty", Vec::new()), (b"x-a", b"2".to_vec())],
            body,
        }
    }

    #[test]
    fn a_shell_gets_quotes_and_line_ends_as_data() {
        let command = bash(&parts(b"it's\n$(rm -rf /) `id` @file", b"a'; touch /tmp/x; '"));
        assert_eq!(
            command,
            "curl --globoff --path-as-is -X 'POST' 'http://b/mine?a=[1]&b='\\''x'\\''' \\\n  \
             -H 'X-A: a'\\''; touch /tmp/x; '\\''' \\\n  -H 'X-Empty;' \\\n  -H 'x-a: 2' \\\n  -H 'User-Agent:' \\\n  \
             -H 'Accept:' \\\n  -H 'Content-Type:' \\\n  --data-raw 'it'\\''s\n$(rm -rf /) `id` @file'"
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_written_as_escapes_or_piped() {
        let command = bash(&parts(b"\0\xff", b"\xff\x1b'\\"));
        assert!(command.starts_with("printf %s 'AP8=' | base64 -d | curl "), "{command}");
        assert!(command.contains(r"-H $'X-A: \xff\x1b\'\\'"), "{command}");
        assert!(command.ends_with("--data-binary @-"), "{command}");
    }

    #[test]
    fn powershell_doubles_every_kind_of_single_quote_and_joins_duplicates() {
        let command = powershell(&parts("it's".as_bytes(), "\u{2019}; calc; '".as_bytes()));
        assert!(command.contains("'X-A' = '\u{2019}\u{2019}; calc; '', 2'"), "{command}");
        assert!(command.ends_with("-Body 'it''s'"), "{command}");
        assert!(powershell(&parts("ș".as_bytes(), b"1")).ends_with("FromBase64String('yJk='))"));
    }

    #[test]
    fn httpie_reads_no_file_for_a_header() {
        let command = httpie(&parts(b"{}", b"@/etc/passwd"));
        assert!(command.contains(r"'X-A:\@/etc/passwd'") && command.contains("'X-Empty;'"), "{command}");
        assert!(command.ends_with("--raw '{}'"), "{command}");
    }
}
