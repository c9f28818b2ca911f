//! The control routes, served on the Unix socket only: API keys, the proof of the ledger, and what is there.
//!
//! The command line uses them while the server runs; on a store that it opened itself it calls the same router.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use http::StatusCode;
use semnal_core::application::{ApiKey, Scope};
use semnal_core::configuration::Change;
use semnal_core::id::{ApiKeyId, DeliveryId, IdCipher, IdKind};
use semnal_store::verify::Imbalance;
use serde::Serialize;

use super::ApiState;
use super::answer::Answer;
use super::auth::Caller;
use super::body::RequestBody;
use super::endpoints::fields::random;
use super::error::ApiError;
use super::find::Segments;
use super::idempotency::{self, Idempotency, Planned};
use super::input::Fields;
use super::time::Rfc3339;
use crate::keys;

/// 256 characters for the name of a key.
const KEY_NAME_CHARACTERS_MAX: usize = 256;
/// 10 years.
const EXPIRES_SECONDS_MAX: u64 = 315_360_000;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KeyOut<'a> {
    id: String,
    name: &'a str,
    hint: &'a str,
    /// Empty means all.
    scopes: Vec<&'static str>,
    created_at: Rfc3339,
    expires_at: Option<Rfc3339>,
    revoked_at: Option<Rfc3339>,
    /// The whole key, in the one answer that shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
}

fn out<'a>(ids: &IdCipher, it: &'a ApiKey, key: Option<&'a str>) -> KeyOut<'a> {
    KeyOut {
        id: ids.encode(IdKind::ApiKey, 0, it.id.0),
        name: &it.name,
        hint: &it.hint,
        scopes: it.scopes.iter().map(|scope| scope.as_str()).collect(),
        created_at: Rfc3339(it.created_at),
        expires_at: it.expires_at.map(Rfc3339),
        revoked_at: it.revoked_at.map(Rfc3339),
        key,
    }
}

/// `POST /control/keys` `{name, scopes?, expiresInSeconds?}` → 201 with the key, this once.
pub(crate) async fn create_key(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    RequestBody(body): RequestBody,
) -> Result<Answer, ApiError> {
    let view = caller.control()?;
    let mut fields = Fields::parse(&body)?;
    let name = fields.text("name", 1..=KEY_NAME_CHARACTERS_MAX);
    let name = fields.required("name", name);
    let scopes = fields.names("scopes", Scope::ALL.len(), |text| {
        Scope::parse(text).ok_or_else(|| "is not a scope; there are read, send and manage".to_owned())
    });
    let expires = fields.number("expiresInSeconds", 1..=EXPIRES_SECONDS_MAX).value();
    fields.finish()?;
    let new = keys::generate(random()?);
    let now = api.now();
    let it = ApiKey {
        id: ApiKeyId(api.store.next_key()),
        organisation: view.organisation,
        name: name.unwrap_or_default(),
        digest: new.digest,
        hint: new.hint,
        scopes: scopes.value().unwrap_or_default().into_iter().collect(),
        created_at: now,
        expires_at: expires.map(|seconds| now + Duration::from_secs(seconds)),
        revoked_at: None,
    };
    let answer = Answer::json(StatusCode::CREATED, &out(api.store.ids(), &it, Some(&new.text)));
    // Without an idempotency key: the store must not keep the text.
    idempotency::change(&api, Idempotency(None), move |_| {
        Ok(Planned { changes: vec![Change::PutApiKey(it)], answer })
    })
    .await
}

#[derive(Serialize)]
struct KeysOut<'a> {
    data: Vec<KeyOut<'a>>,
}

/// `GET /control/keys`: all keys of the organisation, oldest first, revoked and expired ones too.
pub(crate) async fn list_keys(State(api): State<Arc<ApiState>>, caller: Caller) -> Result<Answer, ApiError> {
    let view = caller.control()?;
    let configuration = api.store.configuration();
    let own = configuration.keys().filter(|it| it.organisation == view.organisation);
    let data = own.map(|it| out(api.store.ids(), it, None)).collect();
    Ok(Answer::json(StatusCode::OK, &KeysOut { data }))
}

