//! Writes answers. Whatever a bin answers, these come with it: a sandbox, no guessing of types, no credentials for other
//! origins.

use http::StatusCode;
use jiff::Timestamp;
use semnal_core::request_bin::answer::Reply;
use semnal_core::time::UnixMillis;

/// What is known about the request that is answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// A HEAD request gets no body.
    pub(super) head_only: bool,
    /// Whether the connection ends after the answer.
    pub(super) close: bool,
    /// Whether the client speaks HTTP/1.0, which has to be told that a connection stays.
    pub(super) old: bool,
    /// When it is answered.
    pub(super) now: UnixMillis,
}

/// Returns the bytes of an answer: its head, and its body.
pub(super) fn bytes(reply: &Reply, manner: Manner) -> (Vec<u8>, Vec<u8>) {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
    let reason = status.canonical_reason().unwrap_or("");
    let mut head = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16());
    let mut add = |name: &str, value: &str| {
        head.push_str(name);
        head.push_str(": ");
        head.push_str(value);
        head.push_str("\r\n");
    };
    let empty = matches!(reply.status, 204 | 205 | 304);
    if let Some(content_type) = reply.content_type.as_deref().filter(|_| !empty) {
        add("Content-Type", content_type);
    }
    for (name, value) in &reply.headers {
        add(name, value);
    }
    let sets = |name: &str| reply.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
    for (name, value) in [
        ("Access-Control-Allow-Origin", "*"),
        ("Cache-Control", "no-store"),
        ("Referrer-Policy", "no-referrer"),
    ] {
        if !sets(name) {
            add(name, value);
        }
    }
    add("Content-Security-Policy", "sandbox");
    add("X-Content-Type-Options", "nosniff");
    add("Date", &date(manner.now));
    if reply.status != 204 && reply.status != 304 {
        add("Content-Length", &if empty { 0 } else { reply.body.len() }.to_string());
    }
    match (manner.close, manner.old) {
        (true, _) => add("Connection", "close"),
        (false, true) => add("Connection", "keep-alive"),
        (false, false) => {}
    }
    head.push_str("\r\n");
    let body = if empty || manner.head_only { Vec::new() } else { reply.body.clone() };
    (head.into_bytes(), body)
}

fn date(now: UnixMillis) -> String {
    let time = Timestamp::from_millisecond(now.0).unwrap_or(Timestamp::UNIX_EPOCH);
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Returns an answer of the server itself: a status and a sentence.
pub(super) fn plain(status: u16, sentence: &str) -> Reply {
    Reply {
        status,
        content_type: Some("text/plain; charset=utf-8".to_owned()),
        headers: Vec::new(),
        body: format!("{sentence}\n").into_bytes(),
        delay_ms: 0,
    }
}
