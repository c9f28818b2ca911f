//! Operational events: what a transaction changes is announced by messages that it appends itself, so that a crash can
//! neither lose nor double one. Which event follows from what is [`semnal_core::operational`].
//!
//! They are matched against the configuration as it is at that moment. Without an endpoint that wants the event nothing
//! is read, built or written. Invariant: what happens in the built-in application is never announced.

use std::sync::Arc;

use semnal_core::application::Application;
use semnal_core::configuration::Configuration;
use semnal_core::id::{ApplicationId, EndpointId};
use semnal_core::name::EventTypeName;
use semnal_core::operational::{
    AttemptEvent, AttemptSubject, attempt_payload, endpoint_events, endpoint_payload,
};
use semnal_core::time::UnixMillis;

use super::Writer;
use super::batch::Batch;
use crate::error::StoreError;
use crate::message::{Message, NewMessage};
use crate::outcome::Outcome;

/// Those who want an event.
struct Audience {
    application: ApplicationId,
    event_type: EventTypeName,
    endpoints: Vec<EndpointId>,
}

impl Writer {
    /// Announces what became of the endpoints that a change touched, each named once. The batch has the configuration after it.
    pub(super) fn announce_changes(
        &mut self,
        batch: &mut Batch,
        before: &Configuration,
        touched: &[EndpointId],
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        for id in touched {
            let (old, new) = (before.endpoint(*id).cloned(), batch.configuration.endpoint(*id).cloned());
            let Some(endpoint) = new.as_ref().or(old.as_ref()) else { continue };
            let application = batch.configuration.application(endpoint.application);
            let Some(application) = application.or_else(|| before.application(endpoint.application)).cloned()
            else {
                continue;
            };
            if !is_heard(&batch.configuration, &application) {
                continue;
            }
            let fail_since = self.failing_of(batch, *id).map_or(now, |failing| failing.since);
            for event in endpoint_events(old.as_deref(), new.as_deref()) {
                if let Some(audience) = audience(&batch.configuration, &application, event.name()) {
                    let payload = endpoint_payload(&self.cipher, &application, endpoint, event, fail_since);
                    self.announce(batch, audience, payload)?;
                }
            }
        }
        Ok(())
    }

    /// Announces what an attempt means for its delivery. The attempt's row is written already.
    pub(super) fn announce_attempt(
        &mut self,
        batch: &mut Batch,
        outcome: &Outcome,
    ) -> Result<(), StoreError> {
        let mark = outcome.verdict.mark();
        let Some(candidate) = AttemptEvent::candidate(outcome.id.number, mark) else { return Ok(()) };
        let Some(application) = application_of(&batch.configuration, outcome.endpoint) else { return Ok(()) };
        let Some(audience) = audience(&batch.configuration, &application, candidate.name()) else {
            return Ok(());
        };
        let source = self.journal.source();
        let earlier = source.marks_before(outcome.id.delivery, outcome.id.number)?;
        let Some(event) = AttemptEvent::of(&earlier, mark) else { return Ok(()) };
        let message = source.message(outcome.id.delivery.message)?;
        if message.as_ref().is_some_and(Message::is_test) {
            // Whoever tries a webhook sees what came of it.
            return Ok(());
        }
        let subject = AttemptSubject {
            id: outcome.id,
            endpoint: outcome.endpoint,
            event_id: message.as_ref().and_then(|m| m.event_id.as_ref()),
            status: outcome.end.status(),
            started_at: outcome.started_at,
        };
        let payload = attempt_payload(&self.cipher, &application, subject, event);
        self.announce(batch, audience, payload)
    }

    fn announce(&mut self, batch: &mut Batch, to: Audience, payload: String) -> Result<(), StoreError> {
        let message = NewMessage {
            application: to.application,
            event_type: to.event_type,
            event_id: None,
            channels: Vec::new(),
            endpoints: to.endpoints,
            payload: payload.into(),
            payload_retention_days: None,
            idempotency: None,
        };
        self.append_one(batch, message).map(drop)
    }
}

fn application_of(configuration: &Configuration, endpoint: EndpointId) -> Option<Arc<Application>> {
    configuration.application(configuration.endpoint(endpoint)?.application).cloned()
}

/// Tells whether anybody may want to hear of what happens in an application.
fn is_heard(configuration: &Configuration, application: &Application) -> bool {
    !application.is_operational() && configuration.operational_audience(application.organisation).is_some()
}

/// Returns those who want an event about an application; `None` when nobody does.
fn audience(configuration: &Configuration, about: &Application, event: &str) -> Option<Audience> {
    let application =
        configuration.operational_audience(about.organisation).filter(|_| !about.is_operational())?;
    let event_type = EventTypeName::parse(event).expect("letters and dots are allowed");
    let endpoints = configuration.matching(application, &event_type, &[]);
    (!endpoints.is_empty()).then_some(Audience { application, event_type, endpoints })
}
