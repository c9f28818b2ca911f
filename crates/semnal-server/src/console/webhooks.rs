//! `/webhooks`: the webhooks of an application, and pausing them. The page that others are modelled on.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use semnal_core::configuration::Change;
use semnal_core::endpoint::{Endpoint, EndpointState};
use semnal_core::id::{EndpointId, IdKind};
use semnal_core::name::EventTypeName;
use semnal_core::portal::Capability;
use semnal_core::time::UnixMillis;
use semnal_store::error::StoreError;
use semnal_store::read::Reader;
use semnal_store::views::filter::{AttemptFilter, Direction, Kind, Slice, Span};

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
}

/// What is read about an endpoint.
struct Numbers {
    hours: Vec<(u64, u64)>,
    last: Option<UnixMillis>,
}

/// `GET /webhooks?q&page`
pub(super) async fn list(signed: Signed) -> Result<Response, Problem> {
    let Signed { page, viewer } = signed;
    viewer.may(Capability::ViewBase)?;
    let configuration = page.console.api.store.configuration();
    let application = page.application(&viewer, &configuration).ok_or(Problem::NotFound)?;
    let all = configuration.endpoints_of(application.id);
    let filter = page.query("q").unwrap_or_default();
    let found: Vec<&Arc<Endpoint>> = all.iter().rev().filter(|it| matches(it, &filter)).collect();
    let number = page.query("page").and_then(|it| it.parse::<usize>().ok()).unwrap_or(1).max(1);
    let shown: Vec<Arc<Endpoint>> = found
        .iter()
        .skip((number - 1).saturating_mul(PAGE_ROWS))
        .take(PAGE_ROWS)
        .map(|it| (*it).clone())
        .collect();
    let ids: Vec<EndpointId> = shown.iter().map(|it| it.id).collect();
    let now = page.now;
    let (mut numbers, failing) = page.console.api.store.list(move |reader| read(reader, &ids, now)).await?;
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
        filter,
        page: page.clone(),
    };
    page.html(&view)
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

type Read = (HashMap<EndpointId, Numbers>, HashMap<EndpointId, UnixMillis>);

/// Reads the numbers of some endpoints, and since when any endpoint does nothing but fail.
fn read(reader: &Reader, ids: &[EndpointId], now: UnixMillis) -> Result<Read, StoreError> {
    let mut numbers = HashMap::new();
    for endpoint in ids.iter().copied() {
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
        numbers.insert(endpoint, Numbers { hours, last });
    }
    let failing = reader.failing()?.into_iter().map(|(id, it)| (id, it.since)).collect();
    Ok((numbers, failing))
}

fn row(page: &Page, it: &Endpoint, numbers: Option<Numbers>, failing: Option<UnixMillis>) -> Row {
    let numbers = numbers.unwrap_or(Numbers { hours: Vec::new(), last: None });
    let types: Vec<String> = it.event_types.iter().flatten().map(EventTypeName::to_string).collect();
    let since = failing.map(|at| page.when(at));
    Row {
        id: page.console.api.store.ids().encode(IdKind::Endpoint, it.application.partition(), it.id.0),
        name: name(it),
        url: ShownUrl::new(&it.url),
        state: Badge::of_webhook(it.state, since.as_ref(), &page.texts),
        events_more: types.len().saturating_sub(EVENTS_SHOWN),
        events: types.into_iter().take(EVENTS_SHOWN).collect(),
        line: Sparkline::new(&numbers.hours),
        last: numbers.last.map(|at| page.when(at)),
        integration: it.metadata.get(INTEGRATION).cloned().unwrap_or_default(),
        is_active: it.state == EndpointState::Active,
    }
}

/// `GET /webhooks/{endpoint}/pause`: asks first.
pub(super) async fn ask_pause(signed: Signed, Path(id): Path<String>) -> Result<Response, Problem> {
    let Signed { page, viewer } = signed;
    viewer.may(Capability::ManageEndpoint)?;
    let configuration = page.console.api.store.configuration();
    let (endpoint, _) = viewer.endpoint(&configuration, page.console.api.store.ids(), &id)?;
    page.html(&PauseView { name: name(endpoint), id, page: page.clone() })
}

/// `POST /webhooks/{endpoint}/pause`: its deliveries are held from now on. One that is disabled stays so: its reason
/// would be lost.
pub(super) async fn pause(signed: Signed, Path(id): Path<String>, _: Form) -> Result<Response, Problem> {
    let (name, before) = set_state(&signed, id, EndpointState::Paused).await?;
    let flash = match before {
        EndpointState::Disabled(_) => Flash::bad("webhooks-not-paused"),
        EndpointState::Active | EndpointState::Paused => Flash::good("webhooks-paused"),
    };
    Ok(signed.page.redirect("/webhooks", &flash.about(&name)))
}

/// `POST /webhooks/{endpoint}/resume`: it is sent to again, first what was held.
pub(super) async fn resume(signed: Signed, Path(id): Path<String>, _: Form) -> Result<Response, Problem> {
    let (name, _) = set_state(&signed, id, EndpointState::Active).await?;
    Ok(signed.page.redirect("/webhooks", &Flash::good("webhooks-resumed").about(&name)))
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
