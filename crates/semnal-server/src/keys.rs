//! The text of API keys: `semnal_`, 43 base62 characters of randomness, 6 of checksum.
//!
//! The checksum tells a mistyped key from a revoked one without a look-up, and lets scanners for leaked secrets be
//! sure of what they found. Of the whole text only the SHA-256 is kept, and
//! what signs requests, sealed.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use semnal_core::application::SigningKey;

/// What every key begins with.
pub(crate) const PREFIX: &str = "semnal_";
/// 32 random bytes.
pub(crate) const RANDOM_BYTES: usize = 32;
/// 43 base62 characters hold 256 bits.
const RANDOM_CHARACTERS: usize = 43;
/// 6 base62 characters: one mistyped key in 56,800,235,584 passes.
const CHECKSUM_CHARACTERS: usize = 6;
/// The prefix and 4 characters are shown to tell keys apart.
const HINT_CHARACTERS: usize = PREFIX.len() + 4;
/// 24 base62 characters hold 142 bits: what the keys and secrets of Ultimate Multisite are.
const SHORT_CHARACTERS: usize = 24;
/// What a signing key is derived for.
const SIGNING_PURPOSE: &[u8] = b"signed request";
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A key that was just made. Its text is shown once and kept nowhere.
pub(crate) struct NewKey {
    /// The whole text.
    pub text: String,
    /// SHA-256 of the text.
    pub digest: [u8; 32],
    /// With what its owner signs requests.
    pub signing: SigningKey,
    /// Its first characters.
    pub hint: String,
}

/// Makes the key of 32 random bytes.
pub(crate) fn generate(random: [u8; RANDOM_BYTES]) -> NewKey {
    let mut text = String::with_capacity(PREFIX.len() + RANDOM_CHARACTERS + CHECKSUM_CHARACTERS);
    text.push_str(PREFIX);
    text.push_str(&base62(random, RANDOM_CHARACTERS));
    let checksum = checksum(&text);
    text.push_str(&checksum);
    let hint = text[..HINT_CHARACTERS].to_owned();
    NewKey { digest: sha256(&text), signing: signing(&text), hint, text }
}

/// Returns the digest by which a key is looked up; `None` when the text cannot be a key. The checksum is left to
/// [`is_mistyped`], since a key that is found needs none.
pub(crate) fn digest_of(text: &str) -> Option<[u8; 32]> {
    let body = text.strip_prefix(PREFIX)?;
    let shaped = body.len() == RANDOM_CHARACTERS + CHECKSUM_CHARACTERS
        && body.bytes().all(|b| b.is_ascii_alphanumeric());
    shaped.then(|| sha256(text))
}

/// Tells a key that was never made, since its checksum does not fit, from one that somebody may have had.
pub(crate) fn is_mistyped(text: &str) -> bool {
    digest_of(text).is_none() || {
        let (random, given) = text.split_at(text.len() - CHECKSUM_CHARACTERS);
        checksum(random) != given
    }
}

/// Returns the key with which the owner of an API key signs requests. It does not follow from the digest by which keys
/// are looked up: whoever reads that can sign nothing.
pub(crate) fn signing(text: &str) -> SigningKey {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes()), SIGNING_PURPOSE);
    SigningKey(tag.as_ref().try_into().expect("HMAC-SHA256 has 32 bytes"))
}

fn checksum(text: &str) -> String {
    base62(sha256(text), CHECKSUM_CHARACTERS)
}

/// Makes a text of 24 letters and digits from 32 random bytes.
pub(crate) fn short(random: [u8; RANDOM_BYTES]) -> String {
    base62(random, SHORT_CHARACTERS)
}

/// Returns the SHA-256 of a text.
pub(crate) fn sha256(text: &str) -> [u8; 32] {
    digest(&SHA256, text.as_bytes()).as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// Returns the last `characters` base62 digits of a number, most significant first.
fn base62(mut number: [u8; 32], characters: usize) -> String {
    let mut digits = vec![0; characters];
    for digit in digits.iter_mut().rev() {
        let mut rest = 0u16;
        for byte in &mut number {
            let value = rest * 256 + u16::from(*byte);
            *byte =
                u8::try_from(value / 62).expect("a remainder below 62 and a byte make less than 62 * 256");
            rest = value % 62;
        }
        *digit = ALPHABET[usize::from(rest)];
    }
    String::from_utf8(digits).expect("the alphabet is ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_its_digest_and_shows_only_its_first_characters() {
        let key = generate([7; 32]);
        assert_eq!(key.text.len(), 56);
        assert_eq!(digest_of(&key.text), Some(key.digest));
        assert!(!is_mistyped(&key.text));
        assert!(key.text.starts_with(&key.hint) && key.hint.len() == 11);
        assert_ne!(generate([8; 32]).text, key.text);
    }

    #[test]
    fn any_changed_character_is_noticed() {
        let key = generate([7; 32]).text;
        for at in 0..key.len() {
            let mut changed = key.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert!(is_mistyped(std::str::from_utf8(&changed).unwrap()), "at {at}");
        }
    }

    #[test]
    fn what_cannot_be_a_key_is_refused_without_a_panic() {
        let key = generate([7; 32]).text;
        for text in
            ["", "semnal_", &key[..52], &format!("{key}A"), &key.to_lowercase(), "semnal_ș", &"ș".repeat(28)]
        {
            assert!(is_mistyped(text), "{text}");
        }
    }

    #[test]
    fn the_largest_number_fits() {
        assert_eq!(base62([0; 32], 43), "0".repeat(43));
        // 2^256 - 1 has 43 base62 digits; a 44th would be zero.
        assert!(base62([255; 32], 44).starts_with('0') && !base62([255; 32], 43).starts_with('0'));
    }
}
