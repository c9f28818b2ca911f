//! How the engine hears of commits.

use std::sync::Arc;

use semnal_core::configuration::Configuration;
use semnal_core::id::{DeliveryId, EndpointId};

use crate::called_off::CalledOff;
use crate::error::StoreError;
use crate::message::Message;
use crate::outcome::{DueCursor, Report, RetryRow};

/// Hears of everything that the writer thread commits, in that order, on the writer thread: an implementation is
/// quick, does not wait and does not call the store.
pub trait Observer: Send + Sync {
    /// A batch is durable.
    fn committed(&self, batch: Committed<'_>);
    /// Rows that [`crate::store::Store::load_due`], [`crate::store::Store::load_queued`] or
    /// [`crate::store::Store::load_oldest`] asked for, as of all commits before.
    fn loaded(&self, loaded: Loaded);
    /// The disk became full, or has room again. While it is full no attempt may start.
    fn disk_full(&self, full: bool);
    /// The store stops for good; the process has to end.
    fn stopped(&self, error: &StoreError);
    /// Returns how many undecided deliveries without a retry row the observer has in its memory, for `verify`; `None`
    /// when no engine runs.
    fn deliveries_without_row(&self) -> Option<u64>;
}

/// What one transaction made durable.
#[derive(Debug, Default)]
pub struct Committed<'a> {
    /// New messages, oldest first.
    pub messages: &'a [Arc<Message>],
    /// Undecided deliveries without a row that were found at start, in the order of their messages.
    pub recovered: Vec<Recovered>,
    /// Endpoints that have rows without a time, found at start.
    pub backlogs: Vec<EndpointId>,
    /// Reports that were written.
    pub reports: &'a [Report],
    /// Rows that a person's request made due.
    pub resent: &'a [RetryRow],
    /// Deliveries that were called off, after all of the above: none of them may be started any more. The observer
    /// answers each with a [`Report::Forget`], or with the report of the attempt that is under way.
    pub called_off: &'a [CalledOff],
    /// The configuration, when it changed.
    pub configuration: Option<Arc<Configuration>>,
    /// Endpoints that were added or changed.
    pub changed: &'a [EndpointId],
    /// Endpoints that were deleted.
    pub deleted: &'a [EndpointId],
}

/// An undecided delivery without a row, found at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovered {
    /// Where it goes.
    pub endpoint: EndpointId,
    /// Which delivery.
    pub delivery: DeliveryId,
}

/// Rows of the retry table.
#[derive(Debug)]
pub enum Loaded {
    /// Rows with a time, in the order of [`DueCursor`].
    Due {
        /// The rows.
        rows: Vec<RetryRow>,
        /// All rows up to here have been read.
        reached: DueCursor,
    },
    /// Rows of one endpoint without a time, oldest message first.
    Queued {
        /// The endpoint.
        endpoint: EndpointId,
        /// The rows.
        rows: Vec<RetryRow>,
        /// Whether these were all.
        complete: bool,
    },
    /// The row of an endpoint's oldest undecided delivery, whether it has a time or not.
    Oldest {
        /// The endpoint.
        endpoint: EndpointId,
        /// The row; `None` when there is none.
        row: Option<RetryRow>,
    },
}

/// An observer that hears nothing, for commands that only look into a store.
#[derive(Debug, Default)]
pub struct Deaf;

impl Observer for Deaf {
    fn committed(&self, _: Committed<'_>) {}
    fn loaded(&self, _: Loaded) {}
    fn disk_full(&self, _: bool) {}
    fn stopped(&self, _: &StoreError) {}
    fn deliveries_without_row(&self) -> Option<u64> {
        None
    }
}
