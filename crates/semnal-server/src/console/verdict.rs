//! What came of an attempt, in words: whether it was delivered, why not, and what to do. One table for every page.
//!
//! Pure. Only a 2xx is a delivery ([`AttemptEnd::is_success`]); an empty body says nothing against it.

use semnal_core::attempt::{AttemptEnd, Cause};

use super::language::Texts;

/// Why an attempt failed, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reason {
    pub(crate) cause: String,
    pub(crate) advice: String,
}

impl Reason {
    /// Returns it in words; `None` for a success.
    pub(crate) fn of(end: &AttemptEnd, texts: &Texts) -> Option<Reason> {
        let (cause, advice) = match end {
            AttemptEnd::Answered(_) if end.is_success() => return None,
            AttemptEnd::Answered(status) => of_status(*status, texts),
            AttemptEnd::Failed { cause, .. } => of_cause(*cause, texts),
        };
        Some(Reason { cause, advice })
    }
}

fn of_status(status: u16, texts: &Texts) -> (String, String) {
    match status {
        300..=399 => (texts.t("verdict-redirect"), texts.t("verdict-redirect-do")),
        401 | 403 => (texts.t("verdict-forbidden"), texts.t("verdict-forbidden-do")),
        404 => (texts.t("verdict-missing"), texts.t("verdict-missing-do")),
        405 => (texts.t("verdict-method"), texts.t("verdict-method-do")),
        410 => (texts.t("verdict-gone"), texts.t("verdict-gone-do")),
        413 => (texts.t("verdict-large"), texts.t("verdict-large-do")),
        429 => (texts.t("verdict-busy"), texts.t("verdict-busy-do")),
        400..=499 => (texts.t("verdict-refused"), texts.t("verdict-refused-do")),
        502..=504 => (texts.t("verdict-gateway"), texts.t("verdict-gateway-do")),
        500..=599 => (texts.t("verdict-error"), texts.t("verdict-error-do")),
        _ => (texts.t("verdict-odd"), texts.t("verdict-odd-do")),
    }
}

fn of_cause(cause: Cause, texts: &Texts) -> (String, String) {
    match cause {
        Cause::NoFreeConnection => (texts.t("verdict-no-connection"), texts.t("verdict-no-connection-do")),
        Cause::UrlDenied => (texts.t("verdict-url"), texts.t("verdict-url-do")),
        Cause::DnsNoSuchHost => (texts.t("verdict-no-host"), texts.t("verdict-no-host-do")),
        Cause::DnsFailed => (texts.t("verdict-dns"), texts.t("verdict-dns-do")),
        Cause::DnsTimeout => (texts.t("verdict-dns-slow"), texts.t("verdict-dns-do")),
        Cause::AddressDenied => (texts.t("verdict-address"), texts.t("verdict-address-do")),
        Cause::ConnectRefused => (texts.t("verdict-closed"), texts.t("verdict-closed-do")),
        Cause::ConnectTimeout => (texts.t("verdict-unreachable"), texts.t("verdict-unreachable-do")),
        Cause::ConnectFailed => (texts.t("verdict-no-way"), texts.t("verdict-unreachable-do")),
        Cause::TlsCertificate => (texts.t("verdict-certificate"), texts.t("verdict-certificate-do")),
        Cause::TlsFailed => (texts.t("verdict-tls"), texts.t("verdict-tls-do")),
        Cause::ResponseTimeout => (texts.t("verdict-slow"), texts.t("verdict-slow-do")),
        Cause::ConnectionClosed => (texts.t("verdict-cut"), texts.t("verdict-cut-do")),
        Cause::ProtocolError => (texts.t("verdict-protocol"), texts.t("verdict-protocol-do")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_end_but_a_2xx_has_a_cause_and_an_advice_in_each_language() {
        for texts in Texts::all() {
            for status in 100..=999 {
                let reason = Reason::of(&AttemptEnd::Answered(status), &texts);
                assert_eq!(reason.is_none(), (200..300).contains(&status), "{status}");
                assert!(reason.is_none_or(|it| is_said(&it)), "{status}");
            }
            let mut causes = HashSet::new();
            for cause in Cause::ALL {
                let end = AttemptEnd::Failed { cause: *cause, detail: String::new() };
                let reason = Reason::of(&end, &texts).unwrap();
                assert!(is_said(&reason), "{cause:?}");
                assert!(causes.insert(reason.cause), "{cause:?} reads as another one");
            }
        }
    }

    fn is_said(it: &Reason) -> bool {
        [&it.cause, &it.advice].iter().all(|text| text.len() > 10 && !text.contains('⟦'))
    }
}
