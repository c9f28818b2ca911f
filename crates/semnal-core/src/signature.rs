//! Signatures after the Standard Webhooks specification: v1 (HMAC-SHA256) and v1a (ed25519), made over
//! `id.timestamp.body`, several at once while a secret is being rotated.
//!
//! Source of the rules: Standard Webhooks, "Signature scheme", and its vectors in tests/fixtures.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use aws_lc_rs::{constant_time, hmac};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

use crate::time::UnixMillis;

/// A symmetric secret has 24 to 75 bytes: Standard Webhooks asks for 24–64; the Svix API's pattern allows up to 100
/// base64 characters.
pub const SECRET_BYTES_MIN: usize = 24;
/// See [`SECRET_BYTES_MIN`].
pub const SECRET_BYTES_MAX: usize = 75;
/// A message older or newer than 5 minutes is refused (Standard Webhooks, "Verifying webhook authenticity").
pub const TOLERANCE_SECONDS: i64 = 300;
/// 32 signatures of one header are looked at; the rest cannot be a rotation.
pub const SIGNATURES_MAX: usize = 32;

/// A signing secret as people see it: `whsec_…` or `whsk_…`.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// HMAC-SHA256 key, written `whsec_` + base64.
    Symmetric(Vec<u8>),
    /// Seed of an ed25519 key pair, written `whsk_` + base64 of seed and public key.
    Ed25519([u8; 32]),
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Secret::Symmetric(_) => "Secret::Symmetric(…)",
            Secret::Ed25519(_) => "Secret::Ed25519(…)",
        })
    }
}

/// Why a text is not a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SecretError {
    /// Not base64.
    #[error("is not base64; a secret is whsec_ followed by base64 of 24 to 75 bytes")]
    NotBase64,
    /// Wrong length.
    #[error("has {bytes} bytes; a secret has 24 to 75")]
    Length {
        /// How many bytes.
        bytes: usize,
    },
    /// The public part does not belong to the seed.
    #[error(
        "is not an ed25519 key: whsk_ is followed by base64 of 32 bytes seed, with or without 32 bytes public key"
    )]
    NotAKeyPair,
}

impl Secret {
    /// Reads `whsec_…`, plain base64, or `whsk_…`.
    ///
    /// # Errors
    /// [`SecretError`] says what a secret looks like.
    pub fn parse(text: &str) -> Result<Secret, SecretError> {
        if let Some(encoded) = text.strip_prefix("whsk_") {
            let bytes = STANDARD.decode(encoded).map_err(|_| SecretError::NotBase64)?;
            let seed: [u8; 32] =
                bytes.get(..32).and_then(|s| s.try_into().ok()).ok_or(SecretError::NotAKeyPair)?;
            let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| SecretError::NotAKeyPair)?;
            return match &bytes[32..] {
                [] => Ok(Secret::Ed25519(seed)),
                public if public == pair.public_key().as_ref() => Ok(Secret::Ed25519(seed)),
                _ => Err(SecretError::NotAKeyPair),
            };
        }
        let encoded = text.strip_prefix("whsec_").unwrap_or(text);
        let bytes = STANDARD.decode(encoded).map_err(|_| SecretError::NotBase64)?;
        if !(SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&bytes.len()) {
            return Err(SecretError::Length { bytes: bytes.len() });
        }
        Ok(Secret::Symmetric(bytes))
    }

    /// Returns the text that [`Secret::parse`] reads. Whoever calls this shows a secret.
    pub fn reveal(&self) -> String {
        match self {
            Secret::Symmetric(bytes) => format!("whsec_{}", STANDARD.encode(bytes)),
            Secret::Ed25519(seed) => {
                let mut bytes = seed.to_vec();
                bytes.extend_from_slice(&self.public_bytes());
                format!("whsk_{}", STANDARD.encode(bytes))
            }
        }
    }

    /// Returns what a receiver needs to verify: the secret itself for v1, the public key `whpk_…` for v1a.
    pub fn verification_key(&self) -> String {
        match self {
            Secret::Symmetric(_) => self.reveal(),
            Secret::Ed25519(_) => format!("whpk_{}", STANDARD.encode(self.public_bytes())),
        }
    }

    fn public_bytes(&self) -> Vec<u8> {
        match self {
            Secret::Symmetric(_) => Vec::new(),
            Secret::Ed25519(seed) => key_pair(seed).public_key().as_ref().to_vec(),
        }
    }
}

fn key_pair(seed: &[u8; 32]) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(seed).expect("any 32 bytes are a seed")
}

/// A secret made ready for signing many messages.
pub struct Signer(Prepared);

enum Prepared {
    Hmac(Box<hmac::Key>),
    Ed25519(Box<Ed25519KeyPair>),
}

impl Signer {
    /// Prepares a secret.
    pub fn new(secret: &Secret) -> Signer {
        Signer(match secret {
            Secret::Symmetric(bytes) => Prepared::Hmac(Box::new(hmac::Key::new(hmac::HMAC_SHA256, bytes))),
            Secret::Ed25519(seed) => Prepared::Ed25519(Box::new(key_pair(seed))),
        })
    }

