//! What the engine reports about deliveries, and the rows that follow from it.

use std::net::SocketAddr;
use std::sync::Arc;

use semnal_core::attempt::{AttemptEnd, Phases};
use semnal_core::delivery::Progress;
use semnal_core::id::{AttemptId, DeliveryId, EndpointId, Key, MessageId};
use semnal_core::operational::AttemptMark;
use semnal_core::time::UnixMillis;

/// Why an attempt was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Trigger {
    /// The schedule (0 in the Svix API).
    #[default]
    Scheduled,
    /// A person or a program asked for it (1 in the Svix API).
    Manual,
}

/// What stands in the place of a response that was expunged (Svix API).
pub const EXPUNGED: &[u8] = b"EXPUNGED";

/// One attempt as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Message, ordinal and number.
    pub id: AttemptId,
    /// Where it went.
    pub endpoint: EndpointId,
    /// The URL at that time.
    pub url: String,
    /// When it started.
    pub started_at: UnixMillis,
    /// How it ended.
    pub end: AttemptEnd,
    /// What that means for the delivery.
    pub verdict: Verdict,
    /// Why it was made.
    pub trigger: Trigger,
    /// The address that was dialled.
    pub address: Option<SocketAddr>,
    /// How long each phase took.
    pub phases: Phases,
    /// The answer's headers.
    pub response_headers: Vec<(String, Vec<u8>)>,
    /// The first bytes of the answer's body.
    pub response_body: Vec<u8>,
    /// Whether the body was longer.
    pub response_truncated: bool,
}

/// What an attempt's end meant for its delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The receiver took it.
    Delivered,
    /// Another attempt is due at this time.
    RetryAt(UnixMillis),
    /// It waits for its endpoint, without a time.
    Held,
    /// The schedule is exhausted.
    Exhausted,
}

impl Verdict {
    /// Returns what it is for the announcements about its delivery.
    pub(crate) fn mark(self) -> AttemptMark {
        match self {
            Verdict::Delivered => AttemptMark::Delivered,
            Verdict::RetryAt(_) | Verdict::Held => AttemptMark::Failed,
            Verdict::Exhausted => AttemptMark::Exhausted,
        }
    }

    /// Tells whether no further attempt follows by itself.
    pub fn is_final(self) -> bool {
        matches!(self, Verdict::Delivered | Verdict::Exhausted)
    }
}

/// A delivery that waits in the store: until a time, or for room in its endpoint's queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryRow {
    /// Where it goes.
    pub endpoint: EndpointId,
    /// Which delivery.
    pub delivery: DeliveryId,
    /// How far it has come.
    pub progress: Progress,
    /// When it is due; `None` means whenever its endpoint takes more work.
    pub due_at: Option<UnixMillis>,
    /// Why the next attempt is made.
    pub trigger: Trigger,
    /// The journal's last key when the row was written; a cut at or above it cancels the row.
    pub since: Key,
}

/// The retry rows of one endpoint, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RetryCount {
    pub(crate) endpoint: EndpointId,
    pub(crate) rows: u64,
    pub(crate) without_time: u64,
    /// The greatest [`RetryRow::since`] among them.
    pub(crate) last_since: Key,
}

/// A place in the order of due rows: time, endpoint, delivery.
pub type DueCursor = (UnixMillis, EndpointId, DeliveryId);

/// Returns the place before every row due at `time`.
pub fn due_cursor_at(time: UnixMillis) -> DueCursor {
    let first = DeliveryId { message: MessageId(Key(i64::MIN)), ordinal: 0 };
    (time, EndpointId(Key(i64::MIN)), first)
}

impl RetryRow {
    /// Returns the row's place among due rows; `None` when it has no time.
    pub fn due_cursor(&self) -> Option<DueCursor> {
        self.due_at.map(|at| (at, self.endpoint, self.delivery))
    }
}

/// What the engine reports. Reports about one delivery are committed in the order in which they were made.
#[derive(Debug, Clone)]
pub enum Report {
    /// An attempt ended.
    Attempt {
        /// The attempt.
        outcome: Arc<Outcome>,
        /// How far the delivery has come, this attempt included.
        progress: Progress,
        /// Whether the delivery has a retry row.
        has_row: bool,
    },
    /// A delivery goes to the retry table without an attempt: no room in memory, undecided for long, or its endpoint
    /// holds.
    Park {
        /// The row to write. It keeps the trigger of the row before it: that is how a reopened delivery is told from one
        /// whose row should be gone.
        row: RetryRow,
        /// Whether the delivery has a retry row already.
        has_row: bool,
    },
    /// The engine forgets a delivery of a deleted endpoint.
    Forget {
        /// Which delivery.
        delivery: DeliveryId,
        /// Whether the delivery has a retry row.
        has_row: bool,
    },
}
