//! The text of a portal's token: `appsk_`, what it opens as base64url JSON, a dot, HMAC-SHA256 of all before it.
//!
//! It is signed with a key of the store, so that it needs no row of its own and survives a restart. Revoking is
//! [`semnal_core::portal`]'s matter. Pure; called by [`super::portal`] and [`super::auth`].

use std::collections::BTreeSet;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use semnal_core::id::{ApplicationId, IdCipher, Key};
use semnal_core::name::EventTypeName;
use semnal_core::portal::Capability;
use semnal_core::time::UnixMillis;
use serde::{Deserialize, Serialize};

use super::error::ApiError;

/// What every token begins with (Svix API).
pub(crate) const PREFIX: &str = "appsk_";
/// 4 KiB for a whole token, so that it fits into a header and a link.
pub(crate) const TOKEN_BYTES_MAX: usize = 4_096;
/// Keeps these hashes apart from others.
const SCOPE: &str = "token";

/// What a token says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claims {
    pub application: ApplicationId,
    /// Grows from token to token.
    pub issued: Key,
    pub expires_at: UnixMillis,
    pub capabilities: BTreeSet<Capability>,
    /// The flags of the event types that are shown.
    pub feature_flags: BTreeSet<EventTypeName>,
    pub session: Option<String>,
}

/// The same as it is written. A list instead of names: the token stands in links.
#[derive(Serialize, Deserialize)]
struct Written(i64, i64, i64, Vec<String>, Vec<String>, Option<String>);

/// Returns the text of a token.
pub(crate) fn sign(claims: &Claims, key: &[u8; 32]) -> String {
    let written = Written(
        claims.application.0.0,
        claims.issued.0,
        claims.expires_at.0,
        claims.capabilities.iter().map(|it| it.as_str().to_owned()).collect(),
        claims.feature_flags.iter().map(ToString::to_string).collect(),
        claims.session.clone(),
    );
    let json = serde_json::to_vec(&written).expect("numbers and texts always serialise");
    let signed = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(json));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// Checks a token.
///
/// # Errors
/// 401 that says what is wrong, without the token.
pub(crate) fn verify(text: &str, key: &[u8; 32], now: UnixMillis) -> Result<Claims, ApiError> {
    let claims = read(text, key).ok_or(ApiError::Authentication(
        "the token is not one of this server, or it is cut off; ask for another",
    ))?;
    if claims.expires_at <= now {
        return Err(ApiError::Authentication("the token has expired; ask for another"));
    }
    Ok(claims)
}

fn read(text: &str, key: &[u8; 32]) -> Option<Claims> {
    if text.len() > TOKEN_BYTES_MAX {
        return None;
    }
    let (signed, tag) = text.rsplit_once('.')?;
    let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key), signed.as_bytes(), &tag).ok()?;
    let json = URL_SAFE_NO_PAD.decode(signed.strip_prefix(PREFIX)?).ok()?;
    let Written(application, issued, expires_at, capabilities, flags, session) =
        serde_json::from_slice(&json).ok()?;
    Some(Claims {
        application: ApplicationId(Key(application)),
        issued: Key(issued),
        expires_at: UnixMillis(expires_at),
        // What another version of this server could grant and this one does not know is not granted.
        capabilities: capabilities.iter().filter_map(|name| Capability::parse(name)).collect(),
        feature_flags: flags.iter().filter_map(|name| EventTypeName::parse(name).ok()).collect(),
        session,
    })
}

/// Returns the keyed hash by which a single token is revoked, ours or one in the manner of Svix.
pub(crate) fn fingerprint(ids: &IdCipher, text: &str) -> [u8; 16] {
    ids.fingerprint(SCOPE, &[text.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

    fn claims() -> Claims {
        Claims {
            application: ApplicationId(Key(7)),
            issued: Key(8),
            expires_at: UnixMillis(NOW.0 + 1),
            capabilities: BTreeSet::from([Capability::ViewBase, Capability::CreateAttempts]),
            feature_flags: BTreeSet::from([EventTypeName::parse("beta").unwrap()]),
            session: Some("ș".into()),
        }
    }

    #[test]
    fn a_token_says_what_it_was_made_with_until_it_expires() {
        let text = sign(&claims(), &[1; 32]);
        assert!(text.starts_with(PREFIX) && text.len() < 200, "{text}");
        assert_eq!(verify(&text, &[1; 32], NOW), Ok(claims()));
        assert!(verify(&text, &[1; 32], UnixMillis(NOW.0 + 1)).is_err());
        assert!(verify(&text, &[2; 32], NOW).is_err());
    }

    #[test]
    fn any_changed_character_is_noticed() {
        let text = sign(&claims(), &[1; 32]);
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert!(verify(std::str::from_utf8(&changed).unwrap(), &[1; 32], NOW).is_err(), "at {at}");
        }
        for text in ["appsk_", "appsk_.", "appsk_ș.ș", &text[..40], &format!("{text}A")] {
            assert!(verify(text, &[1; 32], NOW).is_err(), "{text}");
        }
    }
}
