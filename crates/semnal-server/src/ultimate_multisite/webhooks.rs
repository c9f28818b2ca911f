//! `/webhook` and `/webhook/{id}`: the endpoints of one application, with one event each, as the original has them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use semnal_core::configuration::{Change, Configuration};
use semnal_core::endpoint::{DisabledReason, Endpoint, EndpointState};
use semnal_core::id::EndpointId;
use semnal_core::integration::{Integration, SERVICE_CHARACTERS_MAX};
use semnal_core::name::EventTypeName;
use semnal_core::time::UnixMillis;
use semnal_store::store::{ChangePlan, Changed};

use super::access::{Bearer, CREDENTIALS};
use super::answer::{self, Refusal};
use super::numbers;
use super::parameters::{Body, QueryParameters};
use super::webhook_list::{self, Tally, WebhookOut};
use crate::api::ApiState;
use crate::api::body::RequestBody;
use crate::api::endpoints::fields::{self, DESCRIPTION_CHARACTERS_MAX};
use crate::api::error::ApiError;

const MODEL: &str = "webhook";
/// 2 characters at least for a name and an integration (the original's rule).
const NAME_CHARACTERS_MIN: usize = 2;
/// What a client may set. Everything else that a webhook has is not theirs.
const SETTABLE: [&str; 11] = [
    "name",
    "webhook_url",
    "event",
    "event_count",
    "active",
    "hidden",
    "integration",
    "date_created",
    "date_modified",
    "migrated_from_id",
    "skip_validation",
];

/// The fields of a webhook as a client gives them, judged.
struct Given {
    name: Option<String>,
    url: Option<String>,
    event: Option<EventTypeName>,
    service: Option<String>,
    active: Option<bool>,
    hidden: Option<bool>,
    event_count: Option<i64>,
    migrated_from: Option<i64>,
    created_at: Option<UnixMillis>,
    modified_at: Option<UnixMillis>,
}

impl Given {
    /// Reads them.
    ///
    /// # Errors
    /// 400 with the first field whose value is refused.
    fn read(mut body: Body, api: &ApiState) -> Result<Given, Refusal> {
        let unchecked = body.boolean("skip_validation") == Some(true);
        let (name, url) = (body.text("name"), body.text("webhook_url"));
        let (event, service) = (body.text("event"), body.text("integration"));
        let given = Given {
            url: None,
            event: None,
            active: body.boolean("active"),
            hidden: body.boolean("hidden"),
            event_count: body.integer("event_count"),
            migrated_from: body.integer("migrated_from_id"),
            created_at: body.time("date_created").flatten(),
            modified_at: body.time("date_modified").flatten(),
            name,
            service,
        };
        body.finish()?;
        if let Some(name) = &given.name {
            judge_length("name", "Name", name, unchecked, DESCRIPTION_CHARACTERS_MAX)?;
        }
        // Whoever skips validation gets no further than to where a delivery could not be made.
        let url = url.map(|text| judge_url(&text, api)).transpose()?;
        let event = event.map(|text| judge_event(&text)).transpose()?;
        if let Some(service) = &given.service {
            judge_length("integration", "Integration", service, unchecked, SERVICE_CHARACTERS_MAX)?;
        }
        Ok(Given { url, event, ..given })
    }
}

fn judge_length(field: &str, label: &str, text: &str, unchecked: bool, max: usize) -> Result<(), Refusal> {
    let characters = text.chars().count();
    match characters {
        _ if characters > max => Err(Refusal::field(field, format!("The {label} maximum is {max}"))),
        _ if unchecked => Ok(()),
        0 => Err(Refusal::field(field, format!("The {label} field is required"))),
        n if n < NAME_CHARACTERS_MIN => {
            Err(Refusal::field(field, format!("The {label} minimum is {NAME_CHARACTERS_MIN}")))
        }
        _ => Ok(()),
    }
}

fn judge_url(text: &str, api: &ApiState) -> Result<String, Refusal> {
    if text.is_empty() {
        return Err(Refusal::field("webhook_url", "The Webhook Url field is required"));
    }
    fields::judge_url(text, &api.url_rules, &api.policy)
        .map_err(|why| Refusal::field("webhook_url", format!("The Webhook Url is not valid url: {why}")))
}

