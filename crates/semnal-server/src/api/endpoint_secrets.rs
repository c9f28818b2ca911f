//! `…/endpoint/{endpoint_id}/secret`: what a receiver verifies with, and its rotation.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use http::StatusCode;
use semnal_core::application::Scope;
use semnal_core::configuration::Change;
use semnal_core::endpoint::Endpoint;
use semnal_core::portal::Capability;
use semnal_core::signature::Secret;
use semnal_core::time::UnixMillis;
use serde::Serialize;
use utoipa::ToSchema;

use super::ApiState;
use super::answer::Answer;
use super::auth::{Caller, View};
use super::body::RequestBody;
use super::endpoints::fields::{generate_secret, read_secret};
use super::error::ApiError;
use super::find::{self, Segments};
use super::idempotency::{self, Idempotency, Planned};
use super::input::Fields;
use crate::configuration::SignatureKind;

/// 24 h: an old secret signs beside the new one unless told otherwise (Svix API).
pub(crate) const GRACE_SECONDS_DEFAULT: u32 = 86_400;
/// 7 days at most (Svix API).
pub(super) const GRACE_SECONDS_MAX: u32 = 604_800;

/// What a receiver verifies signatures with.
#[derive(Serialize, ToSchema)]
pub(super) struct SecretOut {
    key: String,
}

/// `GET …/secret`: for v1a that is the public key; the private one is not shown.
pub(crate) async fn get(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments((app, endpoint)): Segments<(String, String)>,
) -> Result<Answer, ApiError> {
    let view = caller.portal_with(Scope::Manage, Capability::ViewEndpointSecret)?;
    current(&api, view, &app, &endpoint)
}

/// `POST …/secret/rotate`: a secret that is not given is made, of the kind that the endpoint has. Svix's reference has
/// 204 here; its newest SDKs read the new key, the older ones ignore it.
pub(crate) async fn rotate(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments((app, endpoint)): Segments<(String, String)>,
    idempotency: Idempotency,
    RequestBody(body): RequestBody,
) -> Result<Answer, ApiError> {
    let view = caller.portal_with(Scope::Manage, Capability::ManageEndpointSecret)?;
    let mut fields = Fields::parse_optional(&body)?;
    let key = read_secret(&mut fields, "key").value();
    let grace = fields.number("gracePeriodSeconds", 0..=GRACE_SECONDS_MAX).value();
    fields.finish()?;
    let grace = Duration::from_secs(grace.unwrap_or(GRACE_SECONDS_DEFAULT).into());
    let fresh = FreshSecrets::make()?;
    let (ids, now) = (api.store.ids().clone(), api.now());
    let names = (app.clone(), endpoint.clone());
    // What is kept for a repetition has no key: a secret is never stored in the clear.
    idempotency::change(&api, idempotency, move |configuration| {
        let application = view.application(configuration, &ids, &app)?.id;
        let mut it = Endpoint::clone(&*find::endpoint(configuration, &ids, application, &endpoint)?);
        fresh.rotate(&mut it, key, now, grace);
        Ok(Planned { changes: vec![Change::PutEndpoint(Box::new(it))], answer: Answer::no_content() })
    })
    .await?;
    current(&api, view, &names.0, &names.1)
}

/// A new secret of each kind: which one is wanted shows when the endpoint is changed.
pub(crate) struct FreshSecrets {
    symmetric: Secret,
    ed25519: Secret,
}

impl FreshSecrets {
    /// Makes them.
    ///
    /// # Errors
    /// 500 when the system gives no randomness.
    pub(crate) fn make() -> Result<FreshSecrets, ApiError> {
        let symmetric = generate_secret(SignatureKind::Hmac256)?.secret;
        Ok(FreshSecrets { symmetric, ed25519: generate_secret(SignatureKind::Ed25519)?.secret })
    }

    /// Gives an endpoint the secret `key`, or a new one of the kind that it has; the old one signs beside it for `grace`.
    pub(crate) fn rotate(self, it: &mut Endpoint, key: Option<Secret>, now: UnixMillis, grace: Duration) {
        let secret = key.unwrap_or(match it.secrets.first().map(|current| &current.secret) {
            Some(Secret::Ed25519(_)) => self.ed25519,
            _ => self.symmetric,
        });
        it.rotate_secret(secret, now, now + grace);
        it.updated_at = now;
    }
}

fn current(api: &ApiState, view: View, app: &str, endpoint: &str) -> Result<Answer, ApiError> {
    let configuration = api.store.configuration();
    let application = view.application(&configuration, api.store.ids(), app)?;
    let it = find::endpoint(&configuration, api.store.ids(), application.id, endpoint)?;
    let current = it.signing_secrets(api.now()).next().ok_or(ApiError::Internal)?;
    Ok(Answer::json(StatusCode::OK, &SecretOut { key: current.verification_key() }))
}
