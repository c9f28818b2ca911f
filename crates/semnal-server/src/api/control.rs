//! The control routes, served on the Unix socket only: API keys, the proof of the ledger, and what is there.
//!
//! The command line uses them while the server runs; on a data directory without a server it calls [`create_key`],
//! [`list_keys`] and [`revoke_key`] itself.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use http::StatusCode;
use semnal_core::application::{ApiKey, DEFAULT_ORGANISATION, Opens, Scope};
use semnal_core::configuration::{Change, Configuration};
use semnal_core::id::{ApiKeyId, IdCipher, IdKind, OrganisationId};
use semnal_core::retry::parse_duration;
use semnal_core::time::UnixMillis;
use semnal_store::store::{ChangePlan, Changed, Store};
use serde::Serialize;
use serde_json::Value;

use super::ApiState;
use super::answer::Answer;
use super::auth::Caller;
use super::body::RequestBody;
use super::endpoints::fields::random;
use super::error::{ApiError, Problem, excerpt};
use super::find::Segments;
use super::input::Fields;
use super::time::Rfc3339;
use crate::keys;
use crate::ultimate_multisite::keys as integration_keys;

/// 256 characters for the name of a key.
const KEY_NAME_CHARACTERS_MAX: usize = 256;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KeyOut<'a> {
    id: String,
    name: &'a str,
    hint: &'a str,
    /// Empty means all.
    scopes: Vec<&'static str>,
    /// The system whose manner it opens; it is no key of the API then.
    #[serde(skip_serializing_if = "Option::is_none")]
    integration: Option<&'static str>,
    /// The only application that it opens.
    #[serde(skip_serializing_if = "Option::is_none")]
    application: Option<String>,
    state: &'static str,
    created_at: Rfc3339,
    expires_at: Option<Rfc3339>,
    revoked_at: Option<Rfc3339>,
    /// The whole key, in the one answer that shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
}

pub(crate) fn out(ids: &IdCipher, it: &ApiKey, now: UnixMillis, key: Option<&str>) -> Value {
    let out = KeyOut {
        id: ids.encode(IdKind::ApiKey, 0, it.id.0),
        name: &it.name,
        hint: &it.hint,
        scopes: it.scopes.iter().map(|scope| scope.as_str()).collect(),
        integration: integration_keys::word(&it.opens),
        application: it.opens.application().map(|id| ids.encode(IdKind::Application, id.partition(), id.0)),
        state: match (it.revoked_at, it.expires_at) {
            (Some(_), _) => "revoked",
            (None, Some(at)) if at <= now => "expired",
            _ => "valid",
        },
        created_at: Rfc3339(it.created_at),
        expires_at: it.expires_at.map(Rfc3339),
        revoked_at: it.revoked_at.map(Rfc3339),
        key,
    };
    serde_json::to_value(out).expect("our answers have text keys and no failing serialiser")
}

/// Makes a key of the default organisation; its text is in the answer, this once. No scopes mean all.
///
/// # Errors
/// 422 for a name, scope or length of time that is none, and what the store says.
pub(crate) async fn create_key(
    store: &Store,
    now: UnixMillis,
    name: &str,
    scopes: &[String],
    expires: Option<&str>,
) -> Result<Value, ApiError> {
    create_key_in(store, now, default_organisation(store)?, name, scopes, expires).await
}

/// Returns the organisation that whoever is on the machine means.
///
/// # Errors
/// [`ApiError::Unavailable`] before there is one.
pub(crate) fn default_organisation(store: &Store) -> Result<OrganisationId, ApiError> {
    let configuration = store.configuration();
    let found = configuration.organisation_by_name(DEFAULT_ORGANISATION).map(|it| it.id);
    found.ok_or(ApiError::Unavailable)
}

