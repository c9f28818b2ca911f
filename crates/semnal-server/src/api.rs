//! The HTTP API: `/api/v1` in the manner of Svix, health, and the control routes of the Unix socket.
//!
//! A request passes [`gate`] (caller, body), reaches its handler (one file per resource), and becomes an
//! [`answer::Answer`] or an [`error::ApiError`]. Handlers read the configuration's snapshot and the journal, and
//! change things through [`Store`] only. Invariant: what is answered with 2xx is durable.

pub(crate) mod answer;
pub(crate) mod append;
mod applications;
mod attempt_headers;
mod attempts;
pub(crate) mod auth;
mod background_tasks;
pub(crate) mod bins;
pub(crate) mod body;
mod content;
pub(crate) mod control;
pub(crate) mod control_users;
mod destinations;
mod endpoint_headers;
mod endpoint_messages;
pub(crate) mod endpoint_secrets;
mod endpoint_stats;
pub(crate) mod endpoints;
pub(crate) mod error;
mod event_types;
pub(crate) mod find;
mod gate;
mod health;
mod idempotency;
pub(crate) mod input;
pub(crate) mod message_in;
pub(crate) mod messages;
pub(crate) mod openapi;
mod page;
pub(crate) mod payload_check;
pub(crate) mod payload_schema;
mod portal;
mod portal_token;
mod query;
pub(crate) mod send_example;
mod signed;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod time;
mod token;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, delete, get, post, put};
use http::Uri;
use semnal_core::address::AddressPolicy;
use semnal_core::endpoint_url::UrlRules;
use semnal_core::retry::RetrySchedule;
use semnal_core::time::UnixMillis;
use semnal_store::store::{Now, Store};

pub(crate) use attempt_headers::sent_headers;
pub(crate) use auth::{Trust, View, portal_of};
pub(crate) use bins::curl::bash_quoted;
pub(crate) use bins::streamed::Streamed;
pub(crate) use bins::{BinsApi, BinsAway};
pub(crate) use error::{ApiError, Problem as FieldProblem};
pub(crate) use event_types::{create_in as create_event_type, patch_in as patch_event_type};
pub(crate) use idempotency::Idempotency;
pub(crate) use payload_check::{SchemaCache, try_payload};
pub(crate) use payload_schema::newest as newest_schema;

use crate::configuration::SignatureKind;
use crate::ultimate_multisite;

/// What every handler has.
pub(crate) struct ApiState {
    /// The record.
    pub store: Store,
    /// The clock.
    pub clock: Now,
    /// Judges endpoints whose host is an address.
    pub policy: Arc<AddressPolicy>,
    /// The gate for endpoint URLs.
    pub url_rules: UrlRules,
    /// When set, Svix-style tokens signed with it are accepted.
    pub jwt_secret: Option<Vec<u8>>,
    /// What a request may cost.
    pub limits: Limits,
    /// Messages of event types that do not exist are refused.
    pub strict_event_types: bool,
    /// The compiled schemas of event types whose schema is enforced.
    pub schemas: payload_check::SchemaCache,
    /// Where people reach this server, without a slash at the end.
    pub public_url: String,
    /// Prefixes under which deliveries have their id, timestamp and signature.
    pub header_prefixes: Vec<String>,
    /// How deliveries are made where nothing else is said.
    pub deliveries: DeliveryDefaults,
    /// What the secret of a new endpoint is, when the client gives none.
    pub default_signature: SignatureKind,
    /// How long the same event with the same body counts as a repeat at `/in`; `None` means never.
    pub source_repeat_window: Option<Duration>,
    /// The request bins, or why there are none.
    pub bins: Result<BinsApi, BinsAway>,
}

/// How deliveries are made where neither endpoint nor event type says anything else.
#[derive(Debug, Clone)]
pub(crate) struct DeliveryDefaults {
    /// When a failed one is tried again.
    pub schedule: RetrySchedule,
    /// How long an attempt may take.
    pub attempt_timeout: Duration,
}

/// What a request may cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes of a body. Default 1 MiB.
    pub body_bytes_max: usize,
    /// How long a body may take to arrive. Default 30 s.
    pub body_read_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { body_bytes_max: 1_024 * 1_024, body_read_timeout: Duration::from_secs(30) }
    }
}

impl ApiState {
    /// Returns the time.
    pub(crate) fn now(&self) -> UnixMillis {
        (self.clock)()
    }
}

