//! Attempts: what happened to a message, and sending it again.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use semnal_core::application::Scope;
use semnal_core::attempt::AttemptEnd;
use semnal_core::id::{ApplicationId, IdKind};
use semnal_store::outcome::{Outcome, Trigger};
use semnal_store::store::Resent;
use serde_json::{Value, json};

use super::ApiState;
use super::applications::{Parameters, answer, parameter};
use super::auth::{Caller, find_endpoint};
use super::error::ApiError;
use super::{messages, page, time};

/// Whether answers hold what was received, or only what happened.
#[derive(Clone, Copy)]
enum Content {
    Shown,
    Left,
}

fn show(state: &ApiState, application: ApplicationId, it: &Outcome, content: Content) -> Value {
    let ids = state.store.ids();
    let success = it.end.is_success();
    let (cause, detail) = match &it.end {
        AttemptEnd::Answered(_) => (None, None),
        AttemptEnd::Failed { cause, detail } => (Some(cause.code()), Some(detail)),
    };
    json!({
        "id": ids.encode_attempt(it.id),
        "msgId": messages::public_id(state, application, it.id.delivery.message),
        "endpointId": ids.encode(IdKind::Endpoint, application.partition(), it.endpoint.0),
        "url": it.url,
        "response": match content {
            Content::Shown => String::from_utf8_lossy(&it.response_body),
            Content::Left => "".into(),
        },
        "responseStatusCode": it.end.status().unwrap_or(0),
        "responseDurationMs": it.phases.total_ms(),
        "status": if success { 0 } else { 2 },
        "statusText": if success { "success" } else { "fail" },
        "triggerType": i32::from(it.trigger == Trigger::Manual),
        "timestamp": time::format(it.started_at),
        "cause": cause,
        "causeDetail": detail,
    })
}

pub(super) async fn list_by_message(
    State(state): State<Arc<ApiState>>,
    caller: Caller,
    Path((app, msg)): Path<(String, String)>,
    query: Parameters,
) -> Result<Response, ApiError> {
    caller.require(Scope::Read)?;
    let application = caller.application(&state, &state.store.configuration(), &app)?.id;
    let id = messages::find(&state, application, &msg).await?.id;
    let (limit, from) =
        (page::limit(parameter(&query, "limit"))?, page::from(parameter(&query, "iterator"))?);
    let mut all = state.store.read(move |reader| reader.attempts(id)).await?;
    all.sort_by_key(|o| std::cmp::Reverse((o.started_at, o.id)));
    let position = |o: &Outcome| state.store.ids().encode_attempt(o.id);
    let left = parameter(&query, "with_content") == Some("false");
    let content = if left { Content::Left } else { Content::Shown };
    let page = page::cut(&all, &from, limit, position, |o| show(&state, application, o, content));
    Ok(axum::Json(page).into_response())
}

pub(super) async fn get(
    State(state): State<Arc<ApiState>>,
    caller: Caller,
    Path((app, msg, attempt)): Path<(String, String, String)>,
) -> Result<Response, ApiError> {
    caller.require(Scope::Read)?;
    let application = caller.application(&state, &state.store.configuration(), &app)?.id;
    let message = messages::find(&state, application, &msg).await?.id;
    let missing = || ApiError::not_found("the attempt");
    let id = state.store.ids().decode_attempt(&attempt).map_err(|_| missing())?;
    let all = state.store.read(move |reader| reader.attempts(message)).await?;
    let it = all.iter().find(|o| o.id == id).ok_or_else(missing)?;
    Ok(answer(StatusCode::OK, &show(&state, application, it, Content::Shown)))
}

pub(super) async fn resend(
    State(state): State<Arc<ApiState>>,
    caller: Caller,
    Path((app, msg, endpoint)): Path<(String, String, String)>,
) -> Result<Response, ApiError> {
    caller.require(Scope::Manage)?;
    let configuration = state.store.configuration();
    let application = caller.application(&state, &configuration, &app)?.id;
    let message = messages::find(&state, application, &msg).await?.id;
    let endpoint = find_endpoint(&state, &configuration, application, &endpoint)?.id;
    match state.store.resend(message, endpoint, caller.organisation.name.to_string()).await? {
        Resent::Accepted => Ok(answer(StatusCode::ACCEPTED, &json!({}))),
        Resent::NoSuchMessage => Err(ApiError::not_found("the message")),
        Resent::NoSuchEndpoint => Err(ApiError::not_found("the endpoint")),
    }
}
