//! Endpoints and their secrets.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use semnal_core::application::Scope;
use semnal_core::configuration::{Change, Configuration};
use semnal_core::endpoint::{DisabledReason, Endpoint, EndpointSecret, EndpointState};
use semnal_core::endpoint_url::{EndpointUrl, Host};
use semnal_core::id::{ApplicationId, EndpointId, IdKind};
use semnal_core::name::{Channel, EventTypeName, Uid};
use semnal_core::retry::RetrySchedule;
use semnal_core::signature::Secret;
use semnal_core::time::UnixMillis;
use semnal_store::store::{ChangePlan, Changed};
use serde::Deserialize;
use serde_json::{Value, json};

use super::ApiState;
use super::applications::{
    Parameters, answer, applied, check_metadata, one_rate, ordered, parameter, parse_uid, repeat, stored,
};
use super::auth::{Caller, find_endpoint};
use super::body::{Raw, parse, parse_optional};
use super::error::{ApiError, Problem};
use super::{page, time};
use crate::configuration::SignatureKind;

/// 4,096 characters of a description.
const DESCRIPTION_CHARACTERS_MAX: usize = 4_096;
/// An old secret signs for a day beside the new one, unless the request says otherwise (Svix API).
const GRACE_SECONDS_DEFAULT: u64 = 86_400;
/// 7 days of grace at most (Svix API).
const GRACE_SECONDS_MAX: u64 = 604_800;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EndpointIn {
    url: String,
    uid: Option<String>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    disabled: bool,
    #[serde(default)]
    paused: bool,
    event_types: Option<Vec<String>>,
    filter_types: Option<Vec<String>>,
    channels: Option<Vec<String>>,
    rate_limit: Option<u16>,
    throttle_rate: Option<u16>,
    concurrency_limit: Option<u16>,
    retry_schedule: Option<String>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    secret: Option<String>,
}

/// What a client may set, checked.
struct Fields {
    url: String,
    uid: Option<Uid>,
    description: String,
    state: EndpointState,
    event_types: Option<BTreeSet<EventTypeName>>,
    channels: Option<BTreeSet<Channel>>,
    rate_limit: Option<u16>,
    concurrency_limit: Option<u16>,
    schedule: Option<RetrySchedule>,
    metadata: BTreeMap<String, String>,
    secret: Option<Secret>,
}

fn fields(state: &ApiState, given: EndpointIn) -> Result<Fields, ApiError> {
    let mut problems = Vec::new();
    let url = check_url(state, &given.url).map_err(|why| problems.push(Problem::body("url", why))).ok();
    let uid = parse_uid(given.uid.as_deref(), &mut problems);
    check_metadata(&given.metadata, &mut problems);
    if given.description.chars().count() > DESCRIPTION_CHARACTERS_MAX {
        problems.push(Problem::body(
            "description",
            format!("has at most {DESCRIPTION_CHARACTERS_MAX} characters"),
        ));
    }
    let rate_limit = one_rate(given.rate_limit, given.throttle_rate, &mut problems);
    let names = given.event_types.or(given.filter_types).filter(|n| !n.is_empty());
    let event_types = set(names, "eventTypes", EventTypeName::parse, &mut problems);
    let channels = set(given.channels, "channels", Channel::parse, &mut problems);
    let schedule = given.retry_schedule.map(|text| RetrySchedule::parse(&text)).transpose();
    let schedule = schedule.map_err(|e| problems.push(Problem::body("retrySchedule", e))).ok().flatten();
    let secret = given.secret.map(|text| Secret::parse(&text)).transpose();
    let secret = secret.map_err(|e| problems.push(Problem::body("secret", e))).ok().flatten();
    let endpoint_state = match (given.disabled, given.paused) {
        (true, _) => EndpointState::Disabled(DisabledReason::Requested),
        (false, true) => EndpointState::Paused,
        (false, false) => EndpointState::Active,
    };
    match url {
        Some(url) if problems.is_empty() => Ok(Fields {
            url,
            uid,
            description: given.description,
            state: endpoint_state,
            event_types,
            channels,
            rate_limit,
            concurrency_limit: given.concurrency_limit,
            schedule,
            metadata: given.metadata,
            secret,
        }),
        _ => Err(ApiError::Invalid(problems)),
    }
}

fn set<T: Ord>(
    names: Option<Vec<String>>,
    field: &str,
    parse: impl Fn(&str) -> Result<T, semnal_core::name::NameError>,
    problems: &mut Vec<Problem>,
) -> Option<BTreeSet<T>> {
    let mut all = BTreeSet::new();
    for name in names? {
        match parse(&name) {
            Ok(name) => {
                all.insert(name);
            }
            Err(error) => problems.push(Problem::body(field, format!("{name:?} {error}"))),
        }
    }
    Some(all)
}

