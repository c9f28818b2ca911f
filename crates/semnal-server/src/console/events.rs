//! `/events`: what happened, newest first, and how each event fared; one event with the webhooks that it goes to, and
//! why others did not get it.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::{get, post};
use semnal_core::application::Application;
use semnal_core::configuration::Configuration;
use semnal_core::endpoint::Endpoint;
use semnal_core::id::{IdKind, MessageId};
use semnal_core::name::{Channel, EventTypeName, Uid};
use semnal_core::portal::Capability;
use semnal_store::error::StoreError;
use semnal_store::message::Message;
use semnal_store::read::{Delivery, Reader};
use semnal_store::views::filter::{Direction, Found, Kind, MessageFilter, Slice, Span};

use super::Console;
use super::deliveries::state;
use super::flash::Flash;
use super::form::Form;
use super::json_view::BodyView;
use super::page::{Page, Signed};
use super::parts::{Badge, When};
use super::problem::Problem;
use super::webhooks;

/// 25 events on a page.
const PAGE_ROWS: usize = 25;
/// 8 deliveries are shown as dots in a row; the others are counted.
const DOTS: usize = 8;
/// 200 webhooks of each kind are shown on the page of an event.
const WEBHOOKS_SHOWN: usize = 200;
/// 1,000 deliveries are sent again by one press.
const RESENT_MAX: usize = 1_000;

/// The list.
#[derive(Template)]
#[template(path = "events.html")]
struct ListView {
    page: Page,
    rows: Vec<Row>,
    /// The event type that it is narrowed to.
    filter: String,
    types: Vec<String>,
    previous: String,
    next: String,
}

/// One event.
struct Row {
    id: String,
    event: String,
    event_id: String,
    age: When,
    dots: Vec<Badge>,
    more: usize,
}

/// One event's page.
#[derive(Template)]
#[template(path = "event.html")]
struct OneView {
    page: Page,
    id: String,
    event: String,
    event_id: String,
    channels: Vec<String>,
    when: When,
    body: BodyView,
    is_gone: bool,
    matched: Vec<Matched>,
    matched_count: usize,
    others: Vec<Other>,
    others_count: usize,
    can_resend: bool,
}

/// A webhook that it goes to.
struct Matched {
    name: String,
    path: String,
    state: Badge,
    attempts: u16,
    next: Option<When>,
}

/// A webhook that it does not go to.
struct Other {
    name: String,
    path: String,
    why: String,
}

/// Adds the pages about events.
pub(super) fn routes(pages: Router<Arc<Console>>) -> Router<Arc<Console>> {
    pages
        .route("/events", get(list))
        .route("/events/{message}", get(show))
        .route("/events/{message}/resend", post(resend))
}

/// `GET /events?event&older&newer`
async fn list(signed: Signed) -> Result<Response, Problem> {
    let Signed { page, viewer } = signed;
    viewer.may(Capability::ViewBase)?;
    let configuration = page.console.api.store.configuration();
    let application = page.application(&viewer, &configuration).ok_or(Problem::NotFound)?;
    let text = page.query("event").unwrap_or_default();
    let wanted = EventTypeName::parse(text.trim()).ok();
    let event_types = (!text.trim().is_empty()).then(|| wanted.into_iter().collect());
    let cursor = |name: &str| {
        let text = page.query(name)?;
        page.console.api.store.ids().decode(IdKind::Message, &text).ok().map(|(_, key)| MessageId(key))
    };
    let (older, newer) = (cursor("older"), cursor("newer"));
    let direction = if newer.is_some() { Direction::Newer } else { Direction::Older };
    let slice = Slice { from: newer.or(older), direction, limit: PAGE_ROWS };
    let kind = Kind { event_types, channel: None };
    let filter = MessageFilter { application: application.id, kind, span: Span::default() };
    let asked = configuration.clone();
    let read = page.console.api.store.list(move |reader| read(reader, &asked, &filter, &slice));
    let Found { mut items, more_after } = read.await?;
    if direction == Direction::Newer {
        items.reverse();
    }
    let id = |it: MessageId| page.message_id(&application, it);
    let link = |name: &str, it: Option<MessageId>| {
        it.map_or(String::new(), |it| page.with_queries(&[("older", ""), ("newer", ""), (name, &id(it))]))
    };
    let (first, last) = (items.first().map(|it| it.0.id), items.last().map(|it| it.0.id));
    let (ahead, behind) = match direction {
        Direction::Newer => (more_after, last),
        Direction::Older => (first.filter(|_| older.is_some()), more_after),
    };
    let view = ListView {
        previous: link("newer", ahead),
        next: link("older", behind),
        rows: items.iter().map(|it| row(&page, &application, it)).collect(),
        types: configuration.event_types(application.organisation).map(|it| it.name.to_string()).collect(),
        filter: text,
        page: page.clone(),
    };
    page.html(&view)
}

/// A message with the first of its deliveries, and how many there are.
type Read = (Message, Vec<Delivery>, usize);

