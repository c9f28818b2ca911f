//! Requests that are sent again: the same caller, method, path and `idempotency-key` within 12 hours get the same
//! answer, and nothing happens twice. Failures are not remembered.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use semnal_core::configuration::{Change, Configuration};
use semnal_store::message::Fingerprint;
use semnal_store::store::{ChangePlan, Changed};

use super::ApiState;
use super::answer::Answer;
use super::auth::Caller;
use super::error::ApiError;

/// 512 bytes for a key.
pub(super) const KEY_BYTES_MAX: usize = 512;
pub(super) const HEADER: &str = "idempotency-key";
/// Keeps these hashes apart from those of event ids.
const SCOPE: &str = "idempotency";

/// The hash of what makes a request the same one; `None` when it has no key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Idempotency(pub Option<Fingerprint>);

impl FromRequestParts<Arc<ApiState>> for Idempotency {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<ApiState>) -> Result<Idempotency, ApiError> {
        let Some(key) = parts.headers.get(HEADER).map(|value| value.as_bytes()) else {
            return Ok(Idempotency(None));
        };
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            let msg = format!("must have 1 to {KEY_BYTES_MAX} bytes");
            return Err(ApiError::invalid(&["header", HEADER], "wrong_length", msg));
        }
        let caller = parts.extensions.get::<Caller>().ok_or(ApiError::Internal)?;
        let path = parts.uri.path().trim_end_matches('/');
        let request = [&caller.principal(), parts.method.as_str().as_bytes(), path.as_bytes(), key];
        Ok(Idempotency(Some(api.store.ids().fingerprint(SCOPE, &request))))
    }
}

/// What a request changes, and its answer.
pub(crate) struct Planned {
    pub changes: Vec<Change>,
    pub answer: Answer,
}

/// Changes the configuration, or answers what the same request was answered before.
///
/// # Errors
/// What `make` refuses, or the store.
pub(crate) async fn change(
    api: &ApiState,
    idempotency: Idempotency,
    make: impl FnOnce(&Configuration) -> Result<Planned, ApiError> + Send + 'static,
) -> Result<Answer, ApiError> {
    let keep = idempotency.0.is_some();
    let plan = move |configuration: &Configuration| {
        let Planned { changes, answer } = make(configuration)?;
        let kept = keep.then(|| answer.to_stored());
        Ok::<_, ApiError>(ChangePlan { changes, answer: kept, value: answer })
    };
    Ok(match api.store.change(idempotency.0, plan).await?? {
        Changed::Applied(answer) => answer,
        Changed::Repeated(stored) => stored.into(),
    })
}

/// Returns what the same request was answered before. For what is not a change of the configuration: look, act,
/// [`remember`]. A crash between acting and remembering lets a repetition act again.
///
/// # Errors
/// What the store says.
pub(crate) async fn recall(api: &ApiState, idempotency: Idempotency) -> Result<Option<Answer>, ApiError> {
    if idempotency.0.is_none() {
        return Ok(None);
    }
    struct NotSeen;
    let look = |_: &Configuration| Err::<ChangePlan<()>, NotSeen>(NotSeen);
    Ok(match api.store.change(idempotency.0, look).await? {
        Ok(Changed::Repeated(stored)) => Some(stored.into()),
        Ok(Changed::Applied(())) | Err(NotSeen) => None,
    })
}

/// Keeps an answer for a repetition of the request.
///
/// # Errors
/// What the store says.
pub(crate) async fn remember(
    api: &ApiState,
    idempotency: Idempotency,
    answer: Answer,
) -> Result<Answer, ApiError> {
    if idempotency.0.is_none() {
        return Ok(answer);
    }
    change(api, idempotency, move |_| Ok(Planned { changes: Vec::new(), answer })).await
}
