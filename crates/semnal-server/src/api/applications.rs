//! Applications.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use semnal_core::application::{Application, Scope};
use semnal_core::configuration::Change;
use semnal_core::id::{ApplicationId, IdKind};
use semnal_core::name::Uid;
use semnal_core::time::UnixMillis;
use semnal_store::store::{ChangePlan, Changed, StoredAnswer};
use serde::Deserialize;
use serde_json::{Value, json};

use super::ApiState;
use super::auth::Caller;
use super::body::{Raw, double, parse};
use super::error::{ApiError, Problem};
use super::{page, time};

/// 1,024 characters of a name.
const NAME_CHARACTERS_MAX: usize = 1_024;
/// 50 entries of metadata.
const METADATA_ENTRIES_MAX: usize = 50;
/// 4,096 bytes of a metadata value.
const METADATA_VALUE_BYTES_MAX: usize = 4_096;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ApplicationIn {
    name: String,
    uid: Option<String>,
    rate_limit: Option<u16>,
    throttle_rate: Option<u16>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ApplicationPatch {
    name: Option<String>,
    #[serde(default, deserialize_with = "double")]
    uid: Option<Option<String>>,
    #[serde(default, deserialize_with = "double")]
    rate_limit: Option<Option<u16>>,
    #[serde(default, deserialize_with = "double")]
    throttle_rate: Option<Option<u16>>,
    metadata: Option<BTreeMap<String, String>>,
}

/// What a client may set.
pub(super) struct Fields {
    pub(super) name: String,
    pub(super) uid: Option<Uid>,
    rate_limit: Option<u16>,
    metadata: BTreeMap<String, String>,
}

pub(super) fn parse_fields(bytes: &[u8]) -> Result<Fields, ApiError> {
    let given: ApplicationIn = parse(bytes)?;
    let mut problems = Vec::new();
    check_name(&given.name, &mut problems);
    check_metadata(&given.metadata, &mut problems);
    let uid = parse_uid(given.uid.as_deref(), &mut problems);
    let rate_limit = one_rate(given.rate_limit, given.throttle_rate, &mut problems);
    if !problems.is_empty() {
        return Err(ApiError::Invalid(problems));
    }
    Ok(Fields { name: given.name, uid, rate_limit, metadata: given.metadata })
}

fn check_name(name: &str, problems: &mut Vec<Problem>) {
    if name.trim().is_empty() || name.chars().count() > NAME_CHARACTERS_MAX {
        problems.push(Problem::body("name", format!("must have 1 to {NAME_CHARACTERS_MAX} characters")));
    }
}

pub(super) fn check_metadata(metadata: &BTreeMap<String, String>, problems: &mut Vec<Problem>) {
    let long = |(k, v): (&String, &String)| k.len() > 256 || v.len() > METADATA_VALUE_BYTES_MAX;
    if metadata.len() > METADATA_ENTRIES_MAX || metadata.iter().any(long) {
        let limits =
            format!("has at most {METADATA_ENTRIES_MAX} entries of {METADATA_VALUE_BYTES_MAX} bytes");
        problems.push(Problem::body("metadata", limits));
    }
}

pub(super) fn parse_uid(text: Option<&str>, problems: &mut Vec<Problem>) -> Option<Uid> {
    match text.map(Uid::parse).transpose() {
        Ok(uid) => uid,
        Err(error) => {
            problems.push(Problem::body("uid", error));
            None
        }
    }
}

/// `rateLimit` and `throttleRate` are two names of one thing.
pub(super) fn one_rate(
    rate_limit: Option<u16>,
    throttle_rate: Option<u16>,
    problems: &mut Vec<Problem>,
) -> Option<u16> {
    if rate_limit.is_some() && throttle_rate.is_some() && rate_limit != throttle_rate {
        problems.push(Problem::body("rateLimit", "differs from throttleRate, which means the same"));
    }
    let rate = rate_limit.or(throttle_rate);
    if rate == Some(0) {
        problems.push(Problem::body("rateLimit", "must be at least 1 a second"));
    }
    rate
}

pub(super) fn public_id(state: &ApiState, id: ApplicationId) -> String {
    state.store.ids().encode(IdKind::Application, id.partition(), id.0)
}

fn show(state: &ApiState, it: &Application) -> Value {
    json!({
        "id": public_id(state, it.id),
        "uid": it.uid.as_ref().map(Uid::as_str),
        "name": it.name,
        "rateLimit": it.rate_limit,
        "throttleRate": it.rate_limit,
        "metadata": it.metadata,
        "createdAt": time::format(it.created_at),
        "updatedAt": time::format(it.updated_at),
    })
}

/// Returns an answer as JSON.
pub(super) fn answer(status: StatusCode, body: &Value) -> Response {
    (status, axum::Json(body)).into_response()
}

/// Returns an answer that was given before.
pub(super) fn repeat(stored: StoredAnswer) -> Response {
    let status = StatusCode::from_u16(stored.status).unwrap_or(StatusCode::OK);
    (status, [(http::header::CONTENT_TYPE, "application/json")], stored.body).into_response()
}

pub(super) fn stored(status: StatusCode, body: &Value) -> Option<StoredAnswer> {
    Some(StoredAnswer { status: status.as_u16(), body: body.to_string().into_bytes() })
}

/// Returns entries in the order that was asked for.
pub(super) fn ordered<T>(mut all: Vec<T>, order: Option<&str>, ascending: bool) -> Result<Vec<T>, ApiError> {
    let wanted = match order {
        None => ascending,
        Some("ascending") => true,
        Some("descending") => false,
        Some(_) => {
            return Err(ApiError::invalid(Problem::query("order", "must be ascending or descending")));
        }
    };
    if !wanted {
        all.reverse();
    }
    Ok(all)
}

pub(super) type Parameters = Query<HashMap<String, String>>;

pub(super) fn parameter<'a>(query: &'a Parameters, name: &str) -> Option<&'a str> {
    query.get(name).map(String::as_str)
}

