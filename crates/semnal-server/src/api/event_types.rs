//! Event types: the catalogue.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use semnal_core::application::{EventType, Scope};
use semnal_core::configuration::{Change, Configuration};
use semnal_core::name::EventTypeName;
use semnal_store::store::{ChangePlan, Changed};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::ApiState;
use super::applications::{Parameters, answer, applied, ordered, parameter, repeat, stored};
use super::auth::Caller;
use super::body::{Raw, parse};
use super::error::{ApiError, Problem};
use super::{page, time};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventTypeIn {
    name: String,
    description: String,
    #[serde(default)]
    archived: bool,
    #[serde(default)]
    deprecated: bool,
    feature_flag: Option<String>,
    schemas: Option<Box<RawValue>>,
    example: Option<Box<RawValue>>,
    group_name: Option<String>,
}

fn show(it: &EventType) -> Value {
    let value = |text: &Option<String>| text.as_deref().and_then(|t| serde_json::from_str::<Value>(t).ok());
    json!({
        "name": it.name.as_str(),
        "title": it.title,
        "description": it.description,
        "groupName": it.group,
        "archived": it.archived,
        "deprecated": it.deprecated,
        "featureFlag": it.feature_flag,
        "schemas": value(&it.schemas),
        "example": value(&it.example),
        "createdAt": time::format(it.created_at),
        "updatedAt": time::format(it.updated_at),
    })
}

fn find<'a>(
    configuration: &'a Configuration,
    caller: &Caller,
    name: &str,
) -> Result<&'a Arc<EventType>, ApiError> {
    let missing = || ApiError::not_found("the event type");
    let name = EventTypeName::parse(name).map_err(|_| missing())?;
    configuration.event_type(caller.organisation.id, &name).ok_or_else(missing)
}

pub(super) async fn list(
    State(state): State<Arc<ApiState>>,
    caller: Caller,
    query: Parameters,
) -> Result<Response, ApiError> {
    caller.require(Scope::Read)?;
    let configuration = state.store.configuration();
    let archived = parameter(&query, "include_archived") == Some("true");
    let all = configuration.event_types(caller.organisation.id).filter(|t| archived || !t.archived);
    let all = ordered(all.cloned().collect(), parameter(&query, "order"), true)?;
    let (limit, from) =
        (page::limit(parameter(&query, "limit"))?, page::from(parameter(&query, "iterator"))?);
    let page = page::cut(&all, &from, limit, |t| t.name.to_string(), |t| show(t));
    Ok(axum::Json(page).into_response())
}

pub(super) async fn create(
    State(state): State<Arc<ApiState>>,
    caller: Caller,
    Raw(bytes): Raw,
) -> Result<Response, ApiError> {
    caller.require_whole(Scope::Manage)?;
    let given: EventTypeIn = parse(&bytes)?;
    let name = EventTypeName::parse(&given.name).map_err(|e| ApiError::invalid(Problem::body("name", e)))?;
    let now = state.now();
    let it = EventType {
        organisation: caller.organisation.id,
        name,
        title: None,
        description: given.description,
        group: given.group_name,
        archived: given.archived,
        deprecated: given.deprecated,
        feature_flag: given.feature_flag,
        schemas: given.schemas.map(|s| s.get().to_owned()),
        example: given.example.map(|e| e.get().to_owned()),
        created_at: now,
        updated_at: now,
    };
    let plan = move |configuration: &Configuration| {
        if configuration.event_type(it.organisation, &it.name).is_some_and(|t| !t.archived) {
            return Err(ApiError::conflict(format!("the event type {} exists already", it.name)));
        }
        let body = show(&it);
        let answer = stored(StatusCode::CREATED, &body);
        Ok(ChangePlan { changes: vec![Change::PutEventType(Box::new(it))], answer, value: body })
    };
    match state.store.change(caller.idempotency, plan).await?? {
        Changed::Applied(body) => Ok(answer(StatusCode::CREATED, &body)),
        Changed::Repeated(stored) => Ok(repeat(stored)),
    }
}

pub(super) async fn get(
    State(state): State<Arc<ApiState>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    caller.require(Scope::Read)?;
    let configuration = state.store.configuration();
    Ok(answer(StatusCode::OK, &show(find(&configuration, &caller, &name)?)))
}

/// Archives an event type, or with `expunge=true` removes it.
pub(super) async fn delete(
    State(state): State<Arc<ApiState>>,
    caller: Caller,
    Path(name): Path<String>,
    query: Parameters,
) -> Result<Response, ApiError> {
    caller.require_whole(Scope::Manage)?;
    let expunge = parameter(&query, "expunge") == Some("true");
    let now = state.now();
    let plan = move |configuration: &Configuration| {
        let it = find(configuration, &caller, &name)?;
        let change = if expunge {
            Change::DeleteEventType(it.organisation, it.name.clone())
        } else {
            Change::PutEventType(Box::new(EventType { archived: true, updated_at: now, ..(**it).clone() }))
        };
        let value = (StatusCode::NO_CONTENT, Value::Null);
        Ok::<_, ApiError>(ChangePlan { changes: vec![change], answer: None, value })
    };
    applied(state.store.change(None, plan).await??)
}
