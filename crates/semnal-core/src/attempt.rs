//! What one HTTP request of a delivery brought back. Built by the engine's transport, judged by
//! [`crate::delivery`], stored as an outcome row.
//!
//! What a receiver does wrong is data here, never an error of ours.

use std::net::SocketAddr;
use std::time::Duration;

/// Everything that is known about one attempt after it ended.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptResult {
    /// How it ended: the answer's status, or why there is none.
    pub end: AttemptEnd,
    /// The address that was dialled; absent when the attempt ended before.
    pub address: Option<SocketAddr>,
    /// How long each phase took.
    pub phases: Phases,
    /// The answer's headers in order, names as received, at most [`RESPONSE_HEADER_BYTES_MAX`] together.
    pub response_headers: Vec<(String, Vec<u8>)>,
    /// The first bytes of the answer's body, at most [`RESPONSE_BODY_BYTES_MAX`].
    pub response_body: Vec<u8>,
    /// Whether the body was longer than what was kept.
    pub response_truncated: bool,
}

/// 16 KiB of a response body are kept; the rest is not read (DESIGN 5).
pub const RESPONSE_BODY_BYTES_MAX: usize = 16 * 1024;
/// 16 KiB of response headers are accepted; a longer head is a protocol error of the receiver.
pub const RESPONSE_HEADER_BYTES_MAX: usize = 16 * 1024;

impl AttemptResult {
    /// Returns the result of an attempt that ended before any answer.
    pub fn failed(cause: Cause, detail: impl Into<String>, phases: Phases) -> AttemptResult {
        AttemptResult {
            end: AttemptEnd::Failed { cause, detail: detail.into() },
            address: None,
            phases,
            response_headers: Vec::new(),
            response_body: Vec::new(),
            response_truncated: false,
        }
    }

    /// Returns the value of the first response header of that name, letter case ignored.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let found = self.response_headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_slice())
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptEnd {
    /// The receiver answered with this status code.
    Answered(u16),
    /// There is no answer.
    Failed {
        /// The class of the failure, stable for filters and translations.
        cause: Cause,
        /// What exactly happened, for a person: "certificate expired on 2026-11-01".
        detail: String,
    },
}

impl AttemptEnd {
    /// Tells whether the receiver took the message: a status of 200–299 and nothing else (DESIGN 5).
    pub fn is_success(&self) -> bool {
        matches!(self, AttemptEnd::Answered(200..=299))
    }

    /// Tells whether the fault is the receiver's. What is ours says nothing about it: no connection was free, or the
    /// rules for URLs became stricter than they were when the endpoint was saved.
    pub fn is_receivers_failure(&self) -> bool {
        match self {
            AttemptEnd::Answered(_) => !self.is_success(),
            AttemptEnd::Failed { cause, .. } => !matches!(cause, Cause::NoFreeConnection | Cause::UrlDenied),
        }
    }

    /// Returns the status code of the answer, if there was one.
    pub fn status(&self) -> Option<u16> {
        match self {
            AttemptEnd::Answered(status) => Some(*status),
            AttemptEnd::Failed { .. } => None,
        }
    }
}

macro_rules! causes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $sentence:literal;)*) => {
        /// Why an attempt brought no answer. The code is stored and shown; it never changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Cause { $($(#[$doc])* $name,)* }

        impl Cause {
            /// Every cause, in the order of an attempt's phases.
            pub const ALL: &[Cause] = &[$(Cause::$name,)*];

            /// Returns the stable code that is stored: `dns_no_such_host`.
            pub fn code(self) -> &'static str {
                match self { $(Cause::$name => $code,)* }
            }

            /// Returns a sentence for a person, without the detail.
            pub fn sentence(self) -> &'static str {
                match self { $(Cause::$name => $sentence,)* }
            }

            /// Returns the cause of a stored code.
            pub fn from_code(code: &str) -> Option<Cause> {
                match code { $($code => Some(Cause::$name),)* _ => None }
            }
        }
    };
}

