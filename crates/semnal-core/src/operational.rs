//! Operational events: what happens to the endpoints and deliveries of an organisation, told as messages of its
//! built-in application `operational`. docs/events.md lists them for people.
//!
//! Which event follows from what, and its payload. The store's writer appends them in the transaction of what they
//! announce. Names and payloads are those of Svix's operational webhooks, with more fields of our own.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::application::Application;
use crate::endpoint::{DisabledReason, Endpoint, EndpointState};
use crate::id::{ApplicationId, AttemptId, EndpointId, IdCipher, IdKind, OrganisationId};
use crate::name::Uid;
use crate::time::UnixMillis;

/// The uid of the application that every organisation has for these events.
pub const OPERATIONAL_APPLICATION: &str = "operational";
/// The fourth failure in a row of a delivery is announced (Svix: `message.attempt.failing`).
pub const FAILURES_ANNOUNCED: u16 = 4;

/// Every operational event.
pub const EVENT_TYPES: [&str; 8] = [
    "endpoint.created",
    "endpoint.updated",
    "endpoint.deleted",
    "endpoint.disabled",
    "endpoint.enabled",
    "message.attempt.failing",
    "message.attempt.exhausted",
    "message.attempt.recovered",
];

/// Makes the built-in application of an organisation.
pub fn application(id: ApplicationId, organisation: OrganisationId, now: UnixMillis) -> Application {
    Application {
        id,
        organisation,
        uid: Some(Uid::parse(OPERATIONAL_APPLICATION).expect("letters are allowed")),
        name: "Operational events".into(),
        rate_limit: None,
        metadata: BTreeMap::new(),
        created_at: now,
        updated_at: now,
    }
}

impl Application {
    /// Tells whether it is the built-in one for operational events: it is in no list, it cannot be changed, and nothing
    /// that happens in it is announced.
    pub fn is_operational(&self) -> bool {
        self.uid.as_ref().is_some_and(|uid| uid.as_str() == OPERATIONAL_APPLICATION)
    }
}

/// What happened to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointEvent {
    /// It was made.
    Created,
    /// Something other than being disabled or enabled changed.
    Updated,
    /// It was deleted, or its application was.
    Deleted,
    /// It was disabled.
    Disabled(DisabledReason),
    /// It is no longer disabled.
    Enabled,
}

impl EndpointEvent {
    /// Returns the name of the event type.
    pub fn name(self) -> &'static str {
        match self {
            EndpointEvent::Created => "endpoint.created",
            EndpointEvent::Updated => "endpoint.updated",
            EndpointEvent::Deleted => "endpoint.deleted",
            EndpointEvent::Disabled(_) => "endpoint.disabled",
            EndpointEvent::Enabled => "endpoint.enabled",
        }
    }
}

/// Returns what a change of an endpoint is announced as, in this order: what changed about it, then whether it is sent
/// to. Nothing when nothing but the time of the change differs.
pub fn endpoint_events(old: Option<&Endpoint>, new: Option<&Endpoint>) -> Vec<EndpointEvent> {
    let (old, new) = match (old, new) {
        (None, None) => return Vec::new(),
        (None, Some(_)) => return vec![EndpointEvent::Created],
        (Some(_), None) => return vec![EndpointEvent::Deleted],
        (Some(old), Some(new)) => (old, new),
    };
    let switched = match (old.state, new.state) {
        (old, new) if old == new => None,
        (_, EndpointState::Disabled(reason)) => Some(EndpointEvent::Disabled(reason)),
        (EndpointState::Disabled(_), _) => Some(EndpointEvent::Enabled),
        // Paused or resumed.
        _ => Some(EndpointEvent::Updated),
    };
    let otherwise = Endpoint { state: old.state, updated_at: old.updated_at, ..new.clone() };
    let updated =
        (otherwise != *old && switched != Some(EndpointEvent::Updated)).then_some(EndpointEvent::Updated);
    updated.into_iter().chain(switched).collect()
}

/// An attempt, as far as its delivery's announcements go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptMark {
    /// The receiver took it.
    Delivered,
    /// It failed, and another one may follow.
    Failed,
    /// It failed, and was the last one of the schedule.
    Exhausted,
}

/// What is announced about a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptEvent {
    /// Its fourth attempt in a row failed, and more follow.
    Failing,
    /// The last attempt of its schedule failed.
    Exhausted,
    /// It was taken after one of the others had been due, whether anybody wanted to hear of it or not.
    Recovered,
}

