//! Moves the write-ahead log into the database file without stopping the writer.
//!
//! A thread of its own copies most of it while commits go on; the writer then copies the little that came meanwhile,
//! between two batches, so that the log is wholly copied and SQLite starts it again from its beginning. Without that
//! second step a busy journal's log would grow without bound.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use rusqlite::Connection;

use crate::error::StoreError;
use crate::worker::Worker;

/// A log of 4,096 pages (16 MiB) is worth a checkpoint.
pub(crate) const CHECKPOINT_PAGES: u64 = 4_096;

/// A statement waits 5 s for a lock of another connection: the default of the driver.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Asks the thread for checkpoints and hears when one ended.
pub(crate) struct Checkpointer {
    worker: Worker<()>,
    ended: Arc<AtomicBool>,
}

impl Checkpointer {
    /// Starts the thread; it ends when the value is dropped.
    pub(crate) fn start(path: &Path) -> Result<Checkpointer, StoreError> {
        let ended = Arc::new(AtomicBool::new(false));
        let flag = ended.clone();
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        let serve = move |asked| serve(&connection, &asked, &flag);
        let worker = Worker::start("semnal-checkpoint", path, serve)?;
        Ok(Checkpointer { worker, ended })
    }

    /// Asks for a checkpoint; one that is asked for already is not asked for twice.
    pub(crate) fn ask(&self) {
        self.worker.offer(());
    }

    /// Tells, once, that a checkpoint ended since the last question.
    pub(crate) fn take_ended(&self) -> bool {
        self.ended.swap(false, Ordering::AcqRel)
    }
}

fn serve(connection: &Connection, asked: &Receiver<()>, ended: &AtomicBool) {
    while asked.recv().is_ok() {
        match passive(connection) {
            Ok(()) => ended.store(true, Ordering::Release),
            // The writer meets the same trouble at its next commit and decides what to do about it.
            Err(error) => tracing::warn!(error = %error, "a checkpoint failed"),
        }
    }
}

/// Copies as much of the log as can be copied without waiting for anybody.
pub(crate) fn passive(connection: &Connection) -> Result<(), StoreError> {
    Ok(connection.query_row("pragma wal_checkpoint(passive)", [], |_| Ok(()))?)
}

/// Copies the whole log and cuts its file to nothing; returns whether it could: a reader may be in the way, and is
/// waited for as long as `patience`.
pub(crate) fn truncate(connection: &Connection, patience: Duration) -> Result<bool, StoreError> {
    connection.busy_timeout(patience)?;
    let busy = connection.query_row("pragma wal_checkpoint(truncate)", [], |row| row.get::<_, bool>(0));
    connection.busy_timeout(BUSY_TIMEOUT)?;
    match busy {
        Ok(busy) => Ok(!busy),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => Ok(false),
        Err(error) => match StoreError::from(error) {
            // It is met again, and dealt with, at the next commit.
            StoreError::Full => Ok(false),
            other => Err(other),
        },
    }
}
