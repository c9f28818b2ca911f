//! `/webhooks`: the webhooks of an application, and pausing them. The page that others are modelled on. What is done with
//! one of them is below: [`form`], [`detail`], [`mod@test`], and [`bulk`] for several.

mod bulk;
mod detail;
mod form;
mod offer;
mod test;
mod words;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::{get, post};
use semnal_core::configuration::{Change, Configuration};
use semnal_core::endpoint::{Endpoint, EndpointState};
use semnal_core::id::{EndpointId, IdKind};
use semnal_core::integration::MANUAL;
use semnal_core::name::EventTypeName;
use semnal_core::portal::Capability;
use semnal_core::time::UnixMillis;
use semnal_store::error::StoreError;
use semnal_store::read::Reader;
use semnal_store::views::filter::{AttemptFilter, Direction, Kind, Slice, Span};

use super::Console;
use super::flash::Flash;
use super::form::Form;
use super::page::{Page, Signed};
use super::parts::{Badge, ShownUrl, Sparkline, When};
use super::problem::Problem;

/// 25 webhooks on a page.
const PAGE_ROWS: usize = 25;
/// 24 bars of an hour each.
const HOURS: u64 = 24;
/// 3 event types are named; the others are counted.
const EVENTS_SHOWN: usize = 3;
/// The key of an endpoint's metadata that says who made it.
const INTEGRATION: &str = "integration";

/// The list.
#[derive(Template)]
#[template(path = "webhooks.html")]
struct ListView {
    page: Page,
    rows: Vec<Row>,
    /// How many there are at all.
    total: usize,
    filter: String,
    /// How many need a hand.
    troubled: u64,
    /// `active`, `failing`, `paused`, `disabled`, or empty for all.
    state: String,
    /// `name`, `oldest`, or empty for the newest first.
    sort: String,
    can_test: bool,
    previous: String,
    next: String,
    can_manage: bool,
}

/// One webhook.
struct Row {
    id: String,
    name: String,
    url: ShownUrl,
    state: Badge,
    /// Named event types; empty means all.
    events: Vec<String>,
    events_more: usize,
    line: Sparkline,
    last: Option<When>,
    integration: String,
    is_active: bool,
}

/// The question before a webhook is paused, for whoever asks for it as a page or in a dialog.
#[derive(Template)]
#[template(path = "webhook_pause.html")]
struct PauseView {
    page: Page,
    id: String,
    name: String,
    back: String,
}

/// What is read about an endpoint.
struct Numbers {
    hours: Vec<(u64, u64)>,
    last: Option<UnixMillis>,
}

/// Returns the pages of webhooks.
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/webhooks", get(list))
        .route("/webhooks/new", get(form::show_new).post(form::create))
        .route("/webhooks/bulk", post(bulk::submit))
        .route("/webhooks/{endpoint}", get(detail::show))
        .route("/webhooks/{endpoint}/edit", get(form::show_edit).post(form::edit))
        .route("/webhooks/{endpoint}/delete", get(bulk::ask_delete))
        .route("/webhooks/{endpoint}/rotate", get(detail::ask_rotate).post(detail::rotate))
        .route("/webhooks/{endpoint}/test", get(test::show).post(test::submit))
        .route("/webhooks/{endpoint}/pause", get(ask_pause).post(pause))
        .route("/webhooks/{endpoint}/resume", post(resume))
}

/// Returns the id of a webhook that people see.
fn public_id(page: &Page, it: &Endpoint) -> String {
    page.console.api.store.ids().encode(IdKind::Endpoint, it.application.partition(), it.id.0)
}

