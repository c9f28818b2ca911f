//! `/deliveries/{message}/{endpoint}`: one delivery: its way so far, each attempt, what to do, and sending it again.

use std::fmt::Write;
use std::sync::Arc;

use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use semnal_core::application::Application;
use semnal_core::configuration::Configuration;
use semnal_core::delivery::DeliveryState;
use semnal_core::endpoint::{Endpoint, is_sensitive_header};
use semnal_core::id::{AttemptId, EndpointId};
use semnal_core::portal::Capability;
use semnal_core::signature::Signer;
use semnal_core::time::UnixMillis;
use semnal_store::message::Message;
use semnal_store::outcome::{Outcome, Trigger};
use semnal_store::read::Delivery;
use semnal_store::store::Resent;

use super::attempt::{AttemptView, Tab};
use super::find::Item;
use super::state;
use crate::api::bash_quoted;
use crate::console::bins::leads::{self, Lead};
use crate::console::causes::{Explained, explain};
use crate::console::flash::Flash;
use crate::console::form::Form;
use crate::console::page::{Page, Signed};
use crate::console::parts::{Badge, When};
use crate::console::problem::Problem;
use crate::console::viewer::Viewer;

/// The last 50 attempts are shown; those before are counted.
const ATTEMPTS_SHOWN: u16 = 50;

/// The page.
#[derive(Template)]
#[template(path = "delivery.html")]
struct OneView {
    page: Page,
    head: Head,
    steps: Vec<Step>,
    /// Attempts that are not shown.
    earlier: u16,
    attempts: u16,
    attempts_max: usize,
    attempt: Option<AttemptView>,
    tabs: Vec<TabLink>,
    /// Why the last attempt failed; `None` when it did not.
    trouble: Option<Explained>,
    can_resend: bool,
    is_waiting: bool,
    /// The request that a bin of this server caught, when the webhook's URL is that of one.
    lead: Option<Lead>,
}

/// What every page about a delivery says on top.
struct Head {
    path: String,
    message: String,
    message_path: String,
    endpoint: String,
    webhook: String,
    /// Empty when the webhook was deleted.
    webhook_path: String,
    url: String,
    event: String,
    state: Badge,
}

/// A step of the delivery's way.
struct Step {
    tone: &'static str,
    icon: &'static str,
    title: String,
    text: String,
    when: Option<When>,
    /// Leads to the attempt; empty for what is none.
    href: String,
    is_current: bool,
    /// Counts down.
    is_next: bool,
}

struct TabLink {
    href: String,
    label: String,
    is_current: bool,
}

/// A command that sends the delivery by hand.
#[derive(Template)]
#[template(path = "delivery_curl.html")]
struct CurlView {
    page: Page,
    path: String,
    command: String,
    is_signed: bool,
    /// Headers that are not part of it.
    left_out: String,
}

/// A delivery with all that its page needs.
struct Found {
    message: Message,
    application: Arc<Application>,
    endpoint_id: EndpointId,
    endpoint: Option<Arc<Endpoint>>,
    delivery: Delivery,
    /// The last attempts, oldest first.
    outcomes: Vec<Outcome>,
}

async fn load(
    page: &Page,
    viewer: &Viewer,
    configuration: &Arc<Configuration>,
    message: &str,
    endpoint: &str,
) -> Result<Found, Problem> {
    viewer.may(Capability::ViewBase)?;
    let (message, application) = page.message(viewer, configuration, message).await?;
    let endpoint_id = page.read_endpoint(&application, endpoint)?;
    let endpoint = configuration.endpoint(endpoint_id).cloned();
    let holds = endpoint.as_ref().is_some_and(|it| it.state.holds());
    let asked = message.clone();
    let read = page.console.api.store.read(move |reader| {
        let all = reader.delivery_endpoints(&asked)?;
        let Some((id, _)) = all.into_iter().find(|(_, it)| *it == endpoint_id) else { return Ok(None) };
        let (delivery, last) = reader.delivery(&asked, id, endpoint_id, holds)?;
        let last = last.map_or(0, |it| it.id.number);
        let first = last.saturating_sub(ATTEMPTS_SHOWN).saturating_add(1);
        let mut outcomes = Vec::new();
        for number in first..=last {
            outcomes.extend(reader.attempt(AttemptId { delivery: id, number })?);
        }
        Ok(Some((delivery, outcomes)))
    });
    let (delivery, outcomes) = read.await?.ok_or(Problem::NotFound)?;
    Ok(Found { message, application, endpoint_id, endpoint, delivery, outcomes })
}

