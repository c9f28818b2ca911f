//! Verifies webhooks signed after Standard Webhooks, schemes v1 and v1a.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use aws_lc_rs::{constant_time, hmac};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const TOLERANCE: Duration = Duration::from_secs(300);

/// Returns the id of the message, or why the request is not accepted.
///
/// `secret` is the endpoint's `whsec_…`, or its public key `whpk_…`. `header` looks a header up by its lower-case
/// name. `body` is what arrived, byte for byte.
pub fn verify<'a>(
    secret: &str,
    header: impl Fn(&str) -> Option<&'a str>,
    body: &[u8],
    now: SystemTime,
) -> Result<&'a str, &'static str> {
    let either = |webhook, svix| header(webhook).or_else(|| header(svix)).unwrap_or_default();
    let id = either("webhook-id", "svix-id");
    let timestamp = either("webhook-timestamp", "svix-timestamp");
    let signatures = either("webhook-signature", "svix-signature");
    let is_number = timestamp.len() <= 12 && timestamp.bytes().all(|b| b.is_ascii_digit());
    let seconds: u64 = timestamp.parse().unwrap_or_default();
    if id.is_empty() || !is_number || timestamp.is_empty() {
        return Err("the id or the timestamp is missing or malformed");
    }
    let at = UNIX_EPOCH + Duration::from_secs(seconds);
    let off = now.duration_since(at).unwrap_or_else(|ahead| ahead.duration());
    if off > TOLERANCE {
        return Err("the timestamp is more than 5 minutes off");
    }
    let signed = [format!("{id}.{timestamp}.").as_bytes(), body].concat();
    // While a secret is being rotated there are several signatures; one that matches is enough.
    let mut given = signatures.split(' ');
    let matches = match secret.split_once('_').map(|(kind, key)| (kind, STANDARD.decode(key))) {
        Some(("whsec", Ok(key))) => {
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), &signed);
            let expected = format!("v1,{}", STANDARD.encode(tag));
            given.any(|one| {
                constant_time::verify_slices_are_equal(one.as_bytes(), expected.as_bytes()).is_ok()
            })
        }
        Some(("whpk", Ok(key))) => {
            let key = UnparsedPublicKey::new(&ED25519, key);
            let mut decoded = given.filter_map(|one| STANDARD.decode(one.strip_prefix("v1a,")?).ok());
            decoded.any(|one| key.verify(&signed, &one).is_ok())
        }
        _ => {
            return Err(
                "this needs a secret that begins with whsec_, or a public key that begins with whpk_",
            );
        }
    };
    if matches { Ok(id) } else { Err("no signature matches") }
}
