//! What a page says once after a form was sent: it travels in a cookie from the redirect to the page after it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::language::Texts;

/// The cookie.
pub(super) const COOKIE: &str = "semnal_flash";
/// 300 characters of a value are kept: names and hosts, never payloads.
const VALUE_CHARACTERS_MAX: usize = 300;

/// A message of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flash {
    /// It went well.
    pub(crate) good: bool,
    key: String,
    value: Option<String>,
}

impl Flash {
    /// Says with the text of a key that something was done.
    pub(crate) fn good(key: &str) -> Flash {
        Flash { good: true, key: key.to_owned(), value: None }
    }

    /// Says with the text of a key that something was not done.
    pub(crate) fn bad(key: &str) -> Flash {
        Flash { good: false, key: key.to_owned(), value: None }
    }

    /// Gives the text its variable `$name`.
    pub(crate) fn about(mut self, name: &str) -> Flash {
        self.value = Some(name.chars().take(VALUE_CHARACTERS_MAX).collect());
        self
    }

    pub(super) fn write(&self) -> String {
        let tone = if self.good { "good" } else { "bad" };
        let value = self.value.as_deref().map(|it| URL_SAFE_NO_PAD.encode(it)).unwrap_or_default();
        format!("{tone}.{}.{value}", self.key)
    }

    pub(super) fn read(cookie: &str) -> Option<Flash> {
        let mut parts = cookie.splitn(3, '.');
        let good = parts.next()? == "good";
        let key = parts.next()?.to_owned();
        let value = parts.next().filter(|it| !it.is_empty());
        let value = match value {
            Some(text) => Some(String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?),
            None => None,
        };
        let keyed = key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        keyed.then_some(Flash { good, key, value })
    }

    /// Returns its words.
    pub(crate) fn words(&self, texts: &Texts) -> String {
        match &self.value {
            Some(value) => texts.s(&self.key, "name", value),
            None => texts.t(&self.key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flash_survives_its_cookie_whatever_its_value_is() {
        for flash in [
            Flash { good: true, key: "x-y".into(), value: None },
            Flash { good: false, key: "x".into(), value: None }.about("ș; Path=/ \"<b>\""),
        ] {
            let cookie = flash.write();
            assert!(cookie.bytes().all(|b| b.is_ascii_graphic() && b != b';'), "{cookie}");
            assert_eq!(Flash::read(&cookie), Some(flash));
        }
        for cookie in ["", "good", "good.<b>.", "good.x.!!", "good.x.gICA"] {
            assert_eq!(Flash::read(cookie), None, "{cookie}");
        }
    }
}
