//! `GET /api/v1/app/{app_id}/endpoint/{endpoint_id}/stats`: the endpoint's deliveries by state.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use http::StatusCode;
use semnal_core::application::Scope;
use semnal_store::views::statistics::Counts;
use serde::Serialize;
use utoipa::ToSchema;

use super::ApiState;
use super::answer::Answer;
use super::auth::Caller;
use super::error::ApiError;
use super::find::{self, Segments};
use super::query::Params;

/// Without `since` the last 28 days are counted (Svix API).
const DAYS_DEFAULT: u64 = 28;

/// The deliveries of an endpoint, counted by state.
#[derive(Serialize, ToSchema)]
pub(super) struct EndpointStatsOut {
    success: u64,
    /// Waiting for an attempt, for a retry, or for an endpoint that is paused or disabled.
    pending: u64,
    /// Always 0: an attempt that is under way is counted as pending until it ends.
    sending: u64,
    fail: u64,
    canceled: u64,
}

/// `GET …/stats?since&until`: of messages accepted between the two, both inclusive.
pub(crate) async fn get(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments((app, endpoint)): Segments<(String, String)>,
    mut params: Params,
) -> Result<Answer, ApiError> {
    let view = caller.portal(Scope::Read)?;
    let (since, until) = (params.instant("since"), params.instant("until"));
    params.finish()?;
    let configuration = api.store.configuration();
    let application = view.application(&configuration, api.store.ids(), &app)?.id;
    let endpoint = find::endpoint(&configuration, api.store.ids(), application, &endpoint)?.id;
    let until = until.unwrap_or_else(|| api.now());
    let since = since.unwrap_or_else(|| until - Duration::from_secs(DAYS_DEFAULT * 86_400));
    if since > until {
        return Err(ApiError::invalid(&["query", "since"], "out_of_range", "must not be later than until"));
    }
    let counts = api.store.list(move |reader| reader.count_deliveries(endpoint, since, until)).await?;
    let Counts { delivered, pending, failed, cancelled, expired } = counts;
    let canceled = cancelled + expired;
    let out = EndpointStatsOut { success: delivered, pending, sending: 0, fail: failed, canceled };
    Ok(Answer::json(StatusCode::OK, &out))
}
