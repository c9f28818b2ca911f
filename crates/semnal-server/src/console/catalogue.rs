//! `/catalogue`: every event that there is, what it means and carries, who gets it, and trying a payload.

pub(super) mod edit;
mod fields;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::{get, post};
use semnal_core::application::{Application, EventType};
use semnal_core::configuration::Configuration;
use semnal_core::name::EventTypeName;
use semnal_core::portal::Capability;
use semnal_store::views::filter::{Direction, Kind, MessageFilter, Slice, Span};
use serde_json::value::RawValue;

use super::Console;
use super::form::Form;
use super::json_view::BodyView;
use super::page::{Page, Signed};
use super::parts::When;
use super::problem::Problem;
use super::viewer::Viewer;
use super::webhooks;
use crate::api::{newest_schema, try_payload};
use fields::FieldRow;

/// 7 days of events are counted in the list.
const COUNTED: Duration = Duration::from_secs(7 * 86_400);
/// 50 webhooks that get an event are named.
const SUBSCRIBERS_SHOWN: usize = 50;

/// The list.
#[derive(Template)]
#[template(path = "catalogue.html")]
struct ListView {
    page: Page,
    groups: Vec<Group>,
    filter: String,
    total: usize,
    found: usize,
    shows_archived: bool,
    archived: usize,
    can_manage: bool,
    can_add_webhook: bool,
}

struct Group {
    name: String,
    rows: Vec<Row>,
}

/// One event type.
struct Row {
    name: String,
    title: String,
    description: String,
    subscribers: usize,
    count: u64,
    is_archived: bool,
    is_deprecated: bool,
}

/// One event type's page.
#[derive(Template)]
#[template(path = "event_type.html")]
struct OneView {
    page: Page,
    name: String,
    title: String,
    description: String,
    group: String,
    is_archived: bool,
    is_deprecated: bool,
    is_enforced: bool,
    example: Option<BodyView>,
    schema: Option<BodyView>,
    version: String,
    fields: Vec<FieldRow>,
    curl: String,
    subscribers: Vec<(String, String)>,
    subscribers_count: usize,
    last: Option<When>,
    can_manage: bool,
    can_add_webhook: bool,
    verdict: Option<Verdict>,
    payload: String,
}

/// What trying a payload showed.
struct Verdict {
    is_good: bool,
    /// Places and what is wrong there.
    problems: Vec<(String, String)>,
}

/// Adds the pages about the catalogue. No event type has a `~` in its name.
pub(super) fn routes(pages: Router<Arc<Console>>) -> Router<Arc<Console>> {
    pages
        .route("/catalogue", get(list))
        .route("/catalogue/~new", get(edit::ask_new).post(edit::create))
        .route("/catalogue/{event_type}", get(show))
        .route("/catalogue/{event_type}/edit", get(edit::ask).post(edit::change))
        .route("/catalogue/{event_type}/archive", post(edit::archive))
        .route("/catalogue/{event_type}/validate", get(show).post(validate))
}

/// Tells whether a viewer is offered an event type: a portal only those that need no feature flag.
fn sees(viewer: &Viewer, it: &EventType) -> bool {
    !viewer.is_portal() || (it.feature_flags.is_empty() && !it.archived)
}

/// `GET /catalogue?q&archived`
async fn list(signed: Signed) -> Result<Response, Problem> {
    let Signed { page, viewer } = signed;
    viewer.may(Capability::ViewBase)?;
    let configuration = page.console.api.store.configuration();
    let application = page.application(&viewer, &configuration).ok_or(Problem::NotFound)?;
    let (id, now) = (application.id, page.now);
    let counts =
        page.console.api.store.list(move |reader| reader.count_messages(id, now - COUNTED, now)).await?;
    let counts: BTreeMap<EventTypeName, u64> = counts.into_iter().collect();
    let filter = page.query("q").unwrap_or_default();
    let shows_archived = page.query("archived").is_some() && !viewer.is_portal();
    let all: Vec<&Arc<EventType>> =
        configuration.event_types(viewer.organisation).filter(|it| sees(&viewer, it)).collect();
    let archived = all.iter().filter(|it| it.archived).count();
    let wanted = filter.trim().to_lowercase();
    let matches = |it: &EventType| {
        let texts = [it.name.as_str(), it.title.as_deref().unwrap_or_default(), &it.description];
        texts.iter().any(|text| text.to_lowercase().contains(&wanted))
    };
    let mut groups: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    let mut found = 0;
    for it in all.iter().filter(|it| (shows_archived || !it.archived) && matches(it)) {
        found += 1;
        let row = row(&configuration, &application, it, counts.get(&it.name).copied().unwrap_or(0));
        groups.entry(it.group.clone().unwrap_or_default()).or_default().push(row);
    }
    let view = ListView {
        groups: groups.into_iter().map(|(name, rows)| Group { name, rows }).collect(),
        filter,
        total: all.len() - archived,
        found,
        shows_archived,
        archived,
        can_manage: viewer.manages().is_ok(),
        can_add_webhook: viewer.can(Capability::ManageEndpoint),
        page: page.clone(),
    };
    page.html(&view)
}

fn row(configuration: &Configuration, application: &Application, it: &EventType, count: u64) -> Row {
    Row {
        name: it.name.to_string(),
        title: it.title.clone().unwrap_or_default(),
        description: it.description.clone(),
        subscribers: configuration.matching(application.id, &it.name, &[]).len(),
        count,
        is_archived: it.archived,
        is_deprecated: it.deprecated,
    }
}

