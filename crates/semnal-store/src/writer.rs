//! The writer thread: the only place where anything is written.
//!
//! It takes everything that waits, applies it in one transaction, commits (fsync), tells the observer, and only then
//! answers. What a batch changes in memory is staged beside it and takes effect after the commit, so that a failed
//! batch leaves nothing behind.

mod batch;
mod content;
mod health;
mod operational;
mod retention;
mod unforgotten;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use semnal_core::configuration::{Change, Configuration};
use semnal_core::health::Failing;
use semnal_core::id::{DeliveryId, EndpointId, IdCipher, Key, MessageId};
use semnal_core::time::UnixMillis;
use tokio::sync::{Semaphore, oneshot};

use crate::bookkeeping::Bookkeeping;
use crate::called_off::{Withdrawal, Withdrawn};
use crate::duplicates::Duplicates;
use crate::error::StoreError;
use crate::journal::{Journal, Write};
use crate::message::{Appended, Fingerprint, NewMessage};
use crate::observer::{Loaded, Observer};
use crate::outcome::{DueCursor, Report, RetryRow, due_cursor_at};
use crate::read::Reader;
use crate::recovery::{LAST_KEY, LOW_WATER};
use crate::sqlite::checkpoint::{CHECKPOINT_PAGES, Checkpointer};
use crate::sqlite::configuration::AnswerRow;
use crate::store::{KeySource, Now, Resent, StoredAnswer};
use crate::views::{TRIMMED, Views};
use batch::Batch;
pub(crate) use batch::task::{TaskDone, TaskOrder};
pub(crate) use retention::Retention;
pub(crate) use unforgotten::Unforgotten;

/// 4,096 commands go into one transaction at most.
const BATCH_COMMANDS_MAX: usize = 4_096;
/// 16 MiB of payload go into one transaction at most.
const BATCH_PAYLOAD_BYTES_MAX: usize = 16 * 1_024 * 1_024;
/// While the disk is full, another try is made every 500 ms.
const FULL_RETRY: Duration = Duration::from_millis(500);
/// The low-water mark is written every 200 ms at most: it costs a page.
const MARK_INTERVAL_MS: i64 = 200;
/// 1,000 rows that a cut cancelled are deleted with one batch.
const CLEANUP_ROWS: usize = 1_000;
/// 1,000 rows of the feed are deleted with one batch: positions have no gaps.
const TRIMMED_AT_ONCE_ROWS: i64 = 1_000;
/// Between two such batches other commands may come in for 1 ms.
const CLEANUP_PAUSE: Duration = Duration::from_millis(1);
/// While a reader keeps the log from being cut, another try is made every 50 ms.
const SCRUB_RETRY: Duration = Duration::from_millis(50);
/// Answers that are too old to be given again are deleted once an hour.
const FORGET_INTERVAL: Duration = Duration::from_secs(3_600);
/// An idempotency key is remembered for 12 h (DESIGN 4.7).
const IDEMPOTENCY_HOURS: u64 = 12;

/// Returns from when on answers are still given again.
pub(crate) fn oldest_answer(now: UnixMillis) -> UnixMillis {
    now - Duration::from_secs(IDEMPOTENCY_HOURS * 3_600)
}

/// What the writer is asked to do.
pub(crate) enum Command {
    Append {
        messages: Vec<NewMessage>,
        version: u64,
        answer: oneshot::Sender<Result<Vec<Appended>, StoreError>>,
    },
    Report(Vec<Report>),
    Change {
        idempotency: Option<Fingerprint>,
        make: MakeChanges,
        answer: oneshot::Sender<Result<ChangeDone, StoreError>>,
    },
    Resend {
        message: MessageId,
        endpoint: EndpointId,
        asked_by: String,
        answer: oneshot::Sender<Result<Resent, StoreError>>,
    },
    Task {
        order: TaskOrder,
        answer: oneshot::Sender<Result<TaskDone, StoreError>>,
    },
    Withdraw {
        what: Withdrawal,
        answer: oneshot::Sender<Result<Withdrawn, StoreError>>,
    },
    LoadDue {
        after: DueCursor,
        until: UnixMillis,
        limit: usize,
    },
    LoadQueued {
        endpoint: EndpointId,
        after: Option<DeliveryId>,
        limit: usize,
    },
    LoadOldest(EndpointId),
    Inspect(oneshot::Sender<Result<Inspection, StoreError>>),
    Stop(oneshot::Sender<()>),
}

/// Decides, on the writer thread, what to change, seeing the configuration as it is at that moment; `None` changes
/// nothing.
pub(crate) type MakeChanges = Box<dyn FnOnce(&Configuration) -> Option<Planned> + Send>;