/// `POST /control/keys/{id}/revoke`: revoking twice changes nothing.
pub(crate) async fn revoke_key(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments(key): Segments<String>,
) -> Result<Answer, ApiError> {
    let view = caller.control()?;
    let (ids, now) = (api.store.ids().clone(), api.now());
    idempotency::change(&api, Idempotency(None), move |configuration| {
        let id = ids.decode(IdKind::ApiKey, &key).ok().map(|(_, id)| ApiKeyId(id));
        let found = id.and_then(|id| configuration.key(id)).filter(|it| it.organisation == view.organisation);
        let mut it = ApiKey::clone(found.ok_or_else(|| ApiError::not_found("key", &key))?);
        it.revoked_at = it.revoked_at.or(Some(now));
        let answer = Answer::json(StatusCode::OK, &out(&ids, &it, None));
        Ok(Planned { changes: vec![Change::PutApiKey(it)], answer })
    })
    .await
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VerifyOut {
    balances: bool,
    messages: u64,
    attempts: u64,
    states: BTreeMap<&'static str, u64>,
    /// The first hundred, as sentences.
    imbalances: Vec<String>,
    imbalance_count: u64,
}

/// `GET /control/verify`: proves the ledger.
pub(crate) async fn verify(State(api): State<Arc<ApiState>>, caller: Caller) -> Result<Answer, ApiError> {
    caller.control()?;
    let proof = api.store.verify().await?;
    let out = VerifyOut {
        balances: proof.balances(),
        messages: proof.messages,
        attempts: proof.attempts,
        imbalances: proof.imbalances.iter().map(sentence).collect(),
        imbalance_count: proof.imbalance_count,
        states: proof.states,
    };
    Ok(Answer::json(StatusCode::OK, &out))
}

/// Says what does not balance, with the keys of the rows.
pub(crate) fn sentence(imbalance: &Imbalance) -> String {
    let delivery = |id: &DeliveryId| format!("delivery {} of message row {}", id.ordinal, id.message.0.0);
    match imbalance {
        Imbalance::NotAccepted(id, endpoint) => {
            format!("{}: has rows for endpoint row {}, but was never accepted", delivery(id), endpoint.0.0)
        }
        Imbalance::AttemptGap(id) => format!("{}: its attempts are not 1..n", delivery(id)),
        Imbalance::DeliveredWithout2xx(id) => format!("{}: is delivered without a 2xx", delivery(id)),
        Imbalance::AttemptCount(id) => {
            format!("{}: its retry row counts other attempts than there are", delivery(id))
        }
        Imbalance::Unreachable(id) => {
            format!("{}: has a final outcome and a retry row that contradict each other", delivery(id))
        }
        Imbalance::BelowMark(id) => {
            format!("{}: is undecided below the low-water mark, without a retry row", delivery(id))
        }
        Imbalance::PendingCount(endpoint, running, derived) => format!(
            "endpoint row {}: the running count of pending deliveries is {running}, the rows say {derived}",
            endpoint.0.0
        ),
        Imbalance::EngineCount(engine, derived) => {
            format!("the engine has {engine} deliveries without a row in memory, the rows say {derived}")
        }
    }
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
pub(crate) async fn status(State(api): State<Arc<ApiState>>, caller: Caller) -> Result<Answer, ApiError> {
    caller.control()?;
    let configuration = api.store.configuration();
    let organisations: Vec<_> = configuration.organisations().map(|it| it.id).collect();
    let out = StatusOut {
        version: env!("CARGO_PKG_VERSION"),
        time: Rfc3339(api.now()),
        configuration_version: configuration.version,
        organisations: organisations.len(),
        applications: organisations.iter().map(|id| configuration.applications(*id).count()).sum(),
        endpoints: configuration.endpoints().count(),
        event_types: organisations.iter().map(|id| configuration.event_types(*id).count()).sum(),
        keys: configuration.keys().count(),
    };
    Ok(Answer::json(StatusCode::OK, &out))
}
