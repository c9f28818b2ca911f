//! What only the owner of the data directory may do, over the control socket: API keys and `verify`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use semnal_core::application::{ApiKey, DEFAULT_ORGANISATION, Scope};
use semnal_core::configuration::{Change, Configuration};
use semnal_core::id::{ApiKeyId, IdKind};
use semnal_core::retry::parse_duration;
use semnal_core::time::UnixMillis;
use semnal_store::store::{ChangePlan, Changed, Store};
use serde::Deserialize;
use serde_json::{Value, json};

use super::ApiState;
use super::applications::answer;
use super::auth::Caller;
use super::body::{Raw, parse};
use super::error::{ApiError, Problem};
use super::time;
use crate::keys;

#[derive(Deserialize)]
struct KeyIn {
    name: String,
    #[serde(default)]
    scopes: Vec<String>,
    expires: Option<String>,
}

fn show(store: &Store, it: &ApiKey) -> Value {
    json!({
        "id": store.ids().encode(IdKind::ApiKey, 0, it.id.0),
        "name": it.name,
        "hint": it.hint,
        "scopes": it.scopes.iter().map(|s| s.as_str()).collect::<Vec<_>>(),
        "state": if it.revoked_at.is_some() { "revoked" } else { "valid" },
        "createdAt": time::format(it.created_at),
        "expiresAt": it.expires_at.map(time::format),
    })
}

/// Makes a key; its text is in the answer, this once.
pub(crate) async fn create_key(
    store: &Store,
    now: UnixMillis,
    name: &str,
    scopes: &[String],
    expires: Option<&str>,
) -> Result<Value, ApiError> {
    let scope = |word: &String| {
        let message = format!("{word:?} is not one of read, send, manage");
        Scope::parse(word).ok_or_else(|| ApiError::invalid(Problem::body("scopes", message)))
    };
    let scopes = scopes.iter().map(scope).collect::<Result<Vec<_>, _>>()?;
    let expires_at = match expires {
        None => None,
        Some(text) => {
            let length = parse_duration(text).ok_or_else(|| {
                ApiError::invalid(Problem::body(
                    "expires",
                    format!("{text:?} is not a length of time like 90d"),
                ))
            })?;
            Some(now + length)
        }
    };
    let failed = |_| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "no key could be made");
    let new = keys::generate(crate::serve::random().map_err(failed)?);
    let (id, name) = (ApiKeyId(store.next_key()), name.to_owned());
    let plan = move |configuration: &Configuration| {
        let organisation = configuration
            .organisation_by_name(DEFAULT_ORGANISATION)
            .ok_or_else(|| ApiError::not_found("the default organisation"))?
            .id;
        let (digest, hint) = (new.digest, new.hint);
        let created_at = now;
        let it =
            ApiKey { id, organisation, name, digest, hint, scopes, created_at, expires_at, revoked_at: None };
        let changes = vec![Change::PutApiKey(it.clone())];
        Ok::<_, ApiError>(ChangePlan { changes, answer: None, value: (it, new.text) })
    };
    match store.change(None, plan).await?? {
        Changed::Applied((it, text)) => {
            let mut shown = show(store, &it);
            shown["key"] = Value::from(text);
            Ok(shown)
        }
        Changed::Repeated(_) => Err(ApiError::conflict("the key was made already")),
    }
}

/// Lists the keys of every organisation, without their texts.
pub(crate) fn list_keys(store: &Store) -> Value {
    let configuration = store.configuration();
    json!({ "data": configuration.keys().map(|k| show(store, k)).collect::<Vec<_>>() })
}

/// Refuses a key from now on.
pub(crate) async fn revoke_key(store: &Store, now: UnixMillis, id: &str) -> Result<Value, ApiError> {
    let missing = || ApiError::not_found("the key");
    let (_, key) = store.ids().decode(IdKind::ApiKey, id).map_err(|_| missing())?;
    let plan = move |configuration: &Configuration| {
        let mut it = (**configuration.key(ApiKeyId(key)).ok_or_else(missing)?).clone();
        it.revoked_at = it.revoked_at.or(Some(now));
        let changes = vec![Change::PutApiKey(it.clone())];
        Ok::<_, ApiError>(ChangePlan { changes, answer: None, value: it })
    };
    match store.change(None, plan).await?? {
        Changed::Applied(it) => Ok(show(store, &it)),
        Changed::Repeated(_) => Err(missing()),
    }
}

pub(super) async fn get_keys(State(state): State<Arc<ApiState>>, _: Caller) -> Response {
    answer(StatusCode::OK, &list_keys(&state.store))
}

pub(super) async fn post_key(
    State(state): State<Arc<ApiState>>,
    _: Caller,
    Raw(bytes): Raw,
) -> Result<Response, ApiError> {
    let given: KeyIn = parse(&bytes)?;
    let made = create_key(&state.store, state.now(), &given.name, &given.scopes, given.expires.as_deref());
    Ok(answer(StatusCode::CREATED, &made.await?))
}

pub(super) async fn post_revoke(
    State(state): State<Arc<ApiState>>,
    _: Caller,
    Path(key): Path<String>,
) -> Result<Response, ApiError> {
    Ok(answer(StatusCode::OK, &revoke_key(&state.store, state.now(), &key).await?))
}

pub(super) async fn get_verify(State(state): State<Arc<ApiState>>, _: Caller) -> Result<Response, ApiError> {
    let found = state.store.verify().await?;
    Ok(axum::Json(crate::cli::verify::as_json(&found)).into_response())
}
