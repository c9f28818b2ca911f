//! `POST /in/{token}/{event}`: events from a system that can only post a body to a URL, such as the original's own
//! webhooks pointed here, one per event.
//!
//! The token is the secret: only its hash is kept, and no path of this route is logged. A body has no id, so the same
//! event with the same body within [`ApiState::source_repeat_window`] is taken for a repeat. Posts that carry the
//! original's samples are marked as tests.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use semnal_core::application::{EventType, Opens};
use semnal_core::id::{Key, MessageId};
use semnal_core::name::{Channel, EventTypeName};
use semnal_core::time::UnixMillis;
use semnal_store::message::Fingerprint;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::access::{self, Bearer};
use super::events::{self, NewEvent};
use super::flat::VERSION_KEY;
use crate::api::ApiState;
use crate::api::answer::Answer;
use crate::api::append::Stored;
use crate::api::body;
use crate::api::error::{ApiError, excerpt};
use crate::api::message_in::is_payload;
use crate::api::messages;
use crate::keys;

/// Keeps these hashes apart from those of idempotency keys.
const SCOPE: &str = "source";
/// The customer of the original's samples.
const MOCK_CUSTOMER: &str = "John McMocked";
/// The numbers of what a real event is about; in a sample they are 0 or missing.
const SUBJECTS: [&str; 7] =
    ["payment_id", "membership_id", "site_id", "domain_id", "post_id", "order_id", "new_user_id"];

/// What stands on a token.
struct Source {
    bearer: Bearer,
    key: Key,
}

/// Takes an event.
pub(super) async fn receive(
    State(api): State<Arc<ApiState>>,
    path: Result<Path<(String, String)>, axum::extract::rejection::PathRejection>,
    request: Request,
) -> Response {
    let mut incoming = request.into_body();
    let named = path.ok().and_then(|Path((token, event))| Some((open(&api, &token)?, event)));
    let Some((source, event)) = named else {
        return body::refuse(unknown(), body::drain(&mut incoming).await);
    };
    let limits = &api.limits;
    match body::read(&mut incoming, limits.body_bytes_max, limits.body_read_timeout).await {
        Ok(bytes) => match take(&api, &source, &event, bytes).await {
            Ok(answer) => answer.into_response(),
            Err(error) => error.into_response(),
        },
        Err((error, drained)) => body::refuse(error, drained),
    }
}

/// Answers to a path that is almost one of ours. It may have a token in it, so that nobody else may see it.
pub(super) async fn unknown_path(request: Request) -> ApiError {
    body::drain(&mut request.into_body()).await;
    unknown()
}

/// Answers to any other method.
pub(super) async fn unknown_method(request: Request) -> ApiError {
    body::drain(&mut request.into_body()).await;
    ApiError::MethodNotAllowed
}

/// The token is not repeated: it may be one that is only mistyped.
fn unknown() -> ApiError {
    let what = "nothing is taken at this address; check the token, or make one with `semnal keys create --name NAME \
                --integration ultimate-multisite-source`";
    ApiError::NotFound(what.to_owned())
}

fn open(api: &ApiState, token: &str) -> Option<Source> {
    let configuration = api.store.configuration();
    let key = configuration.key_by_digest(&keys::sha256(token))?;
    let Opens::Source { application } = key.opens else { return None };
    let bearer = access::bearer(&configuration, key, application, api.now())?;
    Some(Source { bearer, key: key.id.0 })
}

async fn take(api: &ApiState, source: &Source, event: &str, bytes: Bytes) -> Result<Answer, ApiError> {
    let event_type = EventTypeName::parse(event).map_err(|why| {
        ApiError::invalid(&["path", "event"], "invalid_name", format!("{:?} {why}", excerpt(event)))
    })?;
    let payload: &RawValue = serde_json::from_slice(&bytes)
        .map_err(|error| ApiError::InvalidJson { line: error.line(), column: error.column() })?;
    if !is_payload(payload) {
        let msg = "must be a JSON object that is not nested too deep";
        return Err(ApiError::invalid(&["body"], "wrong_type", msg));
    }
    let payload = bytes.slice_ref(payload.get().as_bytes());
    let configuration = api.store.configuration();
    let known = configuration.event_type(source.bearer.organisation, &event_type);
    let is_test = is_test(&payload, known.map(|it| &**it));
    let now = api.now();
    let prints =
        api.source_repeat_window.map(|window| fingerprints(api, source, event, &payload, (now, window)));
    if let (Some((_, before)), Some(window)) = (prints, api.source_repeat_window)
        && let Some(id) = messages::earlier(api, source.bearer.application, &event_type, Some(before)).await?
        && now.since(id.0.time()) < window
    {
        return Ok(answer(api, source, id, is_test, true));
    }
    let channels = is_test.then(Channel::of_tests);
    let event = NewEvent {
        event_type,
        channels: channels.into_iter().collect(),
        payload,
        idempotency: prints.map(|(current, _)| current),
    };
    match events::fire(api, source.bearer, event).await? {
        Stored::Created(it) => Ok(answer(api, source, it.id, is_test, false)),
        Stored::Repeated(id) => Ok(answer(api, source, id, is_test, true)),
        Stored::EventIdExists => Err(ApiError::Internal),
    }
}

