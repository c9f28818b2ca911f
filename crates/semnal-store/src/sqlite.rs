//! The journal on SQLite: opening it with the settings that durability needs, transactions, checkpoints.
//!
//! `WAL` with `synchronous=FULL`: under simulated power cuts `NORMAL` lost about 550 acknowledged rows a time, FULL
//! none (DESIGN 4). No secondary index on what is written before an answer.

mod accounts;
pub(crate) mod checkpoint;
pub(crate) mod configuration;
pub(crate) mod content;
pub(crate) mod health;
mod integrations;
pub(crate) mod narrow;
#[cfg(test)]
mod plans;
mod revocations;
pub(crate) mod rows;
pub(crate) mod schema;
pub(crate) mod tasks;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::error::{OpenError, StoreError};

/// The file of the journal in the data directory.
pub(crate) const JOURNAL_FILE: &str = "journal.db";
/// Marks the file as ours (`SEMN`), for `file` and for ourselves.
const APPLICATION_ID: i64 = 0x5345_4d4e;
/// The first SQLite without the WAL-reset race of two checkpointing connections.
const SQLITE_MIN: i32 = 3_051_003;
/// 32 MiB of page cache for the writer, in KiB as the pragma wants it.
const WRITER_CACHE_KIB: i64 = 32 * 1_024;
/// 4 MiB of page cache for each reader.
const READER_CACHE_KIB: i64 = 4 * 1_024;

/// The writer's connection.
pub(crate) struct SqliteJournal {
    pub(crate) connection: Connection,
    pub(crate) path: PathBuf,
    /// Pages in the write-ahead log after the last commit.
    wal_pages: Arc<AtomicU64>,
    /// The write-ahead log holds content that has been expunged.
    pub(crate) stale_log: bool,
}

impl SqliteJournal {
    /// Opens or creates the journal of a data directory and brings its schema up. The caller has asked
    /// [`refuse_foreign`].
    pub(crate) fn open(directory: &Path) -> Result<SqliteJournal, OpenError> {
        if rusqlite::version_number() < SQLITE_MIN {
            return Err(OpenError::OldSqlite { found: rusqlite::version().to_owned() });
        }
        let path = directory.join(JOURNAL_FILE);
        let mut connection = Connection::open(&path)?;
        set_checked(&connection, "journal_mode", "WAL", "wal")?;
        set_checked(&connection, "synchronous", "FULL", "2")?;
        // What is deleted or moved is overwritten: an expunged payload may not survive in a page that gave it away.
        set_checked(&connection, "secure_delete", "ON", "1")?;
        connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        // Checkpoints are made by the checkpoint thread and the writer, at times of their choice.
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
        connection.set_prepared_statement_cache_capacity(64);
        schema::migrate(&mut connection, &path)?;
        // A log that a crash left behind may hold what was expunged since.
        checkpoint::truncate(&connection, Duration::ZERO)?;
        let wal_pages = Arc::new(AtomicU64::new(0));
        watch_wal(&mut connection, &wal_pages)?;
        Ok(SqliteJournal { connection, path, wal_pages, stale_log: false })
    }

    pub(crate) fn wal_pages(&self) -> u64 {
        self.wal_pages.load(Ordering::Relaxed)
    }

    pub(crate) fn begin(&mut self) -> Result<(), StoreError> {
        Ok(self.connection.prepare_cached("begin immediate")?.execute([]).map(drop)?)
    }

    pub(crate) fn commit(&mut self) -> Result<(), StoreError> {
        Ok(self.connection.prepare_cached("commit")?.execute([]).map(drop)?)
    }

    pub(crate) fn rollback(&mut self) {
        // After some errors SQLite has rolled back by itself; then there is nothing to do.
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("rollback")
        {
            tracing::error!(error = %error, "rolling back failed");
        }
    }

    /// Copies what the log holds into the database file, as far as readers allow, without waiting.
    pub(crate) fn checkpoint(&mut self) -> Result<(), StoreError> {
        if self.stale_log {
            self.stale_log = !checkpoint::truncate(&self.connection, Duration::ZERO)?;
            return Ok(());
        }
        checkpoint::passive(&self.connection)
    }

    /// Cuts a log that holds expunged content, at the end, when there is time to wait for a reader; returns whether it
    /// could.
    pub(crate) fn scrub(&mut self) -> Result<bool, StoreError> {
        if self.stale_log {
            self.stale_log = !checkpoint::truncate(&self.connection, checkpoint::BUSY_TIMEOUT)?;
        }
        Ok(!self.stale_log)
    }
}

