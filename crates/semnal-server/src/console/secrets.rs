//! Texts that only one person knows: sessions, one-time links, passwords, and the token that proves that a form is ours.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::sync::Semaphore;

use super::problem::Problem;
use crate::serve::random;

/// 32 random bytes for a session or a link.
const TOKEN_BYTES: usize = 32;
/// 16 bytes of salt (RFC 9106).
const SALT_BYTES: usize = 16;
/// 2 passwords are hashed at once: each takes 19 MiB and a core for some tens of milliseconds.
const HASHING_MAX: usize = 2;
/// The hash of a password that nobody has: it is checked when there is no such user, so that the time of the answer
/// does not tell who exists.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c2VtbmFsLW5vYm9keS0xMg$4ZqWGM5dPhFYrcTXvUuBa4bSlmyJqUuSfZS4zIHrkFQ";

/// A text that was just made, and what is kept of it.
pub(crate) struct Token {
    /// The text, for a cookie or a link.
    pub(crate) text: String,
    /// Its SHA-256.
    pub(crate) digest: [u8; 32],
}

impl Token {
    /// Makes one.
    ///
    /// # Errors
    /// [`Problem::Failed`] when the system has no random bytes.
    pub(crate) fn make() -> Result<Token, Problem> {
        let bytes: [u8; TOKEN_BYTES] = random().map_err(|_| Problem::Failed)?;
        let text = URL_SAFE_NO_PAD.encode(bytes);
        Ok(Token { digest: digest_of(&text), text })
    }
}

/// Returns what is kept of a text.
pub(crate) fn digest_of(text: &str) -> [u8; 32] {
    digest(&SHA256, text.as_bytes()).as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// Makes and checks the tokens that forms carry.
pub(crate) struct FormKey(hmac::Key);

impl FormKey {
    /// Derives it from the key of the store that signs tokens.
    pub(crate) fn new(token_key: &[u8; 32]) -> FormKey {
        let base = hmac::Key::new(hmac::HMAC_SHA256, token_key);
        let derived = hmac::sign(&base, b"console forms");
        FormKey(hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()))
    }

    /// Returns the token of whoever has this cookie.
    pub(crate) fn token(&self, cookie: &str) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.0, cookie.as_bytes()).as_ref())
    }

    /// Tells whether a token is the one of a cookie.
    pub(crate) fn fits(&self, cookie: &str, token: &str) -> bool {
        let tag = URL_SAFE_NO_PAD.decode(token).unwrap_or_default();
        hmac::verify(&self.0, cookie.as_bytes(), &tag).is_ok()
    }
}

/// Hashes passwords, a few at a time.
pub(crate) struct Passwords(Semaphore);

impl Passwords {
    pub(crate) fn new() -> Passwords {
        Passwords(Semaphore::new(HASHING_MAX))
    }

    /// Returns the argon2id hash of a password in PHC form.
    ///
    /// # Errors
    /// [`Problem::Failed`] when the system has no random bytes or no memory.
    pub(crate) async fn hash(&self, password: String) -> Result<String, Problem> {
        let salt: [u8; SALT_BYTES] = random().map_err(|_| Problem::Failed)?;
        self.work(move || {
            let hash: PasswordHash =
                Argon2::default().hash_password_with_salt(password.as_bytes(), &salt).ok()?;
            Some(hash.to_string())
        })
        .await?
        .ok_or(Problem::Failed)
    }

    /// Tells whether a password is the one of a hash; `None` takes as long and is never right.
    ///
    /// # Errors
    /// [`Problem::Failed`] when the server stops.
    pub(crate) async fn fits(&self, password: String, hash: Option<String>) -> Result<bool, Problem> {
        self.work(move || {
            let known = hash.is_some();
            let hash = hash.unwrap_or_else(|| NOBODY.to_owned());
            let Ok(parsed) = PasswordHash::new(&hash) else { return false };
            Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok() && known
        })
        .await
    }

    async fn work<T: Send + 'static>(&self, task: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let _place = self.0.acquire().await.map_err(|_| Problem::Failed)?;
        tokio::task::spawn_blocking(task).await.map_err(|_| Problem::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_hash_and_no_other() {
        let passwords = Passwords::new();
        let hash = passwords.hash("o parolă destul de lungă".into()).await.ok().unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let fits = async |text: &str, hash: Option<&String>| {
            passwords.fits(text.into(), hash.cloned()).await.ok().unwrap()
        };
        assert!(fits("o parolă destul de lungă", Some(&hash)).await);
        assert!(!fits("o parolă destul de lunga", Some(&hash)).await);
        assert!(!fits("o parolă destul de lungă", None).await);
        assert!(!fits("x", Some(&"not a hash".into())).await);
        assert!(PasswordHash::new(NOBODY).is_ok(), "or an unknown user would be told apart by time");
    }

    #[test]
    fn the_token_of_a_form_belongs_to_one_cookie_and_one_server() {
        let key = FormKey::new(&[1; 32]);
        assert!(key.fits("a", &key.token("a")));
        for (cookie, token) in [("b", key.token("a")), ("a", String::new()), ("a", "ș".into())] {
            assert!(!key.fits(cookie, &token));
        }
        assert!(!FormKey::new(&[2; 32]).fits("a", &key.token("a")));
    }
}
