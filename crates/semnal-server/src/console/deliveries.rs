//! `/deliveries`: every delivery of an application, newest first, one row each; narrowed by the address alone.

pub(super) mod attempt;
pub(super) mod filter;
pub(super) mod find;
pub(super) mod live;
pub(super) mod one;
pub(super) mod state;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use semnal_core::application::Application;
use semnal_core::configuration::Configuration;
use semnal_core::delivery::DeliveryState;
use semnal_core::id::IdKind;
use semnal_core::portal::Capability;
use semnal_core::retry::RetrySchedule;
use semnal_store::views::filter::{Direction, Found, Slice};

use super::Console;
use super::causes::explain;
use super::page::{Page, Signed};
use super::parts::{Badge, When};
use super::problem::Problem;
use super::webhooks;
use filter::{Filter, STATUSES, TESTS, TIMES};
use find::{Item, PAGE_ROWS, Question, find};

/// The list.
#[derive(Template)]
#[template(path = "deliveries.html")]
struct ListView {
    page: Page,
    rows: Vec<Row>,
    search: String,
    states: Vec<Choice>,
    events: Vec<Choice>,
    webhooks: Vec<Choice>,
    statuses: Vec<Choice>,
    tests: Vec<Choice>,
    times: Vec<Choice>,
    is_filtered: bool,
    /// Search words that say nothing.
    unknown: String,
    /// The part that was looked at is empty, and there is more.
    is_partial: bool,
    previous: String,
    next: String,
    /// Where to listen for news; empty on other pages than the first.
    live: String,
    /// There is no webhook at all.
    has_webhooks: bool,
}

/// A value that a field offers.
struct Choice {
    value: String,
    label: String,
    is_chosen: bool,
}

/// One delivery.
struct Row {
    id: String,
    path: String,
    state: Badge,
    event: String,
    is_test: bool,
    webhook: String,
    webhook_path: String,
    /// What became of the last attempt; empty before the first.
    cause: String,
    attempts: u16,
    attempts_max: usize,
    next: Option<When>,
    age: When,
    duration: String,
}

/// `GET /deliveries?q&state&event&webhook&status&test&after&older&newer`
pub(super) async fn list(signed: Signed) -> Result<Response, Problem> {
    let Signed { page, viewer } = signed;
    viewer.may(Capability::ViewBase)?;
    if let Some(path) = jump(&page) {
        return Ok(Redirect::to(&path).into_response());
    }
    let configuration = page.console.api.store.configuration();
    let application = page.application(&viewer, &configuration).ok_or(Problem::NotFound)?;
    let filter = Filter::read(&page, &configuration, &application);
    let (older, newer) = (page.query("older"), page.query("newer"));
    let cursor = |text: &Option<String>| text.as_deref().and_then(|it| page.read_cursor(it));
    let slice = match (cursor(&newer), cursor(&older)) {
        (Some(from), _) => Slice { from: Some(from), direction: Direction::Newer, limit: PAGE_ROWS },
        (None, from) => Slice { from, direction: Direction::Older, limit: PAGE_ROWS },
    };
    let question = Question {
        application: application.id,
        configuration: configuration.clone(),
        filter: filter.clone(),
        slice,
    };
    let Found { mut items, more_after } =
        page.console.api.store.list(move |reader| find(reader, &question)).await?;
    let backwards = slice.direction == Direction::Newer;
    if backwards {
        items.reverse();
    }
    let place = |it: &Item| page.cursor(&application, it.delivery.id);
    let link = |name: &str, value: String| page.with_queries(&[("older", ""), ("newer", ""), (name, &value)]);
    let beyond = || more_after.map(|it| page.cursor(&application, it));
    let (ahead, behind) = match (backwards, slice.from) {
        (true, _) => (beyond(), items.last().map(place)),
        (false, Some(_)) => (items.first().map(place), beyond()),
        (false, None) => (None, beyond()),
    };
    let is_first = slice.from.is_none();
    let rows = items.iter().map(|it| row(&page, &configuration, &application, it)).collect::<Vec<_>>();
    let view = ListView {
        search: page.query("q").unwrap_or_default(),
        states: choices(
            &page,
            "state",
            state::STATES.map(|(it, ..)| (it.to_owned(), state::word(it, &page.texts))),
        ),
        events: events(&page, &configuration, &application),
        webhooks: endpoints(&page, &configuration, &application),
        statuses: choices(&page, "status", STATUSES.map(|it| (it.to_owned(), status_word(it, &page)))),
        tests: choices(&page, "test", TESTS.map(|(it, _)| (it.to_owned(), test_words(it, &page)))),
        times: choices(
            &page,
            "after",
            TIMES.map(|(it, seconds)| (it.to_owned(), time_words(seconds, &page))),
        ),
        is_filtered: !filter.is_empty(),
        unknown: filter.unknown.join(" "),
        is_partial: rows.is_empty() && more_after.is_some(),
        previous: ahead.map_or(String::new(), |it| link("newer", it)),
        next: behind.map_or(String::new(), |it| link("older", it)),
        live: if is_first {
            live::path(&page, &application, items.first().map(|it| it.message))
        } else {
            String::new()
        },
        has_webhooks: !configuration.endpoints_of(application.id).is_empty(),
        rows,
        page: page.clone(),
    };
    page.html(&view)
}