#[derive(Clone)]
struct Gate {
    api: Arc<ApiState>,
    trust: Trust,
}

/// Returns every route. Each of them may end with a slash.
pub(crate) fn router(state: Arc<ApiState>, trust: Trust) -> Router {
    let gate = Gate { api: state.clone(), trust };
    let guarded = guarded_routes(trust).router;
    let guarded = guarded.fallback(unknown_path).method_not_allowed_fallback(unknown_method);
    let open = open_routes().router.method_not_allowed_fallback(unknown_method);
    let router = guarded.layer(from_fn_with_state(gate, gate::pass)).merge(open);
    match trust {
        Trust::Network => router.merge(ultimate_multisite::router(&state)).with_state(state),
        // Whoever opens the socket has `/api/v1` and needs no other system's manner.
        Trust::ControlSocket => router.with_state(state),
    }
}

/// Those that need a key. [`openapi`] describes each of them, but for those of the control socket.
fn guarded_routes(trust: Trust) -> Routes {
    let mut routes = Routes::default();
    routes
        .at("/api/v1/app", get(applications::list).post(applications::create))
        .at(
            "/api/v1/app/{app_id}",
            get(applications::get)
                .put(applications::put)
                .patch(applications::patch)
                .delete(applications::delete),
        )
        .at("/api/v1/app/{app_id}/endpoint", get(endpoints::list).post(endpoints::create))
        .at(
            "/api/v1/app/{app_id}/endpoint/{endpoint_id}",
            get(endpoints::get).put(endpoints::put).patch(endpoints::patch).delete(endpoints::delete),
        )
        .at(
            "/api/v1/app/{app_id}/endpoint/{endpoint_id}/headers",
            get(endpoint_headers::get).put(endpoint_headers::put).patch(endpoint_headers::patch),
        )
        .at("/api/v1/app/{app_id}/endpoint/{endpoint_id}/secret", get(endpoint_secrets::get))
        .at("/api/v1/app/{app_id}/endpoint/{endpoint_id}/secret/rotate", post(endpoint_secrets::rotate))
        .at("/api/v1/app/{app_id}/endpoint/{endpoint_id}/stats", get(endpoint_stats::get))
        .at("/api/v1/app/{app_id}/endpoint/{endpoint_id}/msg", get(endpoint_messages::list))
        .at("/api/v1/app/{app_id}/endpoint/{endpoint_id}/recover", post(background_tasks::endpoint::recover))
        .at(
            "/api/v1/app/{app_id}/endpoint/{endpoint_id}/replay-missing",
            post(background_tasks::endpoint::replay_missing),
        )
        .at(
            "/api/v1/app/{app_id}/endpoint/{endpoint_id}/bulk-replay",
            post(background_tasks::endpoint::bulk_replay),
        )
        .at("/api/v1/background-task", get(background_tasks::list))
        .at("/api/v1/background-task/{task_id}", get(background_tasks::get))
        .at("/api/v1/background-task/{task_id}/cancel", post(background_tasks::cancel))
        .at("/api/v1/stats/usage/app", post(background_tasks::usage::applications))
        .at("/api/v1/stats/usage/event-types", put(background_tasks::usage::event_types))
        .at("/api/v1/app/{app_id}/endpoint/{endpoint_id}/send-example", post(send_example::create))
        .at("/api/v1/app/{app_id}/msg", get(messages::list).post(messages::create))
        .at("/api/v1/app/{app_id}/msg/{msg_id}", get(messages::get))
        .at("/api/v1/app/{app_id}/msg/{msg_id}/attempt/{attempt_id}", get(attempts::get))
        .at("/api/v1/app/{app_id}/msg/{msg_id}/attempt/{attempt_id}/headers", get(attempt_headers::get))
        .at("/api/v1/app/{app_id}/msg/{msg_id}/endpoint", get(destinations::list))
        .at("/api/v1/app/{app_id}/msg/{msg_id}/endpoint/{endpoint_id}/resend", post(attempts::resend))
        .at("/api/v1/app/{app_id}/msg/{msg_id}/content", delete(content::expunge_message))
        .at(
            "/api/v1/app/{app_id}/msg/{msg_id}/attempt/{attempt_id}/content",
            delete(content::expunge_attempt),
        )
        .at("/api/v1/app/{app_id}/msg/{msg_id}/cancel", post(content::cancel_message))
        .at("/api/v1/app/{app_id}/msg/{msg_id}/endpoint/{endpoint_id}/cancel", post(content::cancel_delivery))
        .at("/api/v1/app/{app_id}/attempt/msg/{msg_id}", get(attempts::list_by_message))
        .at("/api/v1/app/{app_id}/attempt/endpoint/{endpoint_id}", get(attempts::by_endpoint::list))
        .at("/api/v1/auth/app-portal-access/{app_id}", post(portal::access))
        .at("/api/v1/auth/app/{app_id}/expire-all", post(portal::expire_all))
        .at("/api/v1/auth/logout", post(portal::logout))
        .at("/api/v1/event-type", get(event_types::list).post(event_types::create))
        .at(
            "/api/v1/event-type/{event_type_name}",
            get(event_types::get).put(event_types::put).patch(event_types::patch).delete(event_types::delete),
        );
    bin_routes(&mut routes);
    if trust == Trust::ControlSocket {
        control_routes(&mut routes);
    }
    routes
}