/// The same for any organisation.
///
/// # Errors
/// As [`create_key`].
pub(crate) async fn create_key_in(
    store: &Store,
    now: UnixMillis,
    organisation: OrganisationId,
    name: &str,
    scopes: &[String],
    expires: Option<&str>,
) -> Result<Value, ApiError> {
    let mut problems = Vec::new();
    judge_name(name, &mut problems);
    let mut granted = BTreeSet::new();
    for word in scopes {
        match Scope::parse(word) {
            Some(scope) => drop(granted.insert(scope)),
            None => {
                let msg = format!("{:?} is not one of read, send, manage", excerpt(word));
                problems.push(Problem::new(&["body", "scopes"], "invalid_name", msg));
            }
        }
    }
    let length = read_length(expires, &mut problems);
    if !problems.is_empty() {
        return Err(ApiError::Invalid(problems));
    }
    let keys::NewKey { text, digest, signing, hint } = keys::generate(random()?);
    let (id, name, scopes) = (ApiKeyId(store.next_key()), name.to_owned(), granted.into_iter().collect());
    let expires_at = length.map(|length| now + length);
    let ids = store.ids().clone();
    change(store, move |_| {
        let it = ApiKey {
            id,
            organisation,
            name,
            digest,
            signing: Some(signing),
            hint,
            scopes,
            opens: Opens::Api,
            created_at: now,
            expires_at,
            revoked_at: None,
        };
        let shown = out(&ids, &it, now, Some(&text));
        Ok((it, shown))
    })
    .await
}

/// Judges the name of a key; what is wrong is noted.
pub(crate) fn judge_name(name: &str, problems: &mut Vec<Problem>) {
    if !(1..=KEY_NAME_CHARACTERS_MAX).contains(&name.chars().count()) {
        let msg = format!("the name must have 1 to {KEY_NAME_CHARACTERS_MAX} characters");
        problems.push(Problem::new(&["body", "name"], "wrong_length", msg));
    }
}

/// Reads for how long a key is valid; what is wrong is noted.
pub(crate) fn read_length(expires: Option<&str>, problems: &mut Vec<Problem>) -> Option<Duration> {
    let length = expires.and_then(parse_duration);
    if let (Some(text), None) = (expires, length) {
        let msg = format!("{:?} is not a length of time like 90d", excerpt(text));
        problems.push(Problem::new(&["body", "expires"], "invalid_duration", msg));
    }
    length
}

/// Returns every key, oldest first, revoked and expired ones too, without their texts.
pub(crate) fn list_keys(store: &Store, now: UnixMillis) -> Value {
    let configuration = store.configuration();
    let data: Vec<Value> = configuration.keys().map(|it| out(store.ids(), it, now, None)).collect();
    serde_json::json!({ "data": data })
}

/// Refuses a key from now on. Revoking twice changes nothing.
///
/// # Errors
/// 404, and what the store says.
pub(crate) async fn revoke_key(store: &Store, now: UnixMillis, id: &str) -> Result<Value, ApiError> {
    let (ids, id) = (store.ids().clone(), id.to_owned());
    change(store, move |configuration| {
        let key = ids.decode(IdKind::ApiKey, &id).ok().map(|(_, key)| ApiKeyId(key));
        let found = key.and_then(|key| configuration.key(key));
        let mut it = ApiKey::clone(found.ok_or_else(|| ApiError::not_found("key", &id))?);
        it.revoked_at = it.revoked_at.or(Some(now));
        let shown = out(&ids, &it, now, None);
        Ok((it, shown))
    })
    .await
}

/// Puts a key. Nothing is kept for a repetition of the request: the store must not have a key's text.
pub(crate) async fn change(
    store: &Store,
    make: impl FnOnce(&Configuration) -> Result<(ApiKey, Value), ApiError> + Send + 'static,
) -> Result<Value, ApiError> {
    let plan = move |configuration: &Configuration| {
        let (it, value) = make(configuration)?;
        Ok::<_, ApiError>(ChangePlan { changes: vec![Change::PutApiKey(it)], answer: None, value })
    };
    match store.change(None, plan).await?? {
        Changed::Applied(value) => Ok(value),
        Changed::Repeated(_) => Err(ApiError::Internal),
    }
}

