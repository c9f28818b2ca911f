//! `/api/v1/app/{app_id}/msg`: events that happened. [`create`] is the hot path of the whole server.

use std::sync::Arc;

use axum::extract::State;
use bytes::Bytes;
use http::StatusCode;
use semnal_core::application::{Application, Scope};
use semnal_core::configuration::{Change, Configuration};
use semnal_core::id::{ApplicationId, IdCipher, IdKind, MessageId, OrganisationId};
use semnal_core::name::{Channel, EventTypeName, Uid};
use semnal_store::message::{Appended, Fingerprint, Message, NewMessage};
use semnal_store::store::{ChangePlan, Changed};
use semnal_store::views::filter::{Found, Kind, MessageFilter, Span};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::ApiState;
use super::answer::Answer;
use super::append::{Stored, append};
use super::applications::ApplicationIn;
use super::auth::{Caller, View};
use super::body::RequestBody;
use super::error::ApiError;
use super::find::{self, Segments};
use super::idempotency::Idempotency;
use super::input::Fields;
use super::message_in::MessageIn;
use super::page::{self, Page};
use super::payload_check;
use super::query::Params;
use super::time::Rfc3339;

/// What stands for a payload that was not asked for.
const NO_PAYLOAD: &str = "{}";
/// What stands for a payload that was expunged or has expired (Svix API).
const PAYLOAD_GONE: &str = r#"{"expired":true}"#;
/// Where a payload stands in the request that creates a message.
pub(crate) const PAYLOAD_PLACE: [&str; 2] = ["body", "payload"];

/// A message as it is answered.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MessageOut<'a> {
    id: String,
    event_type: &'a str,
    event_id: Option<&'a str>,
    channels: Option<Vec<&'a str>>,
    #[schema(value_type = Object)]
    payload: &'a RawValue,
    timestamp: Rfc3339,
}

/// Returns the public id of a message.
pub(crate) fn public_id(ids: &IdCipher, application: ApplicationId, id: MessageId) -> String {
    ids.encode(IdKind::Message, application.partition(), id.0)
}

pub(crate) fn out<'a>(ids: &IdCipher, it: &'a Message, payload: Option<&'a RawValue>) -> MessageOut<'a> {
    let channels = (!it.channels.is_empty()).then(|| it.channels.iter().map(Channel::as_str).collect());
    MessageOut {
        id: public_id(ids, it.application, it.id),
        event_type: it.event_type.as_str(),
        event_id: it.event_id.as_ref().map(Uid::as_str),
        channels,
        payload: payload.unwrap_or_else(no_payload),
        timestamp: Rfc3339(it.id.0.time()),
    }
}

fn no_payload<'a>() -> &'a RawValue {
    serde_json::from_str(NO_PAYLOAD).expect("an empty object is JSON")
}

/// Returns the stored payload as it is written into an answer: byte for byte, or what stands for one that is gone.
pub(crate) fn payload(it: &Message, with_content: bool) -> Option<&RawValue> {
    if it.payload_is_gone() {
        return serde_json::from_str(PAYLOAD_GONE).ok().filter(|_| with_content);
    }
    serde_json::from_slice(it.payload.as_ref()).ok().filter(|_| with_content)
}

