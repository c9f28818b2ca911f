//! `/webhooks/{endpoint}`: one webhook, its secret, its last deliveries.

use std::time::Duration;

use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use semnal_core::configuration::{Change, Configuration};
use semnal_core::endpoint::{DisabledReason, Endpoint, EndpointState, is_sensitive_header};
use semnal_core::id::{EndpointId, IdKind};
use semnal_core::portal::Capability;
use semnal_core::retry::RetrySchedule;
use semnal_core::time::UnixMillis;
use semnal_store::error::StoreError;
use semnal_store::message::Message;
use semnal_store::outcome::Outcome;
use semnal_store::read::Reader;
use semnal_store::views::apply::State;
use semnal_store::views::filter::{DeliveriesOf, DeliveryFilter, Direction, Kind, Listed, Slice, Span};

use super::words::schedule_in_words;
use super::{Numbers, made_by, name};
use crate::api::endpoint_secrets::{FreshSecrets, GRACE_SECONDS_DEFAULT};
use crate::console::causes::explain;
use crate::console::flash::Flash;
use crate::console::form::Form;
use crate::console::page::{Page, Signed};
use crate::console::parts::{Badge, Sparkline, Tone, When};
use crate::console::problem::Problem;

/// 10 deliveries are shown; the list of deliveries has the others.
const RECENT_MAX: usize = 10;

/// The page.
#[derive(Template)]
#[template(path = "webhook.html")]
struct WebhookView {
    page: Page,
    id: String,
    name: String,
    state: Badge,
    is_active: bool,
    /// Why it is not sent to, and what to do; empty while it is.
    held: String,
    /// It was made a moment ago.
    is_new: bool,
    facts: Facts,
    /// What receivers verify with; empty when it is not shown.
    secret: String,
    can_see_secret: bool,
    can_rotate: bool,
    can_manage: bool,
    can_test: bool,
    line: Sparkline,
    /// Deliveries so far.
    runs: u64,
    recent: Vec<Recent>,
}

/// What is set.
struct Facts {
    url: String,
    /// Empty means all.
    events: Vec<String>,
    channels: Vec<String>,
    /// Names and values; those of credentials are not shown.
    headers: Vec<(String, String)>,
    schedule: String,
    rate: String,
    concurrency: String,
    integration: String,
    uid: String,
    created: When,
    updated: When,
}

/// A delivery.
struct Recent {
    link: String,
    state: Badge,
    event: String,
    is_test: bool,
    /// The status, or why there is none.
    result: String,
    at: When,
}

/// The question before the secret is replaced.
#[derive(Template)]
#[template(path = "webhook_rotate.html")]
struct RotateView {
    page: Page,
    id: String,
    name: String,
}

type Delivered = (Listed, Message, Option<Outcome>);
type Read = (Numbers, Option<UnixMillis>, u64, Vec<Delivered>);

/// `GET /webhooks/{endpoint}?secret=show`
pub(in crate::console) async fn show(signed: Signed, Path(id): Path<String>) -> Result<Response, Problem> {
    let Signed { page, viewer } = signed;
    viewer.may(Capability::ViewBase)?;
    let store = &page.console.api.store;
    let configuration = store.configuration();
    let (it, _) = viewer.endpoint(&configuration, store.ids(), &id)?;
    let (endpoint, created_at, now) = (it.id, it.created_at, page.now);
    let (numbers, failing, runs, recent) =
        store.list(move |reader| read(reader, endpoint, created_at, now)).await?;
    let since = failing.map(|at| page.when(at));
    let can_see_secret = viewer.can(Capability::ViewEndpointSecret);
    let is_new = page.query("new").is_some();
    let wants_secret = can_see_secret && (is_new || page.query("secret").is_some());
    let secret = it.signing_secrets(now).next().filter(|_| wants_secret);
    let view = WebhookView {
        name: name(it),
        state: Badge::of_webhook(it.state, since.as_ref(), &page.texts),
        is_active: it.state == EndpointState::Active,
        held: held(&page, it.state),
        is_new,
        facts: facts(&page, &configuration, it),
        secret: secret.map(|it| it.verification_key()).unwrap_or_default(),
        can_see_secret,
        can_rotate: viewer.can(Capability::ManageEndpointSecret),
        can_manage: viewer.can(Capability::ManageEndpoint),
        can_test: viewer.can(Capability::CreateAttempts),
        line: Sparkline::new(&numbers.hours),
        runs,
        recent: recent.iter().map(|of| recent_row(&page, it, &id, of)).collect(),
        id: id.clone(),
        page: page.clone(),
    };
    page.html(&view)
}

fn read(reader: &Reader, id: EndpointId, from: UnixMillis, now: UnixMillis) -> Result<Read, StoreError> {
    let numbers = super::read_numbers(reader, id, now)?;
    let failing = reader.failing()?.into_iter().find(|(other, _)| *other == id).map(|(_, it)| it.since);
    let counts = reader.count_deliveries(id, from, now)?;
    let runs = counts.delivered + counts.pending + counts.failed + counts.cancelled;
    let of = DeliveriesOf::Endpoint(id);
    let filter = DeliveryFilter { of, state: None, kind: Kind::default(), span: Span::default() };
    let slice = Slice { from: None, direction: Direction::Older, limit: RECENT_MAX };
    let mut recent = Vec::new();
    for listed in reader.list_deliveries(&filter, &slice)?.items {
        // One that was deleted since is not shown.
        let Some(message) = reader.message(listed.id.message)? else { continue };
        let attempts = reader.attempts(listed.id.message)?;
        let last = attempts.into_iter().rfind(|it| it.id.delivery == listed.id);
        recent.push((listed, message, last));
    }
    Ok((numbers, failing, runs, recent))
}