/// Changes with the answer that a repetition of the same request gets.
pub(crate) struct Planned {
    pub(crate) changes: Vec<Change>,
    pub(crate) answer: Option<StoredAnswer>,
}

pub(crate) enum ChangeDone {
    Applied,
    Repeated(StoredAnswer),
}

/// What `verify` needs, as of one moment between two transactions.
pub(crate) struct Inspection {
    pub(crate) reader: Reader,
    pub(crate) configuration: Arc<Configuration>,
    pub(crate) pending: HashMap<EndpointId, u64>,
    pub(crate) fresh_total: u64,
    pub(crate) engine_fresh: Option<u64>,
    pub(crate) low_water: Key,
    /// Deliveries without a row that the engine may have in memory and the rows know nothing of: their messages are
    /// gone, or they have been reopened and have a row.
    pub(crate) unforgotten: u64,
}

/// A command with the permits that its sender took.
pub(crate) struct Ticket {
    pub(crate) command: Command,
    pub(crate) permits: u32,
}

/// Everything that the writer thread owns.
pub(crate) struct Writer {
    pub(crate) journal: Journal,
    pub(crate) commands: Receiver<Ticket>,
    pub(crate) capacity: Arc<Semaphore>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) configuration: Arc<arc_swap::ArcSwap<Configuration>>,
    pub(crate) keys: Arc<KeySource>,
    pub(crate) now: Now,
    pub(crate) cipher: IdCipher,
    pub(crate) books: Bookkeeping,
    pub(crate) duplicates: Duplicates,
    pub(crate) answers: HashMap<Fingerprint, AnswerRow>,
    /// When answers were last forgotten for their age.
    pub(crate) forgot_at: UnixMillis,
    pub(crate) checkpointer: Option<Checkpointer>,
    /// Endpoints whose cancelled rows still have to be deleted, with the position of their cut.
    pub(crate) cleanup: Vec<(EndpointId, Key)>,
    pub(crate) last_message: Key,
    /// Every message before this key is gone.
    pub(crate) kept_from: Key,
    pub(crate) retention: Retention,
    pub(crate) unforgotten: Unforgotten,
    pub(crate) marked: Marked,
    /// Reports that a full disk has kept from being written.
    pub(crate) retained: Vec<Report>,
    pub(crate) full: bool,
    /// What the views have come to; none on the memory backend.
    pub(crate) views: Option<Views>,
    /// The feed has been trimmed up to here, so far as `synced` of the views said.
    pub(crate) trimmed: i64,
    /// Endpoints that have failed and not succeeded since.
    pub(crate) failing: HashMap<EndpointId, Failing>,
    /// See [`crate::store::StoreOptions::disable_after`].
    pub(crate) disable_after: Option<Duration>,
}

/// The low-water mark as it was last written.
#[derive(Debug, Default)]
pub(crate) struct Marked {
    pub(crate) at: UnixMillis,
    pub(crate) position: Key,
}

/// Why the loop ends.
enum End {
    Asked(oneshot::Sender<()>),
    Abandoned,
    Failed(StoreError),
}

/// Tells everyone when the thread ends by a panic: nobody may wait for a writer that is gone.
struct Alarm {
    observer: Arc<dyn Observer>,
    capacity: Arc<Semaphore>,
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.capacity.close();
        if std::thread::panicking() {
            tracing::error!("the store stops: its writer panicked");
            self.observer.stopped(&StoreError::Stopped);
        }
    }
}

impl Writer {
    /// Serves until it is told to stop, every sender is gone, or the disk fails. Whoever waits for a permit then is
    /// told as well.
    pub(crate) fn run(mut self) {
        let _alarm = Alarm { observer: self.observer.clone(), capacity: self.capacity.clone() };
        let end = loop {
            if let Some(end) = self.turn() {
                break end;
            }
        };
        match end {
            End::Failed(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the store stops");
                self.capacity.close();
                self.observer.stopped(&error);
            }
            End::Asked(answer) => {
                self.close();
                // The files are closed before anybody is told that they are.
                drop(self);
                if answer.send(()).is_err() {
                    tracing::debug!("nobody waits for the end of the store");
                }
            }
            End::Abandoned => self.close(),
        }
    }