/// `POST …/msg`: match, append, answer when it is durable.
pub(crate) async fn create(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments(app): Segments<String>,
    Idempotency(idempotency): Idempotency,
    mut params: Params,
    RequestBody(body): RequestBody,
) -> Result<Answer, ApiError> {
    let view = caller.organisation(Scope::Send)?;
    let with_content = params.flag("with_content", true);
    params.finish()?;
    let given = MessageIn::read(&body)?;
    let configuration = api.store.configuration();
    let application = match (view.own_application(&configuration, api.store.ids(), &app), given.application) {
        (Ok(found), _) => found.id,
        (Err(built_in @ ApiError::Forbidden(_)), _) => return Err(built_in),
        (Err(_), Some(inline)) => {
            caller.organisation(Scope::Manage)?;
            make_application(&api, view, &app, inline).await?
        }
        (Err(not_found), None) => return Err(not_found),
    };
    let (organisation, name) = (view.organisation, &given.event_type);
    let (api, app, body, given) = (&api, &app, &body, &given);
    let make = |configuration: Arc<Configuration>| async move {
        configuration.application(application).ok_or_else(|| ApiError::not_found("application", app))?;
        check_event_type(api, &configuration, organisation, name)?;
        payload_check::check(api, &configuration, organisation, name, given.payload, &PAYLOAD_PLACE).await?;
        Ok(NewMessage {
            application,
            event_type: name.clone(),
            event_id: given.event_id.clone(),
            channels: given.channels.clone(),
            endpoints: configuration.matching(application, name, &given.channels),
            payload: body.slice_ref(given.payload.get().as_bytes()),
            idempotency,
            payload_retention_days: given.payload_retention_days,
        })
    };
    match append(api, make).await {
        Ok(Stored::Created(it)) => {
            let shown = with_content.then_some(given.payload);
            Ok(Answer::json(StatusCode::ACCEPTED, &out(api.store.ids(), &it, shown)))
        }
        Ok(Stored::Repeated(id)) => repeated(api, id, StatusCode::ACCEPTED, with_content).await,
        Ok(Stored::EventIdExists) => Err(event_id_exists(given)),
        // What was accepted before stays accepted when the catalogue has changed since.
        Err(refused @ ApiError::Invalid(_)) => match earlier(api, application, name, idempotency).await? {
            Some(id) => repeated(api, id, StatusCode::ACCEPTED, with_content).await,
            None => Err(refused),
        },
        Err(error) => Err(error),
    }
}

/// Refuses an event type that is not in the catalogue, when only those are taken.
///
/// # Errors
/// 422.
pub(crate) fn check_event_type(
    api: &ApiState,
    configuration: &Configuration,
    organisation: OrganisationId,
    name: &EventTypeName,
) -> Result<(), ApiError> {
    if !api.strict_event_types || configuration.event_type(organisation, name).is_some() {
        return Ok(());
    }
    let msg = "is not in the event catalogue, and this server accepts no others; create it first";
    Err(ApiError::invalid(&["body", "eventType"], "unknown_event_type", msg))
}

fn event_id_exists(given: &MessageIn<'_>) -> ApiError {
    let event_id = given.event_id.as_ref().map_or("", Uid::as_str);
    ApiError::Conflict(format!("this application has a message with the eventId {event_id:?} already"))
}

/// Returns the message that the same request made before, if it did.
pub(crate) async fn earlier(
    api: &ApiState,
    application: ApplicationId,
    event_type: &EventTypeName,
    idempotency: Option<Fingerprint>,
) -> Result<Option<MessageId>, ApiError> {
    if idempotency.is_none() {
        return Ok(None);
    }
    // An offer that is matched against no configuration is never stored; what was stored before is found.
    let offer = NewMessage {
        application,
        event_type: event_type.clone(),
        event_id: None,
        channels: Vec::new(),
        endpoints: Vec::new(),
        payload: Bytes::new(),
        idempotency,
        payload_retention_days: None,
    };
    Ok(api.store.append(vec![offer], find::NO_VERSION).await?.into_iter().find_map(|it| match it {
        Appended::Repeated(id) => Some(id),
        _ => None,
    }))
}

/// Answers a repeated request from the message that it made the first time.
pub(super) async fn repeated(
    api: &ApiState,
    id: MessageId,
    status: StatusCode,
    with_content: bool,
) -> Result<Answer, ApiError> {
    let found = api.store.read(move |reader| reader.message(id)).await?;
    let gone = || ApiError::NotFound("the message that this request made was deleted meanwhile".to_owned());
    Ok(answer(api, status, &found.ok_or_else(gone)?, with_content))
}

