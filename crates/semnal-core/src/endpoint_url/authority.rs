//! Takes the raw text of a URL apart, as strictly as RFC 3986 section 3 writes it: scheme, `://`, host, port.
//! Called by the gate only. It repairs nothing: what it cannot read as written is denied.

use super::{UrlDenied, excerpt, port};

/// The parts of a URL exactly as they were written.
pub(super) struct Written<'a> {
    pub(super) is_https: bool,
    /// With its brackets if it has them; never empty.
    pub(super) host: &'a str,
    /// The scheme's default when none was written.
    pub(super) port: u16,
}

/// Splits `raw`. The host is not judged yet.
pub(super) fn split(raw: &str) -> Result<Written<'_>, UrlDenied> {
    judge_characters(raw)?;
    let (is_https, rest) = split_scheme(raw)?;
    // WHATWG ends the authority at the same characters; the backslash, which it adds, is already denied.
    let authority = rest.find(['/', '?', '#']).map_or(rest, |end| &rest[..end]);
    if authority.contains('@') {
        return Err(UrlDenied::Userinfo);
    }
    let (host, port_text) = split_port(authority)?;
    if host.is_empty() {
        return Err(UrlDenied::NoHost);
    }
    let port = match port_text {
        Some(text) => port::parse(text)?,
        None if is_https => 443,
        None => 80,
    };
    Ok(Written { is_https, host, port })
}

fn judge_characters(raw: &str) -> Result<(), UrlDenied> {
    if raw.len() > super::URL_BYTES_MAX {
        return Err(UrlDenied::UrlTooLong { url_bytes: raw.len() });
    }
    for (offset, character) in raw.char_indices() {
        if character.is_control() || character.is_whitespace() {
            return Err(UrlDenied::ControlCharacter { character, offset });
        }
        if character == '\\' {
            return Err(UrlDenied::Backslash { offset });
        }
    }
    Ok(())
}

/// Returns whether the scheme is https, and what follows `://`.
fn split_scheme(raw: &str) -> Result<(bool, &str), UrlDenied> {
    let Some((scheme, rest)) = raw.split_once(':').filter(|(scheme, _)| is_scheme(scheme)) else {
        return Err(no_scheme(raw));
    };
    let (is_https, name) = match scheme.to_ascii_lowercase().as_str() {
        "https" => (true, "https"),
        "http" => (false, "http"),
        // `example.com:8443/hook` has the shape of a URL with the scheme `example.com`.
        _ if scheme.contains('.') || rest.starts_with(|c: char| c.is_ascii_digit()) => {
            return Err(no_scheme(raw));
        }
        _ => return Err(UrlDenied::Scheme { scheme: excerpt(scheme) }),
    };
    match rest.strip_prefix("//") {
        Some(rest) if !rest.starts_with('/') => Ok((is_https, rest)),
        _ => Err(UrlDenied::Slashes { scheme: name }),
    }
}

/// Repeats the URL without what may be a user name and a password.
fn no_scheme(raw: &str) -> UrlDenied {
    UrlDenied::NoScheme { url: excerpt(raw.rsplit('@').next().unwrap_or(raw)) }
}

/// Whether the text is a scheme by RFC 3986 section 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// Separates the port, if one was written, from the host.
fn split_port(authority: &str) -> Result<(&str, Option<&str>), UrlDenied> {
    let invalid =
        |reason: &str| UrlDenied::InvalidHost { host: excerpt(authority), reason: reason.to_owned() };
    if authority.starts_with('[') {
        let Some(end) = authority.find(']') else {
            return Err(invalid("close the bracket of the IPv6 address"));
        };
        let (host, rest) = authority.split_at(end + 1);
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(invalid("write nothing but a port after the bracket")),
        };
    }
    match authority.split_once(':') {
        Some((_, port)) if port.contains(':') => Err(invalid("write an IPv6 address in brackets")),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((authority, None)),
    }
}
