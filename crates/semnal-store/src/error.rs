//! Everything that can go wrong with the store, one variant per thing that a caller does differently.

use std::path::PathBuf;

use semnal_core::configuration::ChangeError;
use thiserror::Error;

/// Why the store did not do what was asked.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The disk is full: nothing was stored; the store tries again by itself. Answer 503.
    #[error("the disk that holds the data directory is full")]
    Full,
    /// The store has stopped after an I/O error, or is shutting down. Answer 503; the process ends.
    #[error("the store has stopped")]
    Stopped,
    /// The views are being built from the journal. Answer 503; lists are there again when it is done.
    #[error("the views are being built from the journal, {percent} % are done")]
    ViewsBuilding {
        /// How much is done.
        percent: u8,
    },
    /// A row cannot be what it should be.
    #[error("{table} row {key} is damaged: {what}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The row's key.
        key: i64,
        /// What is wrong with it.
        what: String,
    },
    /// The database failed in a way that no caller can repair.
    #[error("the database failed")]
    Database(#[source] rusqlite::Error),
    /// A file could not be read or written.
    #[error("cannot access {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Secrets cannot be decrypted or encrypted.
    #[error("a secret of {what} cannot be decrypted with the key in secret.key")]
    Secret {
        /// Whose secret.
        what: String,
    },
    /// The change does not fit the configuration.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

/// Why a data directory cannot be opened. Each message says what to do.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process has it.
    #[error(
        "{path} is in use by another semnal process; stop it, or choose another directory with --data-dir"
    )]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// It holds something else.
    #[error("{path} is not a Semnal data directory: {why}; choose an empty or new one with --data-dir")]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// It cannot be written.
    #[error(
        "{path} cannot be written: {source}; give it to the user that runs semnal, or choose another with --data-dir"
    )]
    ReadOnly {
        /// The directory or file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It was written by a later version.
    #[error(
        "{path} has schema {found}, this semnal knows up to {known}; start the newer version that wrote it"
    )]
    NewerSchema {
        /// The journal.
        path: PathBuf,
        /// The schema found.
        found: i64,
        /// The newest schema that this program knows.
        known: i64,
    },
    /// The key file is missing or is another one.
    #[error("{path}: {why}; restore the secret.key that belongs to this data directory")]
    SecretKey {
        /// The key file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The linked SQLite can lose data.
    #[error(
        "SQLite {found} is linked; 3.51.3 or later is needed (earlier ones can corrupt the write-ahead log)"
    )]
    OldSqlite {
        /// The version found.
        found: String,
    },
    /// A setting that durability needs did not take effect.
    #[error("the database did not accept {pragma}; it answered {answer}")]
    NotDurable {
        /// The setting.
        pragma: &'static str,
        /// What was read back.
        answer: String,
    },
    /// Anything else.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => StoreError::Full,
            _ => StoreError::Database(error),
        }
    }
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> OpenError {
        OpenError::Store(error.into())
    }
}
