//! One endpoint's queue: what waits for it in memory, how much of it may be sent at once, and when.
//!
//! Pure: no IO, the time is an argument. Owned by [`crate::scheduler::Scheduler`].

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use semnal_core::delivery::Progress;
use semnal_core::id::{DeliveryId, Key};
use semnal_core::time::UnixMillis;
use semnal_store::message::Message;
use semnal_store::outcome::Trigger;
use tokio_util::sync::CancellationToken;

use crate::destination::Destination;

/// An endpoint starts with 8 attempts at once.
const CONCURRENCY_START: u32 = 8;
/// 64 attempts at once per endpoint, unless it says otherwise.
pub(crate) const CONCURRENCY_MAX: u32 = 64;

/// One undecided delivery in memory.
pub(crate) struct Item {
    pub(crate) delivery: DeliveryId,
    pub(crate) progress: Progress,
    pub(crate) trigger: Trigger,
    /// Whether it has a row in the retry table.
    pub(crate) has_row: bool,
    /// The row's position, when it has one.
    pub(crate) since: Key,
    /// The message, unless it has to be read again.
    pub(crate) message: Option<Arc<Message>>,
    pub(crate) offered_at: UnixMillis,
}

/// One endpoint's queue.
pub(crate) struct Lane {
    pub(crate) destination: Arc<Destination>,
    pub(crate) queue: VecDeque<Item>,
    /// What is being sent, each with the means to stop it.
    pub(crate) in_flight: HashMap<DeliveryId, CancellationToken>,
    /// Deliveries with a row that are in the queue or being sent, so that a row read twice is taken once.
    pub(crate) with_row: HashSet<DeliveryId>,
    pub(crate) backlog: Backlog,
    /// Stands in its application's ring.
    pub(crate) ready: bool,
    /// No attempt starts before this time.
    pub(crate) not_before: UnixMillis,
    /// 410 was answered and the store has not heard of it yet.
    pub(crate) stopped: bool,
    /// The queue has one item that is sent though the endpoint holds.
    pub(crate) probing: bool,
    concurrency: Concurrency,
    bucket: Option<Bucket>,
}

/// Rows of the endpoint that wait in the retry table without a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Backlog {
    /// There may be some.
    pub(crate) exists: bool,
    /// They are being read.
    pub(crate) loading: bool,
    /// How far they have been read.
    pub(crate) after: Option<DeliveryId>,
    /// Some were written since the reading began from the start.
    pub(crate) grown: bool,
}

impl Backlog {
    /// A row was written.
    pub(crate) fn grow(&mut self) {
        self.exists = true;
        self.grown = true;
    }

    /// Rows were read up to `last`; `complete` when no more followed.
    pub(crate) fn read(&mut self, last: Option<DeliveryId>, complete: bool) {
        self.loading = false;
        self.after = last.or(self.after);
        if complete {
            self.exists = self.grown;
            self.grown = false;
            self.after = None;
        }
    }
}

/// Why a lane does not send at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blocked {
    /// Nothing waits, the endpoint holds, or enough is being sent: an event will change that.
    UntilEvent,
    /// Only time will change that.
    UntilTime(UnixMillis),
}

impl Lane {
    pub(crate) fn new(destination: Destination, now: UnixMillis) -> Lane {
        let endpoint = &destination.endpoint;
        let concurrency = Concurrency::new(endpoint.concurrency_limit);
        let bucket = endpoint.rate_limit.map(|rate| Bucket::new(rate, now));
        Lane {
            destination: Arc::new(destination),
            queue: VecDeque::new(),
            in_flight: HashMap::new(),
            with_row: HashSet::new(),
            backlog: Backlog::default(),
            ready: false,
            not_before: UnixMillis(0),
            stopped: false,
            probing: false,
            concurrency,
            bucket,
        }
    }

    /// Takes a changed endpoint over; what is being sent ends as it began.
    pub(crate) fn replace(&mut self, destination: Destination, now: UnixMillis) {
        let endpoint = destination.endpoint.clone();
        if endpoint.rate_limit != self.destination.endpoint.rate_limit {
            self.bucket = endpoint.rate_limit.map(|rate| Bucket::new(rate, now));
        }
        if endpoint.url != self.destination.endpoint.url {
            self.not_before = UnixMillis(0);
        }
        self.concurrency.max = Concurrency::new(endpoint.concurrency_limit).max;
        self.concurrency.now = self.concurrency.now.min(self.concurrency.max);
        self.stopped = false;
        self.destination.close();
        self.destination = Arc::new(destination);
    }

