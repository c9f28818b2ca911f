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
pub(super) const GRACE_SECONDS_DEFAULT: u32 = 86_400;
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
    let fresh = [generate_secret(SignatureKind::Hmac256)?, generate_secret(SignatureKind::Ed25519)?];
    let (ids, now) = (api.store.ids().clone(), api.now());
    let names = (app.clone(), endpoint.clone());
    // What is kept for a repetition has no key: a secret is never stored in the clear.
    idempotency::change(&api, idempotency, move |configuration| {
        let application = view.application(configuration, &ids, &app)?.id;
        let mut it = Endpoint::clone(&*find::endpoint(configuration, &ids, application, &endpoint)?);
        let [symmetric, ed25519] = fresh;
        let secret = key.unwrap_or(match it.secrets.first().map(|current| &current.secret) {
            Some(Secret::Ed25519(_)) => ed25519.secret,
            _ => symmetric.secret,
        });
        it.rotate_secret(secret, now, now + grace);
        it.updated_at = now;
        Ok(Planned { changes: vec![Change::PutEndpoint(Box::new(it))], answer: Answer::no_content() })
    })
    .await?;
    current(&api, view, &names.0, &names.1)
}

fn current(api: &ApiState, view: View, app: &str, endpoint: &str) -> Result<Answer, ApiError> {
    let configuration = api.store.configuration();
    let application = view.application(&configuration, api.store.ids(), app)?;
    let it = find::endpoint(&configuration, api.store.ids(), application.id, endpoint)?;
    let current = it.signing_secrets(api.now()).next().ok_or(ApiError::Internal)?;
    Ok(Answer::json(StatusCode::OK, &SecretOut { key: current.verification_key() }))
}