/// `GET …?attempt&tab`
pub(in crate::console) async fn show(
    signed: Signed,
    Path((message, endpoint)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let Signed { page, viewer } = signed;
    let configuration = page.console.api.store.configuration();
    let found = load(&page, &viewer, &configuration, &message, &endpoint).await?;
    let head = head(&page, &found);
    let number = page.query("attempt").and_then(|it| it.parse::<u16>().ok());
    let chosen = number.and_then(|number| found.outcomes.iter().find(|it| it.id.number == number));
    let chosen = chosen.or(found.outcomes.last());
    let tab = page.query("tab").and_then(|it| Tab::parse(&it)).unwrap_or(Tab::Response);
    let attempt = chosen.map(|it| {
        let shows_secrets = viewer.can(Capability::ViewEndpointSecret);
        AttemptView::new(&page, &configuration, &found.message, it, tab, shows_secrets)
    });
    let tabs = chosen.map_or(Vec::new(), |it| tabs(&page, &head.path, it.id.number, tab));
    let trouble = found.outcomes.last().filter(|it| !it.end.is_success());
    let item = Item {
        delivery: found.delivery.clone(),
        message: found.message.id,
        event_type: found.message.event_type.clone(),
        is_test: found.message.is_test(),
        last: None,
    };
    let view = OneView {
        steps: steps(&page, &found, &head.path, chosen.map(|it| it.id.number)),
        earlier: found.outcomes.first().map_or(0, |it| it.id.number.saturating_sub(1)),
        attempts: found.delivery.state.progress().attempts,
        attempts_max: super::attempts_max(&page, &configuration, &found.application, &item),
        trouble: trouble.map(|it| explain(&it.end, &page.texts)),
        can_resend: viewer.can(Capability::CreateAttempts) && found.endpoint.is_some(),
        is_waiting: !found.delivery.state.is_decided(),
        lead: leads::lead(&page, &viewer, &head.url, found.message.id).await,
        attempt,
        tabs,
        head,
        page: page.clone(),
    };
    page.html(&view)
}

fn head(page: &Page, found: &Found) -> Head {
    let message = page.message_id(&found.application, found.message.id);
    let endpoint = page.endpoint_id(&found.application, found.endpoint_id);
    let last_url = found.outcomes.last().map_or(String::new(), |it| it.url.clone());
    Head {
        path: format!("/deliveries/{message}/{endpoint}"),
        message_path: format!("/events/{message}"),
        webhook: page.webhook_name(found.endpoint.as_ref()),
        webhook_path: found.endpoint.as_ref().map_or(String::new(), |_| format!("/webhooks/{endpoint}")),
        url: found.endpoint.as_ref().map_or(last_url, |it| it.url.clone()),
        event: found.message.event_type.to_string(),
        state: state::badge(found.delivery.state, &page.texts),
        message,
        endpoint,
    }
}

fn tabs(page: &Page, path: &str, number: u16, current: Tab) -> Vec<TabLink> {
    let labels = [
        (Tab::Response, page.t("delivery-tab-response")),
        (Tab::Request, page.t("delivery-tab-request")),
        (Tab::Timing, page.t("delivery-tab-timing")),
        (Tab::Signature, page.t("delivery-tab-signature")),
    ];
    let link = |(tab, label): (Tab, String)| TabLink {
        href: format!("{path}?attempt={number}&tab={}", tab.word()),
        label,
        is_current: tab == current,
    };
    labels.into_iter().map(link).collect()
}

fn steps(page: &Page, found: &Found, path: &str, chosen: Option<u16>) -> Vec<Step> {
    let plain = |tone, icon, title: String, when| Step {
        tone,
        icon,
        title,
        text: String::new(),
        when,
        href: String::new(),
        is_current: false,
        is_next: false,
    };
    let accepted_at = found.message.id.0.time();
    let mut all = vec![plain("off", "event", page.t("delivery-accepted"), Some(page.when(accepted_at)))];
    for it in &found.outcomes {
        let explained = explain(&it.end, &page.texts);
        let (tone, icon) = if it.end.is_success() { ("good", "check") } else { ("bad", "alert") };
        let number = it.id.number;
        let title = match it.trigger {
            Trigger::Scheduled => page.n("delivery-attempt", u64::from(number)),
            Trigger::Manual => page.n("delivery-attempt-manual", u64::from(number)),
        };
        let length = super::milliseconds(page, it.phases.total_ms());
        all.push(Step {
            text: format!("{} · {length}", explained.line()),
            href: format!("{path}?attempt={number}"),
            is_current: chosen == Some(number),
            ..plain(tone, icon, title, Some(page.when(it.started_at)))
        });
    }
    let due = found.delivery.due_at;
    match (found.delivery.state, due) {
        (DeliveryState::Pending(_), Some(at)) => {
            let next = plain("wait", "clock", page.t("delivery-next"), Some(page.when(at)));
            all.push(Step { is_next: at > page.now, ..next });
        }
        (DeliveryState::Pending(_), None) => {
            all.push(plain("wait", "clock", page.t("delivery-now"), None));
        }
        (DeliveryState::Held(_), _) => all.push(plain("off", "pause", page.t("delivery-waits"), None)),
        (DeliveryState::Failed(_), _) => all.push(plain("bad", "off", page.t("delivery-exhausted"), None)),
        (DeliveryState::Cancelled(_), _) => {
            all.push(plain("off", "off", page.t("delivery-was-cancelled"), None));
        }
        (DeliveryState::Expired(_), _) => {
            all.push(plain("off", "off", page.t("delivery-was-expired"), None));
        }
        (DeliveryState::Delivered(_), _) => {}
    }
    all
}

/// `POST …/resend`: due at once, whatever its state.
pub(in crate::console) async fn resend(
    signed: Signed,
    Path((message, endpoint)): Path<(String, String)>,
    _: Form,
) -> Result<Response, Problem> {
    let Signed { page, viewer } = signed;
    viewer.may(Capability::CreateAttempts)?;
    let configuration = page.console.api.store.configuration();
    let (found, application) = page.message(&viewer, &configuration, &message).await?;
    let endpoint_id = page.read_endpoint(&application, &endpoint)?;
    let target = configuration.endpoint(endpoint_id).filter(|it| it.application == application.id);
    let target = target.ok_or(Problem::NotFound)?;
    match page.console.api.store.resend(found.id, endpoint_id, viewer.describe()).await? {
        Resent::Accepted => {}
        Resent::PayloadGone => {
            let path = format!("/deliveries/{message}/{endpoint}");
            return Ok(page.redirect(&path, &Flash::bad("delivery-payload-gone")));
        }
        Resent::NoSuchMessage | Resent::NoSuchEndpoint => return Err(Problem::NotFound),
    }
    let holds = target.state.holds();
    let flash = if holds { Flash::bad("delivery-resent-held") } else { Flash::good("delivery-resent") };
    let name = page.webhook_name(Some(target));
    Ok(page.redirect(&format!("/deliveries/{message}/{endpoint}"), &flash.about(&name)))
}

/// `GET …/curl`: signed at this moment, for those who may see the secret.
pub(in crate::console) async fn curl(
    signed: Signed,
    Path((message, endpoint)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let Signed { page, viewer } = signed;
    let configuration = page.console.api.store.configuration();
    let found = load(&page, &viewer, &configuration, &message, &endpoint).await?;
    let target =
        found.endpoint.as_ref().filter(|_| !found.message.payload_is_gone()).ok_or(Problem::NotFound)?;
    let is_signed = viewer.can(Capability::ViewEndpointSecret);
    let number = found.delivery.state.progress().attempts;
    let (command, left_out) = command(&page, target, &found.message, &message, number, is_signed);
    let path = format!("/deliveries/{message}/{endpoint}");
    page.html(&CurlView { page: page.clone(), path, command, is_signed, left_out: left_out.join(", ") })
}

fn command(
    page: &Page,
    target: &Endpoint,
    message: &Message,
    id: &str,
    attempt: u16,
    is_signed: bool,
) -> (String, Vec<String>) {
    let now: UnixMillis = page.now;
    let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    let mut left_out = Vec::new();
    for (name, value) in &target.headers {
        if is_sensitive_header(name) {
            left_out.push(name.clone());
        } else {
            headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
            headers.push((name.to_ascii_lowercase(), value.clone()));
        }
    }
    let mut signature = String::new();
    for secret in target.signing_secrets(now).filter(|_| is_signed) {
        Signer::new(secret).sign(id, now.unix_seconds(), &message.payload, &mut signature);
    }
    headers.push(("webhook-event".to_owned(), message.event_type.to_string()));
    headers.push(("webhook-attempt".to_owned(), attempt.max(1).to_string()));
    for prefix in &page.console.api.header_prefixes {
        headers.push((format!("{prefix}-id"), id.to_owned()));
        headers.push((format!("{prefix}-timestamp"), now.unix_seconds().to_string()));
        if is_signed {
            headers.push((format!("{prefix}-signature"), signature.clone()));
        }
    }
    let mut command = format!("curl --globoff -X POST {}", bash_quoted(target.url.as_bytes()));
    for (name, value) in headers {
        let line = bash_quoted(format!("{name}: {value}").as_bytes());
        write!(command, " \\\n  -H {line}").expect("a text takes all");
    }
    write!(command, " \\\n  --data-raw {}", bash_quoted(&message.payload)).expect("a text takes all");
    (command, left_out)
}