/// Somebody who searches for an id wants its page.
fn jump(page: &Page) -> Option<String> {
    let text = page.query("q")?;
    let (text, ids) = (text.trim(), page.console.api.store.ids());
    if ids.decode(IdKind::Message, text).is_ok() {
        return Some(format!("/events/{text}"));
    }
    ids.decode(IdKind::Endpoint, text).is_ok().then(|| format!("/webhooks/{text}"))
}

/// Returns how many attempts a delivery gets by its schedule.
pub(super) fn attempts_max(
    page: &Page,
    configuration: &Configuration,
    application: &Application,
    it: &Item,
) -> usize {
    let endpoint = configuration.endpoint(it.delivery.endpoint);
    let own = endpoint.and_then(|it| it.schedule.as_ref());
    let of_type = configuration.event_type_schedule(application.id, &it.event_type);
    RetrySchedule::in_force(own, of_type, &page.console.facts.schedule).attempts()
}

fn row(page: &Page, configuration: &Configuration, application: &Application, it: &Item) -> Row {
    let endpoint = configuration.endpoint(it.delivery.endpoint);
    let message = page.message_id(application, it.message);
    let endpoint_id = page.endpoint_id(application, it.delivery.endpoint);
    let end = it.last.as_ref().map(|last| &last.end);
    let due = it.delivery.due_at.filter(|_| matches!(it.delivery.state, DeliveryState::Pending(_)));
    Row {
        path: format!("/deliveries/{message}/{endpoint_id}"),
        state: state::badge(it.delivery.state, &page.texts),
        event: it.event_type.to_string(),
        is_test: it.is_test,
        webhook: page.webhook_name(endpoint),
        webhook_path: endpoint.map_or(String::new(), |_| format!("/webhooks/{endpoint_id}")),
        cause: end.map_or(String::new(), |end| explain(end, &page.texts).line()),
        attempts: it.delivery.state.progress().attempts,
        attempts_max: attempts_max(page, configuration, application, it),
        next: due.map(|at| page.when(at)),
        age: page.when(it.message.0.time()),
        duration: it.last.as_ref().map_or(String::new(), |last| milliseconds(page, last.total_ms)),
        id: message,
    }
}

/// Writes a length of time: `340 ms`, `15 s`.
pub(super) fn milliseconds(page: &Page, length: i64) -> String {
    let length = u64::try_from(length).unwrap_or(0);
    if length == 0 {
        "<1 ms".to_owned()
    } else if length < 10_000 {
        format!("{} ms", page.number(length))
    } else {
        format!("{} s", page.number(length / 1_000))
    }
}

fn choices<const N: usize>(page: &Page, name: &str, all: [(String, String); N]) -> Vec<Choice> {
    chosen(page.query(name).as_deref(), all.into_iter())
}

fn chosen(value: Option<&str>, all: impl Iterator<Item = (String, String)>) -> Vec<Choice> {
    all.map(|(it, label)| Choice { is_chosen: value == Some(it.as_str()), value: it, label }).collect()
}

fn events(page: &Page, configuration: &Configuration, application: &Application) -> Vec<Choice> {
    let all = configuration.event_types(application.organisation).filter(|it| !it.archived);
    chosen(page.query("event").as_deref(), all.map(|it| (it.name.to_string(), it.name.to_string())))
}

fn endpoints(page: &Page, configuration: &Configuration, application: &Application) -> Vec<Choice> {
    let all = configuration.endpoints_of(application.id);
    let pairs = all.iter().rev().map(|it| (page.endpoint_id(application, it.id), webhooks::name(it)));
    chosen(page.query("webhook").as_deref(), pairs)
}

fn status_word(word: &str, page: &Page) -> String {
    if word == "none" { page.t("deliveries-no-answer") } else { word.to_owned() }
}

fn test_words(word: &str, page: &Page) -> String {
    page.t(if word == "yes" { "deliveries-tests-only" } else { "deliveries-tests-not" })
}

fn time_words(seconds: u64, page: &Page) -> String {
    match seconds / 3_600 {
        hours @ 0..=24 => page.n("deliveries-hours", hours),
        hours => page.n("deliveries-days", hours / 24),
    }
}

/// Adds the pages about deliveries.
pub(super) fn routes(pages: Router<Arc<Console>>) -> Router<Arc<Console>> {
    pages
        .route("/deliveries", get(list))
        .route("/deliveries/live", get(live::stream))
        .route("/deliveries/{message}/{endpoint}", get(one::show))
        .route("/deliveries/{message}/{endpoint}/resend", post(one::resend))
        .route("/deliveries/{message}/{endpoint}/curl", get(one::curl))
}
