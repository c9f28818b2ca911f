//! Cookies of the console: reading them from a request, and writing them so that only this server gets them back.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};

/// Which cookies a connection may have (DESIGN 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    /// HTTPS, in front of this server.
    Secure,
    /// HTTP on this machine.
    Loopback,
    /// HTTP across a network, where anybody could read along.
    Open,
}

impl Channel {
    /// Returns the name of the session's cookie.
    pub(crate) fn session_cookie(self) -> &'static str {
        match self {
            Channel::Secure => "__Host-semnal",
            Channel::Loopback | Channel::Open => "semnal_session",
        }
    }

    /// Returns a `set-cookie` that scripts cannot read; `None` for the life makes it last as long as the browser runs.
    pub(crate) fn write(self, name: &str, value: &str, life: Option<Duration>) -> HeaderValue {
        let secure = if self == Channel::Secure { "; Secure" } else { "" };
        let life = life.map(|life| format!("; Max-Age={}", life.as_secs())).unwrap_or_default();
        let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{life}");
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
    }

    /// Returns a `set-cookie` that takes a cookie away.
    pub(crate) fn remove(self, name: &str) -> HeaderValue {
        self.write(name, "", Some(Duration::ZERO))
    }
}

/// Returns the value of a cookie.
pub(crate) fn read<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|it| it.to_str().ok());
    pairs
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == wanted)
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("xlang=a; lang=ro"));
        headers.append(header::COOKIE, HeaderValue::from_static("theme=dark"));
        assert_eq!(read(&headers, "lang"), Some("ro"));
        assert_eq!(read(&headers, "theme"), Some("dark"));
        assert_eq!(read(&headers, "ang"), None);
    }

    #[test]
    fn bins_keep_none_of_our_sessions() {
        use semnal_core::request_bin::own_cookies::OWN_COOKIES;
        for channel in [Channel::Secure, Channel::Loopback, Channel::Open] {
            assert!(OWN_COOKIES.contains(&channel.session_cookie()));
        }
        assert!(OWN_COOKIES.contains(&crate::console::visit::GUEST_COOKIE));
    }

    #[test]
    fn only_over_https_a_cookie_is_bound_to_https() {
        let write = |channel: Channel| channel.write(channel.session_cookie(), "x", None);
        let secure = "__Host-semnal=x; Path=/; HttpOnly; SameSite=Lax; Secure";
        assert_eq!(write(Channel::Secure), secure);
        assert_eq!(write(Channel::Loopback), "semnal_session=x; Path=/; HttpOnly; SameSite=Lax");
    }
}
