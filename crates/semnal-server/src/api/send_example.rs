//! `POST …/endpoint/{endpoint_id}/send-example`: the example of an event type, to one endpoint.
//!
//! It is a message like any other: stored, signed, retried, listed. Only the matching is left out: it goes to this
//! endpoint whatever its event types and channels, and to no other one. An endpoint that is paused or disabled holds it.

use std::sync::Arc;

use axum::extract::State;
use bytes::Bytes;
use http::StatusCode;
use semnal_core::application::{EventType, Scope};
use semnal_core::name::EventTypeName;
use semnal_core::portal::Capability;
use semnal_store::message::{Appended, NewMessage};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::ApiState;
use super::answer::Answer;
use super::auth::Caller;
use super::body::RequestBody;
use super::error::ApiError;
use super::find::{self, Segments};
use super::idempotency::Idempotency;
use super::input::Fields;
use super::message_in::is_payload;
use super::messages::{self, MATCHES_MAX};
use super::{payload_check, payload_schema};

/// Where an example that does not satisfy its own schema is wrong.
const EXAMPLE_PLACE: [&str; 2] = ["event_type", "example"];

struct ExampleIn {
    event_type: EventTypeName,
    index: Option<usize>,
    payload: Option<Box<RawValue>>,
}

impl ExampleIn {
    fn read(body: &[u8]) -> Result<ExampleIn, ApiError> {
        let mut fields = Fields::parse(body)?;
        let event_type = fields.parsed("eventType", "invalid_name", EventTypeName::parse);
        let event_type = fields.required("eventType", event_type);
        let index = fields.typed::<usize>("exampleIndex", "a whole number from 0 on").value();
        let payload = fields.raw("payload").value();
        if payload.is_some_and(|it| !is_payload(it)) {
            fields.problem("payload", "wrong_type", "must be a JSON object that is not nested too deep");
        }
        fields.finish()?;
        let payload = payload.map(ToOwned::to_owned);
        Ok(ExampleIn { event_type: event_type.ok_or(ApiError::Internal)?, index, payload })
    }

    /// Returns what is sent: the payload that was given, else the example that was chosen.
    fn payload(&self, it: &EventType) -> Result<Box<RawValue>, ApiError> {
        if let Some(payload) = &self.payload {
            return Ok(payload.clone());
        }
        let examples = schema_examples(it);
        let chosen = match (self.index, &it.example) {
            (Some(index), _) if !examples.is_empty() => {
                let none = || {
                    let msg = format!("the schema has {} examples; they count from 0", examples.len());
                    ApiError::invalid(&["body", "exampleIndex"], "out_of_range", msg)
                };
                Some(examples.get(index).ok_or_else(none)?.clone())
            }
            (_, Some(example)) => RawValue::from_string(example.clone()).ok(),
            (_, None) => examples.into_iter().next(),
        };
        chosen.filter(|it| is_payload(it)).ok_or_else(|| {
            let msg = "has no example; give it one in \"example\", or in \"examples\" of its newest schema";
            ApiError::invalid(&["body", "eventType"], "no_example", msg)
        })
    }
}

#[derive(Deserialize)]
struct Examples {
    #[serde(default)]
    examples: Option<Vec<Box<RawValue>>>,
}

/// Returns the `examples` of the newest schema.
fn schema_examples(it: &EventType) -> Vec<Box<RawValue>> {
    let newest = it.schemas.as_deref().and_then(payload_schema::newest);
    let read = newest.and_then(|(_, schema)| serde_json::from_str::<Examples>(schema.get()).ok());
    read.and_then(|it| it.examples).unwrap_or_default()
}

/// `POST …/send-example`
pub(crate) async fn create(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments((app, endpoint)): Segments<(String, String)>,
    Idempotency(idempotency): Idempotency,
    RequestBody(body): RequestBody,
) -> Result<Answer, ApiError> {
    let view = caller.portal_with(Scope::Send, Capability::CreateAttempts)?;
    let given = ExampleIn::read(&body)?;
    for _ in 0..MATCHES_MAX {
        let configuration = api.store.configuration();
        let application = view.application(&configuration, api.store.ids(), &app)?.id;
        let endpoint = find::endpoint(&configuration, api.store.ids(), application, &endpoint)?.id;
        if let Some(id) = messages::earlier(&api, application, &given.event_type, idempotency).await? {
            return messages::repeated(&api, id, StatusCode::OK, true).await;
        }
        let found = configuration.event_type(view.organisation, &given.event_type);
        let it = found.filter(|it| caller.sees(it)).ok_or_else(|| {
            let msg = "is not in the event catalogue; create it first";
            ApiError::invalid(&["body", "eventType"], "unknown_event_type", msg)
        })?;
        let payload = given.payload(it)?;
        let place: &[&str] = if given.payload.is_some() { &messages::PAYLOAD_PLACE } else { &EXAMPLE_PLACE };
        payload_check::check(&api, &configuration, view.organisation, &it.name, &payload, place).await?;
        let message = NewMessage {
            application,
            event_type: it.name.clone(),
            event_id: None,
            channels: Vec::new(),
            endpoints: vec![endpoint],
            payload: Bytes::copy_from_slice(payload.get().as_bytes()),
            idempotency,
            payload_retention_days: None,
        };
        match api.store.append(vec![message], configuration.version).await?.pop() {
            Some(Appended::Created(it)) => return Ok(messages::answer(&api, StatusCode::OK, &it, true)),
            Some(Appended::Repeated(id)) => {
                return messages::repeated(&api, id, StatusCode::OK, true).await;
            }
            Some(Appended::Stale) => {}
            Some(Appended::EventIdExists(_)) | None => return Err(ApiError::Internal),
        }
    }
    tracing::warn!("the configuration changes faster than an example is sent");
    Err(ApiError::Unavailable)
}
