//! A backend that keeps everything in memory and fails when it is told to. It exists for tests and simulation: the
//! conformance suite runs on it as on SQLite, and faults that a real disk shows once a year are one call here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;
use semnal_core::attempt::AttemptEnd;
use semnal_core::configuration::{Change, Configuration};
use semnal_core::health::Failing;
use semnal_core::id::{AttemptId, DeliveryId, EndpointId, Key, MessageId, TaskId};
use semnal_core::time::UnixMillis;

use crate::called_off::CalledOffRow;
use crate::error::StoreError;
use crate::journal::{SharedTables, Write};
use crate::message::Message;
use crate::outcome::{EXPUNGED, Outcome, RetryRow};
use crate::sqlite::configuration::AnswerRow;
use crate::task::{Task, TaskStatus};

/// What the memory backend does wrong, set by tests while it runs.
#[derive(Debug, Default)]
pub struct Faults {
    state: Mutex<FaultState>,
}

#[derive(Debug, Default)]
struct FaultState {
    disk_full: bool,
    fail_next_commit: bool,
}

impl Faults {
    /// From now on every commit fails as on a full disk, until it is set back.
    pub fn set_disk_full(&self, full: bool) {
        self.state.lock().disk_full = full;
    }

    /// The next commit fails as when fsync reports an error.
    pub fn fail_next_commit(&self) {
        self.state.lock().fail_next_commit = true;
    }

    /// Fails as it was told to.
    pub(crate) fn at_commit(&self) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        if state.disk_full {
            return Err(StoreError::Full);
        }
        if std::mem::take(&mut state.fail_next_commit) {
            return Err(StoreError::Stopped);
        }
        Ok(())
    }
}

/// The rows, as they survive a restart.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    pub(crate) messages: BTreeMap<MessageId, Arc<Message>>,
    pub(crate) outcomes: BTreeMap<(DeliveryId, u16), Outcome>,
    pub(crate) retries: BTreeMap<(EndpointId, DeliveryId), RetryRow>,
    pub(crate) cuts: BTreeMap<EndpointId, Key>,
    pub(crate) added: BTreeMap<DeliveryId, EndpointId>,
    pub(crate) called_off: BTreeMap<DeliveryId, CalledOffRow>,
    pub(crate) payload_expiries: BTreeSet<(UnixMillis, MessageId)>,
    pub(crate) answers: BTreeMap<[u8; 16], AnswerRow>,
    pub(crate) tasks: BTreeMap<TaskId, Task>,
    pub(crate) meta: BTreeMap<String, Vec<u8>>,
    pub(crate) failing: BTreeMap<EndpointId, Failing>,
    changes: Vec<Change>,
}

/// What outlives a store on the memory backend: hand it to the next one to "restart".
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk {
    pub(crate) tables: SharedTables,
    /// What goes wrong.
    pub faults: Arc<Faults>,
}

impl MemoryDisk {
    /// Returns what a power cut at this moment would leave; nothing goes wrong with it.
    pub fn image(&self) -> MemoryDisk {
        let tables = self.tables.lock().clone();
        MemoryDisk { tables: Arc::new(Mutex::new(tables)), faults: Arc::default() }
    }
}

pub(crate) struct MemoryJournal {
    disk: MemoryDisk,
    /// The disk with what the transaction has written so far, which only the writer sees.
    working: SharedTables,
    staged: Vec<Write>,
}

impl MemoryJournal {
    pub(crate) fn new(disk: MemoryDisk) -> MemoryJournal {
        let working = disk.tables.lock().clone();
        MemoryJournal { disk, working: Arc::new(Mutex::new(working)), staged: Vec::new() }
    }

    /// What the writer reads: its own transaction included, as on a database.
    pub(crate) fn working(&self) -> &SharedTables {
        &self.working
    }

    /// What everybody else reads: what has been committed.
    pub(crate) fn committed(&self) -> &SharedTables {
        &self.disk.tables
    }

    pub(crate) fn begin(&mut self) {
        debug_assert!(self.staged.is_empty(), "a transaction ends with a commit or a rollback");
    }

    pub(crate) fn write(&mut self, write: Write) {
        self.working.lock().apply(write.clone());
        self.staged.push(write);
    }

    pub(crate) fn rollback(&mut self) {
        if !self.staged.is_empty() {
            self.staged.clear();
            *self.working.lock() = self.disk.tables.lock().clone();
        }
    }

    pub(crate) fn commit(&mut self) -> Result<(), StoreError> {
        self.disk.faults.at_commit()?;
        let mut tables = self.disk.tables.lock();
        for write in self.staged.drain(..) {
            tables.apply(write);
        }
        Ok(())
    }

    pub(crate) fn delete_cancelled(&mut self, endpoint: EndpointId, position: Key, limit: usize) -> usize {
        let tables = self.working.lock();
        let cancelled = tables.retries.values().filter(|r| r.endpoint == endpoint && r.since <= position);
        let found: Vec<DeliveryId> = cancelled.map(|r| r.delivery).take(limit).collect();
        drop(tables);
        for delivery in &found {
            self.write(Write::DeleteRetry(endpoint, *delivery));
        }
        found.len()
    }

