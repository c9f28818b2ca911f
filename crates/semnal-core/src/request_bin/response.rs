//! What a bin answers when its owner wants something else than the default, and what no answer may say.
//!
//! Whoever opens a bin's URL in a browser is on an origin of its own, under `Content-Security-Policy: sandbox`. An
//! answer that could set cookies, policies or credentials there would reach beyond itself, so those headers are refused.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::handshake::Handshake;
use super::head::is_token;

/// 64 KiB for the body of an answer.
pub const RESPONSE_BODY_BYTES_MAX: usize = 64 * 1_024;
/// 32 header fields of an answer.
pub const RESPONSE_HEADERS_MAX: usize = 32;
/// 4 KiB for the value of a header field of an answer.
pub const RESPONSE_HEADER_VALUE_BYTES_MAX: usize = 4_096;
/// 30 s of waiting before an answer.
pub const DELAY_MS_MAX: u32 = 30_000;
/// 100 statuses in a sequence.
pub const SEQUENCE_MAX: usize = 100;
/// 200 to 599: the statuses that end an exchange.
pub const STATUSES: std::ops::RangeInclusive<u16> = 200..=599;

/// What a bin answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BinResponse {
    /// The status.
    pub status: u16,
    /// Statuses of consecutive requests, before `status` counts; the last one stays. Empty means `status`.
    pub sequence: Vec<u16>,
    /// The content type; `None` means that of the default body, or plain text.
    pub content_type: Option<String>,
    /// More header fields, in order.
    pub headers: Vec<(String, String)>,
    /// The body; `None` means a small JSON object that says that the request was captured.
    pub body: Option<Vec<u8>>,
    /// How long to wait before it, in milliseconds.
    pub delay_ms: u32,
    /// A handshake that is answered as its sender wants it.
    pub handshake: Option<Handshake>,
    /// What goes wrong.
    pub fault: Option<Fault>,
}

impl Default for BinResponse {
    fn default() -> BinResponse {
        BinResponse {
            status: 200,
            sequence: Vec::new(),
            content_type: None,
            headers: Vec::new(),
            body: None,
            delay_ms: 0,
            handshake: None,
            fault: None,
        }
    }
}

/// Something that goes wrong on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// In how many of 100 requests.
    pub percent: u8,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FaultKind {
    /// Another status.
    Status(u16),
    /// No answer at all.
    Timeout,
    /// The answer comes byte by byte.
    Drip,
    /// The connection is reset.
    Reset,
}

impl FaultKind {
    /// Every word, in the order of the variants.
    pub const WORDS: [&str; 4] = ["status", "timeout", "drip", "reset"];

    /// Returns its word.
    pub fn as_str(self) -> &'static str {
        match self {
            FaultKind::Status(_) => "status",
            FaultKind::Timeout => "timeout",
            FaultKind::Drip => "drip",
            FaultKind::Reset => "reset",
        }
    }
}

/// Why an answer may not have a header.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum HeaderRefused {
    #[error("{name:?} is not the name of a header")]
    Name { name: String },
    #[error(
        "the value of {name:?} has characters other than visible ASCII, or more than {RESPONSE_HEADER_VALUE_BYTES_MAX} bytes"
    )]
    Value { name: String },
    #[error("{name:?} is set by the server itself")]
    Framing { name: String },
    #[error(
        "{name:?} sets something that outlives the answer or reaches beyond it; a bin may not answer with it"
    )]
    Reaching { name: String },
    #[error("{name:?} may lead to http:, https: or a path of this server only")]
    Scheme { name: String },
}

/// What frames the answer, or is ours.
const FRAMING: [&str; 11] = [
    "connection",
    "content-length",
    "content-type",
    "date",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-content-type-options",
];

/// What sets cookies, policies, credentials, reports or another place for the origin.
const REACHING: [&str; 21] = [
    "access-control-allow-credentials",
    "alt-svc",
    "clear-site-data",
    "content-security-policy",
    "content-security-policy-report-only",
    "cross-origin-embedder-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "document-policy",
    "expect-ct",
    "feature-policy",
    "nel",
    "origin-agent-cluster",
    "permissions-policy",
    "public-key-pins",
    "refresh",
    "report-to",
    "reporting-endpoints",
    "service-worker-allowed",
    "set-cookie",
    "strict-transport-security",
];

/// Judges a header of an answer.
///
/// # Errors
/// [`HeaderRefused`] names the header and the reason.
pub fn check_header(name: &str, value: &str) -> Result<(), HeaderRefused> {
    let owned = || excerpt(name);
    let lower = name.to_ascii_lowercase();
    if !is_token(name.as_bytes()) || name.len() > 256 {
        return Err(HeaderRefused::Name { name: owned() });
    }
    if FRAMING.contains(&lower.as_str()) {
        return Err(HeaderRefused::Framing { name: owned() });
    }
    if REACHING.contains(&lower.as_str()) || lower == "set-cookie2" {
        return Err(HeaderRefused::Reaching { name: owned() });
    }
    if !is_value(value) {
        return Err(HeaderRefused::Value { name: owned() });
    }
    if matches!(lower.as_str(), "location" | "content-location" | "link" | "sourcemap" | "x-sourcemap")
        && !leads_to_http(value)
    {
        return Err(HeaderRefused::Scheme { name: owned() });
    }
    Ok(())
}

/// Tells whether a text can be the value of a header of an answer.
pub fn is_value(value: &str) -> bool {
    value.len() <= RESPONSE_HEADER_VALUE_BYTES_MAX
        && value.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t'))
}

/// Tells whether a reference has no scheme, or one that is plain HTTP. Browsers pass over spaces and tabs, so these are
/// passed over before the scheme is looked for.
fn leads_to_http(value: &str) -> bool {
    let bare: String = value.chars().filter(|c| !matches!(c, ' ' | '\t' | '<')).collect();
    let Some(colon) = bare.find(':') else { return true };
    let scheme = &bare[..colon];
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    !is_scheme || scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
}

fn excerpt(name: &str) -> String {
    name.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reaches_beyond_the_answer_is_refused_by_name() {
        for name in REACHING.into_iter().chain(FRAMING).chain(["Set-Cookie2", "SET-COOKIE"]) {
            let refused = check_header(name, "x").unwrap_err();
            assert!(refused.to_string().contains(name), "{refused}");
        }
        for name in ["X-Hook-Secret", "location", "Access-Control-Allow-Origin", "Retry-After", "ETag"] {
            assert_eq!(check_header(name, "5"), Ok(()), "{name}");
        }
    }

    #[test]
    fn a_header_leads_nowhere_but_to_http() {
        for value in ["https://example.com/a:b", "http://x", "/a?b=c:d", "a/b", "?x:y", "HTTP://x", "//x/y"] {
            assert_eq!(check_header("Location", value), Ok(()), "{value}");
        }
        for value in [
            "javascript:alert(1)",
            "JaVaScRiPt:1",
            " java\tscript:1",
            "data:text/html,x",
            "vbscript:x",
            "file:///x",
        ] {
            assert!(matches!(check_header("Location", value), Err(HeaderRefused::Scheme { .. })), "{value}");
        }
        assert!(check_header("Link", "<javascript:x>; rel=stylesheet").is_err());
    }

    #[test]
    fn a_value_cannot_begin_another_header() {
        for value in ["a\r\nset-cookie: x=1", "a\nb", "a\0", "ș", "\u{7f}"] {
            assert!(matches!(check_header("x-a", value), Err(HeaderRefused::Value { .. })), "{value:?}");
        }
        assert!(matches!(check_header("x a", "1"), Err(HeaderRefused::Name { .. })));
    }
}