/// `GET /webhooks?q&state&sort&page`
pub(super) async fn list(signed: Signed) -> Result<Response, Problem> {
    let Signed { page, viewer } = signed;
    viewer.may(Capability::ViewBase)?;
    let configuration = page.console.api.store.configuration();
    let application = page.application(&viewer, &configuration).ok_or(Problem::NotFound)?;
    let all = configuration.endpoints_of(application.id);
    let query = |name: &str| page.query(name).unwrap_or_default();
    let (filter, state, sort) = (query("q"), query("state"), query("sort"));
    let failing = page.console.api.store.read(|reader| reader.failing()).await?;
    let failing: HashMap<EndpointId, UnixMillis> =
        failing.into_iter().map(|(id, it)| (id, it.since)).collect();
    let mut found: Vec<&Arc<Endpoint>> =
        all.iter().rev().filter(|it| matches(it, &filter) && is_in(it, &state, &failing)).collect();
    match sort.as_str() {
        "name" => found.sort_by_cached_key(|it| name(it).to_lowercase()),
        "oldest" => found.reverse(),
        _ => {}
    }
    let number = page.query("page").and_then(|it| it.parse::<usize>().ok()).unwrap_or(1).max(1);
    let shown: Vec<Arc<Endpoint>> = found
        .iter()
        .skip((number - 1).saturating_mul(PAGE_ROWS))
        .take(PAGE_ROWS)
        .map(|it| (*it).clone())
        .collect();
    let (ids, now) = (shown.iter().map(|it| it.id).collect::<Vec<_>>(), page.now);
    let read = move |reader: &Reader| {
        ids.iter().map(|id| Ok((*id, read_numbers(reader, *id, now)?))).collect::<Result<_, StoreError>>()
    };
    let mut numbers: HashMap<EndpointId, Numbers> = page.console.api.store.list(read).await?;
    let troubled = all.iter().map(|it| u64::from(is_troubled(it, &failing))).sum();
    let row = |it: &Arc<Endpoint>| row(&page, it, numbers.remove(&it.id), failing.get(&it.id).copied());
    let rows = shown.iter().map(row).collect();
    let link = |number: usize| page.with_query("page", &number.to_string());
    let view = ListView {
        rows,
        total: all.len(),
        troubled,
        previous: if number > 1 { link(number - 1) } else { String::new() },
        next: if found.len() > number.saturating_mul(PAGE_ROWS) { link(number + 1) } else { String::new() },
        can_manage: viewer.can(Capability::ManageEndpoint),
        can_test: viewer.can(Capability::CreateAttempts),
        filter,
        state,
        sort,
        page: page.clone(),
    };
    page.html(&view)
}

fn is_in(it: &Endpoint, state: &str, failing: &HashMap<EndpointId, UnixMillis>) -> bool {
    match state {
        "active" => it.state == EndpointState::Active && !failing.contains_key(&it.id),
        "failing" => it.state == EndpointState::Active && failing.contains_key(&it.id),
        "paused" => it.state == EndpointState::Paused,
        "disabled" => matches!(it.state, EndpointState::Disabled(_)),
        _ => true,
    }
}

fn matches(it: &Endpoint, filter: &str) -> bool {
    let wanted = filter.trim().to_lowercase();
    wanted.is_empty() || it.url.to_lowercase().contains(&wanted) || name(it).to_lowercase().contains(&wanted)
}

fn is_troubled(it: &Endpoint, failing: &HashMap<EndpointId, UnixMillis>) -> bool {
    match it.state {
        EndpointState::Active => failing.contains_key(&it.id),
        EndpointState::Paused => false,
        EndpointState::Disabled(reason) => reason != semnal_core::endpoint::DisabledReason::Requested,
    }
}

/// Returns a webhook's name for people: its description, else its host.
pub(super) fn name(it: &Endpoint) -> String {
    let line = it.description.lines().next().unwrap_or_default().trim();
    if line.is_empty() { ShownUrl::new(&it.url).host } else { line.to_owned() }
}

/// Reads the numbers of an endpoint: its last 24 hours, and its last attempt.
fn read_numbers(reader: &Reader, endpoint: EndpointId, now: UnixMillis) -> Result<Numbers, StoreError> {
    let hour = |ago: u64| {
        let last = now - Duration::from_secs(ago * 3_600);
        let totals = reader.total_attempts(endpoint, last - Duration::from_secs(3_540), last)?;
        Ok((totals.succeeded, totals.failed))
    };
    let hours = (0..HOURS).rev().map(hour).collect::<Result<_, StoreError>>()?;
    let (success, status_class) = (None, None);
    let (kind, span) = (Kind::default(), Span::default());
    let filter = AttemptFilter { endpoint, success, status_class, kind, span };
    let slice = Slice { from: None, direction: Direction::Older, limit: 1 };
    let last = reader.list_attempts(&filter, &slice)?.items.first().map(|it| it.started_at);
    Ok(Numbers { hours, last })
}