fn judge_event(text: &str) -> Result<EventTypeName, Refusal> {
    if text.is_empty() {
        return Err(Refusal::field("event", "The Event field is required"));
    }
    EventTypeName::parse(text).map_err(|why| Refusal::field("event", format!("The Event {why}")))
}

/// `GET /webhook`
pub(super) async fn list(
    State(api): State<Arc<ApiState>>,
    bearer: Bearer,
    parameters: QueryParameters,
) -> Result<Response, Refusal> {
    webhook_list::page(&api, bearer, &parameters).await
}

/// `GET /webhook/{id}`
pub(super) async fn read(
    State(api): State<Arc<ApiState>>,
    bearer: Bearer,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let configuration = numbers::numbered(&api, bearer.application).await?;
    let (entry, endpoint) = find(&configuration, bearer, number(&id)?)?;
    let tally = tally_of(&api, endpoint.id).await?;
    Ok(answer::json(StatusCode::OK, &WebhookOut::new(&endpoint, &entry, tally)))
}

/// `POST /webhook`: what is made without `active` is active.
pub(super) async fn create(
    State(api): State<Arc<ApiState>>,
    bearer: Bearer,
    RequestBody(bytes): RequestBody,
) -> Result<Response, Refusal> {
    let body = Body::parse(&bytes)?;
    body.require(&["name", "webhook_url", "event", "integration"])?;
    let given = Given::read(body, &api)?;
    let secret = fields::generate_secret(api.default_signature)?;
    numbers::numbered(&api, bearer.application).await?;
    let (id, now) = (EndpointId(api.store.next_key()), api.now());
    let plan = move |configuration: &Configuration| {
        bearer.application(configuration)?;
        let number = numbers::next(&configuration.integrations(bearer.application))?;
        let entry = Integration {
            service: given.service.unwrap_or_default(),
            hidden: given.hidden.unwrap_or(false),
            migrated_from: given.migrated_from.unwrap_or(0),
            count_offset: given.event_count.unwrap_or(0),
            ..Integration::new(bearer.application, number, id)
        };
        let created_at = given.created_at.unwrap_or(now);
        let endpoint = Endpoint {
            id,
            application: bearer.application,
            uid: None,
            url: given.url.unwrap_or_default(),
            description: given.name.unwrap_or_default(),
            state: state(EndpointState::Active, given.active),
            event_types: given.event.map(|event| BTreeSet::from([event])),
            channels: None,
            rate_limit: None,
            concurrency_limit: None,
            headers: BTreeMap::new(),
            metadata: BTreeMap::new(),
            secrets: vec![secret],
            schedule: None,
            created_at,
            updated_at: given.modified_at.unwrap_or(now),
        };
        Ok(put(endpoint, entry, Tally::default()))
    };
    change(&api, plan).await
}

/// `POST`, `PUT` and `PATCH /webhook/{id}`: changes what is given.
pub(super) async fn update(
    State(api): State<Arc<ApiState>>,
    bearer: Bearer,
    Path(id): Path<String>,
    RequestBody(bytes): RequestBody,
) -> Result<Response, Refusal> {
    let number = number(&id)?;
    let configuration = numbers::numbered(&api, bearer.application).await?;
    let (_, endpoint) = find(&configuration, bearer, number)?;
    let body = Body::parse(&bytes)?;
    let known = |name: &&str| SETTABLE.contains(name) || CREDENTIALS.contains(name) || *name == "meta";
    if let Some(name) = body.names().find(|name| !known(name)) {
        return Err(Refusal::not_settable(MODEL, name));
    }
    let given = Given::read(body, &api)?;
    let (tally, now) = (tally_of(&api, endpoint.id).await?, api.now());
    let plan = move |configuration: &Configuration| {
        let (entry, old) = find(configuration, bearer, number)?;
        let event_types = with_event(&old, given.event)?;
        let endpoint = Endpoint {
            url: given.url.unwrap_or_else(|| old.url.clone()),
            description: given.name.unwrap_or_else(|| old.description.clone()),
            state: state(old.state, given.active),
            event_types,
            created_at: given.created_at.unwrap_or(old.created_at),
            updated_at: given.modified_at.unwrap_or(now),
            ..Endpoint::clone(&old)
        };
        let entry = Integration {
            service: given.service.unwrap_or_else(|| entry.service.clone()),
            hidden: given.hidden.unwrap_or(entry.hidden),
            migrated_from: given.migrated_from.unwrap_or(entry.migrated_from),
            count_offset: given.event_count.map_or(entry.count_offset, |count| tally.offset_for(count)),
            ..Integration::clone(&entry)
        };
        Ok(put(endpoint, entry, tally))
    };
    change(&api, plan).await
}

