//! How an attempt ended, in plain words, and what to do about it: the one table of causes that every page reads from.

use semnal_core::attempt::{AttemptEnd, Cause};

use super::language::Texts;

/// The end of an attempt for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Explained {
    /// `200`, `TLS`, `DNS`: what the words are about, the same in every language.
    pub(crate) code: String,
    /// What happened.
    pub(crate) words: String,
    /// What to do; empty when there is nothing to do.
    pub(crate) advice: String,
    /// What exactly the network or the receiver said, in its own words.
    pub(crate) detail: String,
}

/// Explains how an attempt ended.
pub(crate) fn explain(end: &AttemptEnd, texts: &Texts) -> Explained {
    match end {
        AttemptEnd::Answered(status) => {
            let (words, advice) = of_status(*status, texts);
            Explained { code: status.to_string(), words, advice, detail: String::new() }
        }
        AttemptEnd::Failed { cause, detail } => {
            let (code, words, advice) = of_cause(*cause, detail, texts);
            Explained { code: code.to_owned(), words, advice, detail: detail.clone() }
        }
    }
}

impl Explained {
    /// Returns code and words in one line: `502 · the receiver's proxy got no answer`.
    pub(crate) fn line(&self) -> String {
        if self.code.is_empty() { self.words.clone() } else { format!("{} · {}", self.code, self.words) }
    }
}

fn of_status(status: u16, texts: &Texts) -> (String, String) {
    let both = |words: &str, advice: &str| (texts.t(words), texts.t(advice));
    match status {
        200..=299 => (texts.t("status-taken"), String::new()),
        300..=399 => both("status-redirect", "status-redirect-do"),
        401 | 403 | 407 => both("status-login", "status-login-do"),
        404 => both("status-not-found", "status-not-found-do"),
        405 => both("status-method", "status-method-do"),
        408 => both("status-slow", "status-slow-do"),
        410 => both("status-gone", "status-gone-do"),
        413 => both("status-large", "status-large-do"),
        429 => both("status-busy", "status-busy-do"),
        400 | 415 | 422 => both("status-refused", "status-refused-do"),
        400..=499 => both("status-client", "status-client-do"),
        502 | 504 => both("status-proxy", "status-proxy-do"),
        503 => both("status-down", "status-down-do"),
        500..=599 => both("status-error", "status-error-do"),
        _ => both("status-odd", "status-odd-do"),
    }
}

fn of_cause(cause: Cause, detail: &str, texts: &Texts) -> (&'static str, String, String) {
    let both = |code, words: &str, advice: &str| (code, texts.t(words), texts.t(advice));
    match cause {
        Cause::NoFreeConnection => both("", "cause-no-free-connection", "cause-no-free-connection-do"),
        Cause::UrlDenied => both("URL", "cause-url-denied", "cause-url-denied-do"),
        Cause::DnsNoSuchHost => both("DNS", "cause-dns-no-such-host", "cause-dns-no-such-host-do"),
        Cause::DnsFailed => both("DNS", "cause-dns-failed", "cause-dns-failed-do"),
        Cause::DnsTimeout => both("DNS", "cause-dns-timeout", "cause-dns-failed-do"),
        Cause::AddressDenied => both("IP", "cause-address-denied", "cause-address-denied-do"),
        Cause::ConnectRefused => both("TCP", "cause-connect-refused", "cause-connect-refused-do"),
        Cause::ConnectTimeout => both("TCP", "cause-connect-timeout", "cause-connect-timeout-do"),
        Cause::ConnectFailed => both("TCP", "cause-connect-failed", "cause-connect-timeout-do"),
        Cause::TlsCertificate => {
            let (words, advice) = of_certificate(detail);
            both("TLS", words, advice)
        }
        Cause::TlsFailed => both("TLS", "cause-tls-failed", "cause-tls-failed-do"),
        Cause::ResponseTimeout => both("HTTP", "cause-response-timeout", "cause-response-timeout-do"),
        Cause::ConnectionClosed => both("HTTP", "cause-connection-closed", "cause-connection-closed-do"),
        Cause::ProtocolError => both("HTTP", "cause-protocol-error", "cause-protocol-error-do"),
    }
}

/// The transport words these; all else about a certificate is told by its detail.
fn of_certificate(detail: &str) -> (&'static str, &'static str) {
    if detail.contains("expired") {
        ("cause-tls-expired", "cause-tls-expired-do")
    } else if detail.contains("not valid for the") {
        ("cause-tls-name", "cause-tls-name-do")
    } else if detail.contains("unknown issuer") || detail.contains("self-signed") {
        ("cause-tls-issuer", "cause-tls-issuer-do")
    } else {
        ("cause-tls-certificate", "cause-tls-certificate-do")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_and_every_status_is_told_in_both_languages_with_what_to_do() {
        for texts in Texts::all() {
            for cause in Cause::ALL {
                let end = AttemptEnd::Failed { cause: *cause, detail: "x".into() };
                let it = explain(&end, &texts);
                assert!(!it.words.is_empty() && !it.advice.is_empty(), "{cause:?}");
                assert!(!format!("{}{}", it.words, it.advice).contains('⟦'), "{cause:?}: {it:?}");
                assert_eq!(it.detail, "x");
            }
            for status in 100..=599u16 {
                let it = explain(&AttemptEnd::Answered(status), &texts);
                assert!(!it.line().contains('⟦') && !it.advice.contains('⟦'), "{status}: {it:?}");
                assert_eq!(it.advice.is_empty(), (200..300).contains(&status), "{status}");
            }
        }
    }

    #[test]
    fn what_is_wrong_with_a_certificate_is_told_apart() {
        let [english, _] = Texts::all();
        let check = |detail: &str, expected: &str| {
            let end = AttemptEnd::Failed { cause: Cause::TlsCertificate, detail: detail.into() };
            assert_eq!(explain(&end, &english).line(), expected, "{detail}");
        };
        check("certificate expired on 2026-11-01", "TLS · the certificate has expired");
        check("certificate has expired", "TLS · the certificate has expired");
        check("certificate is signed by an unknown issuer", "TLS · nobody known vouches for the certificate");
        check(
            "certificate is self-signed: it is that of an authority",
            "TLS · nobody known vouches for the certificate",
        );
        check("certificate is not valid for the name a.example", "TLS · the certificate is for another name");
        check("certificate is not signed by the issuer it names", "TLS · the certificate is not valid");
    }
}