fn read(
    reader: &Reader,
    configuration: &Configuration,
    filter: &MessageFilter,
    slice: &Slice<MessageId>,
) -> Result<Found<Read, MessageId>, StoreError> {
    let Found { items, more_after } = reader.list_messages(filter, slice)?;
    let mut all = Vec::new();
    for id in items {
        // One that was deleted since is not shown.
        let Some(message) = reader.message(id)? else { continue };
        let (deliveries, count) = deliveries(reader, configuration, &message, DOTS)?;
        all.push((message, deliveries, count));
    }
    Ok(Found { items: all, more_after })
}

fn deliveries(
    reader: &Reader,
    configuration: &Configuration,
    message: &Message,
    limit: usize,
) -> Result<(Vec<Delivery>, usize), StoreError> {
    let all = reader.delivery_endpoints(message)?;
    let count = all.len();
    let one = |(id, endpoint)| {
        let holds = configuration.endpoint(endpoint).is_some_and(|it| it.state.holds());
        reader.delivery(message, id, endpoint, holds).map(|(delivery, _)| delivery)
    };
    let shown = all.into_iter().take(limit).map(one).collect::<Result<_, _>>()?;
    Ok((shown, count))
}

fn row(page: &Page, application: &Application, (message, deliveries, count): &Read) -> Row {
    Row {
        id: page.message_id(application, message.id),
        event: message.event_type.to_string(),
        event_id: message.event_id.as_ref().map_or(String::new(), Uid::to_string),
        age: page.when(message.id.0.time()),
        dots: deliveries.iter().map(|it| state::badge(it.state, &page.texts)).collect(),
        more: count.saturating_sub(deliveries.len()),
    }
}

/// `GET /events/{message}`
async fn show(signed: Signed, Path(message): Path<String>) -> Result<Response, Problem> {
    let Signed { page, viewer } = signed;
    viewer.may(Capability::ViewBase)?;
    let configuration = page.console.api.store.configuration();
    let (message, application) = page.message(&viewer, &configuration, &message).await?;
    let (asked, now) = (message.clone(), configuration.clone());
    let read = page.console.api.store.read(move |reader| {
        let (shown, count) = deliveries(reader, &now, &asked, WEBHOOKS_SHOWN)?;
        let all = reader.delivery_endpoints(&asked)?;
        Ok((
            shown,
            count,
            all.into_iter().map(|(_, endpoint)| endpoint).collect::<std::collections::BTreeSet<_>>(),
        ))
    });
    let (shown, matched_count, all) = read.await?;
    let endpoints = configuration.endpoints_of(application.id);
    let others: Vec<&Arc<Endpoint>> = endpoints.iter().rev().filter(|it| !all.contains(&it.id)).collect();
    let id = page.message_id(&application, message.id);
    let matched = |it: &Delivery| Matched {
        name: page.webhook_name(configuration.endpoint(it.endpoint)),
        path: format!("/deliveries/{id}/{}", page.endpoint_id(&application, it.endpoint)),
        state: state::badge(it.state, &page.texts),
        attempts: it.state.progress().attempts,
        next: it.due_at.map(|at| page.when(at)),
    };
    let other = |it: &&Arc<Endpoint>| Other {
        name: webhooks::name(it),
        path: format!("/webhooks/{}", page.endpoint_id(&application, it.id)),
        why: why_not(&page, it, &message),
    };
    let view = OneView {
        event: message.event_type.to_string(),
        event_id: message.event_id.as_ref().map_or(String::new(), Uid::to_string),
        channels: message.channels.iter().map(Channel::to_string).collect(),
        when: page.when(message.id.0.time()),
        body: BodyView::of(&message.payload),
        is_gone: message.payload_is_gone(),
        matched: shown.iter().map(matched).collect(),
        matched_count,
        others: others.iter().take(WEBHOOKS_SHOWN).map(other).collect(),
        others_count: others.len(),
        can_resend: viewer.can(Capability::CreateAttempts) && matched_count > 0 && !message.payload_is_gone(),
        id,
        page: page.clone(),
    };
    page.html(&view)
}

/// Says why a webhook does not get a message, by what it is set to now.
fn why_not(page: &Page, it: &Endpoint, message: &Message) -> String {
    let wants_type = it.event_types.as_ref().is_none_or(|all| all.contains(&message.event_type));
    if !wants_type {
        page.s("event-why-type", "event", &message.event_type)
    } else if !it.matches(&message.event_type, &message.channels) {
        page.t("event-why-channel")
    } else if it.created_at > message.id.0.time() {
        page.t("event-why-younger")
    } else {
        page.t("event-why-changed")
    }
}

/// `POST /events/{message}/resend`: to every webhook that it went to and that still exists.
async fn resend(signed: Signed, Path(id): Path<String>, _: Form) -> Result<Response, Problem> {
    let Signed { page, viewer } = signed;
    viewer.may(Capability::CreateAttempts)?;
    let configuration = page.console.api.store.configuration();
    let (message, _) = page.message(&viewer, &configuration, &id).await?;
    let key = message.id;
    let all = page.console.api.store.read(move |reader| reader.delivery_endpoints(&message)).await?;
    let alive = all.into_iter().map(|(_, endpoint)| endpoint);
    for endpoint in alive.filter(|it| configuration.endpoint(*it).is_some()).take(RESENT_MAX) {
        page.console.api.store.resend(key, endpoint, viewer.describe()).await?;
    }
    Ok(page.redirect(&format!("/events/{id}"), &Flash::good("event-resent")))
}
