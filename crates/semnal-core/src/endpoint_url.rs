//! Endpoint URLs: the gate that judges the raw text before anything is resolved.
//!
//! A URL parser that follows WHATWG repairs what it reads: `http://0x7f.1`, `http:\\127.0.0.1` and
//! `http://127。0。0。1` all become `http://127.0.0.1/`. A repaired URL is not what a person saw when they
//! approved it, and two parsers rarely repair alike, so this gate takes the raw text apart by itself, lets the
//! `url` crate parse it too, and denies whatever the two read differently.
//!
//! Called when an endpoint is created or changed, and again before each attempt. It judges text only: which
//! addresses a host may resolve to is the business of [`crate::address`]. Invariant: nothing here resolves a
//! name or reads the environment.

mod authority;
mod host;
mod port;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use url::{Position, Url};

/// 8,192 bytes: longest endpoint URL, both as written and as normalised.
pub const URL_BYTES_MAX: usize = 8_192;
/// 253 bytes: longest host name without its root dot (RFC 1035 section 2.3.4, as text).
pub const HOST_BYTES_MAX: usize = 253;
/// 63 bytes: longest label of a host name (RFC 1035 section 2.3.4).
pub const LABEL_BYTES_MAX: usize = 63;
/// 80 characters: how much of an offending value a [`UrlDenied`] repeats.
const EXCERPT_CHARS_MAX: usize = 80;

/// What the gate lets through beyond its fixed rules. The default is the strictest that plain HTTP allows:
/// both schemes, no local names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UrlRules {
    /// Denies `http:`. Default false.
    pub https_only: bool,
    /// Lets `localhost` and `*.localhost` through, for development; their addresses are still judged.
    /// Default false.
    pub localhost_names: bool,
    /// Where this server's own bins answer: a plain `http:` URL to this very address passes `https_only` too.
    /// Default none.
    pub bins: Option<SocketAddr>,
}

impl UrlRules {
    /// Tells whether a host, as it was written, and a port are those of our bins. No other spelling counts.
    fn is_bin(&self, host: &str, port: u16) -> bool {
        let literal = |ip: IpAddr| match ip {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        self.bins.is_some_and(|bins| bins.port() == port && literal(bins.ip()) == host)
    }
}

/// The host of an endpoint URL.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name to be resolved: lower-case ASCII, IDN labels in punycode, always without the root dot, because
    /// every name counts as fully qualified (search domains are never applied). The root dot, if it was
    /// written, stays in [`EndpointUrl::as_str`] and [`EndpointUrl::authority`].
    Name(String),
    /// A literal IPv4 address.
    Ipv4(Ipv4Addr),
    /// A literal IPv6 address.
    Ipv6(Ipv6Addr),
}

/// A URL that passed the gate. Cheap to clone. Parsing [`EndpointUrl::as_str`] again gives an equal value.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EndpointUrl(Arc<Parts>);

#[derive(PartialEq, Eq, Hash)]
struct Parts {
    text: String,
    host: Host,
    port: u16,
    is_https: bool,
    /// Byte offset in `text` of the authority.
    authority_start: usize,
    /// Byte offset in `text` of the path, which ends the authority.
    path_start: usize,
}

