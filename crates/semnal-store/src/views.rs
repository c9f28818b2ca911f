//! The views: what lists, filters, statistics and charts read. One SQLite file a day beside the journal, brought up from
//! it by one thread, and at any time to be built from it anew.
//!
//! The path: a commit of the journal adds a row to the `feed`; the thread of this module gathers such rows,
//! [`apply`] reads what they name and writes the files, `list` and [`statistics`] read them on the readers' threads.
//! A list first waits until the views have reached the journal (`Progress::caught_up`). Messages whose retention passed
//! leave no row that a list shows: it begins with the oldest message of the journal, and whole days go (`views::expired`).
//!
//! Invariants: nothing is answered from here that the journal does not prove; nothing is accepted from here. The feed
//! is trimmed only behind what the files have synced, so neither a kill nor a power cut leaves a hole.

pub mod apply;
pub(crate) mod audit;
mod day;
pub mod durations;
mod expired;
pub(crate) mod feed;
mod files;
pub mod filter;
pub(crate) mod list;
pub mod progress;
pub(crate) mod reader;
mod rebuild;
mod rows;
pub(crate) mod scan;
mod schema;
pub mod statistics;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use rusqlite::Connection;

use crate::error::StoreError;
use crate::read::{ReadSource, Reader};
use day::Day;
use files::Files;
use progress::{BATCH_ENTRIES, Job, Progress, Task};
use reader::DayReader;

/// The directory of the views in the data directory.
const DIRECTORY: &str = "views";
/// What the views have is synced after every 100,000 entries of the feed.
const SYNC_ENTRIES: u64 = 100_000;
/// The meta value with the position up to which the feed may have been trimmed.
pub(crate) const TRIMMED: &str = "feed_trimmed";

/// The running views: the thread that writes them, and what it shares. Dropping it ends the thread.
pub(crate) struct Views {
    progress: Arc<Progress>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread owns.
struct Follower {
    files: Files,
    /// Reads the journal.
    journal: Reader,
    progress: Arc<Progress>,
    unsynced_entries: u64,
    /// The files of the days before this one have been looked at, whether they can go.
    dropped_before: Option<Day>,
}

/// Returns where the views of a data directory are.
pub(crate) fn directory(data_directory: &Path) -> PathBuf {
    data_directory.join(DIRECTORY)
}

/// Returns the position that the feed had reached when the journal was last written.
pub(crate) fn last_position(journal: &Connection, trimmed: i64) -> Result<i64, StoreError> {
    Ok(feed::last(journal)?.unwrap_or(trimmed).max(trimmed))
}

impl Views {
    /// Starts the thread; `trimmed` is the position up to which the files are known to be complete.
    pub(crate) fn start(directory: PathBuf, journal: Reader, trimmed: i64) -> Result<Views, StoreError> {
        let ReadSource::Sqlite(connection) = journal.source() else { return Err(StoreError::Stopped) };
        let committed = last_position(connection, trimmed)?;
        let waiting = feed::entries_between(connection, trimmed, committed)?;
        let is_new = committed == 0 && ReadSource::Sqlite(connection).last_message()?.is_none();
        let progress = Arc::new(Progress::new(trimmed, committed, waiting));
        let existed = directory.exists();
        let files = Files::new(directory)?;
        if (existed || is_new) && files.are_complete() {
            progress.set_days(files.days()?);
        } else {
            progress.rebuild();
        }
        let progress_of_thread = progress.clone();
        let mut follower = Follower {
            files,
            journal,
            progress: progress_of_thread,
            unsynced_entries: 0,
            dropped_before: None,
        };
        let spawned = std::thread::Builder::new().name("semnal-views".into()).spawn(move || follower.run());
        let thread = spawned.map_err(|source| StoreError::File { path: DIRECTORY.into(), source })?;
        Ok(Views { progress, thread: Some(thread) })
    }
}

impl Views {
    /// Returns what the thread shares.
    pub(crate) fn progress(&self) -> Arc<Progress> {
        self.progress.clone()
    }

    /// See [`Progress::committed`].
    pub(crate) fn committed(&self, fed: feed::Fed) {
        self.progress.committed(fed);
    }

    /// Ends the thread; returns up to where the views are complete and synced.
    pub(crate) fn stop(mut self) -> i64 {
        self.join();
        self.progress.synced()
    }

    fn join(&mut self) {
        self.progress.stop();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread of the views ended with a panic");
        }
    }

