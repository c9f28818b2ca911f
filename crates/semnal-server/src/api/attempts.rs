//! The attempts of messages: of one message (`…/attempt/msg/{msg_id}`), of one endpoint ([`by_endpoint`]), one
//! attempt, and sending again.

pub(super) mod by_endpoint;
pub(super) mod filter;

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use semnal_core::application::Scope;
use semnal_core::attempt::AttemptEnd;
use semnal_core::configuration::Configuration;
use semnal_core::id::{ApplicationId, EndpointId, IdCipher, IdKind};
use semnal_core::portal::Capability;
use semnal_store::message::Message;
use semnal_store::outcome::{EXPUNGED, Outcome, Trigger, Verdict};
use semnal_store::store::Resent;
use serde::Serialize;
use utoipa::ToSchema;

use super::ApiState;
use super::answer::Answer;
use super::auth::Caller;
use super::endpoints;
use super::error::ApiError;
use super::find::{self, Segments};
use super::idempotency::{self, Idempotency};
use super::messages;
use super::page::{self, Order};
use super::query::Params;
use super::time::Rfc3339;
use filter::{Filter, MessageAttemptKey};

/// An attempt as it is answered.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AttemptOut {
    id: String,
    msg_id: String,
    endpoint_id: String,
    url: String,
    response: String,
    response_status_code: u16,
    response_duration_ms: i64,
    status: u16,
    status_text: &'static str,
    trigger_type: u16,
    cause: Option<&'static str>,
    timestamp: Rfc3339,
}

fn out(ids: &IdCipher, application: ApplicationId, it: &Outcome, with_content: bool) -> AttemptOut {
    let success = it.verdict == Verdict::Delivered;
    let (response, cause) = match &it.end {
        AttemptEnd::Failed { cause, .. } if it.response_body == EXPUNGED => {
            (String::from_utf8_lossy(EXPUNGED).into_owned(), Some(cause.code()))
        }
        AttemptEnd::Answered(_) => (String::from_utf8_lossy(&it.response_body).into_owned(), None),
        AttemptEnd::Failed { cause, detail } if detail.is_empty() => {
            (cause.sentence().to_owned(), Some(cause.code()))
        }
        AttemptEnd::Failed { cause, detail } => {
            (format!("{}: {detail}", cause.sentence()), Some(cause.code()))
        }
    };
    AttemptOut {
        id: ids.encode_attempt(it.id),
        msg_id: messages::public_id(ids, application, it.id.delivery.message),
        endpoint_id: endpoints::public_id(ids, application, it.endpoint),
        url: it.url.clone(),
        response: if with_content { response } else { String::new() },
        response_status_code: it.end.status().unwrap_or(0),
        response_duration_ms: it.phases.total_ms(),
        status: if success { 0 } else { 2 },
        status_text: if success { "success" } else { "fail" },
        trigger_type: match it.trigger {
            Trigger::Scheduled => 0,
            Trigger::Manual => 1,
        },
        cause,
        timestamp: Rfc3339(it.started_at),
    }
}

/// `GET …/attempt/msg/{msg_id}`: newest first.
pub(crate) async fn list_by_message(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments((app, message)): Segments<(String, String)>,
    mut params: Params,
) -> Result<Answer, ApiError> {
    let view = caller.portal(Scope::Read)?;
    let (limit, cursor) = (params.limit(), params.cursor::<MessageAttemptKey>());
    let mut filter = Filter::read(&mut params);
    // A message has one event type: Svix ignores the filter here.
    filter.event_types = None;
    let with_content = params.flag("with_content", true);
    let endpoint = params.text("endpoint_id").map(str::to_owned);
    params.finish()?;
    let configuration = api.store.configuration();
    let application = view.application(&configuration, api.store.ids(), &app)?.id;
    let message = find::message(&api, application, &message).await?;
    if let Some(text) = endpoint {
        filter.endpoint = Some(endpoint_or_former(&configuration, api.store.ids(), application, &text)?);
    }
    let mut found = if filter.wants_message(&message) {
        api.store.read(move |reader| reader.attempts(message.id)).await?
    } else {
        Vec::new()
    };
    found.retain(|it| filter.wants(it));
    found.sort_by_key(MessageAttemptKey::of);
    let page = page::cut(found, MessageAttemptKey::of, Order::Descending, &cursor, limit);
    let page = page.map(|it| out(api.store.ids(), application, &it, with_content));
    Ok(Answer::json(StatusCode::OK, &page))
}

/// Returns the id of an endpoint, or of one that was deleted: its attempts are still there.
fn endpoint_or_former(
    configuration: &Configuration,
    ids: &IdCipher,
    application: ApplicationId,
    text: &str,
) -> Result<EndpointId, ApiError> {
    match ids.decode(IdKind::Endpoint, text) {
        Ok((partition, key)) if partition == application.partition() => Ok(EndpointId(key)),
        _ => Ok(find::endpoint(configuration, ids, application, text)?.id),
    }
}

/// `GET …/msg/{msg_id}/attempt/{attempt_id}`
pub(crate) async fn get(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments((app, message, attempt)): Segments<(String, String, String)>,
) -> Result<Answer, ApiError> {
    let view = caller.portal(Scope::Read)?;
    let application = view.application(&api.store.configuration(), api.store.ids(), &app)?.id;
    let (_, it) = find_attempt(&api, application, &message, &attempt).await?;
    Ok(Answer::json(StatusCode::OK, &out(api.store.ids(), application, &it, true)))
}

/// Returns an attempt with its message.
///
/// # Errors
/// 404, or what the store says.
pub(super) async fn find_attempt(
    api: &ApiState,
    application: ApplicationId,
    message: &str,
    attempt: &str,
) -> Result<(Message, Outcome), ApiError> {
    let message = find::message(api, application, message).await?;
    let not_found = || ApiError::not_found("attempt", attempt);
    let id = api.store.ids().decode_attempt(attempt).map_err(|_| not_found())?;
    if id.delivery.message != message.id {
        return Err(not_found());
    }
    let found = api.store.read(move |reader| reader.attempt(id)).await?.ok_or_else(not_found)?;
    Ok((message, found))
}

/// `POST …/msg/{msg_id}/endpoint/{endpoint_id}/resend`
pub(crate) async fn resend(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments((app, message, endpoint)): Segments<(String, String, String)>,
    idempotency: Idempotency,
) -> Result<Answer, ApiError> {
    let view = caller.portal_with(Scope::Manage, Capability::CreateAttempts)?;
    let configuration = api.store.configuration();
    let application = view.application(&configuration, api.store.ids(), &app)?.id;
    let endpoint_id = find::endpoint(&configuration, api.store.ids(), application, &endpoint)?.id;
    let found = find::message(&api, application, &message).await?;
    if let Some(answer) = idempotency::recall(&api, idempotency).await? {
        return Ok(answer);
    }
    match api.store.resend(found.id, endpoint_id, caller.describe()).await? {
        Resent::Accepted => idempotency::remember(&api, idempotency, Answer::accepted()).await,
        Resent::NoSuchMessage => Err(ApiError::not_found("message", &message)),
        Resent::NoSuchEndpoint => Err(ApiError::not_found("endpoint", &endpoint)),
        Resent::PayloadGone => Err(ApiError::PayloadGone),
    }
}
