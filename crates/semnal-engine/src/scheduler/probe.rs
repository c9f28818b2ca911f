//! Half-open probes: while an endpoint is disabled for failing, its oldest undecided delivery is tried now and then.
//! A success brings the endpoint back (the store's writer decides that, with the attempt), a failure leaves it as it is.
//!
//! When a probe is due follows from when the endpoint was disabled, so that nothing has to be kept over a restart.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use semnal_core::endpoint::{DisabledReason, Endpoint, EndpointState};
use semnal_core::id::{DeliveryId, EndpointId};
use semnal_core::time::UnixMillis;
use semnal_store::outcome::RetryRow;

use super::work::Load;
use super::{Scheduler, lane};

/// The probes of all endpoints that are disabled for failing.
pub(super) struct Probes {
    /// How long from one to the next; `None` makes none.
    interval: Option<Duration>,
    stages: HashMap<EndpointId, Stage>,
    due: BTreeSet<(UnixMillis, EndpointId)>,
}

/// How far an endpoint's next probe is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It waits for its time.
    Waiting(UnixMillis),
    /// The store was asked for the oldest delivery.
    Asked,
    /// The delivery is in the endpoint's queue or being sent.
    Out(DeliveryId),
}

impl Probes {
    pub(super) fn new(interval: Option<Duration>) -> Probes {
        Probes { interval, stages: HashMap::new(), due: BTreeSet::new() }
    }

    /// Takes an endpoint as it is now: starts its probes when it was disabled for failing, ends them when it is not.
    fn follow(&mut self, endpoint: &Endpoint, now: UnixMillis) {
        let Some(interval) = self.interval else { return };
        if endpoint.state != EndpointState::Disabled(DisabledReason::Failing) {
            self.forget(endpoint.id);
        } else if !self.stages.contains_key(&endpoint.id) {
            self.wait(endpoint.id, now.max(endpoint.updated_at + interval));
        }
    }

    pub(super) fn forget(&mut self, endpoint: EndpointId) {
        if let Some(Stage::Waiting(at)) = self.stages.remove(&endpoint) {
            self.due.remove(&(at, endpoint));
        }
    }

    fn wait(&mut self, endpoint: EndpointId, at: UnixMillis) {
        if let Some(Stage::Waiting(before)) = self.stages.insert(endpoint, Stage::Waiting(at)) {
            self.due.remove(&(before, endpoint));
        }
        self.due.insert((at, endpoint));
    }

    /// Ends a probe: the next one comes after the interval.
    fn again(&mut self, endpoint: EndpointId, now: UnixMillis) {
        if let (Some(interval), true) = (self.interval, self.stages.contains_key(&endpoint)) {
            self.wait(endpoint, now + interval);
        }
    }

    fn is_out(&self, endpoint: EndpointId, delivery: DeliveryId) -> bool {
        self.stages.get(&endpoint) == Some(&Stage::Out(delivery))
    }

    /// Returns an endpoint whose probe is due, which is asked for with that.
    fn take_due(&mut self, now: UnixMillis) -> Option<EndpointId> {
        let (at, endpoint) = self.due.first().copied().filter(|(at, _)| *at <= now)?;
        self.due.remove(&(at, endpoint));
        self.stages.insert(endpoint, Stage::Asked);
        Some(endpoint)
    }

    pub(super) fn next_due(&self) -> Option<UnixMillis> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Tells whether the store has been asked and has not answered.
    pub(super) fn asking(&self) -> bool {
        self.stages.values().any(|stage| *stage == Stage::Asked)
    }
}

impl Scheduler {
    /// Starts and ends the probes of endpoints that changed; of all endpoints when none have been looked at.
    pub(super) fn follow_probes(&mut self, first: bool, changed: &[EndpointId], now: UnixMillis) {
        if first {
            for endpoint in self.configuration.endpoints() {
                self.probes.follow(endpoint, now);
            }
        }
        for endpoint in changed.iter().filter_map(|id| self.configuration.endpoint(*id)) {
            self.probes.follow(endpoint, now);
        }
    }

    /// Asks the store for what the probes that are due will send.
    pub(super) fn ask_for_probes(&mut self, now: UnixMillis) {
        while let Some(endpoint) = self.probes.take_due(now) {
            self.loads.push(Load::Oldest { endpoint });
        }
    }

    /// Takes an endpoint's oldest undecided delivery and sends it, though the endpoint holds.
    pub(crate) fn loaded_oldest(&mut self, endpoint: EndpointId, row: Option<RetryRow>, now: UnixMillis) {
        if self.probes.stages.get(&endpoint) != Some(&Stage::Asked) {
            // It was enabled or deleted meanwhile.
            return;
        }
        let lane = lane(&mut self.lanes, &self.configuration, &self.form, endpoint, now);
        let (Some(row), Some(lane)) = (row, lane) else {
            self.probes.again(endpoint, now);
            return;
        };
        if lane.stopped || lane.with_row.contains(&row.delivery) || self.forgetting.contains(&row.delivery) {
            // An attempt from before it was disabled or cancelled is still under way; its end says as much as a probe.
            self.probes.again(endpoint, now);
            return;
        }
        if let Some(cursor) = row.due_cursor() {
            self.timers.remove(&cursor);
        }
        lane.probing = true;
        lane.with_row.insert(row.delivery);
        lane.queue.push_back(super::item_of(&row, now));
        self.items += 1;
        self.probes.stages.insert(endpoint, Stage::Out(row.delivery));
        self.wake(endpoint, now);
    }

    /// Takes a delivery that was called off before it was sent: if it was a probe, the next one is another.
    pub(super) fn forget_probe(&mut self, endpoint: EndpointId, delivery: DeliveryId, now: UnixMillis) {
        if self.probes.is_out(endpoint, delivery) {
            if let Some(lane) = self.lanes.get_mut(&endpoint) {
                lane.probing = false;
            }
            self.end_probe(endpoint, delivery, now);
        }
    }

    /// Takes the end of an attempt, or that it will not be made: if it was a probe, the next one is waited for.
    pub(super) fn end_probe(&mut self, endpoint: EndpointId, delivery: DeliveryId, now: UnixMillis) {
        if self.probes.is_out(endpoint, delivery) {
            self.probes.again(endpoint, now);
        }
    }
}