    /// One batch.
    fn turn(&mut self) -> Option<End> {
        let first = match self.wait() {
            Some(wait) => match self.commands.recv_timeout(wait) {
                Ok(ticket) => Some(ticket),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return Some(End::Abandoned),
            },
            None => match self.commands.recv() {
                Ok(ticket) => Some(ticket),
                Err(_) => return Some(End::Abandoned),
            },
        };
        let (commands, permits) = self.gather(first);
        let result = self.process(commands);
        self.capacity.add_permits(usize::try_from(permits).expect("permits fit"));
        match result {
            Ok(None) => {}
            Ok(Some(answer)) => return Some(End::Asked(answer)),
            Err(error) => return Some(End::Failed(error)),
        }
        self.checkpoint().err().map(End::Failed)
    }

    /// Returns how long to wait for a command before there is something else to do; `None` waits for ever.
    fn wait(&self) -> Option<Duration> {
        if self.full {
            return Some(FULL_RETRY);
        }
        let clean = (!self.cleanup.is_empty()).then_some(CLEANUP_PAUSE);
        let scrub = self.journal.log_is_stale().then_some(SCRUB_RETRY);
        [clean, scrub, self.retention_wait()].into_iter().flatten().min()
    }

    /// Takes what waits, up to the limits of one batch.
    fn gather(&mut self, first: Option<Ticket>) -> (Vec<Command>, u64) {
        let (mut commands, mut permits, mut bytes) = (Vec::new(), 0u64, 0usize);
        let mut next = first;
        while let Some(Ticket { command, permits: taken }) = next.take() {
            permits += u64::from(taken);
            if let Command::Append { messages, .. } = &command {
                bytes += messages.iter().map(|m| m.payload.len()).sum::<usize>();
            }
            let stop = matches!(command, Command::Stop(_));
            commands.push(command);
            if !stop && commands.len() < BATCH_COMMANDS_MAX && bytes < BATCH_PAYLOAD_BYTES_MAX {
                next = self.commands.try_recv().ok();
            }
        }
        (commands, permits)
    }

    /// Writes and answers; returns who asked for the end.
    fn process(&mut self, commands: Vec<Command>) -> Result<Option<oneshot::Sender<()>>, StoreError> {
        let (mut writes, mut reads, mut stop) = (Vec::new(), Vec::new(), None);
        for command in commands {
            match command {
                Command::Append { .. }
                | Command::Report(_)
                | Command::Change { .. }
                | Command::Resend { .. }
                | Command::Task { .. }
                | Command::Withdraw { .. } => {
                    writes.push(command);
                }
                Command::LoadDue { .. }
                | Command::LoadQueued { .. }
                | Command::LoadOldest(_)
                | Command::Inspect(_) => reads.push(command),
                Command::Stop(answer) => stop = Some(answer),
            }
        }
        // While the disk is full each turn tries to write: only that shows that there is room again.
        let due = !self.cleanup.is_empty() || self.retention_is_due();
        if !writes.is_empty() || self.full || due {
            self.write_batch(writes)?;
        }
        for command in reads {
            self.read(command)?;
        }
        Ok(stop)
    }

    fn write_batch(&mut self, commands: Vec<Command>) -> Result<(), StoreError> {
        let retained = std::mem::take(&mut self.retained);
        let mut batch = Batch::new(self.configuration.load_full());
        let result = self.fill(&mut batch, retained, commands);
        match result {
            Ok(()) => {
                if self.full {
                    self.full = false;
                    self.observer.disk_full(false);
                    tracing::info!("the disk has room again");
                }
                self.publish(batch);
                Ok(())
            }
            Err(StoreError::Full) => {
                self.journal.rollback();
                if !self.full {
                    tracing::error!("the disk is full: no event is accepted and no attempt started");
                    self.full = true;
                    self.observer.disk_full(true);
                }
                self.retained = batch.fail(&|| StoreError::Full);
                Ok(())
            }
            Err(error) => {
                self.journal.rollback();
                batch.fail(&|| StoreError::Stopped);
                Err(error)
            }
        }
    }

    fn fill(
        &mut self,
        batch: &mut Batch,
        retained: Vec<Report>,
        commands: Vec<Command>,
    ) -> Result<(), StoreError> {
        // Whatever happens below, the batch knows everyone who waits, so that all are told.
        batch.take(retained, commands);
        self.journal.begin()?;
        self.write_reports(batch)?;
        self.write_commands(batch)?;
        self.write_failing(batch)?;
        self.clean(batch)?;
        self.expire(batch)?;
        self.mark(batch)?;
        self.trim(batch)?;
        self.journal.commit()
    }

    /// Deletes some of the rows that a cut cancelled.
    fn clean(&mut self, batch: &mut Batch) -> Result<(), StoreError> {
        if let Some((endpoint, position)) = self.cleanup.last().copied() {
            let deleted = self.journal.delete_cancelled(endpoint, position, CLEANUP_ROWS)?;
            batch.cleaned = deleted < CLEANUP_ROWS;
        }
        Ok(())
    }

