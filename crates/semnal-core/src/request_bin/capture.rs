//! A request as a bin caught it: its bytes, and what is known about them.

use std::net::SocketAddr;

use super::head::Head;
use crate::id::{CapturedId, IdCipher, IdKind, MessageId};
use crate::time::UnixMillis;

/// A request that is about to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// When it had arrived, as far as it came.
    pub received_at: UnixMillis,
    /// Who sent it.
    pub remote: SocketAddr,
    /// The head as it came, up to and with the empty line.
    pub head: Vec<u8>,
    /// The body without its framing; the first bytes of it when it is too long.
    pub body: Vec<u8>,
    /// How long the whole body was, as far as it was read.
    pub body_bytes: u64,
    /// The body with its framing, when it came in chunks: sizes, extensions and trailers as they were sent.
    pub framed: Option<Vec<u8>>,
    /// What is wrong with the request, in a sentence; such a request is answered with 400.
    pub problem: Option<String>,
    /// The message that it is a delivery of, when its headers say so and the id is one of ours.
    pub message: Option<MessageId>,
    /// The number of the attempt, beside `message`.
    pub attempt: Option<u16>,
}

/// A request that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapturedRequest {
    /// Its bin and its number there.
    pub id: CapturedId,
    /// The request.
    pub capture: Capture,
}

impl Capture {
    /// Returns how many bytes it counts for in its bin.
    pub fn bytes(&self) -> u64 {
        let framed = self.framed.as_ref().map_or(0, Vec::len);
        u64::try_from(self.head.len() + self.body.len() + framed).unwrap_or(u64::MAX)
    }

    /// Tells whether a part of the body was not kept.
    pub fn is_truncated(&self) -> bool {
        self.body_bytes > u64::try_from(self.body.len()).unwrap_or(u64::MAX)
    }

    /// Tells whether it is what somebody looks for.
    pub fn matches(&self, wanted: &Wanted) -> bool {
        let head = Head::parse(&self.head);
        let has = |haystack: &[u8], needle: &Option<String>| {
            needle.as_ref().is_none_or(|needle| contains(haystack, needle.as_bytes()))
        };
        let method = wanted.method.as_ref();
        method.is_none_or(|method| head.method.eq_ignore_ascii_case(method.as_bytes()))
            && has(head.target, &wanted.path)
            && has(&self.body, &wanted.body)
            && wanted.message.is_none_or(|message| self.message == Some(message))
            && wanted.text.as_ref().is_none_or(|text| {
                let text = text.as_bytes();
                contains_ignoring_case(&self.head, text) || contains_ignoring_case(&self.body, text)
            })
    }
}

/// What a captured request has to be; everything that is given has to hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// The method, in any case.
    pub method: Option<String>,
    /// A part of the request target, exactly.
    pub path: Option<String>,
    /// A part of the body, exactly.
    pub body: Option<String>,
    /// A part of head or body, in any case of ASCII letters.
    pub text: Option<String>,
    /// The message that it is a delivery of.
    pub message: Option<MessageId>,
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    needle.is_empty() || haystack.windows(needle.len()).any(|window| window == needle)
}

fn contains_ignoring_case(haystack: &[u8], needle: &[u8]) -> bool {
    needle.is_empty() || haystack.windows(needle.len()).any(|window| window.eq_ignore_ascii_case(needle))
}

/// Returns the message and attempt that a request says it is, when the id was made by this server. The id cannot be
/// forged, but anybody who saw it can send it again: this is a link, not a proof.
pub fn delivery_of(head: &Head<'_>, ids: &IdCipher) -> Option<(MessageId, Option<u16>)> {
    let id = ["webhook-id", "svix-id"].iter().find_map(|name| head.text(name))?;
    let (_, key) = ids.decode(IdKind::Message, id).ok()?;
    Some((MessageId(key), head.text("webhook-attempt").and_then(|number| number.parse().ok())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Key;

    fn capture(head: &str, body: &str) -> Capture {
        Capture {
            received_at: UnixMillis(0),
            remote: "127.0.0.1:9".parse().unwrap(),
            head: head.as_bytes().to_vec(),
            body: body.as_bytes().to_vec(),
            body_bytes: body.len() as u64,
            framed: None,
            problem: None,
            message: None,
            attempt: None,
        }
    }

    #[test]
    fn every_given_condition_has_to_hold() {
        let it = capture("POST /shop/Orders?x=1 HTTP/1.1\r\nX-Kind: Paid\r\n\r\n", "{\"n\":1}");
        let check = |wanted: Wanted, expected: bool| assert_eq!(it.matches(&wanted), expected, "{wanted:?}");
        let some = |text: &str| Some(text.to_owned());
        check(Wanted::default(), true);
        check(Wanted { method: some("post"), path: some("/Orders"), ..Wanted::default() }, true);
        check(Wanted { method: some("GET"), path: some("/Orders"), ..Wanted::default() }, false);
        check(Wanted { path: some("/orders"), ..Wanted::default() }, false);
        check(Wanted { body: some("\"n\""), text: some("x-kind: paid"), ..Wanted::default() }, true);
        check(Wanted { body: some("X-Kind"), ..Wanted::default() }, false);
        check(Wanted { text: some("{\"N\""), ..Wanted::default() }, true);
        check(Wanted { message: Some(MessageId(Key(1))), ..Wanted::default() }, false);
    }

    #[test]
    fn only_an_id_of_this_server_links_a_request_to_a_message() {
        let ids = IdCipher::new([7; 16]);
        let of = |id: &str| {
            let head = format!("POST / HTTP/1.1\r\nSvix-Id: {id}\r\nwebhook-attempt: 3\r\n\r\n");
            delivery_of(&Head::parse(head.as_bytes()), &ids)
        };
        let id = ids.encode(IdKind::Message, 5, Key(77 << 21));
        assert_eq!(of(&id), Some((MessageId(Key(77 << 21)), Some(3))));
        assert_eq!(of("msg_2abc"), None);
    }
}