pub(super) async fn list(
    State(state): State<Arc<ApiState>>,
    caller: Caller,
    query: Parameters,
) -> Result<Response, ApiError> {
    caller.require_whole(Scope::Read)?;
    let configuration = state.store.configuration();
    let all: Vec<_> = configuration.applications(caller.organisation.id).cloned().collect();
    let all = ordered(all, parameter(&query, "order"), true)?;
    let (limit, from) =
        (page::limit(parameter(&query, "limit"))?, page::from(parameter(&query, "iterator"))?);
    let page = page::cut(&all, &from, limit, |a| public_id(&state, a.id), |a| show(&state, a));
    Ok(axum::Json(page).into_response())
}

pub(super) fn new_application(
    state: &ApiState,
    caller: &Caller,
    fields: Fields,
    now: UnixMillis,
) -> Application {
    Application {
        id: ApplicationId(state.store.next_key()),
        organisation: caller.organisation.id,
        uid: fields.uid,
        name: fields.name,
        rate_limit: fields.rate_limit,
        metadata: fields.metadata,
        created_at: now,
        updated_at: now,
    }
}

pub(super) async fn create(
    State(state): State<Arc<ApiState>>,
    caller: Caller,
    query: Parameters,
    Raw(bytes): Raw,
) -> Result<Response, ApiError> {
    caller.require_whole(Scope::Manage)?;
    let fields = parse_fields(&bytes)?;
    let get_if_exists = parameter(&query, "get_if_exists") == Some("true");
    let it = new_application(&state, &caller, fields, state.now());
    let shown = state.clone();
    let plan = move |configuration: &semnal_core::configuration::Configuration| {
        let found = it.uid.as_ref().and_then(|uid| configuration.application_by_uid(it.organisation, uid));
        let (changes, status, body) = match found {
            Some(found) if get_if_exists => (vec![], StatusCode::OK, show(&shown, found)),
            _ => (vec![Change::PutApplication(it.clone())], StatusCode::CREATED, show(&shown, &it)),
        };
        Ok::<_, ApiError>(ChangePlan { changes, answer: stored(status, &body), value: (status, body) })
    };
    match state.store.change(caller.idempotency, plan).await?? {
        Changed::Applied((status, body)) => Ok(answer(status, &body)),
        Changed::Repeated(stored) => Ok(repeat(stored)),
    }
}

