//! Sending a captured request again, as it is or edited, by the guarded way that deliveries take. The form shows secrets
//! masked; a line that still has its mask is sent with the value that came.

use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use semnal_core::inspect::visible;
use semnal_core::request_bin::capture::Capture;
use semnal_core::request_bin::head::Head;
use serde_json::{Map, Value, json};

use super::bins::replay::{LEFT_OUT, ReplayIn, ReplayOut};
use super::reading::{Pair, header};
use super::{Place, bins, field_errors};
use crate::api::ApiError;
use crate::console::form::{FieldErrors, Form};
use crate::console::language;
use crate::console::page::{Page, Signed};
use crate::console::problem::Problem;

/// 64 KiB of a body can be edited; a longer one is sent as it came.
const EDITED_BYTES_MAX: usize = 64 * 1_024;

/// The form, and what became of the request.
#[derive(Template)]
#[template(path = "bin_replay.html")]
struct ReplayView {
    page: Page,
    id: String,
    name: String,
    number: u32,
    draft: Draft,
    /// The body can be edited.
    has_text: bool,
    errors: FieldErrors,
    verdict: Option<Shown>,
}

/// What is about to be sent, as the form has it.
struct Draft {
    url: String,
    method: String,
    headers: String,
    body: String,
}

/// What became of it, in words.
struct Shown {
    is_good: bool,
    words: String,
    /// What the time before brought; empty the first time.
    before: String,
    /// For the next time.
    short: String,
    headers: Vec<Pair>,
    body: String,
    is_cut: bool,
}

/// `GET …/replay`
pub(super) async fn show(
    signed: Signed,
    Path((bin, request)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let place = Place::find(&signed, &bin)?;
    let it = place.request(&request).await?;
    let draft = Draft::of(&it.capture, String::new());
    answer(&signed.page, place, it.id.number, &it.capture, draft, FieldErrors::default(), None)
}

/// `POST …/replay`
pub(super) async fn send(
    signed: Signed,
    Path((bin, request)): Path<(String, String)>,
    form: Form,
) -> Result<Response, Problem> {
    let (page, place) = (&signed.page, Place::find(&signed, &bin)?);
    let it = place.request(&request).await?;
    let draft = Draft {
        url: form.get("url").to_owned(),
        method: form.get("method").to_owned(),
        headers: form.raw("headers").replace("\r\n", "\n"),
        body: form.raw("body").replace("\r\n", "\n"),
    };
    let body = draft.changes(&it.capture).to_string();
    let sent = match ReplayIn::read(body.as_bytes(), &place.api) {
        Ok(given) => bins::replay::send(&place.api, &place.bins, it.capture.clone(), given).await,
        Err(error) => Err(error),
    };
    let (errors, verdict) = match sent {
        Ok(verdict) => (FieldErrors::default(), Some(in_words(page, verdict, form.get("before")))),
        Err(ApiError::Conflict(detail)) => {
            let mut errors = FieldErrors::default();
            errors.add("headers", page.s("bin-replay-conflict", "detail", detail));
            (errors, None)
        }
        Err(error) => {
            let fields = [
                ("url", "url", "bin-replay-url-wrong"),
                ("method", "method", "bin-replay-method-wrong"),
                ("headers", "headers", "bin-replay-headers-wrong"),
            ];
            (field_errors(page, error, &fields)?, None)
        }
    };
    answer(page, place, it.id.number, &it.capture, draft, errors, verdict)
}

impl Draft {
    /// Returns a request as it came, without what belongs to its connection.
    fn of(it: &Capture, url: String) -> Draft {
        let head = Head::parse(&it.head);
        let lines = sent_headers(&head).map(|(name, value)| line(&header(name, value)));
        Draft {
            url,
            method: visible::line(head.method),
            headers: lines.collect::<Vec<_>>().join("\n"),
            body: editable(it).unwrap_or_default(),
        }
    }

    /// Returns what of it differs from the request, as the API takes it: what does not is sent byte for byte.
    fn changes(&self, it: &Capture) -> Value {
        let (head, original) = (Head::parse(&it.head), Draft::of(it, String::new()));
        let mut changes = Map::new();
        changes.insert("url".to_owned(), self.url.clone().into());
        if self.method != original.method {
            changes.insert("method".to_owned(), self.method.clone().into());
        }
        if self.headers.trim() != original.headers.trim() {
            changes.insert("headers".to_owned(), self.pairs(&head));
        }
        if self.body != original.body && editable(it).is_some() {
            changes.insert("body".to_owned(), self.body.clone().into());
        }
        Value::Object(changes)
    }

    fn pairs(&self, head: &Head<'_>) -> Value {
        let pair = |text: &str| {
            let (name, value) = text.split_once(':').unwrap_or((text, ""));
            let masked = sent_headers(head).find(|(name, value)| {
                let it = header(name, value);
                !it.masked.is_empty() && line(&it) == text.trim()
            });
            match masked {
                Some((_, value)) => json!([name.trim(), String::from_utf8_lossy(value)]),
                None => json!([name.trim(), value.trim()]),
            }
        };
        self.headers.lines().filter(|it| !it.trim().is_empty()).map(pair).collect()
    }
}

fn sent_headers<'a>(head: &'a Head<'_>) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
    let is_sent = |name: &[u8]| !LEFT_OUT.iter().any(|it| name.eq_ignore_ascii_case(it.as_bytes()));
    head.headers.iter().map(|(name, value)| (*name, &**value)).filter(move |(name, _)| is_sent(name))
}