fn row(page: &Page, it: &Endpoint, numbers: Option<Numbers>, failing: Option<UnixMillis>) -> Row {
    let numbers = numbers.unwrap_or(Numbers { hours: Vec::new(), last: None });
    let types: Vec<String> = it.event_types.iter().flatten().map(EventTypeName::to_string).collect();
    let since = failing.map(|at| page.when(at));
    Row {
        id: public_id(page, it),
        name: name(it),
        url: ShownUrl::new(&it.url),
        state: Badge::of_webhook(it.state, since.as_ref(), &page.texts),
        events_more: types.len().saturating_sub(EVENTS_SHOWN),
        events: types.into_iter().take(EVENTS_SHOWN).collect(),
        line: Sparkline::new(&numbers.hours),
        last: numbers.last.map(|at| page.when(at)),
        integration: made_by(&page.console.api.store.configuration(), it),
        is_active: it.state == EndpointState::Active,
    }
}

/// Returns which service made a webhook, or says that it did; empty for a person.
fn made_by(configuration: &Configuration, it: &Endpoint) -> String {
    let entry = configuration.integration_of(it.id).map(|entry| &entry.service);
    let service = entry.filter(|it| *it != MANUAL).or_else(|| it.metadata.get(INTEGRATION));
    service.cloned().unwrap_or_default()
}

/// `GET /webhooks/{endpoint}/pause?back`: asks first.
async fn ask_pause(signed: Signed, Path(id): Path<String>) -> Result<Response, Problem> {
    let Signed { page, viewer } = signed;
    viewer.may(Capability::ManageEndpoint)?;
    let configuration = page.console.api.store.configuration();
    let (endpoint, _) = viewer.endpoint(&configuration, page.console.api.store.ids(), &id)?;
    let back = page.query("back").unwrap_or_default();
    page.html(&PauseView { name: name(endpoint), id, back, page: page.clone() })
}

/// `POST /webhooks/{endpoint}/pause`: its deliveries are held from now on. One that is disabled stays so: its reason
/// would be lost.
async fn pause(signed: Signed, Path(id): Path<String>, form: Form) -> Result<Response, Problem> {
    let (name, before) = set_state(&signed, id, EndpointState::Paused).await?;
    let flash = match before {
        EndpointState::Disabled(_) => Flash::bad("webhooks-not-paused"),
        EndpointState::Active | EndpointState::Paused => Flash::good("webhooks-paused"),
    };
    Ok(signed.page.redirect(&bulk::back(&form), &flash.about(&name)))
}

/// `POST /webhooks/{endpoint}/resume`: it is sent to again, first what was held.
async fn resume(signed: Signed, Path(id): Path<String>, form: Form) -> Result<Response, Problem> {
    let (name, _) = set_state(&signed, id, EndpointState::Active).await?;
    Ok(signed.page.redirect(&bulk::back(&form), &Flash::good("webhooks-resumed").about(&name)))
}

/// Puts a webhook into a state; returns its name and the state before.
async fn set_state(
    signed: &Signed,
    id: String,
    state: EndpointState,
) -> Result<(String, EndpointState), Problem> {
    let (page, viewer) = (&signed.page, signed.viewer.clone());
    viewer.may(Capability::ManageEndpoint)?;
    let (ids, now) = (page.console.api.store.ids().clone(), page.now);
    page.change(move |configuration| {
        let (found, _) = viewer.endpoint(configuration, &ids, &id)?;
        let before = found.state;
        let stays = state == EndpointState::Paused && matches!(before, EndpointState::Disabled(_));
        let changed = (!stays).then(|| Endpoint { state, updated_at: now, ..(**found).clone() });
        let changes = changed.map(|it| Change::PutEndpoint(Box::new(it)));
        Ok((changes.into_iter().collect(), (name(found), before)))
    })
    .await
}
