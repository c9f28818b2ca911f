//! What the scheduler gives out and takes back: jobs, loads, ends of attempts, figures.

use std::sync::Arc;

use semnal_core::id::{DeliveryId, EndpointId};
use semnal_core::time::UnixMillis;
use semnal_store::outcome::{DueCursor, Report, RetryRow};
use tokio_util::sync::CancellationToken;

use crate::destination::Destination;
use crate::lane::Item;

/// Something to send.
pub(crate) struct Job {
    pub(crate) item: Item,
    pub(crate) destination: Arc<Destination>,
    pub(crate) stop: CancellationToken,
}

/// Returns what a row of the store asks to be sent.
pub(super) fn item_of(row: &RetryRow, now: UnixMillis) -> Item {
    Item {
        delivery: row.delivery,
        progress: row.progress,
        trigger: row.trigger,
        has_row: true,
        since: row.since,
        message: None,
        offered_at: now,
    }
}

/// What the store is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Load {
    Due { after: DueCursor, until: UnixMillis, limit: usize },
    Queued { endpoint: EndpointId, after: Option<DeliveryId>, limit: usize },
    Oldest { endpoint: EndpointId },
}

/// How an attempt went, for the lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finish {
    Success,
    Failure,
    SlowDown(UnixMillis),
    Gone,
}

/// Figures for status pages and tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Status {
    /// Attempts under way.
    pub in_flight: usize,
    /// Items in memory that wait for their turn.
    pub queued: usize,
    /// Timers in memory.
    pub timers: usize,
    /// Endpoints known to the scheduler.
    pub lanes: usize,
    /// Whether work waits for something else than time: attempts, reports or rows under way.
    pub busy: bool,
}

/// Returns the report that moves an item to the store.
pub(super) fn park(endpoint: EndpointId, item: &Item) -> Report {
    let row = RetryRow {
        endpoint,
        delivery: item.delivery,
        progress: item.progress,
        due_at: None,
        trigger: item.trigger,
        since: item.since,
    };
    Report::Park { row, has_row: item.has_row }
}
