//! Decides what a captured request is answered with. The decision follows from the bin, the request and its number: the
//! same request is answered the same after a restart, and a fault that hits 30 of 100 requests needs no dice.

use std::hash::Hasher;

use siphasher::sip::SipHasher24;

use super::Bin;
use super::head::Head;
use super::response::{BinResponse, FaultKind};
use crate::id::CapturedId;

/// What came, as far as the answer depends on it.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The head.
    pub head: &'a Head<'a>,
    /// The body, as far as it was kept.
    pub body: &'a [u8],
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// Answer.
    Send(Reply),
    /// Answer slowly, byte by byte.
    Drip(Reply),
    /// Say nothing until the client gives up.
    Silence,
    /// Reset the connection.
    Reset,
}

/// An answer, without what frames it and without what every answer of a bin has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The content type; `None` without a body.
    pub content_type: Option<String>,
    /// More header fields, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long to wait before it, in milliseconds.
    pub delay_ms: u32,
}

/// Decides the answer to a request that was captured under `id`, whose public id is `name`.
pub fn decide(bin: &Bin, id: CapturedId, name: &str, seen: &Seen<'_>) -> Plan {
    let response = &bin.response;
    if let Some(reply) = response.handshake.as_ref().and_then(|it| it.answer(seen)) {
        return Plan::Send(reply);
    }
    if let Some(reply) = preflight(seen.head) {
        return Plan::Send(reply);
    }
    let hit = response.fault.filter(|fault| roll(id) < u64::from(fault.percent)).map(|fault| fault.kind);
    let reply = reply(response, status(bin, id.number), name);
    match hit {
        None => Plan::Send(reply),
        Some(FaultKind::Status(status)) => Plan::Send(Reply { status, ..reply }),
        Some(FaultKind::Drip) => Plan::Drip(reply),
        Some(FaultKind::Timeout) => Plan::Silence,
        Some(FaultKind::Reset) => Plan::Reset,
    }
}

fn status(bin: &Bin, number: u32) -> u16 {
    let BinResponse { status, sequence, .. } = &bin.response;
    let place =
        usize::try_from(number.saturating_sub(bin.response_after).saturating_sub(1)).unwrap_or(usize::MAX);
    sequence.get(place).or(sequence.last()).copied().unwrap_or(*status)
}

fn reply(response: &BinResponse, status: u16, name: &str) -> Reply {
    let (default_type, body) = match &response.body {
        Some(body) => ("text/plain; charset=utf-8", body.clone()),
        None => ("application/json", format!("{{\"received\":true,\"id\":\"{name}\"}}").into_bytes()),
    };
    let content_type = response.content_type.clone().unwrap_or_else(|| default_type.to_owned());
    Reply {
        status,
        content_type: Some(content_type),
        headers: response.headers.clone(),
        body,
        delay_ms: response.delay_ms,
    }
}

/// Answers a browser that asks whether it may send (Fetch standard, "CORS preflight"): yes, but without credentials.
fn preflight(head: &Head<'_>) -> Option<Reply> {
    let method = head.text("access-control-request-method")?;
    if head.method != b"OPTIONS" || head.text("origin").is_none() {
        return None;
    }
    let asked = head.text("access-control-request-headers").unwrap_or_default();
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_, ".contains(&byte));
    let mut headers = vec![("Access-Control-Max-Age".to_owned(), "600".to_owned())];
    if plain(method) {
        headers.push(("Access-Control-Allow-Methods".to_owned(), method.to_owned()));
    }
    if plain(asked) && !asked.is_empty() {
        headers.push(("Access-Control-Allow-Headers".to_owned(), asked.to_owned()));
    }
    Some(Reply { status: 204, content_type: None, headers, body: Vec::new(), delay_ms: 0 })
}

/// Returns 0 to 99, always the same for a request.
fn roll(id: CapturedId) -> u64 {
    let mut hasher = SipHasher24::new();
    hasher.write_i64(id.bin.0.0);
    hasher.write_u32(id.number);
    hasher.finish() % 100
}

#[cfg(test)]
mod tests {
    use super::super::Expiry;
    use super::super::response::Fault;
    use super::*;
    use crate::id::{BinId, Key, OrganisationId};
    use crate::time::UnixMillis;

    fn bin(response: BinResponse) -> Bin {
        Bin {
            id: BinId(Key(7)),
            organisation: OrganisationId(Key(1)),
            uid: None,
            name: String::new(),
            response,
            response_after: 10,
            expiry: Expiry::AfterUse,
            created_at: UnixMillis(0),
            updated_at: UnixMillis(0),
            made_by: None,
        }
    }

    fn plan(response: BinResponse, number: u32, head: &str) -> Plan {
        let head = format!("{head}\r\nhost: x\r\n\r\n");
        let seen = Seen { head: &Head::parse(head.as_bytes()), body: b"" };
        decide(&bin(response), CapturedId { bin: BinId(Key(7)), number }, "req_1", &seen)
    }

    const POST: &str = "POST /b HTTP/1.1";

    #[test]
    fn the_default_is_200_with_a_small_json_object() {
        let Plan::Send(reply) = plan(BinResponse::default(), 11, POST) else { panic!("another plan") };
        assert_eq!(reply.status, 200);
        assert_eq!(reply.content_type.as_deref(), Some("application/json"));
        let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(body, serde_json::json!({"received": true, "id": "req_1"}));
    }

    #[test]
    fn a_sequence_counts_from_when_it_was_set_and_its_last_status_stays() {
        let statuses: Vec<u16> = (11..16)
            .map(|number| {
                let response = BinResponse { sequence: vec![503, 500, 204], ..BinResponse::default() };
                match plan(response, number, POST) {
                    Plan::Send(reply) => reply.status,
                    other => panic!("{other:?}"),
                }
            })
            .collect();
        assert_eq!(statuses, [503, 500, 204, 204, 204]);
    }

    #[test]
    fn a_fault_hits_about_as_many_requests_as_it_says_and_always_the_same_ones() {
        let hits = |percent| {
            let fault = Some(Fault { kind: FaultKind::Reset, percent });
            let response = BinResponse { fault, ..BinResponse::default() };
            (1..=1_000).filter(|n| plan(response.clone(), *n, POST) == Plan::Reset).collect::<Vec<_>>()
        };
        assert_eq!(hits(100).len(), 1_000);
        assert!((240..360).contains(&hits(30).len()), "{}", hits(30).len());
        assert_eq!(hits(30), hits(30));
    }

    #[test]
    fn a_preflight_is_answered_without_credentials() {
        let head = "OPTIONS /b HTTP/1.1\r\nOrigin: https://x.example\r\nAccess-Control-Request-Method: PUT\r\n\
                    Access-Control-Request-Headers: x-a, content-type";
        let Plan::Send(reply) = plan(BinResponse { status: 500, ..BinResponse::default() }, 11, head) else {
            panic!("another plan")
        };
        assert_eq!(reply.status, 204);
        let names: Vec<&str> = reply.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            ["Access-Control-Max-Age", "Access-Control-Allow-Methods", "Access-Control-Allow-Headers"]
        );
    }
}
