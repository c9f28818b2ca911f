//! The seam between the writer and what holds the rows. A closed set of backends, so an enum: SQLite in service, and
//! memory with injected faults for tests. PostgreSQL joins here.
//!
//! Every write happens between `begin` and `commit`; the writer thread is the only one that writes.

use std::sync::Arc;

use semnal_core::configuration::{Change, Configuration};
use semnal_core::health::Failing;
use semnal_core::id::{AttemptId, DeliveryId, EndpointId, Key, MessageId};
use semnal_core::time::UnixMillis;

use crate::called_off::CalledOffRow;
use crate::error::StoreError;
use crate::memory::{MemoryJournal, Tables};
use crate::message::Message;
use crate::outcome::{Outcome, RetryRow};
use crate::read::{ReadSource, Reader};
use crate::sqlite::checkpoint::Checkpointer;
use crate::sqlite::configuration::{self, AnswerRow};
use crate::sqlite::{SqliteJournal, content, health, rows, tasks};
use crate::task::Task;
use crate::vault::Vault;
use crate::views::feed::{self, Fed, Pending};

/// Where the rows are.
pub(crate) enum Journal {
    Sqlite { journal: SqliteJournal, vault: Arc<Vault>, feed: Pending },
    Memory(MemoryJournal),
}

/// One row to write.
#[derive(Debug, Clone)]
pub(crate) enum Write {
    Message(Arc<Message>),
    Outcome(Arc<Outcome>),
    Retry(RetryRow),
    DeleteRetry(EndpointId, DeliveryId),
    Added {
        delivery: DeliveryId,
        endpoint: EndpointId,
        asked_by: String,
        now: UnixMillis,
    },
    Change(Box<Change>),
    Cut(EndpointId, Key),
    Answer(Box<AnswerRow>),
    DeleteAnswersBefore(UnixMillis),
    /// Replaces the row of a background task.
    Task(Box<Task>),
    /// Deletes ended tasks whose keys are lower.
    DeleteTasksBefore(Key),
    /// Rows of the feed up to this position are needed no more.
    TrimFeed(i64),
    Meta(&'static str, i64),
    /// What is known about an endpoint's failing; `None` when it does not fail.
    Failing(EndpointId, Option<Failing>),
    /// A delivery was called off.
    CallOff(CalledOffRow),
    /// A delivery that was called off is to be sent after all.
    Reopen(DeliveryId),
    /// The payload is overwritten.
    ExpungePayload(MessageId),
    /// What is kept of an attempt's response is overwritten.
    ExpungeResponse(AttemptId),
    PayloadExpiry(UnixMillis, MessageId),
    DeletePayloadExpiry(UnixMillis, MessageId),
    /// The messages up to this key are deleted, with all that is kept under their keys but their retry rows.
    DeleteThrough(Key),
}

impl Journal {
    pub(crate) fn begin(&mut self) -> Result<(), StoreError> {
        match self {
            Journal::Sqlite { journal, .. } => journal.begin(),
            Journal::Memory(memory) => {
                memory.begin();
                Ok(())
            }
        }
    }

    pub(crate) fn commit(&mut self) -> Result<(), StoreError> {
        match self {
            Journal::Sqlite { journal, feed, .. } => {
                feed.write(&journal.connection)?;
                journal.commit()
            }
            Journal::Memory(memory) => memory.commit(),
        }
    }

    pub(crate) fn rollback(&mut self) {
        match self {
            Journal::Sqlite { journal, feed, .. } => {
                feed.clear();
                journal.rollback();
            }
            Journal::Memory(memory) => memory.rollback(),
        }
    }

    pub(crate) fn write(&mut self, write: Write) -> Result<(), StoreError> {
        match self {
            Journal::Memory(memory) => {
                memory.write(write);
                Ok(())
            }
            Journal::Sqlite { journal, vault, feed } => {
                let connection = &journal.connection;
                feed.note(&write);
                match write {
                    Write::Message(it) => rows::insert_message(connection, &it),
                    Write::Outcome(it) => rows::insert_outcome(connection, &it),
                    Write::Retry(it) => rows::put_retry(connection, &it),
                    Write::DeleteRetry(endpoint, delivery) => {
                        rows::delete_retry(connection, endpoint, delivery)
                    }
                    Write::Added { delivery, endpoint, asked_by, now } => {
                        rows::put_added(connection, delivery, endpoint, &asked_by, now)
                    }
                    Write::Change(change) => configuration::write(connection, vault, &change),
                    Write::Cut(endpoint, position) => rows::put_cut(connection, endpoint, position),
                    Write::Answer(it) => configuration::put_answer(connection, &it),
                    Write::DeleteAnswersBefore(time) => {
                        configuration::delete_answers_before(connection, time)
                    }
                    Write::Task(it) => tasks::put(connection, &it),
                    Write::DeleteTasksBefore(key) => tasks::delete_ended_before(connection, key),
                    Write::TrimFeed(position) => feed::trim(connection, position),
                    Write::Failing(endpoint, it) => health::put(connection, endpoint, it),
                    Write::Meta(name, value) => rows::put_meta(connection, name, &value.to_be_bytes()),
                    Write::CallOff(it) => content::put_called_off(connection, &it),
                    Write::Reopen(delivery) => content::delete_called_off(connection, delivery),
                    Write::ExpungePayload(message) => content::expunge_payload(connection, message),
                    Write::ExpungeResponse(attempt) => content::expunge_response(connection, attempt),
                    Write::PayloadExpiry(at, it) => content::put_payload_expiry(connection, at, it),
                    Write::DeletePayloadExpiry(at, it) => content::delete_payload_expiry(connection, at, it),
                    Write::DeleteThrough(last) => content::delete_through(connection, last),
                }
            }
        }
    }

