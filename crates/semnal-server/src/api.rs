//! The HTTP API: compatible with the Svix API in paths, fields, status codes and error forms. This file is its whole
//! route table; each resource has a file under `api/`.

mod applications;
mod attempts;
mod auth;
mod body;
pub(crate) mod control;
mod endpoints;
mod error;
mod event_types;
mod messages;
mod page;
mod time;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{get, post};
use semnal_core::address::AddressPolicy;
use semnal_core::endpoint_url::UrlRules;
use semnal_core::time::UnixMillis;
use semnal_store::store::{Now, Store};

use crate::configuration::SignatureKind;
use error::ApiError;

/// What the handlers work with.
pub(crate) struct ApiState {
    pub(crate) store: Store,
    pub(crate) clock: Now,
    pub(crate) policy: Arc<AddressPolicy>,
    pub(crate) url_rules: UrlRules,
    pub(crate) jwt_secret: Option<Vec<u8>>,
    pub(crate) body_bytes_max: usize,
    pub(crate) strict_event_types: bool,
    pub(crate) default_signature: SignatureKind,
}

impl ApiState {
    fn now(&self) -> UnixMillis {
        (self.clock)()
    }
}

/// Who may connect to a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Anybody: a bearer token says who it is.
    Network,
    /// The owner of the data directory only: acts with all rights in the default organisation.
    ControlSocket,
}

/// What every handler can take out.
#[derive(Clone)]
struct Shared {
    state: Arc<ApiState>,
    trust: Trust,
}

impl FromRef<Shared> for Arc<ApiState> {
    fn from_ref(shared: &Shared) -> Arc<ApiState> {
        shared.state.clone()
    }
}

/// Returns the routes of a listener.
pub(crate) fn router(state: Arc<ApiState>, trust: Trust) -> Router {
    let ok = || async { "ok\n" };
    let no_content = || async { http::StatusCode::NO_CONTENT };
    let mut router = Router::new()
        .route("/healthz", get(ok))
        .route("/readyz", get(ok))
        .route("/api/v1/health", get(no_content))
        .route("/api/v1/health/ping", get(no_content))
        .route("/api/v1/app", get(applications::list).post(applications::create))
        .route(
            "/api/v1/app/{app}",
            get(applications::get)
                .put(applications::put)
                .patch(applications::patch)
                .delete(applications::delete),
        )
        .route("/api/v1/app/{app}/endpoint", get(endpoints::list).post(endpoints::create))
        .route(
            "/api/v1/app/{app}/endpoint/{endpoint}",
            get(endpoints::get).put(endpoints::put).delete(endpoints::delete),
        )
        .route("/api/v1/app/{app}/endpoint/{endpoint}/secret", get(endpoints::get_secret))
        .route("/api/v1/app/{app}/endpoint/{endpoint}/secret/rotate", post(endpoints::rotate_secret))
        .route("/api/v1/event-type", get(event_types::list).post(event_types::create))
        .route("/api/v1/event-type/{name}", get(event_types::get).delete(event_types::delete))
        .route("/api/v1/app/{app}/msg", get(messages::list).post(messages::create))
        .route("/api/v1/app/{app}/msg/{msg}", get(messages::get))
        .route("/api/v1/app/{app}/attempt/msg/{msg}", get(attempts::list_by_message))
        .route("/api/v1/app/{app}/msg/{msg}/attempt/{attempt}", get(attempts::get))
        .route("/api/v1/app/{app}/msg/{msg}/endpoint/{endpoint}/resend", post(attempts::resend));
    if trust == Trust::ControlSocket {
        router = router
            .route("/control/keys", get(control::get_keys).post(control::post_key))
            .route("/control/keys/{key}/revoke", post(control::post_revoke))
            .route("/control/verify", get(control::get_verify));
    }
    router
        .fallback(|| async { ApiError::not_found("this path") })
        .method_not_allowed_fallback(|| async { ApiError::method_not_allowed() })
        .with_state(Shared { state, trust })
}