    pub(crate) fn load_configuration(&self) -> Result<Configuration, StoreError> {
        let mut configuration = Configuration::default();
        for change in &self.disk.tables.lock().changes {
            configuration.apply(change)?;
        }
        Ok(configuration)
    }
}

impl Tables {
    /// Copies what the state of a message's deliveries follows from.
    pub(crate) fn of_message(&self, message: &Message) -> Tables {
        let of = |ordinal| DeliveryId { message: message.id, ordinal };
        let outcomes = self.outcomes.range((of(0), 0)..=(of(u16::MAX), u16::MAX));
        let added = self.added.range(of(0)..=of(u16::MAX));
        let called_off = self.called_off.range(of(0)..=of(u16::MAX));
        let mut part = Tables {
            outcomes: outcomes.map(|(id, it)| (*id, it.clone())).collect(),
            added: added.map(|(id, endpoint)| (*id, *endpoint)).collect(),
            called_off: called_off.map(|(id, row)| (*id, *row)).collect(),
            ..Tables::default()
        };
        for endpoint in message.endpoints.iter().copied().chain(part.added.values().copied()) {
            let rows = self.retries.range((endpoint, of(0))..=(endpoint, of(u16::MAX)));
            part.retries.extend(rows.map(|(key, row)| (*key, *row)));
            part.cuts.extend(self.cuts.get(&endpoint).map(|position| (endpoint, *position)));
        }
        part
    }

    fn apply(&mut self, write: Write) {
        match write {
            Write::Message(it) => {
                self.messages.insert(it.id, it);
            }
            Write::Outcome(it) => {
                self.outcomes.insert((it.id.delivery, it.id.number), (*it).clone());
            }
            Write::Retry(it) => {
                let row = self.retries.entry((it.endpoint, it.delivery)).or_insert(it);
                *row = RetryRow { since: row.since, ..it };
            }
            Write::DeleteRetry(endpoint, delivery) => {
                self.retries.remove(&(endpoint, delivery));
            }
            Write::Added { delivery, endpoint, .. } => {
                self.added.insert(delivery, endpoint);
            }
            Write::Change(change) => self.changes.push(*change),
            Write::Cut(endpoint, position) => {
                let cut = self.cuts.entry(endpoint).or_insert(position);
                *cut = position.max(*cut);
            }
            Write::Answer(it) => {
                self.answers.insert(it.fingerprint, *it);
            }
            Write::DeleteAnswersBefore(time) => self.answers.retain(|_, it| it.created_at >= time),
            Write::Task(it) => {
                self.tasks.insert(it.id, *it);
            }
            Write::DeleteTasksBefore(key) => {
                self.tasks.retain(|id, it| id.0 >= key || it.status == TaskStatus::Running);
            }
            // The memory backend has no views: its lists go through the rows.
            Write::TrimFeed(_) => {}
            Write::Failing(endpoint, Some(it)) => {
                self.failing.insert(endpoint, it);
            }
            Write::Failing(endpoint, None) => {
                self.failing.remove(&endpoint);
            }
            Write::Meta(name, value) => {
                self.meta.insert(name.to_owned(), value.to_be_bytes().to_vec());
            }
            Write::CallOff(it) => {
                self.called_off.insert(it.delivery, it);
            }
            Write::Reopen(delivery) => {
                self.called_off.remove(&delivery);
            }
            Write::ExpungePayload(message) => {
                if let Some(it) = self.messages.get_mut(&message) {
                    *it = Arc::new(Message { payload: bytes::Bytes::new(), ..(**it).clone() });
                }
            }
            Write::ExpungeResponse(attempt) => self.expunge_response(attempt),
            Write::PayloadExpiry(at, message) => {
                self.payload_expiries.insert((at, message));
            }
            Write::DeletePayloadExpiry(at, message) => {
                self.payload_expiries.remove(&(at, message));
            }
            Write::DeleteThrough(last) => self.delete_through(last),
        }
    }

    fn expunge_response(&mut self, attempt: AttemptId) {
        if let Some(it) = self.outcomes.get_mut(&(attempt.delivery, attempt.number)) {
            it.response_headers.clear();
            it.response_body = EXPUNGED.to_vec();
            if let AttemptEnd::Failed { detail, .. } = &mut it.end {
                detail.clear();
            }
        }
    }

    fn delete_through(&mut self, last: Key) {
        let kept = DeliveryId { message: MessageId(Key(last.0 + 1)), ordinal: 0 };
        self.messages = self.messages.split_off(&kept.message);
        self.outcomes = self.outcomes.split_off(&(kept, 0));
        self.added = self.added.split_off(&kept);
        self.called_off = self.called_off.split_off(&kept);
    }
}
