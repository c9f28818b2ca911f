//! From the text in a path to what it names. An id that passes its check leads to its row; other text is a uid.
//! What belongs to somebody else is not found, like what does not exist.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use bytes::Bytes;
use http::request::Parts;
use semnal_core::application::Application;
use semnal_core::configuration::Configuration;
use semnal_core::endpoint::Endpoint;
use semnal_core::id::{ApplicationId, EndpointId, IdCipher, IdKind, MessageId, OrganisationId};
use semnal_core::name::{EventTypeName, Uid};
use semnal_store::message::{Appended, Message, NewMessage};
use serde::de::DeserializeOwned;

use super::ApiState;
use super::error::ApiError;
use super::input::Given;

/// No configuration has this version: nothing that was matched against it is stored.
pub(super) const NO_VERSION: u64 = u64::MAX;

/// The parts of a path. One that is not UTF-8 names nothing.
pub(crate) struct Segments<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Segments<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Segments<T>, ApiError> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(segments)) => Ok(Segments(segments)),
            Err(_) => Err(ApiError::not_found("path", parts.uri.path())),
        }
    }
}

/// Returns an application of an organisation.
///
/// # Errors
/// 404.
pub(crate) fn application<'a>(
    configuration: &'a Configuration,
    ids: &IdCipher,
    organisation: OrganisationId,
    text: &str,
) -> Result<&'a Arc<Application>, ApiError> {
    let found = match ids.decode(IdKind::Application, text) {
        Ok((_, key)) => configuration.application(ApplicationId(key)),
        Err(_) => Uid::parse(text).ok().and_then(|uid| configuration.application_by_uid(organisation, &uid)),
    };
    found.filter(|it| it.organisation == organisation).ok_or_else(|| ApiError::not_found("application", text))
}

/// Returns an endpoint of an application.
///
/// # Errors
/// 404.
pub(crate) fn endpoint(
    configuration: &Configuration,
    ids: &IdCipher,
    application: ApplicationId,
    text: &str,
) -> Result<Arc<Endpoint>, ApiError> {
    let found = match ids.decode(IdKind::Endpoint, text) {
        Ok((_, key)) => {
            configuration.endpoint(EndpointId(key)).filter(|it| it.application == application).cloned()
        }
        Err(_) => {
            let has_uid = |it: &&Arc<Endpoint>| it.uid.as_ref().is_some_and(|uid| uid.as_str() == text);
            configuration.endpoints_of(application).iter().find(has_uid).cloned()
        }
    };
    found.ok_or_else(|| ApiError::not_found("endpoint", text))
}

/// Returns the uid after a PUT of what exists: the one given; when none is given, the one that the path used.
pub(crate) fn put_uid(given: Given<Uid>, old: Option<&Uid>, path: &str) -> Option<Uid> {
    match given {
        Given::Absent => old.filter(|uid| uid.as_str() == path).cloned(),
        other => other.value(),
    }
}

/// Returns the uid of what a PUT creates: that of the path.
///
/// # Errors
/// `not_found` when the path has an id of ours (it was deleted) or no uid; 422 when the body has another uid.
pub(crate) fn uid_for_new(
    given: Given<Uid>,
    ids: &IdCipher,
    kind: IdKind,
    path: &str,
    not_found: ApiError,
) -> Result<Uid, ApiError> {
    let uid = match ids.decode(kind, path) {
        Ok(_) => return Err(not_found),
        Err(_) => Uid::parse(path).map_err(|_| not_found)?,
    };
    match given.value() {
        Some(other) if other != uid => {
            Err(ApiError::invalid(&["body", "uid"], "contradiction", "must be the uid in the path"))
        }
        _ => Ok(uid),
    }
}

/// Returns a message of an application, by its id or event id.
///
/// # Errors
/// 404, or what the store says.
pub(crate) async fn message(
    api: &ApiState,
    application: ApplicationId,
    text: &str,
) -> Result<Message, ApiError> {
    let not_found = || ApiError::not_found("message", text);
    let id = match api.store.ids().decode(IdKind::Message, text) {
        Ok((partition, key)) if partition == application.partition() => MessageId(key),
        Ok(_) => return Err(not_found()),
        Err(_) => {
            let event_id = Uid::parse(text).map_err(|_| not_found())?;
            message_by_event_id(api, application, event_id).await?.ok_or_else(not_found)?
        }
    };
    let found = api.store.read(move |reader| reader.message(id)).await?;
    found.filter(|it| it.application == application).ok_or_else(not_found)
}

/// Asks who has an event id in the only way that the index of duplicates is asked: by offering a message that has
/// it. The version belongs to no configuration, so that the offer is never stored.
async fn message_by_event_id(
    api: &ApiState,
    application: ApplicationId,
    event_id: Uid,
) -> Result<Option<MessageId>, ApiError> {
    let offer = NewMessage {
        application,
        event_type: EventTypeName::parse("lookup").expect("letters are allowed"),
        event_id: Some(event_id),
        channels: Vec::new(),
        endpoints: Vec::new(),
        payload: Bytes::new(),
        idempotency: None,
        payload_retention_days: None,
    };
    let answers = api.store.append(vec![offer], NO_VERSION).await?;
    Ok(answers.first().and_then(|answer| match answer {
        Appended::EventIdExists(id) => Some(*id),
        _ => None,
    }))
}