fn find(viewer: &Viewer, configuration: &Configuration, name: &str) -> Result<Arc<EventType>, Problem> {
    let name = EventTypeName::parse(name).map_err(|_| Problem::NotFound)?;
    let found = configuration.event_type(viewer.organisation, &name).filter(|it| sees(viewer, it));
    found.cloned().ok_or(Problem::NotFound)
}

/// `GET /catalogue/{event_type}`
async fn show(signed: Signed, Path(name): Path<String>) -> Result<Response, Problem> {
    one(&signed, &name, None, None).await
}

async fn one(
    signed: &Signed,
    name: &str,
    payload: Option<String>,
    verdict: Option<Verdict>,
) -> Result<Response, Problem> {
    let Signed { page, viewer } = signed;
    viewer.may(Capability::ViewBase)?;
    let configuration = page.console.api.store.configuration();
    let application = page.application(viewer, &configuration).ok_or(Problem::NotFound)?;
    let it = find(viewer, &configuration, name)?;
    let kind = Kind { event_types: Some([it.name.clone()].into()), channel: None };
    let filter = MessageFilter { application: application.id, kind, span: Span::default() };
    let slice = Slice { from: None, direction: Direction::Older, limit: 1 };
    let last = page.console.api.store.list(move |reader| reader.list_messages(&filter, &slice)).await?;
    let matching = configuration.matching(application.id, &it.name, &[]);
    let subscriber = |id: &semnal_core::id::EndpointId| {
        let endpoint = configuration.endpoint(*id)?;
        Some((webhooks::name(endpoint), format!("/webhooks/{}", page.endpoint_id(&application, *id))))
    };
    let newest = it.schemas.as_deref().and_then(newest_schema);
    let example = it.example.clone();
    let view = OneView {
        name: it.name.to_string(),
        title: it.title.clone().unwrap_or_default(),
        description: it.description.clone(),
        group: it.group.clone().unwrap_or_default(),
        is_archived: it.archived,
        is_deprecated: it.deprecated,
        is_enforced: it.schema_enforced,
        example: example.as_deref().map(|it| BodyView::of(it.as_bytes())),
        schema: newest.as_ref().map(|(_, schema)| BodyView::of(schema.get().as_bytes())),
        version: newest.as_ref().map_or(String::new(), |(version, _)| version.clone()),
        fields: newest.as_ref().map_or(Vec::new(), |(_, schema)| fields::of(schema.get())),
        curl: curl(page, &application, &it),
        subscribers: matching.iter().take(SUBSCRIBERS_SHOWN).filter_map(subscriber).collect(),
        subscribers_count: matching.len(),
        last: last.items.first().map(|it| page.when(it.0.time())),
        can_manage: viewer.manages().is_ok(),
        can_add_webhook: viewer.can(Capability::ManageEndpoint) && !it.archived,
        payload: payload.or(example).unwrap_or_default(),
        verdict,
        page: page.clone(),
    };
    page.html(&view)
}

/// Returns a command that sends such an event.
fn curl(page: &Page, application: &Application, it: &EventType) -> String {
    let payload = it.example.as_deref().unwrap_or("{}");
    let name = serde_json::Value::from(it.name.as_str());
    let body = format!("{{\"eventType\": {name}, \"payload\": {payload}}}");
    let app = application.uid.as_ref().map_or_else(|| page.application_id(application), |it| it.to_string());
    format!(
        "curl -X POST {}/api/v1/app/{app}/msg \\\n  -H \"authorization: Bearer $SEMNAL_KEY\" \\\n  -H 'content-type: application/json' \\\n  --data-raw {}",
        page.console.api.public_url,
        crate::api::bash_quoted(body.as_bytes())
    )
}

/// `POST /catalogue/{event_type}/validate`: nothing is sent and nothing changes.
async fn validate(signed: Signed, Path(name): Path<String>, form: Form) -> Result<Response, Problem> {
    signed.viewer.may(Capability::ViewBase)?;
    let configuration = signed.page.console.api.store.configuration();
    let it = find(&signed.viewer, &configuration, &name)?;
    let text = form.raw("payload").to_owned();
    let verdict = match (serde_json::from_str::<Box<RawValue>>(&text), &it.schemas) {
        (Err(error), _) => Verdict { is_good: false, problems: vec![not_json(&signed.page, &error)] },
        (Ok(_), None) => Verdict { is_good: true, problems: Vec::new() },
        (Ok(payload), Some(schemas)) => {
            let checked = try_payload(&signed.page.console.api, schemas.clone(), payload).await?;
            let problems = checked.err().unwrap_or_default();
            let told = |it: &crate::api::FieldProblem| (it.pointer(0), it.message().to_owned());
            Verdict { is_good: problems.is_empty(), problems: problems.iter().map(told).collect() }
        }
    };
    one(&signed, &name, Some(text), Some(verdict)).await
}

/// Says where a text stops to be JSON.
fn not_json(page: &Page, error: &serde_json::Error) -> (String, String) {
    let values = [("line", page.a_count(error.line())), ("column", page.a_count(error.column()))];
    (String::new(), page.put_together("catalogue-not-json", &values))
}
