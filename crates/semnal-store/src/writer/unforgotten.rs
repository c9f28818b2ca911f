//! Deliveries that were called off and that the engine has not confirmed to have forgotten.
//!
//! Until it has, what it reports about them is about work that is over: an attempt is recorded and changes nothing, a
//! row is not written. A resend that comes meanwhile is durable at once, but told to the engine only afterwards, so
//! that two attempts of a delivery are never under way together.

use std::collections::{HashMap, HashSet};

use semnal_core::id::DeliveryId;

use crate::outcome::RetryRow;

/// As of the last commit; the writer thread owns it.
#[derive(Debug, Default)]
pub(crate) struct Unforgotten(HashMap<DeliveryId, Waiting>);

/// What waits for the engine to forget a delivery: a row that a resend wrote.
type Waiting = Option<RetryRow>;

/// What the transaction under way changes.
#[derive(Debug, Default)]
pub(super) struct Staged {
    entries: HashMap<DeliveryId, Waiting>,
    forgotten: HashSet<DeliveryId>,
}

impl Unforgotten {
    /// Returns what waits for a delivery to be forgotten; `None` when the engine has no old work of it.
    pub(super) fn get(&self, staged: &Staged, delivery: DeliveryId) -> Option<Waiting> {
        if self.0.is_empty() && staged.entries.is_empty() {
            return None;
        }
        let committed = || self.0.get(&delivery).filter(|_| !staged.forgotten.contains(&delivery));
        staged.entries.get(&delivery).or_else(committed).copied()
    }

    /// Takes over what has become durable.
    pub(super) fn apply(&mut self, staged: Staged) {
        for delivery in staged.forgotten {
            self.0.remove(&delivery);
        }
        self.0.extend(staged.entries);
    }

    /// Returns how many have been reopened meanwhile: their deliveries have rows now, and what the engine has in
    /// memory is old.
    pub(super) fn reopened(&self) -> u64 {
        self.0.values().filter(|waiting| waiting.is_some()).count() as u64
    }
}

impl Staged {
    /// A delivery was called off, or a resend of one that is not forgotten waits.
    pub(super) fn put(&mut self, delivery: DeliveryId, waiting: Waiting) {
        self.entries.insert(delivery, waiting);
    }

    /// The engine has forgotten a delivery.
    pub(super) fn forget(&mut self, delivery: DeliveryId) {
        self.entries.remove(&delivery);
        self.forgotten.insert(delivery);
    }
}