/// Those that anybody may call.
fn open_routes() -> Routes {
    let mut routes = Routes::default();
    routes
        .at("/api/v1/health", get(health::no_content))
        .at("/api/v1/health/ping", get(health::no_content))
        .at("/healthz", get(health::alive))
        .at("/readyz", get(health::ready))
        .at("/openapi.json", openapi::get_json())
        .at("/docs", openapi::get_page())
        .at("/docs/style.css", openapi::get_style())
        .at("/docs/script.js", openapi::get_script());
    routes
}

/// Adds request bins and what they caught.
fn bin_routes(routes: &mut Routes) {
    use bins::{curl, export, replay, requests, response, updates, verify, wait};
    routes
        .at("/api/v1/bin", get(bins::list).post(bins::create))
        .at("/api/v1/bin/{bin_id}", get(bins::get).patch(bins::patch).delete(bins::delete))
        .at("/api/v1/bin/{bin_id}/response", get(response::get).put(response::put))
        .at("/api/v1/bin/{bin_id}/request", get(requests::list).delete(requests::delete_all))
        .at("/api/v1/bin/{bin_id}/request/{request_id}", get(requests::get).delete(requests::delete))
        .at("/api/v1/bin/{bin_id}/request/{request_id}/raw", get(requests::raw))
        .at("/api/v1/bin/{bin_id}/request/{request_id}/curl", get(curl::get))
        .at("/api/v1/bin/{bin_id}/request/{request_id}/replay", post(replay::post))
        .at("/api/v1/bin/{bin_id}/request/{request_id}/verify", post(verify::post))
        .at("/api/v1/bin/{bin_id}/wait", get(wait::get))
        .at("/api/v1/bin/{bin_id}/stream", get(updates::get))
        .at("/api/v1/bin/{bin_id}/export", get(export::get))
        .at("/api/v1/app/{app_id}/msg/{msg_id}/captured-request", get(requests::of_message));
}

/// Adds what only the control socket has.
fn control_routes(routes: &mut Routes) {
    routes
        .at("/control/keys", get(control::get_keys).post(control::post_key))
        .at("/control/keys/{key_id}/revoke", post(control::post_revoke))
        .at("/control/import/ultimate-multisite", post(ultimate_multisite::import::post))
        .at("/control/verify", get(control::get_verify))
        .at("/control/views", get(control::get_views))
        .at("/control/views/rebuild", post(control::post_views_rebuild))
        .at("/control/users", get(control_users::get))
        .at("/control/users/reset", post(control_users::post_reset))
        .at("/control/status", get(control::get_status));
}

/// Routes with and without a slash at the end.
#[derive(Default)]
struct Routes {
    router: Router<Arc<ApiState>>,
    /// What the tests compare with the description of the API.
    #[cfg(test)]
    paths: Vec<String>,
}

impl Routes {
    fn at(&mut self, path: &str, methods: MethodRouter<Arc<ApiState>>) -> &mut Routes {
        let router = std::mem::take(&mut self.router);
        self.router = router.route(path, methods.clone()).route(&format!("{path}/"), methods);
        #[cfg(test)]
        self.paths.push(path.to_owned());
        self
    }
}

async fn unknown_path(uri: Uri) -> ApiError {
    let path = error::excerpt(uri.path()).to_owned();
    ApiError::NotFound(format!("there is nothing at {path:?}; the API is under /api/v1"))
}

async fn unknown_method() -> ApiError {
    ApiError::MethodNotAllowed
}