/// Returns the hashes of an event in the stretch of time that it falls into, and in the one before: each as long as the
/// window, so that a repeat falls into one of them.
fn fingerprints(
    api: &ApiState,
    source: &Source,
    event: &str,
    payload: &[u8],
    (now, window): (UnixMillis, Duration),
) -> (Fingerprint, Fingerprint) {
    let length = i64::try_from(window.as_millis()).unwrap_or(i64::MAX).max(1);
    let stretch = now.0.div_euclid(length);
    let of = |stretch: i64| {
        let key = source.key.0.to_be_bytes();
        api.store.ids().fingerprint(SCOPE, &[&key, event.as_bytes(), &stretch.to_be_bytes(), payload])
    };
    (of(stretch), of(stretch - 1))
}

fn answer(api: &ApiState, source: &Source, id: MessageId, is_test: bool, repeated: bool) -> Answer {
    let id = messages::public_id(api.store.ids(), source.bearer.application, id);
    Answer::json(StatusCode::ACCEPTED, &json!({ "id": id, "test": is_test, "repeated": repeated }))
}

/// Tells whether a body is one of the original's samples: about its mock customer and nothing real beside, or with the
/// values of the event's example. A real event can have the mock customer too: the original fills gaps with it.
fn is_test(payload: &[u8], event_type: Option<&EventType>) -> bool {
    let Ok(fields) = serde_json::from_slice::<Map<String, Value>>(payload) else { return false };
    let example = event_type.and_then(|it| it.example.as_deref());
    let example = example.and_then(|json| serde_json::from_str::<Map<String, Value>>(json).ok());
    // Some samples are about post 1 or order 1.
    if example.is_some_and(|example| has_values_of(&fields, &example)) {
        return true;
    }
    let number = |name: &str| fields.get(name).and_then(super::parameters::integer).unwrap_or(0);
    let is_mock = fields.get("customer_name").and_then(Value::as_str) == Some(MOCK_CUSTOMER);
    is_mock && number("customer_id") == 0 && SUBJECTS.iter().all(|name| number(name) == 0)
}

/// Compares what does not depend on the network that sent it.
fn has_values_of(fields: &Map<String, Value>, example: &Map<String, Value>) -> bool {
    let depends = |name: &str| name == VERSION_KEY || name.ends_with("_url") || name.ends_with("_avatar");
    // An amount as text has the currency of the network.
    let is_formatted = |name: &str, value: &Value| {
        value.is_string() && ["amount", "total", "subtotal"].iter().any(|end| name.ends_with(end))
    };
    let mut compared =
        example.iter().filter(|(name, value)| !depends(name) && !is_formatted(name, value)).peekable();
    compared.peek().is_some() && compared.all(|(name, value)| fields.get(name) == Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(payload: &str, expected: bool) {
        assert_eq!(is_test(payload.as_bytes(), None), expected, "{payload}");
    }

    #[test]
    fn a_sample_is_a_test_and_a_real_event_with_the_mock_customer_is_none() {
        check(r#"{"payment_id":0,"customer_id":0,"customer_name":"John McMocked"}"#, true);
        check(r#"{"customer_id":"0","customer_name":"John McMocked","site_id":null}"#, true);
        check(r#"{"payment_id":17,"customer_id":0,"customer_name":"John McMocked"}"#, false);
        check(r#"{"payment_id":"17","customer_id":0,"customer_name":"John McMocked"}"#, false);
        check(r#"{"customer_id":3,"customer_name":"John McMocked"}"#, false);
        check(r#"{"customer_id":0,"customer_name":"Ana"}"#, false);
        check("{}", false);
    }
}
