//! The oracle: from everything that was sent, accepted, deleted and that arrived, it decides whether the server kept
//! its promises. Pure; fault runs fill the [`History`], unit tests feed it one violation at a time.
//!
//! Six things must never happen, and a seventh that an idempotency key promises; repeats are allowed and counted.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

mod judge;
#[cfg(test)]
mod tests;

/// The number of an endpoint in its run: its path at the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct EndpointNumber(pub u32);

impl EndpointNumber {
    /// A path that belongs to no endpoint.
    pub const UNKNOWN: EndpointNumber = EndpointNumber(u32::MAX);
}

/// The public id of a message as the server wrote it.
pub type MessageId = Box<str>;

/// One request that arrived at the receiver.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Where.
    pub endpoint: EndpointNumber,
    /// Its `webhook-id`.
    pub message: MessageId,
    /// The number that its body carries, if the body is one of ours at all.
    pub sequence: Option<u64>,
    /// The hash of its body.
    pub body_hash: u64,
    /// Whether its signature verifies with its endpoint's secret.
    pub signed: bool,
    /// Whether it was answered with 2xx.
    pub taken: bool,
    /// When it came, in microseconds of the run's clock.
    pub at_us: u64,
}

/// One message that was sent at least once.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The hash of its payload.
    pub body_hash: u64,
    /// Which endpoints take its event type.
    pub targets: Vec<EndpointNumber>,
}

/// From when on nothing may start at an endpoint, or for one message at it.
#[derive(Debug, Clone)]
pub struct Stopped {
    /// Where.
    pub endpoint: EndpointNumber,
    /// A cancelled message; `None` for everything, the endpoint being deleted.
    pub message: Option<MessageId>,
    /// When the server confirmed it, plus the grace for attempts under way.
    pub after_us: u64,
}

impl Stopped {
    fn covers(&self, message: &MessageId, endpoint: EndpointNumber) -> bool {
        self.endpoint == endpoint && self.message.as_ref().is_none_or(|stopped| stopped == message)
    }
}

/// What one run of `semnal verify` said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verified {
    /// Exit code 0.
    Balanced,
    /// Anything else, with its output.
    Unbalanced(String),
}

/// Everything that happened in a run.
#[derive(Debug, Default)]
pub struct History {
    sent: HashMap<u64, Sent>,
    /// Message numbers and the ids that the server accepted them under.
    accepted: Vec<(u64, MessageId)>,
    arrivals: Vec<Arrival>,
    stopped: Vec<Stopped>,
    verified: Vec<Verified>,
    kills_us: Vec<u64>,
}

impl History {
    /// Notes that a message leaves for the first time.
    pub fn send(&mut self, sequence: u64, sent: Sent) {
        self.sent.insert(sequence, sent);
    }

    /// Notes a 202.
    pub fn accept(&mut self, sequence: u64, message: MessageId) {
        self.accepted.push((sequence, message));
    }

    /// Notes a request that arrived.
    pub fn arrive(&mut self, arrival: Arrival) {
        self.arrivals.push(arrival);
    }

    /// Notes a confirmed deletion or cancellation.
    pub fn stop(&mut self, stopped: Stopped) {
        self.stopped.push(stopped);
    }

    /// Notes what `semnal verify` said.
    pub fn verify(&mut self, verified: Verified) {
        self.verified.push(verified);
    }

    /// Notes that the server was killed.
    pub fn kill(&mut self, at_us: u64) {
        self.kills_us.push(at_us);
    }

    /// Returns how many different messages were accepted.
    pub fn accepted(&self) -> usize {
        self.accepted.iter().map(|(sequence, _)| sequence).collect::<HashSet<_>>().len()
    }

    /// Returns the pairs that must still arrive or have arrived, by number and endpoint.
    pub fn expected(&self) -> HashSet<(u64, EndpointNumber)> {
        let stopped = |id: &MessageId, endpoint| self.stopped.iter().any(|stop| stop.covers(id, endpoint));
        let mut pairs = HashSet::new();
        for (sequence, id) in &self.accepted {
            let targets = self.sent.get(sequence).map_or(&[][..], |sent| &sent.targets);
            pairs.extend(
                targets
                    .iter()
                    .filter(|endpoint| !stopped(id, **endpoint))
                    .map(|endpoint| (*sequence, *endpoint)),
            );
        }
        pairs
    }

    /// Decides.
    pub fn judge(&self) -> Judgement {
        judge::judge(self)
    }
}

/// A promise that was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Violation {
    /// Accepted, and never taken by an endpoint that it was for.
    Lost,
    /// Arrived at an endpoint that it was not for.
    WrongEndpoint,
    /// Arrived with other bytes than were sent under its id.
    WrongBytes,
    /// Arrived with a signature that does not verify.
    BadSignature,
    /// Arrived after its endpoint was deleted or it was cancelled.
    AfterStop,
    /// `semnal verify` did not prove the ledger.
    VerifyFails,
    /// One idempotency key made two messages.
    AcceptedTwice,
}

impl Violation {
    /// All of them, in the order of reports.
    pub const ALL: [Violation; 7] = [
        Violation::Lost,
        Violation::WrongEndpoint,
        Violation::WrongBytes,
        Violation::BadSignature,
        Violation::AfterStop,
        Violation::VerifyFails,
        Violation::AcceptedTwice,
    ];

    /// Returns its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Violation::Lost => "lost",
            Violation::WrongEndpoint => "wrong endpoint",
            Violation::WrongBytes => "wrong bytes",
            Violation::BadSignature => "bad signature",
            Violation::AfterStop => "delivered after cancel or delete",
            Violation::VerifyFails => "verify fails",
            Violation::AcceptedTwice => "accepted twice",
        }
    }
}

/// What the oracle found.
#[derive(Debug, Default, Serialize)]
pub struct Judgement {
    /// How often each promise was broken; a kind that is absent never was.
    pub violations: HashMap<Violation, u64>,
    /// The first few cases in words.
    pub examples: Vec<String>,
    /// Different messages accepted.
    pub accepted: u64,
    /// Pairs of accepted message and endpoint.
    pub pairs: u64,
    /// Requests that arrived.
    pub arrivals: u64,
    /// Requests that arrived after their pair had been answered with 2xx.
    pub duplicates: u64,
    /// The same, by the number of kills before them: the first entry is before any kill.
    pub duplicates_by_kill: Vec<u64>,
}

impl Judgement {
    /// Returns how often a promise was broken.
    pub fn count(&self, violation: Violation) -> u64 {
        self.violations.get(&violation).copied().unwrap_or(0)
    }

    /// Tells whether every promise was kept.
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }
}