/// `DELETE /webhook/{id}`: 1, also for one that is gone because its target answered 410.
pub(super) async fn delete(
    State(api): State<Arc<ApiState>>,
    bearer: Bearer,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let number = number(&id)?;
    numbers::numbered(&api, bearer.application).await?;
    let plan = move |configuration: &Configuration| {
        let list = configuration.integrations(bearer.application);
        let entry = list.get(number).ok_or_else(|| Refusal::not_found(MODEL))?;
        let change = match (entry.endpoint, entry.gone_at) {
            (Some(endpoint), _) => Change::DeleteEndpoint(endpoint),
            (None, Some(_)) => Change::ForgetIntegration(bearer.application, number),
            (None, None) => return Err(Refusal::not_found(MODEL)),
        };
        Ok::<_, Refusal>(ChangePlan { changes: vec![change], answer: None, value: () })
    };
    api.store.change(None, plan).await??;
    Ok(answer::json(StatusCode::OK, &1))
}

/// Returns the number that a path names. What is none belongs to no route.
fn number(text: &str) -> Result<u32, Refusal> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal::no_route());
    }
    text.parse().map_err(|_| Refusal::not_found(MODEL))
}

fn find(
    configuration: &Configuration,
    bearer: Bearer,
    number: u32,
) -> Result<(Arc<Integration>, Arc<Endpoint>), Refusal> {
    let list = configuration.integrations(bearer.application);
    let found = list.get(number).and_then(|entry| {
        let endpoint = configuration.endpoint(entry.endpoint?)?;
        Some((entry.clone(), endpoint.clone()))
    });
    found.ok_or_else(|| Refusal::not_found(MODEL))
}

async fn tally_of(api: &ApiState, id: EndpointId) -> Result<Tally, Refusal> {
    let found = webhook_list::tallies(api, vec![id]).await?;
    Ok(found.get(&id).copied().unwrap_or_default())
}

/// Returns the state after `active` was set. One that holds for another reason than a request keeps it.
fn state(current: EndpointState, active: Option<bool>) -> EndpointState {
    match active {
        Some(true) => EndpointState::Active,
        Some(false) if current == EndpointState::Active => EndpointState::Disabled(DisabledReason::Requested),
        Some(false) | None => current,
    }
}

/// Returns the event types after the one that is shown was set.
fn with_event(
    old: &Endpoint,
    event: Option<EventTypeName>,
) -> Result<Option<BTreeSet<EventTypeName>>, Refusal> {
    let Some(event) = event.filter(|it| it.as_str() != webhook_list::first_event(old)) else {
        return Ok(old.event_types.clone());
    };
    match &old.event_types {
        Some(names) if names.len() == 1 => Ok(Some(BTreeSet::from([event]))),
        _ => {
            let message = "The Event cannot be changed here: this webhook gets several events and would lose the \
                           others. Change its events in the console, or with PATCH at /api/v1.";
            Err(Refusal::field("event", message))
        }
    }
}

fn put(endpoint: Endpoint, entry: Integration, tally: Tally) -> ChangePlan<WebhookOut> {
    let value = WebhookOut::new(&endpoint, &entry, tally);
    let changes = vec![Change::PutEndpoint(Box::new(endpoint)), Change::PutIntegration(Box::new(entry))];
    ChangePlan { changes, answer: None, value }
}

async fn change(
    api: &ApiState,
    plan: impl FnOnce(&Configuration) -> Result<ChangePlan<WebhookOut>, Refusal> + Send + 'static,
) -> Result<Response, Refusal> {
    match api.store.change(None, plan).await?? {
        Changed::Applied(it) => Ok(answer::json(StatusCode::OK, &it)),
        Changed::Repeated(_) => Err(ApiError::Internal.into()),
    }
}
