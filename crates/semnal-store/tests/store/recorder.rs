//! An observer that writes down what it hears and lets a test wait for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use semnal_core::configuration::Configuration;
use semnal_core::id::{EndpointId, MessageId};
use semnal_store::called_off::CalledOff;
use semnal_store::error::StoreError;
use semnal_store::observer::{Committed, Loaded, Observer, Recovered};
use semnal_store::outcome::{DueCursor, Report, RetryRow};

/// A test that waits for 30 s has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Everything that was heard, in order.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) batches: usize,
    pub(crate) messages: Vec<MessageId>,
    pub(crate) recovered: Vec<Recovered>,
    pub(crate) backlogs: Vec<EndpointId>,
    pub(crate) reports: Vec<Report>,
    pub(crate) resent: Vec<RetryRow>,
    pub(crate) called_off: Vec<CalledOff>,
    pub(crate) changed: Vec<EndpointId>,
    pub(crate) deleted: Vec<EndpointId>,
    pub(crate) configuration: Option<Arc<Configuration>>,
    pub(crate) due: Vec<(Vec<RetryRow>, DueCursor)>,
    pub(crate) queued: Vec<(EndpointId, Vec<RetryRow>, bool)>,
    pub(crate) oldest: Vec<(EndpointId, Option<RetryRow>)>,
    pub(crate) full: Vec<bool>,
    pub(crate) stopped: Vec<String>,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Recorder {
    heard: Mutex<Heard>,
    changed: Condvar,
    /// What it answers when `verify` asks how many deliveries it has in memory.
    pub(crate) without_row: Mutex<Option<u64>>,
}

impl Recorder {
    pub(crate) fn look<T>(&self, at: impl FnOnce(&Heard) -> T) -> T {
        at(&self.heard.lock())
    }

    /// Waits until `find` returns something.
    pub(crate) fn wait_for<T>(&self, what: &str, mut find: impl FnMut(&mut Heard) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        let mut heard = self.heard.lock();
        loop {
            if let Some(found) = find(&mut heard) {
                return found;
            }
            let late = self.changed.wait_until(&mut heard, until).timed_out();
            assert!(!late, "waited in vain for {what}: {heard:?}");
        }
    }

    fn hear(&self, write: impl FnOnce(&mut Heard)) {
        write(&mut self.heard.lock());
        self.changed.notify_all();
    }
}

impl Observer for Recorder {
    fn committed(&self, batch: Committed<'_>) {
        self.hear(|heard| {
            heard.batches += 1;
            heard.messages.extend(batch.messages.iter().map(|m| m.id));
            heard.recovered.extend(batch.recovered);
            heard.backlogs.extend(batch.backlogs);
            heard.changed.extend_from_slice(batch.changed);
            heard.reports.extend_from_slice(batch.reports);
            heard.resent.extend_from_slice(batch.resent);
            heard.called_off.extend_from_slice(batch.called_off);
            heard.deleted.extend_from_slice(batch.deleted);
            if let Some(configuration) = batch.configuration {
                heard.configuration = Some(configuration);
            }
        });
    }

    fn loaded(&self, loaded: Loaded) {
        self.hear(|heard| match loaded {
            Loaded::Due { rows, reached } => heard.due.push((rows, reached)),
            Loaded::Queued { endpoint, rows, complete } => heard.queued.push((endpoint, rows, complete)),
            Loaded::Oldest { endpoint, row } => heard.oldest.push((endpoint, row)),
        });
    }

    fn disk_full(&self, full: bool) {
        self.hear(|heard| heard.full.push(full));
    }

    fn stopped(&self, error: &StoreError) {
        self.hear(|heard| heard.stopped.push(error.to_string()));
    }

    fn deliveries_without_row(&self) -> Option<u64> {
        *self.without_row.lock()
    }
}