    /// Returns the row of the feed that the last commit added; call it after each commit.
    pub(crate) fn fed(&mut self) -> Option<Fed> {
        match self {
            Journal::Sqlite { feed, .. } => feed.committed(),
            Journal::Memory(_) => None,
        }
    }

    /// Deletes at most `limit` rows that a cut cancelled, inside the transaction; returns how many.
    pub(crate) fn delete_cancelled(
        &mut self,
        endpoint: EndpointId,
        position: Key,
        limit: usize,
    ) -> Result<usize, StoreError> {
        match self {
            Journal::Sqlite { journal, .. } => {
                rows::delete_cancelled(&journal.connection, endpoint, position, limit)
            }
            Journal::Memory(memory) => Ok(memory.delete_cancelled(endpoint, position, limit)),
        }
    }

    /// Reads on the writer's own connection: what it sees is what has been committed so far, and what the transaction
    /// under way has written.
    pub(crate) fn source(&self) -> ReadSource<'_> {
        match self {
            Journal::Sqlite { journal, .. } => ReadSource::Sqlite(&journal.connection),
            Journal::Memory(memory) => ReadSource::Memory(memory.working()),
        }
    }

    /// Starts what moves the log into the database file.
    pub(crate) fn checkpointer(&self) -> Result<Option<Checkpointer>, StoreError> {
        match self {
            Journal::Sqlite { journal, .. } => Ok(Some(Checkpointer::start(&journal.path)?)),
            Journal::Memory(_) => Ok(None),
        }
    }

    /// The log holds content that has been expunged: the next checkpoint cuts it to nothing.
    pub(crate) fn mark_log_stale(&mut self) {
        if let Journal::Sqlite { journal, .. } = self {
            journal.stale_log = true;
        }
    }

    /// Tells whether the log holds content that has been expunged.
    pub(crate) fn log_is_stale(&self) -> bool {
        matches!(self, Journal::Sqlite { journal, .. } if journal.stale_log)
    }

    /// Opens a reader for another thread.
    pub(crate) fn reader(&self) -> Result<Reader, StoreError> {
        match self {
            Journal::Sqlite { journal, .. } => Reader::open_sqlite(&journal.path),
            Journal::Memory(memory) => Ok(Reader::memory(memory.committed().clone())),
        }
    }

    /// Opens a reader that keeps seeing what is committed at this moment.
    pub(crate) fn snapshot(&self) -> Result<Reader, StoreError> {
        match self {
            Journal::Sqlite { journal, .. } => {
                let reader = Reader::open_sqlite(&journal.path)?;
                reader.begin_snapshot()?;
                Ok(reader)
            }
            Journal::Memory(memory) => {
                let tables = memory.committed().lock().clone();
                Ok(Reader::memory(Arc::new(parking_lot::Mutex::new(tables))))
            }
        }
    }

    pub(crate) fn load_configuration(&self) -> Result<Configuration, StoreError> {
        match self {
            Journal::Sqlite { journal, vault, .. } => configuration::load(&journal.connection, vault),
            Journal::Memory(memory) => memory.load_configuration(),
        }
    }

    pub(crate) fn load_answers(&self) -> Result<Vec<AnswerRow>, StoreError> {
        match self {
            Journal::Sqlite { journal, .. } => {
                Ok(configuration::answers(&journal.connection)?.into_values().collect())
            }
            Journal::Memory(memory) => Ok(memory.working().lock().answers.values().cloned().collect()),
        }
    }
}

/// The tables of the memory backend, shared with its readers.
pub(crate) type SharedTables = Arc<parking_lot::Mutex<Tables>>;

/// Returns the delivery's key range for a single message.
pub(crate) fn one(message: MessageId) -> (MessageId, MessageId) {
    (message, message)
}
