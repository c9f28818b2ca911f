//! Who calls: a key and its secret, by HTTP Basic or as parameters, as the original takes them.
//!
//! Basic wins over parameters, also when it is wrong. The secret is compared by its hash in constant time. A stranger's
//! body is read only as far as credentials can reach into it. Invariant: no part of a credential leaves this file.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::body::Body;
use axum::extract::{FromRequestParts, Query, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Uri, header};
use semnal_core::application::{ApiKey, Application, Opens};
use semnal_core::configuration::Configuration;
use semnal_core::id::{ApplicationId, OrganisationId};
use semnal_core::time::UnixMillis;

use super::answer::Refusal;
use crate::api::ApiState;
use crate::api::body::{self, Drained, RequestBody};
use crate::api::error::ApiError;
use crate::keys;

/// 64 KiB of a body are read to look for credentials in it.
const STRANGER_BODY_BYTES_MAX: usize = 64 * 1_024;
/// The names of the key and of the secret among parameters.
pub(super) const CREDENTIALS: [&str; 4] = ["api_key", "api-key", "api_secret", "api-secret"];

/// Whoever sent a request: what their key opens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bearer {
    pub(super) organisation: OrganisationId,
    pub(super) application: ApplicationId,
}

impl Bearer {
    /// Returns the application, unless it was deleted meanwhile.
    ///
    /// # Errors
    /// 401: its keys open nothing any more.
    pub(super) fn application<'a>(
        &self,
        configuration: &'a Configuration,
    ) -> Result<&'a Arc<Application>, Refusal> {
        configuration.application(self.application).ok_or_else(Refusal::forbidden)
    }
}

impl<S: Sync> FromRequestParts<S> for Bearer {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Bearer, Refusal> {
        parts.extensions.get().copied().ok_or_else(Refusal::forbidden)
    }
}

/// A key and a secret as somebody gave them.
struct Pair {
    key: String,
    secret: String,
}

/// Lets a request through whose credentials open an application; puts that and the body into its extensions.
pub(super) async fn pass(State(api): State<Arc<ApiState>>, mut request: Request, next: Next) -> Response {
    let mut incoming = std::mem::replace(request.body_mut(), Body::empty());
    match admit(&api, &mut request, &mut incoming).await {
        Ok(()) => next.run(request).await,
        Err((refusal, drained)) => body::refuse(refusal, drained),
    }
}

async fn admit(api: &ApiState, request: &mut Request, incoming: &mut Body) -> Result<(), (Refusal, Drained)> {
    let refused = |(error, drained): (ApiError, Drained)| (Refusal::from(error), drained);
    let known = match basic(request.headers()) {
        Some(pair) => Some(pair.and_then(|pair| open(api, &pair))),
        None => in_query(request.uri()).map(|pair| open(api, &pair)),
    };
    let (bearer, bytes) = match known {
        Some(None) => return Err((Refusal::forbidden(), body::drain(incoming).await)),
        Some(Some(bearer)) => {
            let limits = &api.limits;
            let read = body::read(incoming, limits.body_bytes_max, limits.body_read_timeout).await;
            (bearer, read.map_err(refused)?)
        }
        None => {
            let max = api.limits.body_bytes_max.min(STRANGER_BODY_BYTES_MAX);
            let read = body::read(incoming, max, api.limits.body_read_timeout).await;
            let bytes = read.map_err(|(error, drained)| match error {
                // Without credentials before it, a long body is a stranger's.
                ApiError::BodyTooLarge { .. } => (Refusal::forbidden(), drained),
                other => (other.into(), drained),
            })?;
            let found = in_body(&bytes).and_then(|pair| open(api, &pair));
            (found.ok_or((Refusal::forbidden(), Drained::Whole))?, bytes)
        }
    };
    request.extensions_mut().insert(bearer);
    request.extensions_mut().insert(RequestBody(bytes));
    Ok(())
}

/// Reads HTTP Basic; `Some(None)` when it is there and cannot be read.
fn basic(headers: &HeaderMap) -> Option<Option<Pair>> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, encoded) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let decoded = BASE64_STANDARD.decode(encoded.trim_ascii()).ok();
    let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    Some(text.and_then(|text| {
        let (key, secret) = text.split_once(':')?;
        Some(Pair { key: key.to_owned(), secret: secret.to_owned() })
    }))
}

/// Reads them as parameters; the first of both spellings that is there counts.
fn among(look: impl Fn(&str) -> Option<String>) -> Option<Pair> {
    let [key, dashed_key, secret, dashed_secret] = CREDENTIALS;
    let key = look(key).or_else(|| look(dashed_key))?;
    let secret = look(secret).or_else(|| look(dashed_secret))?;
    Some(Pair { key, secret })
}

fn in_query(uri: &Uri) -> Option<Pair> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri).ok()?;
    among(|name| pairs.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone()))
}

/// Reads them from a JSON object or from a form.
fn in_body(body: &Bytes) -> Option<Pair> {
    if body.trim_ascii_start().starts_with(b"{") {
        let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(body).ok()?;
        return among(|name| fields.get(name).and_then(|value| value.as_str()).map(str::to_owned));
    }
    let form = std::str::from_utf8(body).ok().filter(|text| !text.is_empty())?;
    in_query(&format!("/?{form}").parse().ok()?)
}

fn open(api: &ApiState, pair: &Pair) -> Option<Bearer> {
    let configuration = api.store.configuration();
    let key = configuration.key_by_digest(&keys::sha256(&pair.key))?;
    let Opens::UltimateMultisite { application, secret_digest } = &key.opens else { return None };
    verify_slices_are_equal(&keys::sha256(&pair.secret), secret_digest).ok()?;
    bearer(&configuration, key, *application, api.now())
}

/// Returns what a key opens, as long as it is valid and its application is there.
pub(super) fn bearer(
    configuration: &Configuration,
    key: &ApiKey,
    application: ApplicationId,
    now: UnixMillis,
) -> Option<Bearer> {
    let is_valid = key.revoked_at.is_none() && key.expires_at.is_none_or(|at| at > now);
    let it = configuration.application(application).filter(|it| is_valid && !it.is_operational())?;
    Some(Bearer { organisation: it.organisation, application })
}