pub(super) async fn get(
    State(state): State<Arc<ApiState>>,
    caller: Caller,
    Path(app): Path<String>,
) -> Result<Response, ApiError> {
    caller.require(Scope::Read)?;
    let it = caller.application(&state, &state.store.configuration(), &app)?;
    Ok(answer(StatusCode::OK, &show(&state, &it)))
}

pub(super) async fn put(
    State(state): State<Arc<ApiState>>,
    caller: Caller,
    Path(app): Path<String>,
    Raw(bytes): Raw,
) -> Result<Response, ApiError> {
    caller.require_whole(Scope::Manage)?;
    let mut fields = parse_fields(&bytes)?;
    let now = state.now();
    let shown = state.clone();
    let id = ApplicationId(state.store.next_key());
    let plan = move |configuration: &semnal_core::configuration::Configuration| {
        let (status, it) = match caller.application(&shown, configuration, &app) {
            Ok(old) => {
                let Fields { name, uid, rate_limit, metadata } = fields;
                let it = Application { name, uid, rate_limit, metadata, updated_at: now, ..(*old).clone() };
                (StatusCode::OK, it)
            }
            Err(missing) => {
                // A name that could be a uid makes a new application under it.
                let uid = Uid::parse(&app).map_err(|_| missing)?;
                fields.uid = fields.uid.or(Some(uid));
                (StatusCode::CREATED, Application { id, ..new_application(&shown, &caller, fields, now) })
            }
        };
        let body = show(&shown, &it);
        Ok::<_, ApiError>(ChangePlan {
            changes: vec![Change::PutApplication(it)],
            answer: None,
            value: (status, body),
        })
    };
    applied(state.store.change(None, plan).await??)
}

/// Answers a change that keeps no answer for repetitions.
pub(super) fn applied(changed: Changed<(StatusCode, Value)>) -> Result<Response, ApiError> {
    match changed {
        Changed::Applied((StatusCode::NO_CONTENT, _)) => Ok(StatusCode::NO_CONTENT.into_response()),
        Changed::Applied((status, body)) => Ok(answer(status, &body)),
        Changed::Repeated(stored) => Ok(repeat(stored)),
    }
}

pub(super) async fn patch(
    State(state): State<Arc<ApiState>>,
    caller: Caller,
    Path(app): Path<String>,
    Raw(bytes): Raw,
) -> Result<Response, ApiError> {
    caller.require_whole(Scope::Manage)?;
    let given: ApplicationPatch = parse(&bytes)?;
    let mut problems = Vec::new();
    if let Some(name) = &given.name {
        check_name(name, &mut problems);
    }
    if let Some(metadata) = &given.metadata {
        check_metadata(metadata, &mut problems);
    }
    let uid = given.uid.map(|uid| parse_uid(uid.as_deref(), &mut problems));
    if !problems.is_empty() {
        return Err(ApiError::Invalid(problems));
    }
    let now = state.now();
    let shown = state.clone();
    let plan = move |configuration: &semnal_core::configuration::Configuration| {
        let mut it = (*caller.application(&shown, configuration, &app)?).clone();
        it.name = given.name.unwrap_or(it.name);
        it.metadata = given.metadata.unwrap_or(it.metadata);
        it.uid = uid.unwrap_or(it.uid);
        it.rate_limit = given.rate_limit.or(given.throttle_rate).unwrap_or(it.rate_limit);
        it.updated_at = now;
        let body = show(&shown, &it);
        let value = (StatusCode::OK, body);
        Ok::<_, ApiError>(ChangePlan { changes: vec![Change::PutApplication(it)], answer: None, value })
    };
    applied(state.store.change(None, plan).await??)
}

pub(super) async fn delete(
    State(state): State<Arc<ApiState>>,
    caller: Caller,
    Path(app): Path<String>,
) -> Result<Response, ApiError> {
    caller.require_whole(Scope::Manage)?;
    let shown = state.clone();
    let plan = move |configuration: &semnal_core::configuration::Configuration| {
        let it = caller.application(&shown, configuration, &app)?;
        let changes = vec![Change::DeleteApplication(it.id)];
        Ok::<_, ApiError>(ChangePlan { changes, answer: None, value: (StatusCode::NO_CONTENT, Value::Null) })
    };
    applied(state.store.change(None, plan).await??)
}