impl AttemptEvent {
    /// Returns the name of the event type.
    pub fn name(self) -> &'static str {
        match self {
            AttemptEvent::Failing => "message.attempt.failing",
            AttemptEvent::Exhausted => "message.attempt.exhausted",
            AttemptEvent::Recovered => "message.attempt.recovered",
        }
    }

    /// Returns what attempt `number` of a delivery may be announced as, before anybody has looked at the earlier ones.
    pub fn candidate(number: u16, mark: AttemptMark) -> Option<AttemptEvent> {
        match mark {
            AttemptMark::Exhausted => Some(AttemptEvent::Exhausted),
            AttemptMark::Failed => (number >= FAILURES_ANNOUNCED).then_some(AttemptEvent::Failing),
            AttemptMark::Delivered => (number > 1).then_some(AttemptEvent::Recovered),
        }
    }

    /// Returns what an attempt is announced as, after those before it, oldest first.
    pub fn of(earlier: &[AttemptMark], mark: AttemptMark) -> Option<AttemptEvent> {
        let since_success = || earlier.iter().rev().take_while(|m| **m != AttemptMark::Delivered);
        let failures = since_success().count();
        let announced = usize::from(FAILURES_ANNOUNCED);
        match mark {
            AttemptMark::Exhausted => Some(AttemptEvent::Exhausted),
            AttemptMark::Failed => (failures + 1 == announced).then_some(AttemptEvent::Failing),
            AttemptMark::Delivered => {
                let told = failures >= announced || since_success().any(|m| *m == AttemptMark::Exhausted);
                told.then_some(AttemptEvent::Recovered)
            }
        }
    }
}

#[derive(Serialize)]
struct Event<D> {
    #[serde(rename = "type")]
    name: &'static str,
    data: D,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EndpointData<'a> {
    app_id: String,
    app_uid: Option<&'a str>,
    endpoint_id: String,
    endpoint_uid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fail_since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

/// Returns the payload of an event about an endpoint. `fail_since` is told when it was disabled: since when it fails,
/// or when it was disabled if it did not fail.
pub fn endpoint_payload(
    ids: &IdCipher,
    application: &Application,
    endpoint: &Endpoint,
    event: EndpointEvent,
    fail_since: UnixMillis,
) -> String {
    let reason = match event {
        EndpointEvent::Disabled(reason) => Some(reason.as_str()),
        _ => None,
    };
    let partition = application.id.partition();
    json(&Event {
        name: event.name(),
        data: EndpointData {
            app_id: ids.encode(IdKind::Application, partition, application.id.0),
            app_uid: application.uid.as_ref().map(Uid::as_str),
            endpoint_id: ids.encode(IdKind::Endpoint, partition, endpoint.id.0),
            endpoint_uid: endpoint.uid.as_ref().map(Uid::as_str),
            fail_since: reason.map(|_| fail_since.to_rfc3339()),
            reason,
        },
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AttemptData<'a> {
    app_id: String,
    app_uid: Option<&'a str>,
    endpoint_id: String,
    msg_id: String,
    msg_event_id: Option<&'a str>,
    last_attempt: LastAttempt,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LastAttempt {
    id: String,
    /// 0 when there was no answer, as in the lists of attempts.
    response_status_code: u16,
    timestamp: String,
}

/// The attempt that an event is about.
#[derive(Debug, Clone, Copy)]
pub struct AttemptSubject<'a> {
    /// Which.
    pub id: AttemptId,
    /// Where it went.
    pub endpoint: EndpointId,
    /// The client's own id for the message.
    pub event_id: Option<&'a Uid>,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// When it started.
    pub started_at: UnixMillis,
}

/// Returns the payload of an event about an attempt.
pub fn attempt_payload(
    ids: &IdCipher,
    application: &Application,
    subject: AttemptSubject<'_>,
    event: AttemptEvent,
) -> String {
    let partition = application.id.partition();
    json(&Event {
        name: event.name(),
        data: AttemptData {
            app_id: ids.encode(IdKind::Application, partition, application.id.0),
            app_uid: application.uid.as_ref().map(Uid::as_str),
            endpoint_id: ids.encode(IdKind::Endpoint, partition, subject.endpoint.0),
            msg_id: ids.encode(IdKind::Message, partition, subject.id.delivery.message.0),
            msg_event_id: subject.event_id.map(Uid::as_str),
            last_attempt: LastAttempt {
                id: ids.encode_attempt(subject.id),
                response_status_code: subject.status.unwrap_or(0),
                timestamp: subject.started_at.to_rfc3339(),
            },
        },
    })
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("texts and numbers always serialise")
}

#[cfg(test)]
mod tests;