    /// Tells whether deliveries wait instead of being sent.
    pub(crate) fn holds(&self) -> bool {
        self.stopped || self.destination.endpoint.state.holds()
    }

    /// Tells why nothing can be sent now; `Ok` when something can.
    pub(crate) fn check(&self, now: UnixMillis) -> Result<(), Blocked> {
        let holds = self.holds() && !self.probing;
        if self.queue.is_empty() || holds || self.in_flight.len() >= self.concurrency.now as usize {
            return Err(Blocked::UntilEvent);
        }
        if self.not_before > now {
            return Err(Blocked::UntilTime(self.not_before));
        }
        match &self.bucket {
            Some(bucket) => bucket.check(now).map_err(Blocked::UntilTime),
            None => Ok(()),
        }
    }

    /// Takes the next item out for sending. The caller has checked.
    pub(crate) fn take(&mut self, now: UnixMillis) -> Option<(Item, CancellationToken)> {
        let item = self.queue.pop_front()?;
        self.probing = false;
        if let Some(bucket) = &mut self.bucket {
            bucket.take(now);
        }
        let stop = CancellationToken::new();
        self.in_flight.insert(item.delivery, stop.clone());
        Some((item, stop))
    }

    /// An attempt ended.
    pub(crate) fn finished(&mut self, delivery: DeliveryId, slow_until: Option<UnixMillis>, success: bool) {
        self.in_flight.remove(&delivery);
        if let Some(until) = slow_until {
            self.not_before = self.not_before.max(until);
            self.concurrency.halve();
        } else if success {
            self.concurrency.grow();
        }
    }

    /// Tells whether nothing would be lost by forgetting the lane.
    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_empty()
            && self.in_flight.is_empty()
            && !self.backlog.exists
            && !self.backlog.loading
            && !self.stopped
    }
}

/// How many attempts at once: doubled by success until the first trouble, then one more per round, halved by 429,
/// 502, 503 and 504.
struct Concurrency {
    now: u32,
    max: u32,
    successes: u32,
    slow_start: bool,
}

impl Concurrency {
    fn new(limit: Option<u16>) -> Concurrency {
        let max = limit.map_or(CONCURRENCY_MAX, u32::from).max(1);
        Concurrency { now: CONCURRENCY_START.min(max), max, successes: 0, slow_start: true }
    }

    fn grow(&mut self) {
        self.successes += 1;
        if self.now >= self.max || self.successes < self.now {
            return;
        }
        self.successes = 0;
        self.now = if self.slow_start { self.now * 2 } else { self.now + 1 }.min(self.max);
    }

    fn halve(&mut self) {
        self.slow_start = false;
        self.successes = 0;
        self.now = (self.now / 2).max(1);
    }
}

/// A token bucket of one second's size.
struct Bucket {
    rate: u32,
    /// In thousandths of a token.
    level: i64,
    at: UnixMillis,
}

impl Bucket {
    fn new(rate: u16, now: UnixMillis) -> Bucket {
        let rate = u32::from(rate.max(1));
        // One token at the start: a rate of one a second means one now and the next a second later.
        Bucket { rate, level: 1_000, at: now }
    }

    fn level_at(&self, now: UnixMillis) -> i64 {
        let grown = (now.0 - self.at.0).max(0).saturating_mul(i64::from(self.rate));
        self.level.saturating_add(grown).min(i64::from(self.rate) * 1_000)
    }

    fn check(&self, now: UnixMillis) -> Result<(), UnixMillis> {
        let missing = 1_000 - self.level_at(now);
        if missing <= 0 {
            return Ok(());
        }
        let rate = i64::from(self.rate);
        let wait_ms = (missing + rate - 1) / rate;
        Err(now + Duration::from_millis(u64::try_from(wait_ms).unwrap_or(1)))
    }

    fn take(&mut self, now: UnixMillis) {
        self.level = self.level_at(now) - 1_000;
        self.at = now;
    }
}