    /// Appends this secret's signature of a message to a signature header, after a space if there is one already.
    pub fn sign(&self, message_id: &str, unix_seconds: i64, body: &[u8], header: &mut String) {
        if !header.is_empty() {
            header.push(' ');
        }
        match &self.0 {
            Prepared::Hmac(key) => {
                let mut context = hmac::Context::with_key(key);
                context.update(message_id.as_bytes());
                context.update(format!(".{unix_seconds}.").as_bytes());
                context.update(body);
                header.push_str("v1,");
                STANDARD.encode_string(context.sign(), header);
            }
            Prepared::Ed25519(pair) => {
                let mut signed = format!("{message_id}.{unix_seconds}.").into_bytes();
                signed.extend_from_slice(body);
                header.push_str("v1a,");
                STANDARD.encode_string(pair.sign(&signed), header);
            }
        }
    }
}

/// What a receiver verifies with.
pub enum Verifier {
    /// v1.
    Symmetric(Vec<u8>),
    /// v1a.
    Public(Vec<u8>),
}

/// Why a request does not verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum VerifyError {
    /// The timestamp header is not whole seconds since 1970.
    #[error("the timestamp is not a whole number of seconds since 1970")]
    BadTimestamp,
    /// Too old.
    #[error("the timestamp is {seconds} s old; at most 300 s are accepted")]
    TooOld {
        /// Age in seconds.
        seconds: i64,
    },
    /// Too far ahead.
    #[error("the timestamp is {seconds} s ahead; at most 300 s are accepted")]
    TooNew {
        /// Seconds ahead.
        seconds: i64,
    },
    /// No signature of the header matches.
    #[error("no signature matches; the secret or the body is another one")]
    NoMatch,
}

impl Verifier {
    /// Returns the verifier of a `whsec_…`, `whpk_…` or `whsk_…` text.
    ///
    /// # Errors
    /// [`SecretError`] says what a secret looks like.
    pub fn parse(text: &str) -> Result<Verifier, SecretError> {
        if let Some(encoded) = text.strip_prefix("whpk_") {
            let bytes = STANDARD.decode(encoded).map_err(|_| SecretError::NotBase64)?;
            return if bytes.len() == 32 {
                Ok(Verifier::Public(bytes))
            } else {
                Err(SecretError::NotAKeyPair)
            };
        }
        Ok(match Secret::parse(text)? {
            Secret::Symmetric(bytes) => Verifier::Symmetric(bytes),
            secret @ Secret::Ed25519(_) => Verifier::Public(secret.public_bytes()),
        })
    }

    /// Checks the three headers of a request against its body.
    ///
    /// # Errors
    /// [`VerifyError`] says which check failed.
    pub fn verify(
        &self,
        message_id: &str,
        timestamp: &str,
        signatures: &str,
        body: &[u8],
        now: UnixMillis,
    ) -> Result<(), VerifyError> {
        let at = parse_timestamp(timestamp).ok_or(VerifyError::BadTimestamp)?;
        let age = now.unix_seconds() - at;
        if age > TOLERANCE_SECONDS {
            return Err(VerifyError::TooOld { seconds: age });
        }
        if age < -TOLERANCE_SECONDS {
            return Err(VerifyError::TooNew { seconds: -age });
        }
        let mut given = signatures.split(' ').take(SIGNATURES_MAX);
        let matches = match self {
            Verifier::Symmetric(bytes) => {
                // The encoded texts are compared, so that a second encoding of the same bytes is refused.
                let mut expected = String::new();
                Signer::new(&Secret::Symmetric(bytes.clone())).sign(message_id, at, body, &mut expected);
                given.any(|text| {
                    constant_time::verify_slices_are_equal(text.as_bytes(), expected.as_bytes()).is_ok()
                })
            }
            Verifier::Public(bytes) => {
                let key = UnparsedPublicKey::new(&ED25519, bytes);
                let mut signed = format!("{message_id}.{at}.").into_bytes();
                signed.extend_from_slice(body);
                given
                    .filter_map(|text| STANDARD.decode(text.strip_prefix("v1a,")?).ok())
                    .any(|signature| key.verify(&signed, &signature).is_ok())
            }
        };
        if matches { Ok(()) } else { Err(VerifyError::NoMatch) }
    }
}