/// Why a URL was denied, with the offending value and what to write instead.
/// No message repeats a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum UrlDenied {
    #[error("the URL has {url_bytes} bytes: shorten it to at most {URL_BYTES_MAX} bytes")]
    UrlTooLong { url_bytes: usize },
    #[error("the URL contains {character:?} at byte {offset}: remove spaces and control characters")]
    ControlCharacter { character: char, offset: usize },
    #[error("the URL contains a backslash at byte {offset}: write \"/\" (or %5C inside a path)")]
    Backslash { offset: usize },
    #[error("{url:?} has no scheme: write the whole URL, beginning with https://")]
    NoScheme { url: String },
    #[error("the scheme {scheme:?} cannot receive webhooks: use https:// or http://")]
    Scheme { scheme: String },
    #[error("plain http is turned off on this server: use https://")]
    HttpsOnly,
    #[error("the scheme is not followed by exactly two slashes: write {scheme}://host/path")]
    Slashes { scheme: &'static str },
    #[error("the URL has a user name or password before \"@\": send credentials in a custom header instead")]
    Userinfo,
    #[error("the URL names no host: write it between \"//\" and the path")]
    NoHost,
    #[error("{port:?} is not a port: write a number from 1 to 65535 without leading zeros, or leave it out")]
    InvalidPort { port: String },
    #[error("port {port} is reserved for {service}: let the receiver listen on another port, such as 443")]
    DeniedPort { port: u16, service: &'static str },
    #[error("the host has {host_bytes} bytes: use a name of at most {HOST_BYTES_MAX} bytes")]
    HostTooLong { host_bytes: usize },
    #[error("the label {label:?} has {label_bytes} bytes: use labels of at most {LABEL_BYTES_MAX} bytes")]
    LabelTooLong { label: String, label_bytes: usize },
    #[error("the host {host:?} has an empty label: remove the superfluous dot")]
    EmptyLabel { host: String },
    #[error("the host {host:?} contains {character:?}: use letters, digits, \"-\", \"_\" and dots only")]
    HostCharacter { host: String, character: char },
    #[error("the host {host:?} is another spelling of {canonical:?}: write {canonical:?} if that is meant")]
    NonCanonicalHost { host: String, canonical: String },
    #[error("{host:?} names the server itself: use a public name (development mode allows localhost)")]
    LocalName { host: String },
    #[error("the host {host:?} is neither a name nor an IP address: {reason}")]
    InvalidHost { host: String, reason: String },
    #[error("the URL reads differently to different programs: write it as {canonical:?} if that is meant")]
    Ambiguous { canonical: String },
}

impl UrlDenied {
    /// A stable code for programs, one per variant.
    pub fn code(&self) -> &'static str {
        match self {
            UrlDenied::UrlTooLong { .. } => "url_too_long",
            UrlDenied::ControlCharacter { .. } => "control_character",
            UrlDenied::Backslash { .. } => "backslash",
            UrlDenied::NoScheme { .. } => "no_scheme",
            UrlDenied::Scheme { .. } => "scheme",
            UrlDenied::HttpsOnly => "https_only",
            UrlDenied::Slashes { .. } => "slashes",
            UrlDenied::Userinfo => "userinfo",
            UrlDenied::NoHost => "no_host",
            UrlDenied::InvalidPort { .. } => "invalid_port",
            UrlDenied::DeniedPort { .. } => "denied_port",
            UrlDenied::HostTooLong { .. } => "host_too_long",
            UrlDenied::LabelTooLong { .. } => "label_too_long",
            UrlDenied::EmptyLabel { .. } => "empty_label",
            UrlDenied::HostCharacter { .. } => "host_character",
            UrlDenied::NonCanonicalHost { .. } => "non_canonical_host",
            UrlDenied::LocalName { .. } => "local_name",
            UrlDenied::InvalidHost { .. } => "invalid_host",
            UrlDenied::Ambiguous { .. } => "ambiguous",
        }
    }
}

impl EndpointUrl {
    /// Judges `raw` and normalises it: scheme and host in lower case, IDN in punycode, default port and
    /// fragment dropped, path and query percent-encoded and dot segments resolved as WHATWG has it.
    ///
    /// # Errors
    /// The first reason that was found, as a [`UrlDenied`].
    pub fn parse(raw: &str, rules: &UrlRules) -> Result<EndpointUrl, UrlDenied> {
        let written = authority::split(raw)?;
        if rules.https_only && !written.is_https && !rules.is_bin(written.host, written.port) {
            return Err(UrlDenied::HttpsOnly);
        }
        port::judge(written.port)?;

        let mut url = Url::parse(raw).map_err(|source| UrlDenied::InvalidHost {
            host: excerpt(written.host),
            reason: source.to_string(),
        })?;
        url.set_fragment(None);
        let host = host::judge(written.host, &url, rules)?;

        let same = (url.scheme() == "https") == written.is_https
            && url.port_or_known_default() == Some(written.port)
            && url.username().is_empty()
            && url.password().is_none();
        if !same {
            return Err(UrlDenied::Ambiguous { canonical: excerpt(url.as_str()) });
        }
        // Percent-encoding can make the text longer than what was written.
        if url.as_str().len() > URL_BYTES_MAX {
            return Err(UrlDenied::UrlTooLong { url_bytes: url.as_str().len() });
        }
        Ok(EndpointUrl(Arc::new(Parts {
            host,
            port: written.port,
            is_https: written.is_https,
            authority_start: url[..Position::BeforeHost].len(),
            path_start: url[..Position::BeforePath].len(),
            text: url.into(),
        })))
    }

    /// The normalised URL, without fragment.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// Whether the request goes over TLS.
    pub fn is_https(&self) -> bool {
        self.0.is_https
    }

    /// The name to resolve or the literal address.
    pub fn host(&self) -> &Host {
        &self.0.host
    }

    /// The port, 443 or 80 when the URL names none.
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// The value of the `host` header: no port when it is the scheme's default, IPv6 in brackets.
    pub fn authority(&self) -> &str {
        &self.0.text[self.0.authority_start..self.0.path_start]
    }

    /// The request target, beginning with `/`.
    pub fn path_and_query(&self) -> &str {
        &self.0.text[self.0.path_start..]
    }
}

impl fmt::Display for EndpointUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for EndpointUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("EndpointUrl").field(&self.as_str()).finish()
    }
}

/// Returns at most [`EXCERPT_CHARS_MAX`] characters of a value that goes into a message.
fn excerpt(text: &str) -> String {
    match text.char_indices().nth(EXCERPT_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
