//! Messages: the way in, and reading them.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use semnal_core::application::{Application, Scope};
use semnal_core::endpoint::CHANNELS_PER_MESSAGE_MAX;
use semnal_core::id::{ApplicationId, IdKind, Key, MessageId};
use semnal_core::name::{Channel, EventTypeName, Uid};
use semnal_store::message::{Appended, Message, NewMessage};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::ApiState;
use super::applications::{Parameters, parameter};
use super::auth::Caller;
use super::body::{Raw, parse};
use super::error::{ApiError, Problem};
use super::{page, time};

/// A message is matched again when the configuration changed meanwhile, 10 times at most.
const MATCH_TRIES: usize = 10;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MessageIn<'a> {
    event_type: String,
    event_id: Option<String>,
    channels: Option<Vec<String>>,
    #[serde(borrow)]
    payload: &'a RawValue,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessageOut<'a> {
    id: String,
    event_id: Option<&'a str>,
    event_type: &'a str,
    channels: Option<Vec<&'a str>>,
    payload: &'a RawValue,
    timestamp: String,
}

pub(super) fn public_id(state: &ApiState, application: ApplicationId, id: MessageId) -> String {
    state.store.ids().encode(IdKind::Message, application.partition(), id.0)
}

fn answer(state: &ApiState, status: StatusCode, message: &Message) -> Result<Response, ApiError> {
    Ok((status, axum::Json(show(state, message, &payload_of(message)?))).into_response())
}

/// The payload stands in the answer byte for byte.
fn payload_of(message: &Message) -> Result<Box<RawValue>, ApiError> {
    serde_json::from_slice(&message.payload).map_err(|_| ApiError::not_found("the payload"))
}

fn show<'a>(state: &ApiState, it: &'a Message, payload: &'a RawValue) -> MessageOut<'a> {
    MessageOut {
        id: public_id(state, it.application, it.id),
        event_id: it.event_id.as_ref().map(Uid::as_str),
        event_type: it.event_type.as_str(),
        channels: (!it.channels.is_empty()).then(|| it.channels.iter().map(Channel::as_str).collect()),
        payload,
        timestamp: time::format(it.id.0.time()),
    }
}

fn parse_message(application: &Application, caller: &Caller, bytes: &Bytes) -> Result<NewMessage, ApiError> {
    let given: MessageIn<'_> = parse(bytes)?;
    let mut problems = Vec::new();
    let event_type = EventTypeName::parse(&given.event_type);
    let event_type = event_type.map_err(|e| problems.push(Problem::body("eventType", e))).ok();
    let event_id = given.event_id.as_deref().map(Uid::parse).transpose();
    let event_id = event_id.map_err(|e| problems.push(Problem::body("eventId", e))).ok().flatten();
    let names = given.channels.unwrap_or_default();
    let channels: Result<Vec<Channel>, _> = names.iter().map(|n| Channel::parse(n)).collect();
    let channels = channels.map_err(|e| problems.push(Problem::body("channels", e))).unwrap_or_default();
    if channels.len() > CHANNELS_PER_MESSAGE_MAX {
        problems.push(Problem::body("channels", format!("has at most {CHANNELS_PER_MESSAGE_MAX} entries")));
    }
    if !given.payload.get().starts_with('{') {
        problems.push(Problem::body("payload", "must be a JSON object"));
    }
    match event_type {
        Some(event_type) if problems.is_empty() => Ok(NewMessage {
            application: application.id,
            event_type,
            event_id,
            channels,
            endpoints: Vec::new(),
            payload: bytes.slice_ref(given.payload.get().as_bytes()),
            idempotency: caller.idempotency,
        }),
        _ => Err(ApiError::Invalid(problems)),
    }
}

pub(super) async fn create(
    State(state): State<Arc<ApiState>>,
    caller: Caller,
    Path(app): Path<String>,
    Raw(bytes): Raw,
) -> Result<Response, ApiError> {
    caller.require_whole(Scope::Send)?;
    let mut configuration = state.store.configuration();
    let application = caller.application(&state, &configuration, &app)?;
    let new = parse_message(&application, &caller, &bytes)?;
    if state.strict_event_types
        && configuration.event_type(application.organisation, &new.event_type).is_none()
    {
        return Err(ApiError::invalid(Problem::body("eventType", "is not a registered event type")));
    }
    for _ in 0..MATCH_TRIES {
        let mut matched = new.clone();
        matched.endpoints = configuration.matching(application.id, &new.event_type, &new.channels);
        let appended = state.store.append(vec![matched], configuration.version).await?.pop();
        match appended {
            Some(Appended::Created(message)) => return answer(&state, StatusCode::ACCEPTED, &message),
            Some(Appended::Repeated(id)) => {
                let found = state.store.read(move |reader| reader.message(id)).await?;
                let message = found.ok_or_else(|| ApiError::not_found("the message"))?;
                return answer(&state, StatusCode::ACCEPTED, &message);
            }
            Some(Appended::EventIdExists(_)) => {
                return Err(ApiError::conflict(
                    "a message with this eventId exists already in this application",
                ));
            }
            Some(Appended::Stale) | None => configuration = state.store.configuration(),
        }
        caller.application(&state, &configuration, &app)?;
    }
    let detail = "the configuration changes too fast; send the message again";
    Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail))
}

/// Returns a message of an application by its id.
pub(super) async fn find(
    state: &ApiState,
    application: ApplicationId,
    text: &str,
) -> Result<Message, ApiError> {
    let missing = || ApiError::not_found("the message");
    let (_, key) = state.store.ids().decode(IdKind::Message, text).map_err(|_| missing())?;
    let found = state.store.read(move |reader| reader.message(MessageId(key))).await?;
    found.filter(|m| m.application == application).ok_or_else(missing)
}

pub(super) async fn get(
    State(state): State<Arc<ApiState>>,
    caller: Caller,
    Path((app, msg)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    caller.require(Scope::Read)?;
    let application = caller.application(&state, &state.store.configuration(), &app)?;
    answer(&state, StatusCode::OK, &find(&state, application.id, &msg).await?)
}

pub(super) async fn list(
    State(state): State<Arc<ApiState>>,
    caller: Caller,
    Path(app): Path<String>,
    query: Parameters,
) -> Result<Response, ApiError> {
    caller.require(Scope::Read)?;
    let application = caller.application(&state, &state.store.configuration(), &app)?.id;
    let (limit, from) =
        (page::limit(parameter(&query, "limit"))?, page::from(parameter(&query, "iterator"))?);
    let wrong = || ApiError::invalid(Problem::query("iterator", "is not one that this server gave out"));
    let (start, newer) = match &from {
        page::From::Start => (Key(i64::MAX), false),
        page::From::After(at) => (Key(at.parse().map_err(|_| wrong())?), false),
        page::From::Before(at) => (Key(at.parse().map_err(|_| wrong())?), true),
    };
    let found = state.store.read(move |r| r.messages_of(application, start, newer, limit, |_| true)).await?;
    let mut messages = found.messages;
    if newer {
        messages.reverse();
    }
    let payloads = messages.iter().map(payload_of).collect::<Result<Vec<_>, _>>()?;
    let page = page::Page {
        data: messages.iter().zip(&payloads).map(|(m, p)| show(&state, m, p)).collect(),
        iterator: messages.last().map(|m| page::after(&m.id.0.0.to_string())),
        prev_iterator: messages.first().map(|m| page::before(&m.id.0.0.to_string())),
        done: found.done,
    };
    Ok(axum::Json(page).into_response())
}