    /// Writes the low-water mark when it has moved and the last time is a while ago, and as a trial while the disk is
    /// full: a transaction without a row would succeed.
    fn mark(&mut self, batch: &mut Batch) -> Result<(), StoreError> {
        let now = (self.now)();
        let position = self.books.low_water(self.last_message);
        let early = now.0 - self.marked.at.0 < MARK_INTERVAL_MS;
        if !self.full && (early || position == self.marked.position) {
            return Ok(());
        }
        self.journal.write(Write::Meta(LOW_WATER, position.0))?;
        self.journal.write(Write::Meta(LAST_KEY, self.keys.last().0))?;
        batch.marked = Some(Marked { at: now, position });
        Ok(())
    }

    /// Deletes some of the rows of the feed that the views need no more.
    fn trim(&mut self, batch: &mut Batch) -> Result<(), StoreError> {
        let Some(views) = &self.views else { return Ok(()) };
        let upto = views.synced().min(self.trimmed + TRIMMED_AT_ONCE_ROWS);
        if upto > self.trimmed {
            self.journal.write(Write::TrimFeed(upto))?;
            self.journal.write(Write::Meta(TRIMMED, upto))?;
            batch.trimmed = Some(upto);
        }
        Ok(())
    }

    fn read(&mut self, command: Command) -> Result<(), StoreError> {
        let source = self.journal.source();
        match command {
            Command::LoadDue { after, until, limit } => {
                let rows = source.retry_due(after, until, limit)?;
                let more = rows.last().filter(|_| rows.len() == limit).and_then(RetryRow::due_cursor);
                let reached = more.unwrap_or_else(|| due_cursor_at(until));
                self.observer.loaded(Loaded::Due { rows, reached });
            }
            Command::LoadQueued { endpoint, after, limit } => {
                let rows = source.retry_queued(endpoint, after, limit)?;
                let complete = rows.len() < limit;
                self.observer.loaded(Loaded::Queued { endpoint, rows, complete });
            }
            Command::LoadOldest(endpoint) => {
                let row = source.oldest_retry(endpoint)?;
                self.observer.loaded(Loaded::Oldest { endpoint, row });
            }
            Command::Inspect(answer) => {
                let inspection = self.journal.snapshot().and_then(|reader| {
                    Ok(Inspection {
                        reader,
                        configuration: self.configuration.load_full(),
                        pending: self.books.pending().clone(),
                        fresh_total: self.books.fresh_total(),
                        engine_fresh: self.observer.deliveries_without_row(),
                        low_water: Key(self.journal.source().meta_number(LOW_WATER)?.unwrap_or(0)),
                        unforgotten: self.unforgotten.reopened() + self.books.fresh_before(self.kept_from),
                    })
                });
                if answer.send(inspection).is_err() {
                    tracing::debug!("whoever asked for an inspection has gone");
                }
            }
            _ => unreachable!("write commands are handled by write_batch"),
        }
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<(), StoreError> {
        let (Some(checkpointer), Journal::Sqlite { journal, .. }) = (&self.checkpointer, &mut self.journal)
        else {
            return Ok(());
        };
        if checkpointer.take_ended() {
            match journal.checkpoint() {
                // A full disk is met again, and dealt with, at the next commit.
                Ok(()) | Err(StoreError::Full) => {}
                Err(error) => return Err(error),
            }
        } else if journal.wal_pages() >= CHECKPOINT_PAGES || journal.stale_log {
            checkpointer.ask();
        }
        Ok(())
    }

    /// Brings the views up and leaves the mark where it is, so that the next start has little to read.
    fn close(&mut self) {
        let position = self.books.low_water(self.last_message);
        let last = self.keys.last();
        let synced = self.views.take().map_or(self.trimmed, Views::stop);
        let written = self.journal.begin().and_then(|()| {
            self.journal.write(Write::TrimFeed(synced))?;
            self.journal.write(Write::Meta(TRIMMED, synced))?;
            self.journal.write(Write::Meta(LOW_WATER, position.0))?;
            self.journal.write(Write::Meta(LAST_KEY, last.0))?;
            self.journal.commit()
        });
        if let Err(error) = written {
            self.journal.rollback();
            tracing::warn!(error = %error, "the low-water mark was not written; the next start reads more");
        }
        // A checkpoint of its thread would be in the way.
        self.checkpointer = None;
        if let Journal::Sqlite { journal, .. } = &mut self.journal
            && !matches!(journal.scrub(), Ok(true))
        {
            tracing::warn!("the log holds expunged content and was not cut; the next start cuts it");
        }
    }
}