/// Returns a message as it is shown.
pub(super) fn answer(api: &ApiState, status: StatusCode, it: &Message, with_content: bool) -> Answer {
    Answer::json(status, &out(api.store.ids(), it, payload(it, with_content)))
}

/// Makes the application that a message brings along, under the uid of the path.
pub(super) async fn make_application(
    api: &ApiState,
    view: View,
    app: &str,
    inline: &RawValue,
) -> Result<ApplicationId, ApiError> {
    let given = ApplicationIn::read(Fields::nested("application", inline)?)?;
    let wrong = |msg: &str| ApiError::invalid(&["body", "application", "uid"], "contradiction", msg);
    let uid = given.uid.clone().value().filter(|uid| uid.as_str() == app);
    let uid = uid.ok_or_else(|| wrong("must be the uid in the path, which names no application yet"))?;
    let (id, now, ids) = (ApplicationId(api.store.next_key()), api.now(), api.store.ids().clone());
    let make = move |configuration: &Configuration| {
        Ok::<_, ApiError>(match view.application(configuration, &ids, uid.as_str()) {
            Ok(existing) => ChangePlan { changes: Vec::new(), answer: None, value: existing.id },
            Err(_) => {
                let it: Application = given.create(id, view.organisation, Some(uid), now);
                ChangePlan { changes: vec![Change::PutApplication(it)], answer: None, value: id }
            }
        })
    };
    match api.store.change(None, make).await?? {
        Changed::Applied(id) => Ok(id),
        Changed::Repeated(_) => Err(ApiError::Internal),
    }
}

/// `GET …/msg/{msg_id}`
pub(crate) async fn get(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments((app, message)): Segments<(String, String)>,
    mut params: Params,
) -> Result<Answer, ApiError> {
    let view = caller.portal(Scope::Read)?;
    let with_content = params.flag("with_content", true);
    params.finish()?;
    let application = view.application(&api.store.configuration(), api.store.ids(), &app)?.id;
    let it = find::message(&api, application, &message).await?;
    let shown = payload(&it, with_content);
    Ok(Answer::json(StatusCode::OK, &out(api.store.ids(), &it, shown)))
}

/// `GET …/msg`: newest first.
pub(crate) async fn list(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments(app): Segments<String>,
    mut params: Params,
) -> Result<Answer, ApiError> {
    let view = caller.portal(Scope::Read)?;
    let (limit, cursor) = (params.limit(), params.cursor::<MessageId>());
    let (before, after) = (params.instant("before"), params.instant("after"));
    let (channel, event_types) = (params.channel(), params.event_types());
    let with_content = params.flag("with_content", true);
    params.finish()?;
    let application = view.application(&api.store.configuration(), api.store.ids(), &app)?.id;
    let kind = Kind { event_types, channel };
    let filter = MessageFilter { application, kind, span: Span { after, before } };
    let slice = page::slice(&cursor, limit);
    let found = api
        .store
        .list(move |reader| {
            let Found { items, more_after } = reader.list_messages(&filter, &slice)?;
            let messages = items.into_iter().map(|id| reader.message(id)).collect::<Result<Vec<_>, _>>()?;
            // One that was deleted since is not shown.
            Ok(Found { items: messages.into_iter().flatten().collect(), more_after })
        })
        .await?;
    let Page { data, iterator, prev_iterator, done } = page::listed(found, |it: &Message| it.id, &cursor);
    let ids = api.store.ids();
    let data = data.iter().map(|it| out(ids, it, payload(it, with_content))).collect();
    Ok(Answer::json(StatusCode::OK, &Page { data, iterator, prev_iterator, done }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_a_part_of_the_body_not_a_copy() {
        let body = Bytes::from_static(br#"{"eventType":"a","payload":{"b":1}}"#);
        let given = MessageIn::read(&body).unwrap();
        let payload = body.slice_ref(given.payload.get().as_bytes());
        assert_eq!(payload.as_ptr(), body[27..].as_ptr());
        assert_eq!(&payload[..], br#"{"b":1}"#);
    }
}