/// Reads ASCII digits only: no sign, space, point, exponent or other numerals.
fn parse_timestamp(text: &str) -> Option<i64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn vectors() -> Value {
        serde_json::from_str(include_str!("../tests/fixtures/standard_webhooks_vectors.json")).unwrap()
    }

    struct Vector {
        id: String,
        timestamp: i64,
        body: Vec<u8>,
        verifier: Verifier,
    }

    fn vector(case: &Value) -> Vector {
        Vector {
            id: case["msg_id"].as_str().unwrap().to_owned(),
            timestamp: case["timestamp"].as_i64().unwrap(),
            body: STANDARD.decode(case["body_b64"].as_str().unwrap()).unwrap(),
            verifier: Verifier::parse(case["public"].as_str().unwrap_or(case["secret"].as_str().unwrap()))
                .unwrap(),
        }
    }

    fn verify(vector: &Vector, header: &str) -> Result<(), VerifyError> {
        let now = UnixMillis(vector.timestamp * 1_000);
        vector.verifier.verify(&vector.id, &vector.timestamp.to_string(), header, &vector.body, now)
    }

    #[test]
    fn all_positive_vectors_sign_and_verify() {
        let vectors = vectors();
        let cases = vectors["positive"].as_array().unwrap();
        assert_eq!(cases.len(), 23);
        for case in cases {
            let it = vector(case);
            let expected = case["expect"].as_str().unwrap();
            for name in ["secret", "secret_seed_only"] {
                let Some(text) = case[name].as_str() else { continue };
                let mut header = String::new();
                Signer::new(&Secret::parse(text).unwrap()).sign(&it.id, it.timestamp, &it.body, &mut header);
                assert_eq!(header, expected, "{case}");
            }
            assert_eq!(verify(&it, expected), Ok(()), "{case}");
        }
    }

    #[test]
    fn all_negative_vectors_are_refused_and_rotation_headers_accepted() {
        let vectors = vectors();
        let base =
            |case: &Value| vector(&vectors["positive"][case["base_vector"].as_u64().unwrap() as usize]);
        let negative = vectors["negative"].as_array().unwrap();
        assert_eq!(negative.len(), 12);
        for case in negative {
            let header = match &case["header_repeat"] {
                Value::Null => case["header"].as_str().unwrap().to_owned(),
                repeat => {
                    let n = repeat["n"].as_u64().unwrap() as usize;
                    vec![repeat["item"].as_str().unwrap(); n].join(repeat["sep"].as_str().unwrap())
                }
            };
            assert_eq!(verify(&base(case), &header), Err(VerifyError::NoMatch), "{case}");
        }
        for case in vectors["accept_lists"].as_array().unwrap() {
            assert_eq!(verify(&base(case), case["header"].as_str().unwrap()), Ok(()), "{case}");
        }
    }

    #[test]
    fn timestamps_are_plain_seconds_within_five_minutes() {
        let vectors = vectors();
        let case = &vectors["positive"][0];
        let it = vector(case);
        let cases = vectors["timestamp_cases"].as_array().unwrap();
        assert_eq!(cases.len(), 14);
        for time in cases {
            let (text, now) = match time["offset_s"].as_i64() {
                Some(offset) => (it.timestamp.to_string(), it.timestamp - offset),
                None => (time["raw"].as_str().unwrap().to_owned(), it.timestamp),
            };
            let header = case["expect"].as_str().unwrap();
            let verdict = it.verifier.verify(&it.id, &text, header, &it.body, UnixMillis(now * 1_000));
            assert_eq!(verdict.is_ok(), time["expect"] == "accept", "{time}: {verdict:?}");
        }
    }

    #[test]
    fn a_secret_says_what_is_wrong_with_it() {
        assert_eq!(Secret::parse("whsec_!!"), Err(SecretError::NotBase64));
        assert_eq!(Secret::parse("whsec_AAAA"), Err(SecretError::Length { bytes: 3 }));
        assert_eq!(Secret::parse("whsk_AAAA"), Err(SecretError::NotAKeyPair));
        let other_public = format!("whsk_{}", STANDARD.encode([1u8; 64]));
        assert_eq!(Secret::parse(&other_public), Err(SecretError::NotAKeyPair));
    }

    proptest! {
        #[test]
        fn a_secret_reads_back_what_it_reveals(bytes in proptest::collection::vec(any::<u8>(), 24..=75), seed: [u8; 32]) {
            for secret in [Secret::Symmetric(bytes), Secret::Ed25519(seed)] {
                prop_assert_eq!(Secret::parse(&secret.reveal()), Ok(secret.clone()));
            }
        }

        #[test]
        fn what_is_signed_verifies_and_a_changed_body_does_not(
            bytes in proptest::collection::vec(any::<u8>(), 24..=64),
            seed: [u8; 32],
            body in proptest::collection::vec(any::<u8>(), 0..200),
            seconds in 0i64..4_000_000_000,
        ) {
            let now = UnixMillis(seconds * 1_000);
            for secret in [Secret::Symmetric(bytes), Secret::Ed25519(seed)] {
                let mut header = String::new();
                Signer::new(&secret).sign("msg_1", seconds, &body, &mut header);
                let verifier = Verifier::parse(&secret.verification_key()).unwrap();
                let time = seconds.to_string();
                prop_assert_eq!(verifier.verify("msg_1", &time, &header, &body, now), Ok(()));
                let mut changed = body.clone();
                changed.push(b' ');
                prop_assert_eq!(verifier.verify("msg_1", &time, &header, &changed, now), Err(VerifyError::NoMatch));
                prop_assert_eq!(verifier.verify("msg_2", &time, &header, &body, now), Err(VerifyError::NoMatch));
            }
        }

        #[test]
        fn any_signature_header_is_judged_without_a_panic(header in ".{0,200}", time in ".{0,30}") {
            let verifier = Verifier::Symmetric(vec![1; 24]);
            prop_assert!(verifier.verify("m", &time, &header, b"", UnixMillis(0)).is_err());
        }
    }
}
