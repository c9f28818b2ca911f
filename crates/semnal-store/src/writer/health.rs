//! The health of endpoints: each attempt that ends is judged in the transaction that keeps it, and what follows for
//! its endpoint is part of that transaction too. The rule is [`semnal_core::health`].
//!
//! What is known is staged beside the batch and written once at its end, when it differs: an endpoint that always
//! succeeds costs nothing, one that always fails a few small rows in all.

use std::collections::BTreeMap;
use std::sync::Arc;

use semnal_core::configuration::{Change, Configuration};
use semnal_core::endpoint::{DisabledReason, Endpoint, EndpointState};
use semnal_core::health::{EndedAttempt, Failing, HealthAdvice, after_attempt, starts_afresh};
use semnal_core::id::EndpointId;

use super::Writer;
use super::batch::Batch;
use crate::error::StoreError;
use crate::journal::Write;
use crate::outcome::Outcome;

impl Writer {
    /// Judges an endpoint after an attempt; disables it when it did nothing but fail for too long, enables it when that
    /// is over. An attempt at a URL that is no longer the endpoint's says nothing.
    pub(super) fn judge_health(&mut self, batch: &mut Batch, outcome: &Outcome) -> Result<(), StoreError> {
        let Some(endpoint) = batch.configuration.endpoint(outcome.endpoint) else { return Ok(()) };
        if endpoint.url != outcome.url {
            return Ok(());
        }
        let failing = self.failing_of(batch, endpoint.id);
        let attempt = EndedAttempt { started_at: outcome.started_at, end: &outcome.end };
        let health = after_attempt(endpoint.state, failing, attempt, self.disable_after);
        let endpoint = endpoint.clone();
        if health.failing != failing {
            batch.failing.insert(endpoint.id, health.failing);
        }
        match health.advice {
            HealthAdvice::Continue => Ok(()),
            HealthAdvice::Disable => {
                tracing::warn!(
                    endpoint.key = endpoint.id.0.0,
                    "an endpoint did nothing but fail and is disabled"
                );
                self.set_state(batch, &endpoint, EndpointState::Disabled(DisabledReason::Failing))
            }
            HealthAdvice::Enable => {
                tracing::info!(
                    endpoint.key = endpoint.id.0.0,
                    "an endpoint that failed is back and is enabled"
                );
                self.set_state(batch, &endpoint, EndpointState::Active)
            }
        }
    }

    fn set_state(
        &mut self,
        batch: &mut Batch,
        endpoint: &Arc<Endpoint>,
        state: EndpointState,
    ) -> Result<(), StoreError> {
        let now = (self.now)();
        let it = Endpoint { state, updated_at: now, ..(**endpoint).clone() };
        let changes = vec![Change::PutEndpoint(Box::new(it))];
        let applied = self.apply(batch, changes, now)?;
        applied.expect("an endpoint of the configuration fits it with any state");
        Ok(())
    }

    /// Returns what is known about an endpoint's failing, this batch included.
    pub(super) fn failing_of(&self, batch: &Batch, id: EndpointId) -> Option<Failing> {
        match batch.failing.get(&id) {
            Some(staged) => *staged,
            None => self.failing.get(&id).copied(),
        }
    }

    /// Forgets what is void after a change of the configuration.
    pub(super) fn forget_failing(&self, batch: &mut Batch, before: &Configuration, touched: &[EndpointId]) {
        for id in touched {
            let afresh = match (before.endpoint(*id), batch.configuration.endpoint(*id)) {
                (Some(old), Some(new)) => starts_afresh(old, new),
                (_, None) => true,
                (None, Some(_)) => false,
            };
            if afresh && self.failing_of(batch, *id).is_some() {
                batch.failing.insert(*id, None);
            }
        }
    }

    /// Writes what differs from what was known before the batch.
    pub(super) fn write_failing(&mut self, batch: &Batch) -> Result<(), StoreError> {
        for (id, failing) in &batch.failing {
            if self.failing.get(id).copied() != *failing {
                self.journal.write(Write::Failing(*id, *failing))?;
            }
        }
        Ok(())
    }

    /// Takes over what has become durable.
    pub(super) fn take_failing(&mut self, staged: BTreeMap<EndpointId, Option<Failing>>) {
        for (id, failing) in staged {
            match failing {
                Some(it) => self.failing.insert(id, it),
                None => self.failing.remove(&id),
            };
        }
    }
}
