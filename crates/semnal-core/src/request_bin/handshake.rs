//! Handshakes by which senders make sure that a receiver is theirs: recognised and answered as each sender documents it.

use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answer::{Reply, Seen};
use super::head::Head;
use super::response::is_value;
use crate::inspect::form;

/// 4 KiB of what a sender wants to have back are given back.
const ECHO_BYTES_MAX: usize = 4_096;
/// 200 characters of a sender's secret.
pub const HANDSHAKE_SECRET_CHARACTERS_MAX: usize = 200;

/// A handshake that a bin answers.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handshake {
    /// Whose.
    pub sender: Sender,
    /// Zoom's secret token or Meta's verify token; the others have none.
    pub secret: Option<String>,
}

impl std::fmt::Debug for Handshake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Handshake({})", self.sender.as_str())
    }
}

/// Whose handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sender {
    /// Events API: `url_verification` wants its challenge back.
    Slack,
    /// `endpoint.url_validation` wants its token back, and its HMAC.
    Zoom,
    /// Graph API: `hub.challenge` of a GET.
    Meta,
    /// `X-Hook-Secret` wants to be sent back as a header.
    Asana,
}

impl Sender {
    /// Every sender.
    pub const ALL: [Sender; 4] = [Sender::Slack, Sender::Zoom, Sender::Meta, Sender::Asana];

    /// Returns its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Sender::Slack => "slack",
            Sender::Zoom => "zoom",
            Sender::Meta => "meta",
            Sender::Asana => "asana",
        }
    }

    /// Returns the sender of a word.
    pub fn parse(text: &str) -> Option<Sender> {
        Sender::ALL.into_iter().find(|it| it.as_str() == text)
    }
}

impl Handshake {
    /// Answers a request that is this handshake; any other request is none of its business.
    pub fn answer(&self, seen: &Seen<'_>) -> Option<Reply> {
        match self.sender {
            Sender::Slack => {
                let body = object(seen)?;
                let challenge = body.get("challenge")?.as_str()?;
                (body.get("type")?.as_str()? == "url_verification").then(|| text(challenge))?
            }
            Sender::Zoom => {
                let body = object(seen)?;
                let token = body.get("payload")?.get("plainToken")?.as_str()?;
                let wanted = body.get("event")?.as_str()? == "endpoint.url_validation";
                (wanted && token.len() <= ECHO_BYTES_MAX).then(|| self.zoom(token))
            }
            Sender::Meta => self.meta(seen.head),
            Sender::Asana => {
                let secret = seen.head.text("x-hook-secret").filter(|it| it.len() <= 256 && is_value(it))?;
                let headers = vec![("X-Hook-Secret".to_owned(), secret.to_owned())];
                Some(Reply { status: 200, content_type: None, headers, body: Vec::new(), delay_ms: 0 })
            }
        }
    }

    fn zoom(&self, token: &str) -> Reply {
        let secret = self.secret.as_deref().unwrap_or_default();
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let tag = hmac::sign(&key, token.as_bytes());
        let encrypted: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let body = serde_json::json!({ "plainToken": token, "encryptedToken": encrypted }).to_string();
        Reply {
            status: 200,
            content_type: Some("application/json".to_owned()),
            headers: Vec::new(),
            body: body.into_bytes(),
            delay_ms: 0,
        }
    }

    fn meta(&self, head: &Head<'_>) -> Option<Reply> {
        let pairs = form::pairs(head.query());
        let get = |name: &str| {
            let found = pairs.iter().find(|(n, _)| n == name.as_bytes());
            found.and_then(|(_, value)| std::str::from_utf8(value).ok())
        };
        let challenge = get("hub.challenge")?;
        if head.method != b"GET" || get("hub.mode") != Some("subscribe") {
            return None;
        }
        match &self.secret {
            Some(secret) if get("hub.verify_token") != Some(secret) => {
                Some(Reply { status: 403, ..text("hub.verify_token is another one than the bin's")? })
            }
            _ => text(challenge),
        }
    }
}

fn object(seen: &Seen<'_>) -> Option<Value> {
    (seen.head.method == b"POST").then(|| serde_json::from_slice(seen.body).ok())?
}

fn text(body: &str) -> Option<Reply> {
    (body.len() <= ECHO_BYTES_MAX).then(|| Reply {
        status: 200,
        content_type: Some("text/plain; charset=utf-8".to_owned()),
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
        delay_ms: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(sender: Sender, secret: Option<&str>, head: &str, body: &str) -> Option<(u16, String)> {
        let head = format!("{head}\r\nhost: x\r\n\r\n");
        let seen = Seen { head: &Head::parse(head.as_bytes()), body: body.as_bytes() };
        let handshake = Handshake { sender, secret: secret.map(str::to_owned) };
        let reply = handshake.answer(&seen)?;
        let headers: Vec<String> = reply.headers.iter().map(|(n, v)| format!("{n}: {v}")).collect();
        let body = String::from_utf8(reply.body).unwrap();
        Some((reply.status, if headers.is_empty() { body } else { headers.join("\n") }))
    }

    #[test]
    fn slack_gets_its_challenge_back() {
        let body = r#"{"token":"t","challenge":"3eZbrw1aB","type":"url_verification"}"#;
        assert_eq!(answer(Sender::Slack, None, "POST /b HTTP/1.1", body), Some((200, "3eZbrw1aB".into())));
        assert_eq!(answer(Sender::Slack, None, "POST /b HTTP/1.1", r#"{"type":"event_callback"}"#), None);
    }

    #[test]
    fn zoom_gets_its_token_and_the_hmac_of_it() {
        let body = r#"{"payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"},"event":"endpoint.url_validation"}"#;
        let (status, body) = answer(Sender::Zoom, Some("secret"), "POST /b HTTP/1.1", body).unwrap();
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, &body["plainToken"]), (200, &Value::from("qgg8vlvZRS6UYooatFL8Aw")));
        // printf %s qgg8vlvZRS6UYooatFL8Aw | openssl dgst -sha256 -hmac secret
        assert_eq!(body["encryptedToken"], ZOOM_TAG);
    }

    const ZOOM_TAG: &str = "72cef096bfd47c0b8664df30d07721641e4abd7e885ba432204260db477a9a3e";

    #[test]
    fn meta_gets_its_challenge_when_the_token_is_the_right_one() {
        let get = "GET /b?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=mea%20t HTTP/1.1";
        assert_eq!(answer(Sender::Meta, Some("mea t"), get, ""), Some((200, "1158201444".into())));
        assert_eq!(answer(Sender::Meta, Some("other"), get, "").unwrap().0, 403);
        assert_eq!(answer(Sender::Meta, None, "GET /b?x=1 HTTP/1.1", ""), None);
    }

    #[test]
    fn asana_gets_its_secret_back_as_a_header() {
        let head = "POST /b HTTP/1.1\r\nX-Hook-Secret: b537207f20cbfa02357cf448134da559";
        let expected = "X-Hook-Secret: b537207f20cbfa02357cf448134da559".to_owned();
        assert_eq!(answer(Sender::Asana, None, head, "{}"), Some((200, expected)));
        assert_eq!(answer(Sender::Asana, None, "POST /b HTTP/1.1\r\nX-Hook-Secret: \u{1}", ""), None);
    }
}
