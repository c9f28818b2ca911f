//! `POST …/endpoint/{endpoint_id}/send-example`: the example of an event type, to one endpoint.
//!
//! It is a message like any other: stored, signed, listed. Only the matching is left out: it goes to this endpoint
//! whatever its event types and channels, and to no other one. It is on the channel of tests, by which it is marked on its
//! way and tried once. An endpoint that is paused or disabled holds it. The console's test events go through [`send`] too.

use std::sync::Arc;

use axum::extract::State;
use bytes::Bytes;
use http::StatusCode;
use semnal_core::application::{EventType, Scope};
use semnal_core::configuration::Configuration;
use semnal_core::id::{ApplicationId, EndpointId, OrganisationId};
use semnal_core::name::{Channel, EventTypeName};
use semnal_core::portal::Capability;
use semnal_store::message::{Fingerprint, NewMessage};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::ApiState;
use super::answer::Answer;
use super::append::{Stored, append};
use super::auth::Caller;
use super::body::RequestBody;
use super::error::ApiError;
use super::find::{self, Segments};
use super::idempotency::Idempotency;
use super::input::Fields;
pub(crate) use super::message_in::is_payload;
use super::messages;
use super::{payload_check, payload_schema};

/// Where an example that does not satisfy its own schema is wrong.
const EXAMPLE_PLACE: [&str; 2] = ["event_type", "example"];

/// What is to be sent.
pub(crate) struct ExampleIn {
    pub(crate) event_type: EventTypeName,
    pub(crate) index: Option<usize>,
    /// Instead of the example.
    pub(crate) payload: Option<Box<RawValue>>,
}

/// Where it goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub(crate) organisation: OrganisationId,
    pub(crate) application: ApplicationId,
    pub(crate) endpoint: EndpointId,
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
    pub(crate) fn payload(&self, it: &EventType) -> Result<Box<RawValue>, ApiError> {
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
    let configuration = api.store.configuration();
    let application = view.application(&configuration, api.store.ids(), &app)?.id;
    let endpoint = find::endpoint(&configuration, api.store.ids(), application, &endpoint)?.id;
    let target = Target { organisation: view.organisation, application, endpoint };
    match send(&api, target, &given, |it| caller.sees(it), idempotency).await? {
        Stored::Created(it) => Ok(messages::answer(&api, StatusCode::OK, &it, true)),
        Stored::Repeated(id) => messages::repeated(&api, id, StatusCode::OK, true).await,
        Stored::EventIdExists => Err(ApiError::Internal),
    }
}

/// Sends it. `sees` tells which event types whoever asks may know of.
///
/// # Errors
/// 404 when the endpoint was deleted meanwhile, 422 for an event type that cannot be sent and a payload that its schema
/// refuses, and what the store says.
pub(crate) async fn send(
    api: &Arc<ApiState>,
    to: Target,
    given: &ExampleIn,
    sees: impl Fn(&EventType) -> bool,
    idempotency: Option<Fingerprint>,
) -> Result<Stored, ApiError> {
    if let Some(id) = messages::earlier(api, to.application, &given.event_type, idempotency).await? {
        return Ok(Stored::Repeated(id));
    }
    let sees = &sees;
    let make = |configuration: Arc<Configuration>| async move {
        let found = configuration.event_type(to.organisation, &given.event_type);
        let it = found.filter(|it| sees(it)).ok_or_else(|| {
            let msg = "is not in the event catalogue; create it first";
            ApiError::invalid(&["body", "eventType"], "unknown_event_type", msg)
        })?;
        let payload = given.payload(it)?;
        let place: &[&str] = if given.payload.is_some() { &messages::PAYLOAD_PLACE } else { &EXAMPLE_PLACE };
        payload_check::check(api, &configuration, to.organisation, &it.name, &payload, place).await?;
        if configuration.endpoint(to.endpoint).is_none() {
            return Err(ApiError::NotFound("it was deleted meanwhile".to_owned()));
        }
        Ok(NewMessage {
            application: to.application,
            event_type: it.name.clone(),
            event_id: None,
            channels: vec![Channel::of_tests()],
            endpoints: vec![to.endpoint],
            payload: Bytes::copy_from_slice(payload.get().as_bytes()),
            idempotency,
            payload_retention_days: None,
        })
    };
    append(api, make).await
}