/// Refuses a journal that another program made, without changing it. One that does not exist yet is fine.
pub(crate) fn refuse_foreign(directory: &Path) -> Result<(), OpenError> {
    let path = directory.join(JOURNAL_FILE);
    if !path.exists() {
        return Ok(());
    }
    check_owner(&Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?, &path)
}

/// Opens another connection that can only read.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

fn watch_wal(connection: &mut Connection, pages: &Arc<AtomicU64>) -> Result<(), OpenError> {
    let pages = pages.clone();
    connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, count: std::ffi::c_int| {
        pages.store(u64::try_from(count).unwrap_or(0), Ordering::Relaxed);
        Ok(())
    }))?;
    Ok(())
}

/// Refuses a database that another program made.
fn check_owner(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let foreign = |why: String| OpenError::Foreign { path: path.to_path_buf(), why };
    let id: Result<i64, _> = connection.pragma_query_value(None, "application_id", |row| row.get(0));
    let tables: Result<i64, _> =
        connection.query_row("select count(*) from sqlite_schema", [], |row| row.get(0));
    match (id, tables) {
        (Ok(APPLICATION_ID), _) | (Ok(0), Ok(0)) => Ok(()),
        (Ok(_), Ok(_)) => Err(foreign(format!("{JOURNAL_FILE} belongs to another program"))),
        (Err(error), _) | (_, Err(error)) => match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => {
                Err(foreign(format!("{JOURNAL_FILE} is not a database")))
            }
            _ => Err(error.into()),
        },
    }
}

/// Sets a pragma and reads it back: a setting that did not take effect would lose data quietly.
pub(crate) fn set_checked(
    connection: &Connection,
    pragma: &'static str,
    value: &str,
    expected: &str,
) -> Result<(), OpenError> {
    connection.pragma_update(None, pragma, value)?;
    let answer: rusqlite::types::Value = connection.pragma_query_value(None, pragma, |row| row.get(0))?;
    let answer = match answer {
        rusqlite::types::Value::Integer(number) => number.to_string(),
        rusqlite::types::Value::Text(text) => text,
        other => format!("{other:?}"),
    };
    if answer == expected { Ok(()) } else { Err(OpenError::NotDurable { pragma, answer }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_durability_needs_is_read_back_from_the_connection() {
        let directory = tempfile::tempdir().unwrap();
        let journal = SqliteJournal::open(directory.path()).unwrap();
        let pragma = |name: &str| -> rusqlite::types::Value {
            journal.connection.pragma_query_value(None, name, |row| row.get(0)).unwrap()
        };
        assert_eq!(pragma("journal_mode"), "wal".to_owned().into());
        for (name, expected) in [
            ("synchronous", 2),
            ("secure_delete", 1),
            ("wal_autocheckpoint", 0),
            ("application_id", APPLICATION_ID),
        ] {
            assert_eq!(pragma(name), expected.into(), "{name}");
        }
        assert!(rusqlite::version_number() >= SQLITE_MIN);
    }

    #[test]
    fn a_pragma_that_does_not_take_effect_is_an_error() {
        let memory = Connection::open_in_memory().unwrap();
        let refused = set_checked(&memory, "journal_mode", "WAL", "wal").unwrap_err();
        assert!(
            matches!(refused, OpenError::NotDurable { pragma: "journal_mode", ref answer } if answer == "memory")
        );
    }

    #[test]
    fn a_reader_cannot_write() {
        let directory = tempfile::tempdir().unwrap();
        let journal = SqliteJournal::open(directory.path()).unwrap();
        let reader = open_reader(&journal.path).unwrap();
        assert!(reader.execute("delete from message", []).is_err());
    }

    #[test]
    fn the_log_starts_again_after_it_was_copied() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = SqliteJournal::open(directory.path()).unwrap();
        let write = |journal: &mut SqliteJournal, name: &str, value: &[u8]| {
            journal.begin().unwrap();
            rows::put_meta(&journal.connection, name, value).unwrap();
            journal.commit().unwrap();
            journal.wal_pages()
        };
        let pages = write(&mut journal, "x", &[1; 400_000]);
        assert!(pages > 90, "{pages}");
        journal.checkpoint().unwrap();
        let pages = write(&mut journal, "y", &[2]);
        assert!(pages < 10, "{pages}");
    }
}