causes! {
    /// Ours: every place for a connection was taken, or the system gave no socket. Such an attempt is not one of the
    /// delivery: it is put back and made again.
    NoFreeConnection = "no_free_connection", "This server had no connection free";
    /// The endpoint's URL does not pass the gate (it did when it was saved; the rules changed since).
    UrlDenied = "url_denied", "The URL is not one that deliveries may go to";
    /// The name does not exist.
    DnsNoSuchHost = "dns_no_such_host", "DNS: no such host";
    /// The name server answered with an error, or with no usable address.
    DnsFailed = "dns_failed", "DNS: the name could not be resolved";
    /// No answer from DNS in time.
    DnsTimeout = "dns_timeout", "DNS: no answer in time";
    /// An address of the host is one that deliveries may not go to.
    AddressDenied = "address_denied", "The host's address is not one that deliveries may go to";
    /// Nothing listens there.
    ConnectRefused = "connect_refused", "The connection was refused";
    /// No connection in time.
    ConnectTimeout = "connect_timeout", "No connection in time";
    /// Any other failure to connect, such as no route.
    ConnectFailed = "connect_failed", "The connection failed";
    /// The certificate is not valid for the host, expired, or of an unknown issuer.
    TlsCertificate = "tls_certificate", "TLS: the certificate is not valid";
    /// Any other failure of the handshake.
    TlsFailed = "tls_failed", "TLS: the handshake failed";
    /// The attempt's whole budget passed while sending or waiting for the answer's head.
    ResponseTimeout = "response_timeout", "No answer in time";
    /// The receiver closed the connection before a whole answer.
    ConnectionClosed = "connection_closed", "The connection was closed before an answer came";
    /// What came back is not HTTP/1.1, or its head is too large.
    ProtocolError = "protocol_error", "The answer is not valid HTTP";
}

/// How long each phase of an attempt took, in microseconds. A phase that did not happen is `None`
/// (a kept connection has neither DNS, connect nor TLS).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Phases {
    /// Name resolution.
    pub dns_us: Option<u32>,
    /// TCP connect.
    pub connect_us: Option<u32>,
    /// TLS handshake.
    pub tls_us: Option<u32>,
    /// From the request's first byte to the answer's head.
    pub wait_us: Option<u32>,
    /// The whole attempt.
    pub total_us: u32,
}

impl Phases {
    /// Returns the whole attempt's length in milliseconds, rounded to the nearest.
    pub fn total_ms(&self) -> i64 {
        i64::from(self.total_us.saturating_add(500) / 1_000)
    }

    /// Converts a measured length to the unit of this struct; saturates at 71 minutes.
    pub fn micros(length: Duration) -> u32 {
        u32::try_from(length.as_micros()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_is_found_again_by_its_code() {
        for cause in Cause::ALL {
            assert_eq!(Cause::from_code(cause.code()), Some(*cause));
        }
        assert_eq!(Cause::from_code("no_such_cause"), None);
    }

    #[test]
    fn only_a_2xx_is_a_success() {
        for status in 100..=599 {
            assert_eq!(AttemptEnd::Answered(status).is_success(), (200..300).contains(&status), "{status}");
        }
        assert!(!AttemptEnd::Failed { cause: Cause::ConnectRefused, detail: String::new() }.is_success());
    }

    #[test]
    fn what_is_our_fault_does_not_count_against_the_receiver() {
        let check = |cause, expected| {
            let end = AttemptEnd::Failed { cause, detail: String::new() };
            assert_eq!(end.is_receivers_failure(), expected, "{cause:?}");
        };
        check(Cause::NoFreeConnection, false);
        check(Cause::UrlDenied, false);
        check(Cause::ConnectRefused, true);
        check(Cause::AddressDenied, true);
        assert!(AttemptEnd::Answered(404).is_receivers_failure());
        assert!(!AttemptEnd::Answered(204).is_receivers_failure());
    }
}
