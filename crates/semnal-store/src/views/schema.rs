//! The file of one day: its tables, and the settings it is opened with.
//!
//! Messages and their deliveries are in the file of the day of the message's key, attempts in that of the day they
//! started. Rows are narrow and hold keys: whoever shows them reads the rest from the journal.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::error::StoreError;

/// The version of the tables below; a file of another version is built anew.
pub(crate) const VERSION: i64 = 1;
/// 8 MiB of page cache for a file that is written.
const WRITER_CACHE_KIB: i64 = 8 * 1_024;
/// 2 MiB of page cache for a file that is read.
const READER_CACHE_KIB: i64 = 2 * 1_024;
/// The write-ahead log is copied into the file when it has 4,096 pages (16 MiB).
const CHECKPOINT_PAGES: i64 = 4_096;

/// The partial indexes hold what is not a success: that is where a filter has to look for few among many.
const TABLES: &str = "
create table event_type (
    id integer primary key,
    name text not null unique
) strict;

create table message (
    application integer not null,
    key integer not null,
    event_type integer not null,
    channels text,
    primary key (application, key)
) strict, without rowid;
create index message_by_type on message (application, event_type, key);

create table delivery (
    endpoint integer not null,
    message integer not null,
    ordinal integer not null,
    application integer not null,
    state integer not null,
    event_type integer not null,
    channels text,
    primary key (endpoint, message, ordinal)
) strict, without rowid;
create index delivery_open on delivery (endpoint, message, ordinal) where state <> 0;
create index delivery_open_of_application on delivery (application, message, ordinal) where state <> 0;

create table attempt (
    endpoint integer not null,
    started_at integer not null,
    message integer not null,
    ordinal integer not null,
    number integer not null,
    success integer not null,
    status integer,
    event_type integer not null,
    channels text,
    primary key (endpoint, started_at, message, ordinal, number)
) strict, without rowid;
create index attempt_failed on attempt (endpoint, started_at, message, ordinal, number) where success = 0;

create table message_minute (
    application integer not null,
    minute integer not null,
    event_type integer not null,
    count integer not null,
    primary key (application, minute, event_type)
) strict, without rowid;

create table delivery_minute (
    endpoint integer not null,
    minute integer not null,
    state integer not null,
    count integer not null,
    primary key (endpoint, minute, state)
) strict, without rowid;

create table attempt_minute (
    endpoint integer not null,
    minute integer not null,
    succeeded integer not null,
    failed integer not null,
    durations blob not null,
    primary key (endpoint, minute)
) strict, without rowid;
";

/// Opens the file of a day to write; makes it when it does not exist.
pub(crate) fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.set_prepared_statement_cache_capacity(32);
    if version(&connection)? == 0 {
        connection.execute_batch(&format!("begin; {TABLES} pragma user_version = {VERSION}; commit"))?;
    }
    Ok(connection)
}

/// Opens the file of a day to read.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// Returns the version of a file's tables; 0 when it has none.
pub(crate) fn version(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}
