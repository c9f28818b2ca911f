//! What a person takes back: the payload of a message, the response of an attempt, deliveries that are not through.
//!
//! `DELETE …/content` is of the Svix API; `POST …/cancel` is ours. Each is done when it is answered with 204, and doing
//! it again changes nothing.

use std::sync::Arc;

use axum::extract::State;
use semnal_core::application::Scope;
use semnal_core::id::ApplicationId;
use semnal_store::called_off::Withdrawn;

use super::ApiState;
use super::answer::Answer;
use super::auth::Caller;
use super::error::ApiError;
use super::find::{self, Segments};

/// `DELETE …/msg/{msg_id}/content`
pub(crate) async fn expunge_message(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments((app, message)): Segments<(String, String)>,
) -> Result<Answer, ApiError> {
    let application = managed(&api, &caller, &app)?;
    let found = find::message(&api, application, &message).await?;
    answer(api.store.expunge_payload(found.id).await?, &message, "")
}

/// `DELETE …/msg/{msg_id}/attempt/{attempt_id}/content`
pub(crate) async fn expunge_attempt(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments((app, message, attempt)): Segments<(String, String, String)>,
) -> Result<Answer, ApiError> {
    let application = managed(&api, &caller, &app)?;
    let found = find::message(&api, application, &message).await?;
    let id = api.store.ids().decode_attempt(&attempt).ok();
    let id = id.filter(|id| id.delivery.message == found.id);
    let id = id.ok_or_else(|| ApiError::not_found("attempt", &attempt))?;
    answer(api.store.expunge_response(id).await?, &message, &attempt)
}

/// `POST …/msg/{msg_id}/cancel`
pub(crate) async fn cancel_message(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments((app, message)): Segments<(String, String)>,
) -> Result<Answer, ApiError> {
    let application = managed(&api, &caller, &app)?;
    let found = find::message(&api, application, &message).await?;
    answer(api.store.cancel(found.id, None).await?, &message, "")
}

/// `POST …/msg/{msg_id}/endpoint/{endpoint_id}/cancel`
pub(crate) async fn cancel_delivery(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments((app, message, endpoint)): Segments<(String, String, String)>,
) -> Result<Answer, ApiError> {
    let application = managed(&api, &caller, &app)?;
    let configuration = api.store.configuration();
    let to = find::endpoint(&configuration, api.store.ids(), application, &endpoint)?.id;
    let found = find::message(&api, application, &message).await?;
    answer(api.store.cancel(found.id, Some(to)).await?, &message, &endpoint)
}

/// Returns the application, for a key of its organisation: what is taken back is not for those who only receive.
fn managed(api: &ApiState, caller: &Caller, app: &str) -> Result<ApplicationId, ApiError> {
    let view = caller.organisation(Scope::Manage)?;
    Ok(view.application(&api.store.configuration(), api.store.ids(), app)?.id)
}

fn answer(withdrawn: Withdrawn, message: &str, part: &str) -> Result<Answer, ApiError> {
    match withdrawn {
        Withdrawn::Done => Ok(Answer::no_content()),
        // Its retention passed between the look and the request.
        Withdrawn::NoSuchMessage => Err(ApiError::not_found("message", message)),
        Withdrawn::NoSuchDelivery => Err(ApiError::not_found("delivery of this message to", part)),
        Withdrawn::NoSuchAttempt => Err(ApiError::not_found("attempt", part)),
    }
}
