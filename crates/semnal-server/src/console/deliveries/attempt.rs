//! One attempt of a delivery in four tabs: what was answered, what was sent, how long each part took, and how it is
//! signed.

use semnal_core::attempt::Phases;
use semnal_core::configuration::Configuration;
use semnal_core::inspect::mask;
use semnal_core::signature::Signer;
use semnal_store::message::Message;
use semnal_store::outcome::Outcome;

use crate::api::sent_headers;
use crate::console::causes::{Explained, explain};
use crate::console::json_view::BodyView;
use crate::console::page::Page;
use crate::console::parts::{Tone, When};

/// What is shown of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tab {
    Response,
    Request,
    Timing,
    Signature,
}

impl Tab {
    /// Returns the tab of a word in the address.
    pub(crate) fn parse(word: &str) -> Option<Tab> {
        [Tab::Response, Tab::Request, Tab::Timing, Tab::Signature].into_iter().find(|it| it.word() == word)
    }

    /// Returns its word in the address.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Tab::Response => "response",
            Tab::Request => "request",
            Tab::Timing => "timing",
            Tab::Signature => "signature",
        }
    }
}

/// An attempt for the template.
pub(crate) struct AttemptView {
    pub(crate) number: u16,
    pub(crate) when: When,
    pub(crate) tone: Tone,
    pub(crate) icon: &'static str,
    pub(crate) explained: Explained,
    pub(crate) is_answered: bool,
    pub(crate) duration: String,
    pub(crate) url: String,
    pub(crate) address: String,
    pub(crate) tab: &'static str,
    pub(crate) headers: Vec<HeaderRow>,
    /// Sent, and never shown.
    pub(crate) hidden_headers: Vec<String>,
    /// Custom headers may have been sent that are not known any more.
    pub(crate) is_uncertain: bool,
    pub(crate) body: BodyView,
    pub(crate) is_truncated: bool,
    pub(crate) phases: Vec<PhaseRow>,
    pub(crate) signature: SignatureView,
}

/// A header of an answer or a request.
pub(crate) struct HeaderRow {
    pub(crate) name: String,
    pub(crate) value: String,
    /// What is shown instead of a secret value; empty for any other.
    pub(crate) masked: String,
}

/// A bar of the timing: 400 units are the whole attempt.
pub(crate) struct PhaseRow {
    pub(crate) label: String,
    pub(crate) length: String,
    pub(crate) x: u32,
    pub(crate) width: u32,
}

/// What the signature is made of.
#[derive(Default)]
pub(crate) struct SignatureView {
    pub(crate) id: String,
    pub(crate) timestamp: String,
    /// What is signed, up to where the body begins.
    pub(crate) base: String,
    /// What today's secrets make of it; empty for those who may not see secrets.
    pub(crate) value: String,
    /// A header that carries it.
    pub(crate) header: String,
}

/// 400 units: the width of the picture.
const WIDTH: u32 = 400;

impl AttemptView {
    pub(crate) fn new(
        page: &Page,
        configuration: &Configuration,
        message: &Message,
        it: &Outcome,
        tab: Tab,
        shows_secrets: bool,
    ) -> AttemptView {
        let sent = sent_headers(&page.console.api, configuration, message, it);
        let row = |name: &str, value: String| HeaderRow {
            name: name.to_owned(),
            masked: if mask::is_secret(name) { mask::masked(&value) } else { String::new() },
            value,
        };
        let (headers, body) = match tab {
            Tab::Request => {
                let headers = sent.shown.iter().map(|(name, value)| row(name, value.clone())).collect();
                (headers, BodyView::of(&message.payload))
            }
            _ => {
                let text = |value: &Vec<u8>| String::from_utf8_lossy(value).into_owned();
                let headers =
                    it.response_headers.iter().map(|(name, value)| row(name, text(value))).collect();
                (headers, BodyView::of(&it.response_body))
            }
        };
        let success = it.end.is_success();
        AttemptView {
            number: it.id.number,
            when: page.when(it.started_at),
            tone: if success { Tone::Good } else { Tone::Bad },
            icon: if success { "check" } else { "alert" },
            explained: explain(&it.end, &page.texts),
            is_answered: it.end.status().is_some(),
            duration: super::milliseconds(page, it.phases.total_ms()),
            url: it.url.clone(),
            address: it.address.map_or(String::new(), |it| it.to_string()),
            tab: tab.word(),
            headers,
            hidden_headers: sent.sensitive.into_iter().collect(),
            is_uncertain: !sent.custom_known,
            body,
            is_truncated: it.response_truncated,
            phases: phases(page, &it.phases),
            signature: signature(page, configuration, message, it, shows_secrets),
        }
    }
}

fn phases(page: &Page, it: &Phases) -> Vec<PhaseRow> {
    let parts = [
        (page.t("delivery-phase-dns"), it.dns_us),
        (page.t("delivery-phase-connect"), it.connect_us),
        (page.t("delivery-phase-tls"), it.tls_us),
        (page.t("delivery-phase-wait"), it.wait_us),
    ];
    let whole = it.total_us.max(1);
    let units = |us: u32| u32::try_from(u64::from(us) * u64::from(WIDTH) / u64::from(whole)).unwrap_or(WIDTH);
    let mut from = 0u32;
    let mut rows = Vec::new();
    for (label, length) in parts {
        if let Some(us) = length {
            let x = units(from).min(WIDTH - 2);
            rows.push(PhaseRow { label, length: micros(page, us), x, width: units(us).clamp(2, WIDTH - x) });
            from = from.saturating_add(us);
        }
    }
    rows.push(PhaseRow {
        label: page.t("delivery-phase-total"),
        length: micros(page, it.total_us),
        x: 0,
        width: WIDTH,
    });
    rows
}

fn micros(page: &Page, us: u32) -> String {
    if us < 10_000 {
        format!("{} µs", page.number(u64::from(us)))
    } else {
        super::milliseconds(page, i64::from(us / 1_000))
    }
}

fn signature(
    page: &Page,
    configuration: &Configuration,
    message: &Message,
    it: &Outcome,
    shows_secrets: bool,
) -> SignatureView {
    let application = configuration.application(message.application);
    let id = application.map_or(String::new(), |app| page.message_id(app, message.id));
    let seconds = it.started_at.unix_seconds();
    let mut value = String::new();
    if let Some(endpoint) = configuration.endpoint(it.endpoint).filter(|_| shows_secrets) {
        for secret in endpoint.signing_secrets(it.started_at) {
            Signer::new(secret).sign(&id, seconds, &message.payload, &mut value);
        }
    }
    let prefix = page.console.api.header_prefixes.first().map_or("webhook", String::as_str);
    SignatureView {
        base: format!("{id}.{seconds}."),
        timestamp: seconds.to_string(),
        value,
        header: format!("{prefix}-signature"),
        id,
    }
}