/// `POST /control/keys` `{name, scopes?, expires?}` → 201 with the key, this once.
pub(super) async fn post_key(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    RequestBody(body): RequestBody,
) -> Result<Answer, ApiError> {
    caller.control()?;
    let mut fields = Fields::parse(&body)?;
    let name = fields.typed::<String>("name", "text");
    let name = fields.required("name", name).unwrap_or_default();
    let scopes = fields.typed::<Vec<String>>("scopes", "a list of texts").value().unwrap_or_default();
    let expires = fields.typed::<String>("expires", "text").value();
    let integration = integration_keys::read(&mut fields);
    fields.finish()?;
    if let Some(asked) = integration {
        let made = integration_keys::create(
            &api.store,
            api.now(),
            &api.public_url,
            default_organisation(&api.store)?,
            &name,
            expires.as_deref(),
            asked,
        );
        return Ok(Answer::json(StatusCode::CREATED, &made.await?));
    }
    let made = create_key(&api.store, api.now(), &name, &scopes, expires.as_deref()).await?;
    Ok(Answer::json(StatusCode::CREATED, &made))
}

/// `GET /control/keys`
pub(super) async fn get_keys(State(api): State<Arc<ApiState>>, caller: Caller) -> Result<Answer, ApiError> {
    caller.control()?;
    Ok(Answer::json(StatusCode::OK, &list_keys(&api.store, api.now())))
}

/// `POST /control/keys/{id}/revoke`
pub(super) async fn post_revoke(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments(key): Segments<String>,
) -> Result<Answer, ApiError> {
    caller.control()?;
    Ok(Answer::json(StatusCode::OK, &revoke_key(&api.store, api.now(), &key).await?))
}

/// `GET /control/verify`: proves the ledger.
pub(super) async fn get_verify(State(api): State<Arc<ApiState>>, caller: Caller) -> Result<Answer, ApiError> {
    caller.control()?;
    let found = api.store.verify().await?;
    Ok(Answer::json(StatusCode::OK, &crate::cli::verify::as_json(&found)))
}

/// `GET /control/views`: whether the lists are there, and how far they are behind.
pub(super) async fn get_views(State(api): State<Arc<ApiState>>, caller: Caller) -> Result<Answer, ApiError> {
    caller.control()?;
    Ok(Answer::json(StatusCode::OK, &crate::cli::views::as_json(api.store.views_status())))
}

/// `POST /control/views/rebuild` → 202: builds the lists anew; [`get_views`] tells how far it is.
pub(super) async fn post_views_rebuild(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
) -> Result<Answer, ApiError> {
    caller.control()?;
    api.store.rebuild_views();
    Ok(Answer::json(StatusCode::ACCEPTED, &crate::cli::views::as_json(api.store.views_status())))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusOut {
    version: &'static str,
    time: Rfc3339,
    configuration_version: u64,
    organisations: usize,
    applications: usize,
    endpoints: usize,
    event_types: usize,
    keys: usize,
}

/// `GET /control/status`
pub(super) async fn get_status(State(api): State<Arc<ApiState>>, caller: Caller) -> Result<Answer, ApiError> {
    caller.control()?;
    let configuration = api.store.configuration();
    let organisations: Vec<_> = configuration.organisations().map(|it| it.id).collect();
    let out = StatusOut {
        version: env!("CARGO_PKG_VERSION"),
        time: Rfc3339(api.now()),
        configuration_version: configuration.version,
        organisations: organisations.len(),
        applications: organisations
            .iter()
            .flat_map(|id| configuration.applications(*id))
            .filter(|it| !it.is_operational())
            .count(),
        endpoints: configuration.endpoints().count(),
        event_types: organisations.iter().map(|id| configuration.event_types(*id).count()).sum(),
        keys: configuration.keys().count(),
    };
    Ok(Answer::json(StatusCode::OK, &out))
}
