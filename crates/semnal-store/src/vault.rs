//! Encryption of secrets at rest: AES-256-GCM under the key file of the data directory, bound to the row, so that a
//! sealed value moved to another row does not open.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;

use crate::error::StoreError;

/// Bytes of the key in `secret.key`.
pub const KEY_BYTES: usize = 32;

/// Returns a key of another purpose that nobody can find without this one, and that does not lead back to it.
pub(crate) fn derived_key(key: &[u8; KEY_BYTES], purpose: &str) -> [u8; KEY_BYTES] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), purpose.as_bytes());
    tag.as_ref().try_into().expect("HMAC-SHA256 has 32 bytes")
}

/// Seals and opens secrets.
pub struct Vault {
    key: RandomizedNonceKey,
}

impl Vault {
    /// Makes a vault with this key.
    pub fn new(key: &[u8; KEY_BYTES]) -> Vault {
        Vault { key: RandomizedNonceKey::new(&AES_256_GCM, key).expect("the key has the algorithm's length") }
    }

    /// Returns nonce + ciphertext + tag of a secret that belongs to `row`, for example `endpoint:123`.
    ///
    /// # Errors
    /// [`StoreError::Secret`] when the system has no randomness.
    pub fn seal(&self, row: &str, secret: &[u8]) -> Result<Vec<u8>, StoreError> {
        let mut sealed = secret.to_vec();
        let nonce = self
            .key
            .seal_in_place_append_tag(Aad::from(row.as_bytes()), &mut sealed)
            .map_err(|_| StoreError::Secret { what: row.to_owned() })?;
        let mut whole = nonce.as_ref().to_vec();
        whole.append(&mut sealed);
        Ok(whole)
    }

    /// Returns the secret that [`Vault::seal`] sealed for the same row.
    ///
    /// # Errors
    /// [`StoreError::Secret`] when the key is another one, the row is another one or the bytes were changed.
    pub fn open(&self, row: &str, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        let failed = || StoreError::Secret { what: row.to_owned() };
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or_else(failed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| failed())?;
        let mut text = text.to_vec();
        let opened =
            self.key.open_in_place(nonce, Aad::from(row.as_bytes()), &mut text).map_err(|_| failed())?;
        Ok(opened.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derived_key_depends_on_the_key_and_the_purpose() {
        let derived = derived_key(&[1; 32], "a");
        assert_eq!(derived_key(&[1; 32], "a"), derived);
        assert_ne!(derived_key(&[2; 32], "a"), derived);
        assert_ne!(derived_key(&[1; 32], "b"), derived);
    }

    #[test]
    fn a_sealed_secret_opens_only_for_its_row_and_key() {
        let vault = Vault::new(&[1; 32]);
        let sealed = vault.seal("endpoint:1", b"whsec_x").unwrap();
        assert_eq!(vault.open("endpoint:1", &sealed).unwrap(), b"whsec_x");
        assert!(vault.open("endpoint:2", &sealed).is_err());
        assert!(Vault::new(&[2; 32]).open("endpoint:1", &sealed).is_err());
        assert!(vault.open("endpoint:1", &sealed[..5]).is_err());
        assert_ne!(vault.seal("endpoint:1", b"whsec_x").unwrap(), sealed);
    }
}