/// The gate for the raw URL; an address that stands in it is judged at once, a name when it is resolved.
fn check_url(state: &ApiState, raw: &str) -> Result<String, String> {
    let url = EndpointUrl::parse(raw, &state.url_rules).map_err(|e| e.to_string())?;
    let ip = match url.host() {
        Host::Ipv4(ip) => Some(IpAddr::V4(*ip)),
        Host::Ipv6(ip) => Some(IpAddr::V6(*ip)),
        Host::Name(_) => None,
    };
    if let Some(ip) = ip {
        state.policy.judge(SocketAddr::new(ip, url.port())).map_err(|e| e.to_string())?;
    }
    Ok(url.as_str().to_owned())
}

pub(super) fn public_id(state: &ApiState, it: &Endpoint) -> String {
    state.store.ids().encode(IdKind::Endpoint, it.application.partition(), it.id.0)
}

fn show(state: &ApiState, it: &Endpoint) -> Value {
    let types = it.event_types.as_ref().map(|t| t.iter().map(EventTypeName::as_str).collect::<Vec<_>>());
    json!({
        "id": public_id(state, it),
        "uid": it.uid.as_ref().map(Uid::as_str),
        "url": it.url,
        "description": it.description,
        "disabled": matches!(it.state, EndpointState::Disabled(_)),
        "paused": it.state == EndpointState::Paused,
        "disabledReason": match it.state {
            EndpointState::Disabled(DisabledReason::Gone) => Some("gone"),
            EndpointState::Disabled(DisabledReason::Requested) => Some("requested"),
            _ => None,
        },
        "eventTypes": types,
        "filterTypes": types,
        "channels": it.channels.as_ref().map(|c| c.iter().map(Channel::as_str).collect::<Vec<_>>()),
        "rateLimit": it.rate_limit,
        "throttleRate": it.rate_limit,
        "concurrencyLimit": it.concurrency_limit,
        "retrySchedule": it.schedule.as_ref().map(RetrySchedule::to_text),
        "version": 1,
        "metadata": it.metadata,
        "createdAt": time::format(it.created_at),
        "updatedAt": time::format(it.updated_at),
    })
}

fn new_secret(state: &ApiState) -> Result<Secret, ApiError> {
    let failed = |_| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "no secret could be made");
    Ok(match state.default_signature {
        SignatureKind::Hmac256 => Secret::Symmetric(crate::serve::random::<24>().map_err(failed)?.to_vec()),
        SignatureKind::Ed25519 => Secret::Ed25519(crate::serve::random().map_err(failed)?),
    })
}

fn with_fields(it: Endpoint, fields: Fields, now: UnixMillis) -> Endpoint {
    Endpoint {
        url: fields.url,
        uid: fields.uid,
        description: fields.description,
        state: fields.state,
        event_types: fields.event_types,
        channels: fields.channels,
        rate_limit: fields.rate_limit,
        concurrency_limit: fields.concurrency_limit,
        schedule: fields.schedule,
        metadata: fields.metadata,
        updated_at: now,
        ..it
    }
}

fn new_endpoint(
    state: &ApiState,
    application: ApplicationId,
    mut fields: Fields,
) -> Result<Endpoint, ApiError> {
    let now = state.now();
    let secret = fields.secret.take().map_or_else(|| new_secret(state), Ok)?;
    let blank = Endpoint {
        id: EndpointId(state.store.next_key()),
        application,
        uid: None,
        url: String::new(),
        description: String::new(),
        state: EndpointState::Active,
        event_types: None,
        channels: None,
        rate_limit: None,
        concurrency_limit: None,
        headers: BTreeMap::new(),
        metadata: BTreeMap::new(),
        secrets: vec![EndpointSecret { secret, expires_at: None }],
        schedule: None,
        created_at: now,
        updated_at: now,
    };
    Ok(with_fields(blank, fields, now))
}

pub(super) async fn list(
    State(state): State<Arc<ApiState>>,
    caller: Caller,
    Path(app): Path<String>,
    query: Parameters,
) -> Result<Response, ApiError> {
    caller.require(Scope::Read)?;
    let configuration = state.store.configuration();
    let application = caller.application(&state, &configuration, &app)?;
    let all = configuration.endpoints_of(application.id).to_vec();
    let all = ordered(all, parameter(&query, "order"), false)?;
    let (limit, from) =
        (page::limit(parameter(&query, "limit"))?, page::from(parameter(&query, "iterator"))?);
    let page = page::cut(&all, &from, limit, |e| public_id(&state, e), |e| show(&state, e));
    Ok(axum::Json(page).into_response())
}