    /// See [`Progress::synced`].
    pub(crate) fn synced(&self) -> i64 {
        self.progress.synced()
    }
}

impl Drop for Views {
    fn drop(&mut self) {
        self.join();
    }
}

impl Follower {
    fn run(&mut self) {
        loop {
            let done = match self.progress.next_job() {
                Job::Stop => break,
                Job::Apply => self.follow(),
                Job::Task(Task::Rebuild) => self.rebuild(),
                Job::Task(Task::Audit(answer)) => {
                    let standing = self.stand_still();
                    // What an error left half written must not be built upon.
                    let stops = standing.as_ref().is_err_and(|error| self.recover_from(error));
                    if answer.send(standing).is_err() {
                        tracing::debug!("whoever asked for an audit of the views has gone");
                    }
                    if stops {
                        break;
                    }
                    Ok(())
                }
            };
            if let Err(error) = done
                && self.recover_from(&error)
            {
                break;
            }
        }
        let ended = if self.progress.is_following() { self.finish() } else { Ok(()) };
        if let Err(error) = ended {
            self.files.rollback();
            tracing::warn!(error = %error, "the views were not synced; the next start reads more of the feed");
        }
    }

    /// Applies a last batch and syncs.
    fn finish(&mut self) -> Result<(), StoreError> {
        self.follow()?;
        self.files.sync()?;
        self.progress.set_synced(self.progress.reached());
        Ok(())
    }

    /// After an error: waits for room on a full disk, builds the views anew after anything else. Tells whether to stop.
    fn recover_from(&mut self, error: &StoreError) -> bool {
        self.files.rollback();
        if let Err(error) = self.journal.end_snapshot_if_open() {
            tracing::debug!(error = %error, "the snapshot was gone already");
        }
        if !matches!(error, StoreError::Full) {
            tracing::error!(error = error as &dyn std::error::Error, "the views are built anew");
            self.progress.rebuild();
        }
        self.progress.wait_after_error()
    }

    /// Applies what waits, up to the size of a batch.
    fn follow(&mut self) -> Result<(), StoreError> {
        self.journal.begin_snapshot()?;
        let applied = self.apply_next();
        self.journal.end_snapshot()?;
        applied.map(drop)
    }

    /// Applies the next rows of the feed that the open snapshot shows; tells whether there were any.
    fn apply_next(&mut self) -> Result<bool, StoreError> {
        let source = self.journal.source();
        let ReadSource::Sqlite(connection) = &source else { return Ok(false) };
        let rows = feed::read(connection, self.progress.reached(), BATCH_ENTRIES)?;
        let Some(last) = rows.last().map(|row| row.position) else { return Ok(false) };
        let entries: Vec<feed::Entry> = rows.into_iter().flat_map(|row| row.entries).collect();
        apply::apply(&mut self.files, &source, &entries)?;
        let deleted = |entry: &&feed::Entry| matches!(entry, feed::Entry::Deleted(_));
        if let Some(feed::Entry::Deleted(to)) = entries.iter().rfind(deleted) {
            let kept_from = source.first_message()?.unwrap_or(to.0);
            if self.dropped_before.is_none_or(|day| day < Day::of(kept_from.time())) {
                expired::drop_days(&mut self.files, &self.progress, kept_from)?;
                self.dropped_before = Some(Day::of(kept_from.time()));
            }
        }
        self.progress.set_days(self.files.days()?);
        self.progress.set_reached(last, entries.len() as u64);
        self.unsynced_entries += entries.len() as u64;
        if self.unsynced_entries >= SYNC_ENTRIES {
            self.files.sync()?;
            self.progress.set_synced(last);
            self.unsynced_entries = 0;
        }
        Ok(true)
    }

    /// Catches up with a snapshot of the journal and hands it over with snapshots of the files.
    fn stand_still(&mut self) -> Result<audit::Standing, StoreError> {
        if !self.progress.is_following() {
            self.rebuild()?;
        }
        self.journal.begin_snapshot()?;
        while self.apply_next()? {}
        let files = self.files.snapshots()?;
        let fresh = self.journal.another()?;
        Ok(audit::Standing { journal: std::mem::replace(&mut self.journal, fresh), files })
    }
}

/// Makes a reader of the views of a data directory.
pub(crate) fn day_reader(data_directory: &Path, progress: &Arc<Progress>) -> DayReader {
    DayReader::new(directory(data_directory), progress.clone())
}
