//! What the receiver remembers: counts and latencies always, every single request when a fault run asks for it.

use std::collections::HashSet;

use bytes::Bytes;
use hdrhistogram::Histogram;
use parking_lot::Mutex;
use semnal_core::signature::Verifier;

use crate::clock::{self, Clock};
use crate::oracle::{Arrival, EndpointNumber, MessageId};
use crate::payload::{self, Stamp};
use crate::receiver::Behaviour;

/// Latencies are kept from 1 µs to 10 minutes with three digits.
const LATENCY_US_MAX: u64 = 600_000_000;

/// How much to remember.
pub enum Recording {
    /// Counts only, and that a signature is there at all: checking it would cost as much as making it.
    Counts,
    /// Every request, its signature checked with the verifier of its endpoint's number.
    Everything(Vec<Verifier>),
}

/// A request as it came.
pub struct Request<'a> {
    /// Where it came to.
    pub endpoint: EndpointNumber,
    /// `webhook-id`.
    pub message: &'a str,
    /// `webhook-timestamp`.
    pub timestamp: &'a str,
    /// `webhook-signature`.
    pub signatures: &'a str,
    /// What its body says about itself.
    pub stamp: Option<Stamp>,
    /// Its body.
    pub body: &'a Bytes,
}

/// The status that a request is to be answered with; of no meaning for one that hangs.
#[derive(Debug, Clone, Copy)]
pub struct Answered(pub u16);

/// What the ledger says about a request that it has noted.
#[derive(Debug, Clone, Copy)]
pub struct Noted {
    /// How to answer.
    pub answered: Answered,
}

/// Counts since the last [`Ledger::reset`].
pub struct Counts {
    /// Requests answered with 2xx.
    pub delivered: u64,
    /// Requests without a v1 signature or a webhook-id.
    pub unsigned: u64,
    /// When the last request that counts as delivered came, in microseconds of the run's clock.
    pub last_us: u64,
    /// From the moment of sending to the arrival, in microseconds.
    pub latency_us: Histogram<u64>,
}

/// The memory of a receiver.
pub struct Ledger {
    clock: Clock,
    recording: Recording,
    state: Mutex<State>,
}

struct State {
    counts: Counts,
    arrivals: Vec<Arrival>,
    seen_once: HashSet<(EndpointNumber, MessageId)>,
}

impl Ledger {
    pub(crate) fn new(recording: Recording, clock: Clock) -> Ledger {
        let state = State { counts: Counts::new(), arrivals: Vec::new(), seen_once: HashSet::new() };
        Ledger { clock, recording, state: Mutex::new(state) }
    }

    /// Notes a request and decides its answer.
    pub(crate) fn note(&self, request: &Request<'_>, behaviour: Behaviour) -> Noted {
        let at_us = self.clock.micros();
        let signed = match &self.recording {
            Recording::Counts => !request.message.is_empty() && request.signatures.starts_with("v1,"),
            Recording::Everything(verifiers) => verifies(request, verifiers),
        };
        let mut state = self.state.lock();
        let status = match behaviour {
            Behaviour::Answer(status) => status,
            Behaviour::Slow(_) => 200,
            Behaviour::FirstFails(status) => {
                let first = state.seen_once.insert((request.endpoint, MessageId::from(request.message)));
                if first { status } else { 200 }
            }
            Behaviour::Hang => 0,
        };
        let taken = (200..300).contains(&status);
        state.counts.note(request, taken, signed, at_us);
        if let Recording::Everything(_) = self.recording {
            state.arrivals.push(Arrival {
                endpoint: request.endpoint,
                message: MessageId::from(request.message),
                sequence: request.stamp.map(|stamp| stamp.sequence),
                body_hash: payload::hash(request.body),
                signed,
                taken,
                at_us,
            });
        }
        Noted { answered: Answered(status) }
    }

    /// Returns how many requests were answered with 2xx since the last reset.
    pub fn delivered(&self) -> u64 {
        self.state.lock().counts.delivered
    }

    /// Returns how many requests are remembered.
    pub fn arrived(&self) -> usize {
        self.state.lock().arrivals.len()
    }

    /// Calls `look` with the requests remembered from number `from` on.
    pub fn look(&self, from: usize, look: impl FnOnce(&[Arrival])) {
        let state = self.state.lock();
        look(state.arrivals.get(from..).unwrap_or_default());
    }

    /// Returns the counts and begins new ones.
    pub fn reset(&self) -> Counts {
        std::mem::replace(&mut self.state.lock().counts, Counts::new())
    }
}

impl Counts {
    fn new() -> Counts {
        Counts { delivered: 0, unsigned: 0, last_us: 0, latency_us: new_histogram() }
    }

    fn note(&mut self, request: &Request<'_>, taken: bool, signed: bool, at_us: u64) {
        self.unsigned += u64::from(!signed);
        if !taken {
            return;
        }
        self.delivered += 1;
        self.last_us = at_us;
        if let Some(stamp) = request.stamp {
            self.latency_us.saturating_record(at_us.saturating_sub(stamp.sent_us).max(1));
        }
    }
}

/// Returns an empty histogram of microseconds.
pub fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_US_MAX, 3).expect("the bounds are valid")
}

fn verifies(request: &Request<'_>, verifiers: &[Verifier]) -> bool {
    let Some(verifier) = usize::try_from(request.endpoint.0).ok().and_then(|number| verifiers.get(number))
    else {
        return false;
    };
    let now = clock::unix_now();
    verifier.verify(request.message, request.timestamp, request.signatures, request.body, now).is_ok()
}
