//! API keys: `semnal_` + 43 base62 characters + a checksum of 6. Shown once; the SHA-256 of the whole text is kept.

use aws_lc_rs::digest::{SHA256, digest};

const PREFIX: &str = "semnal_";
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 43 characters of base62 hold 256 bits.
const SECRET_CHARACTERS: usize = 43;
const CHECKSUM_CHARACTERS: usize = 6;
/// Characters that a list shows, to tell keys apart.
const HINT_CHARACTERS: usize = 11;

/// A key that was just made.
pub(crate) struct NewKey {
    pub(crate) text: String,
    pub(crate) digest: [u8; 32],
    pub(crate) hint: String,
}

/// Makes a key of 32 random bytes.
pub(crate) fn generate(random: [u8; 32]) -> NewKey {
    let mut text = PREFIX.to_owned();
    text.push_str(&base62(&random, SECRET_CHARACTERS));
    let sum = checksum(&text);
    text.push_str(&sum);
    NewKey { digest: digest_of(&text), hint: text.chars().take(HINT_CHARACTERS).collect(), text }
}

/// Tells whether a text has the shape and the checksum of a key; a typing error does not.
pub(crate) fn is_well_formed(text: &str) -> bool {
    let length = PREFIX.len() + SECRET_CHARACTERS + CHECKSUM_CHARACTERS;
    text.len() == length
        && text.starts_with(PREFIX)
        && text.is_ascii()
        && checksum(&text[..length - CHECKSUM_CHARACTERS]) == text[length - CHECKSUM_CHARACTERS..]
}

/// Returns the SHA-256 of a key's text.
pub(crate) fn digest_of(text: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    bytes
}

fn checksum(text: &str) -> String {
    base62(&digest(&SHA256, text.as_bytes()).as_ref()[..5], CHECKSUM_CHARACTERS)
}

/// Writes a big-endian number in base62, the last `length` digits of it.
fn base62(bytes: &[u8], length: usize) -> String {
    let mut number = bytes.to_vec();
    let mut digits = vec![b'0'; length];
    for digit in digits.iter_mut().rev() {
        let mut rest = 0u16;
        for byte in &mut number {
            let value = rest << 8 | u16::from(*byte);
            *byte = u8::try_from(value / 62).expect("a rest below 62 leaves one byte");
            rest = value % 62;
        }
        *digit = ALPHABET[usize::from(rest)];
    }
    digits.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_well_formed_and_one_with_a_typing_error_is_not() {
        let key = generate([0xab; 32]);
        assert_eq!(key.text.len(), 7 + 43 + 6);
        assert!(is_well_formed(&key.text));
        assert_eq!(key.digest, digest_of(&key.text));
        let wrong = key.text.replace(&key.text[20..21], if &key.text[20..21] == "x" { "y" } else { "x" });
        assert!(!is_well_formed(&wrong));
        assert!(!is_well_formed("semnal_ș"));
        assert_ne!(generate([1; 32]).text, generate([2; 32]).text);
    }
}