pub(super) async fn create(
    State(state): State<Arc<ApiState>>,
    caller: Caller,
    Path(app): Path<String>,
    Raw(bytes): Raw,
) -> Result<Response, ApiError> {
    caller.require(Scope::Manage)?;
    let fields = fields(&state, parse(&bytes)?)?;
    let application = caller.application(&state, &state.store.configuration(), &app)?;
    let it = new_endpoint(&state, application.id, fields)?;
    let body = show(&state, &it);
    let plan = move |_: &Configuration| {
        let answer = stored(StatusCode::CREATED, &body);
        let changes = vec![Change::PutEndpoint(Box::new(it))];
        Ok::<_, ApiError>(ChangePlan { changes, answer, value: body })
    };
    match state.store.change(caller.idempotency, plan).await?? {
        Changed::Applied(body) => Ok(answer(StatusCode::CREATED, &body)),
        Changed::Repeated(stored) => Ok(repeat(stored)),
    }
}

pub(super) async fn get(
    State(state): State<Arc<ApiState>>,
    caller: Caller,
    Path((app, endpoint)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    caller.require(Scope::Read)?;
    let configuration = state.store.configuration();
    let application = caller.application(&state, &configuration, &app)?;
    let it = find_endpoint(&state, &configuration, application.id, &endpoint)?;
    Ok(answer(StatusCode::OK, &show(&state, &it)))
}

pub(super) async fn put(
    State(state): State<Arc<ApiState>>,
    caller: Caller,
    Path((app, endpoint)): Path<(String, String)>,
    Raw(bytes): Raw,
) -> Result<Response, ApiError> {
    caller.require(Scope::Manage)?;
    let fields = fields(&state, parse(&bytes)?)?;
    let now = state.now();
    let shown = state.clone();
    let plan = move |configuration: &Configuration| {
        let application = caller.application(&shown, configuration, &app)?;
        let old = find_endpoint(&shown, configuration, application.id, &endpoint)?;
        let it = with_fields((*old).clone(), fields, now);
        let value = (StatusCode::OK, show(&shown, &it));
        Ok::<_, ApiError>(ChangePlan {
            changes: vec![Change::PutEndpoint(Box::new(it))],
            answer: None,
            value,
        })
    };
    applied(state.store.change(None, plan).await??)
}

pub(super) async fn delete(
    State(state): State<Arc<ApiState>>,
    caller: Caller,
    Path((app, endpoint)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    caller.require(Scope::Manage)?;
    let shown = state.clone();
    let plan = move |configuration: &Configuration| {
        let application = caller.application(&shown, configuration, &app)?;
        let it = find_endpoint(&shown, configuration, application.id, &endpoint)?;
        let changes = vec![Change::DeleteEndpoint(it.id)];
        Ok::<_, ApiError>(ChangePlan { changes, answer: None, value: (StatusCode::NO_CONTENT, Value::Null) })
    };
    applied(state.store.change(None, plan).await??)
}

pub(super) async fn get_secret(
    State(state): State<Arc<ApiState>>,
    caller: Caller,
    Path((app, endpoint)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    caller.require(Scope::Manage)?;
    let configuration = state.store.configuration();
    let application = caller.application(&state, &configuration, &app)?;
    let it = find_endpoint(&state, &configuration, application.id, &endpoint)?;
    let key = it.secrets.first().map(|s| s.secret.verification_key());
    Ok(answer(StatusCode::OK, &json!({ "key": key })))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RotateIn {
    key: Option<String>,
    grace_period_seconds: Option<u64>,
}

pub(super) async fn rotate_secret(
    State(state): State<Arc<ApiState>>,
    caller: Caller,
    Path((app, endpoint)): Path<(String, String)>,
    Raw(bytes): Raw,
) -> Result<Response, ApiError> {
    caller.require(Scope::Manage)?;
    let given: RotateIn = parse_optional(&bytes)?;
    let grace = given.grace_period_seconds.unwrap_or(GRACE_SECONDS_DEFAULT);
    if grace > GRACE_SECONDS_MAX {
        let limit = format!("must be at most {GRACE_SECONDS_MAX}");
        return Err(ApiError::invalid(Problem::body("gracePeriodSeconds", limit)));
    }
    let wrong = |e| ApiError::invalid(Problem::body("key", e));
    let secret = match given.key {
        Some(text) => Secret::parse(&text).map_err(wrong)?,
        None => new_secret(&state)?,
    };
    let now = state.now();
    let shown = state.clone();
    let plan = move |configuration: &Configuration| {
        let application = caller.application(&shown, configuration, &app)?;
        let mut it = (*find_endpoint(&shown, configuration, application.id, &endpoint)?).clone();
        it.rotate_secret(secret, now, now + Duration::from_secs(grace));
        it.updated_at = now;
        // Svix's reference has 204 here; its newest SDKs read the new key, the older ones ignore it. It is not kept
        // for a repetition of the request: a secret is never stored in the clear.
        let key = it.secrets.first().map(|s| s.secret.verification_key());
        let changes = vec![Change::PutEndpoint(Box::new(it))];
        Ok::<_, ApiError>(ChangePlan {
            changes,
            answer: None,
            value: (StatusCode::OK, json!({ "key": key })),
        })
    };
    applied(state.store.change(None, plan).await??)
}