fn line(it: &Pair) -> String {
    format!("{}: {}", it.name, if it.masked.is_empty() { &it.value } else { &it.masked })
}

/// Returns a body as a form can have it: text without what a form would change.
fn editable(it: &Capture) -> Option<String> {
    let text = std::str::from_utf8(&it.body)
        .ok()
        .filter(|text| text.len() <= EDITED_BYTES_MAX && !it.is_truncated())?;
    let text = text.replace("\r\n", "\n");
    (!text.contains(['\r', '\0'])).then_some(text)
}

fn in_words(page: &Page, it: ReplayOut, before: &str) -> Shown {
    let duration = ("duration", language::Value::Number(u64::try_from(it.duration_ms).unwrap_or(0)));
    let short =
        it.status.map_or_else(|| it.cause.unwrap_or_default().to_owned(), |status| status.to_string());
    let words = match it.status {
        Some(status) => {
            let values = [("status", language::Value::Text(status.to_string())), duration];
            page.put_together(if it.success { "bin-replay-good" } else { "bin-replay-bad" }, &values)
        }
        None => {
            let detail = it.detail.unwrap_or_default();
            page.put_together("bin-replay-failed", &[("detail", language::Value::Text(detail)), duration])
        }
    };
    let before = before.trim();
    Shown {
        is_good: it.success,
        words,
        before: if before.is_empty() {
            String::new()
        } else if before == short {
            page.s("bin-replay-same", "before", before)
        } else {
            page.s("bin-replay-before", "before", before)
        },
        short,
        headers: it
            .response_headers
            .iter()
            .map(|(name, value)| header(name.as_bytes(), value.as_bytes()))
            .collect(),
        body: visible::text(it.response_body.as_bytes()),
        is_cut: it.response_truncated,
    }
}

fn answer(
    page: &Page,
    place: Place,
    number: u32,
    capture: &Capture,
    draft: Draft,
    errors: FieldErrors,
    verdict: Option<Shown>,
) -> Result<Response, Problem> {
    page.html(&ReplayView {
        page: page.clone(),
        name: place.state.bin.name.clone(),
        id: place.id,
        number,
        draft,
        has_text: editable(capture).is_some(),
        errors,
        verdict,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capture(body: &[u8]) -> Capture {
        Capture {
            received_at: semnal_core::time::UnixMillis(0),
            remote: "127.0.0.1:9".parse().unwrap(),
            head: b"POST /b HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nAuthorization: Bearer of-somebody-else-1234\r\n\r\n".to_vec(),
            body: body.to_vec(),
            body_bytes: body.len() as u64,
            framed: None,
            problem: None,
            message: None,
            attempt: None,
        }
    }

    #[test]
    fn what_nobody_edited_is_sent_byte_for_byte() {
        let it = capture(b"a\r\nb\n");
        let draft = Draft { url: "http://x/".into(), ..Draft::of(&it, String::new()) };
        assert_eq!(draft.changes(&it), json!({ "url": "http://x/" }));
        assert!(!draft.headers.contains("Host") && !draft.headers.contains("somebody"), "{}", draft.headers);
    }

    #[test]
    fn an_edited_header_is_sent_and_a_masked_one_keeps_its_value() {
        let it = capture(b"{}");
        let mut draft = Draft::of(&it, String::new());
        draft.headers = draft.headers.replace("X-A: 1", "X-A: 2\n\nX-B:3");
        draft.body = "{\"n\":1}".into();
        let changes = draft.changes(&it);
        let expected = json!([["X-A", "2"], ["X-B", "3"], ["Authorization", "Bearer of-somebody-else-1234"]]);
        assert_eq!((&changes["headers"], &changes["body"]), (&expected, &json!("{\"n\":1}")));
    }

    #[test]
    fn bytes_that_a_form_would_change_are_not_edited() {
        for body in [&b"\xff"[..], b"a\rb", b"a\0", &[b'x'; EDITED_BYTES_MAX + 1]] {
            assert_eq!(editable(&capture(body)), None);
            assert_eq!(Draft::of(&capture(body), String::new()).changes(&capture(body)).get("body"), None);
        }
    }
}