fn recent_row(page: &Page, it: &Endpoint, id: &str, (listed, message, last): &Delivered) -> Recent {
    let ids = page.console.api.store.ids();
    let message_id = ids.encode(IdKind::Message, it.application.partition(), message.id.0);
    let result = last.as_ref().map_or_else(String::new, |last| match last.end.status() {
        Some(status) if last.end.is_success() => format!("{status} · {} ms", last.phases.total_ms()),
        _ => explain(&last.end, &page.texts).line(),
    });
    Recent {
        link: format!("/deliveries/{message_id}/{id}"),
        state: delivery_badge(page, listed.state, it.state.holds()),
        event: message.event_type.to_string(),
        is_test: message.is_test(),
        result,
        at: page.when(message.id.0.time()),
    }
}

fn delivery_badge(page: &Page, state: State, is_held: bool) -> Badge {
    let (tone, icon, word) = match state {
        State::Delivered => (Tone::Good, "check", page.t("webhook-delivered")),
        State::Pending if is_held => (Tone::Wait, "pause", page.t("webhook-held")),
        State::Pending => (Tone::Wait, "clock", page.t("webhook-pending")),
        State::Failed => (Tone::Bad, "alert", page.t("webhook-failed")),
        State::Cancelled => (Tone::Off, "off", page.t("webhook-cancelled")),
        State::Expired => (Tone::Off, "off", page.t("webhook-expired")),
    };
    Badge { tone, icon, word }
}

/// Says why nothing is sent; empty while it is.
pub(super) fn held(page: &Page, state: EndpointState) -> String {
    match state {
        EndpointState::Active => String::new(),
        EndpointState::Paused => page.t("webhook-why-paused"),
        EndpointState::Disabled(DisabledReason::Requested) => page.t("webhook-why-disabled"),
        EndpointState::Disabled(DisabledReason::Gone) => page.t("webhook-why-gone"),
        EndpointState::Disabled(DisabledReason::Failing) => page.t("webhook-why-failing"),
    }
}

fn facts(page: &Page, configuration: &Configuration, it: &Endpoint) -> Facts {
    let limit = |it: Option<u16>| it.map(|n| page.number(n.into())).unwrap_or_default();
    let header = |(name, value): (&String, &String)| {
        let shown = if is_sensitive_header(name) { "••••••••" } else { value };
        (name.clone(), shown.to_owned())
    };
    let one = it.event_types.iter().flatten();
    let of_type = (it.event_types.as_ref().map(|it| it.len()) == Some(1))
        .then(|| one.clone().next())
        .flatten()
        .and_then(|name| configuration.event_type_schedule(it.application, name));
    let server = &page.console.api.deliveries.schedule;
    Facts {
        url: it.url.clone(),
        events: one.map(ToString::to_string).collect(),
        channels: it.channels.iter().flatten().map(ToString::to_string).collect(),
        headers: it.headers.iter().map(header).collect(),
        schedule: schedule_in_words(
            RetrySchedule::in_force(it.schedule.as_ref(), of_type, server),
            &page.texts,
        ),
        rate: limit(it.rate_limit),
        concurrency: limit(it.concurrency_limit),
        integration: made_by(configuration, it),
        uid: it.uid.as_ref().map(ToString::to_string).unwrap_or_default(),
        created: page.when(it.created_at),
        updated: page.when(it.updated_at),
    }
}

/// `GET /webhooks/{endpoint}/rotate`: asks first.
pub(in crate::console) async fn ask_rotate(
    signed: Signed,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let Signed { page, viewer } = signed;
    viewer.may(Capability::ManageEndpointSecret)?;
    let configuration = page.console.api.store.configuration();
    let (it, _) = viewer.endpoint(&configuration, page.console.api.store.ids(), &id)?;
    page.html(&RotateView { name: name(it), id, page: page.clone() })
}

/// `POST /webhooks/{endpoint}/rotate`: a new secret; with `old=day` the old one signs beside it for a day.
pub(in crate::console) async fn rotate(
    signed: Signed,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    let (page, viewer) = (&signed.page, signed.viewer.clone());
    viewer.may(Capability::ManageEndpointSecret)?;
    let grace = if form.get("old") == "now" { 0 } else { GRACE_SECONDS_DEFAULT };
    let (fresh, ids, now) = (FreshSecrets::make()?, page.console.api.store.ids().clone(), page.now);
    let path = id.clone();
    let name = page.change(move |configuration| {
        let (found, _) = viewer.endpoint(configuration, &ids, &path)?;
        let mut it = Endpoint::clone(found);
        fresh.rotate(&mut it, None, now, Duration::from_secs(grace.into()));
        let name = name(&it);
        Ok((vec![Change::PutEndpoint(Box::new(it))], name))
    });
    let name = name.await?;
    let to = format!("/webhooks/{id}?secret=show");
    Ok(page.redirect(&to, &Flash::good("webhook-rotated").about(&name)))
}
