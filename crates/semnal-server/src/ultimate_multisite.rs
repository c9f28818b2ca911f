//! The REST API in the manner of Ultimate Multisite, `/wp-json/wu/v2`, for its users' Zaps and scripts, and `/in`, where
//! its own webhooks can be pointed at. docs/ultimate-multisite.md says for each behaviour of the original what is done
//! here.
//!
//! A webhook here is an endpoint of one application, no copy of it: what an endpoint does not say (its number, who made
//! it) is in [`semnal_core::integration`]. Invariant: whatever is wrong with a request is answered with a 4xx in
//! WordPress's form, and nothing here is logged, since credentials may stand in a query.

mod access;
mod answer;
mod events;
mod flat;
mod hooks;
pub(crate) mod import;
pub(crate) mod keys;
mod numbers;
mod parameters;
mod source;
mod webhook_list;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, any, get, post};

use crate::api::ApiState;
use crate::api::body;
use answer::Refusal;

const BASE: &str = "/wp-json/wu/v2";

/// Returns the routes, each with and without a slash at the end.
pub(crate) fn router(api: &Arc<ApiState>) -> Router<Arc<ApiState>> {
    let webhook = get(webhooks::read).post(webhooks::update).put(webhooks::update).patch(webhooks::update);
    let guarded = [
        ("/auth", get(hooks::auth)),
        ("/hooks", get(hooks::list)),
        ("/webhook", get(webhooks::list).post(webhooks::create)),
        ("/webhook/{id}", webhook.delete(webhooks::delete)),
        ("/event", get(events::list).post(events::create)),
        ("/event/{id}", get(events::read)),
    ];
    let mut router = Router::new();
    for (path, methods) in guarded {
        let methods: MethodRouter<Arc<ApiState>> =
            methods.layer(from_fn_with_state(api.clone(), access::pass)).fallback(no_route);
        let path = format!("{BASE}{path}");
        router = router.route(&format!("{path}/"), methods.clone()).route(&path, methods);
    }
    let source: MethodRouter<Arc<ApiState>> = post(source::receive).fallback(source::unknown_method);
    router
        .route("/wp-json", any(no_route))
        .route("/wp-json/{*rest}", any(no_route))
        .route("/in/{token}", any(source::unknown_path))
        .route("/in/{token}/{event}/{*rest}", any(source::unknown_path))
        .route("/in/{token}/{event}/", source.clone())
        .route("/in/{token}/{event}", source)
}

/// What WordPress answers to a path or a method that nobody serves.
async fn no_route(request: Request) -> Refusal {
    body::drain(&mut request.into_body()).await;
    Refusal::no_route()
}
