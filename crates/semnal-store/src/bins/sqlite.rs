//! The bins on SQLite: `bins.db` beside the journal, with `synchronous=FULL`, since a request is answered when it is
//! kept. What a bin answers can hold a sender's secret and is sealed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};
use semnal_core::id::{BinId, CapturedId, Key, MessageId, OrganisationId};
use semnal_core::name::Uid;
use semnal_core::request_bin::capture::{Capture, CapturedRequest};
use semnal_core::request_bin::{Bin, Expiry, Tally};
use semnal_core::time::UnixMillis;

use super::BinState;
use super::backend::{Old, Write};
use crate::error::{OpenError, StoreError};
use crate::sqlite::{open_reader, set_checked};
use crate::vault::Vault;

/// The file of the bins in the data directory.
pub(crate) const BINS_FILE: &str = "bins.db";
/// Marks the file as ours (`SEMB`).
const APPLICATION_ID: i64 = 0x5345_4d42;
/// 8 MiB of page cache for the writer, in KiB as the pragma wants it.
const WRITER_CACHE_KIB: i64 = 8 * 1_024;
/// 256 pages (1 MiB) are given back to the disk at a time.
const SHRINK_PAGES: i64 = 256;

/// One entry per version, oldest first; an entry that was released is never changed.
const MIGRATIONS: &[&str] = &[BASE];

/// Version 1. The columns that lists of old requests need stand before the bytes.
const BASE: &str = "
create table bin (
    key integer primary key,
    organisation integer not null,
    uid text,
    name text not null,
    response_sealed blob not null,
    response_after integer not null,
    expires_at integer,
    created_at integer not null,
    updated_at integer not null,
    made_by blob,
    last_number integer not null,
    requests integer not null,
    bytes integer not null,
    used_at integer not null,
    unique (organisation, uid)
) strict;

create table request (
    bin integer not null,
    number integer not null,
    received_at integer not null,
    bytes integer not null,
    message integer,
    attempt integer,
    remote text not null,
    problem text,
    body_bytes integer not null,
    head blob not null,
    framed blob,
    body blob not null,
    primary key (bin, number)
) strict, without rowid;
create index request_of_message on request (message) where message is not null;
";

pub(super) struct SqliteWriter {
    connection: Connection,
    vault: Arc<Vault>,
}

/// A connection that only reads.
pub(super) struct SqliteReader {
    path: PathBuf,
    pub(super) connection: Connection,
}

impl SqliteReader {
    /// Opens another one.
    pub(super) fn again(&self) -> Result<SqliteReader, StoreError> {
        Ok(SqliteReader { path: self.path.clone(), connection: open_reader(&self.path)? })
    }
}

/// Opens or creates the file in a data directory. A damaged one is put aside.
pub(super) fn open(
    directory: &Path,
    vault: &Arc<Vault>,
    now: UnixMillis,
) -> Result<(SqliteWriter, SqliteReader), OpenError> {
    let path = directory.join(BINS_FILE);
    match open_whole(&path, vault) {
        Err(error) if is_damage(&error) => {
            let aside = directory.join(format!("{BINS_FILE}.damaged-{}", now.0));
            tracing::error!(
                error = &error as &dyn std::error::Error,
                aside = %aside.display(),
                "the file of the request bins is damaged: it was put aside, and the bins start empty"
            );
            put_aside(&path, &aside)?;
            open_whole(&path, vault)
        }
        opened => opened,
    }
}

fn open_whole(path: &Path, vault: &Arc<Vault>) -> Result<(SqliteWriter, SqliteReader), OpenError> {
    let mut connection = Connection::open(path)?;
    // Takes effect in a new file only, before its first table.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    set_checked(&connection, "journal_mode", "WAL", "wal")?;
    set_checked(&connection, "synchronous", "FULL", "2")?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(32);
    migrate(&mut connection, path)?;
    let writer = SqliteWriter { connection, vault: vault.clone() };
    // What cannot be read is found now rather than by the first stranger.
    writer.load()?;
    Ok((writer, SqliteReader { path: path.to_path_buf(), connection: open_reader(path)? }))
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let known = i64::try_from(MIGRATIONS.len()).expect("few migrations");
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > known {
        return Err(OpenError::NewerSchema { path: path.to_path_buf(), found, known });
    }
    for (version, statements) in (1i64..).zip(MIGRATIONS) {
        if version > found {
            let transaction = connection.transaction()?;
            transaction.execute_batch(statements)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", version)?;
            transaction.commit()?;
        }
    }
    Ok(())
}

/// Tells whether a file is no database, or one whose pages or rows are not what they should be.
fn is_damage(error: &OpenError) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    match error {
        OpenError::Store(StoreError::Database(error)) => {
            let damaged = matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase));
            let other_tables = matches!(error, rusqlite::Error::SqlInputError { .. });
            damaged || other_tables
        }
        OpenError::Store(StoreError::Corrupt { .. } | StoreError::Secret { .. }) => true,
        _ => false,
    }
}

fn put_aside(path: &Path, aside: &Path) -> Result<(), OpenError> {
    for end in ["", "-wal", "-shm"] {
        let with_end = |path: &Path| PathBuf::from(format!("{}{end}", path.display()));
        match std::fs::rename(with_end(path), with_end(aside)) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(OpenError::ReadOnly { path: path.to_path_buf(), source });
            }
            _ => {}
        }
    }
    Ok(())
}

impl SqliteWriter {
    pub(super) fn load(&self) -> Result<Vec<BinState>, StoreError> {
        let sql =
            "select key, organisation, uid, name, response_sealed, response_after, expires_at, created_at,
            updated_at, made_by, last_number, requests, bytes, used_at from bin order by key";
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(self.bin(row)?);
        }
        Ok(all)
    }

    fn bin(&self, row: &Row<'_>) -> Result<BinState, StoreError> {
        let key: i64 = row.get(0)?;
        let corrupt = |what: &str| StoreError::Corrupt { table: "bin", key, what: what.to_owned() };
        let uid = row.get::<_, Option<String>>(2)?.map(|text| Uid::parse(&text)).transpose();
        let sealed: Vec<u8> = row.get(4)?;
        let opened = self.vault.open(&response_row(BinId(Key(key))), &sealed)?;
        let made_by = row.get::<_, Option<Vec<u8>>>(9)?.map(<[u8; 16]>::try_from).transpose();
        let bin = Bin {
            id: BinId(Key(key)),
            organisation: OrganisationId(Key(row.get(1)?)),
            uid: uid.map_err(|error| corrupt(&error.to_string()))?,
            name: row.get(3)?,
            response: serde_json::from_slice(&opened).map_err(|_| corrupt("response"))?,
            response_after: row.get(5)?,
            expiry: row.get::<_, Option<i64>>(6)?.map_or(Expiry::AfterUse, |at| Expiry::At(UnixMillis(at))),
            created_at: UnixMillis(row.get(7)?),
            updated_at: UnixMillis(row.get(8)?),
            made_by: made_by.map_err(|_| corrupt("made_by"))?,
        };
        let tally = Tally {
            last_number: row.get(10)?,
            requests: row.get(11)?,
            bytes: row.get(12)?,
            used_at: UnixMillis(row.get(13)?),
        };
        Ok(BinState { bin: Arc::new(bin), tally })
    }

    pub(super) fn begin(&mut self) -> Result<(), StoreError> {
        Ok(self.connection.prepare_cached("begin immediate")?.execute([]).map(drop)?)
    }

    pub(super) fn commit(&mut self) -> Result<(), StoreError> {
        Ok(self.connection.prepare_cached("commit")?.execute([]).map(drop)?)
    }

    pub(super) fn rollback(&mut self) {
        // After some errors SQLite has rolled back by itself; then there is nothing to do.
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("rollback")
        {
            tracing::error!(error = %error, "rolling back failed");
        }
    }

    pub(super) fn write(&mut self, write: Write<'_>) -> Result<(), StoreError> {
        match write {
            Write::Bin(it) => self.put_bin(it),
            Write::Tally(it) => {
                let sql =
                    "update bin set last_number = ?2, requests = ?3, bytes = ?4, used_at = ?5 where key = ?1";
                let Tally { last_number, requests, bytes, used_at } = it.tally;
                self.run(sql, params![it.bin.id.0.0, last_number, requests, bytes, used_at.0])
            }
            Write::DeleteBin(id) => self.run("delete from bin where key = ?1", params![id.0.0]),
            Write::Request(it) => self.put_request(it),
            Write::DeleteRequest(id) => {
                self.run("delete from request where bin = ?1 and number = ?2", params![id.bin.0.0, id.number])
            }
            Write::DeleteUpTo(id) => self
                .run("delete from request where bin = ?1 and number <= ?2", params![id.bin.0.0, id.number]),
        }
    }

    fn run(&self, sql: &str, params: impl rusqlite::Params) -> Result<(), StoreError> {
        Ok(self.connection.prepare_cached(sql)?.execute(params).map(drop)?)
    }

    fn put_bin(&self, BinState { bin, tally }: &BinState) -> Result<(), StoreError> {
        let response = serde_json::to_vec(&bin.response).expect("a response has text keys");
        let sealed = self.vault.seal(&response_row(bin.id), &response)?;
        let expires_at = match bin.expiry {
            Expiry::AfterUse => None,
            Expiry::At(at) => Some(at.0),
        };
        let sql = "insert into bin (key, organisation, uid, name, response_sealed, response_after,
            expires_at, created_at, updated_at, made_by, last_number, requests, bytes, used_at)
            values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
            on conflict (key) do update set uid = excluded.uid, name = excluded.name,
            response_sealed = excluded.response_sealed, response_after = excluded.response_after,
            expires_at = excluded.expires_at, updated_at = excluded.updated_at, made_by = excluded.made_by";
        self.run(
            sql,
            params![
                bin.id.0.0,
                bin.organisation.0.0,
                bin.uid.as_ref().map(Uid::as_str),
                bin.name,
                sealed,
                bin.response_after,
                expires_at,
                bin.created_at.0,
                bin.updated_at.0,
                bin.made_by.as_ref().map(|hash| &hash[..]),
                tally.last_number,
                tally.requests,
                tally.bytes,
                tally.used_at.0,
            ],
        )
    }

    fn put_request(&self, CapturedRequest { id, capture }: &CapturedRequest) -> Result<(), StoreError> {
        let sql = "insert into request (bin, number, received_at, bytes, message, attempt, remote, problem,
            body_bytes, head, framed, body) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
        self.run(
            sql,
            params![
                id.bin.0.0,
                id.number,
                capture.received_at.0,
                capture.bytes(),
                capture.message.map(|id| id.0.0),
                capture.attempt,
                capture.remote.to_string(),
                capture.problem,
                capture.body_bytes,
                capture.head,
                capture.framed,
                capture.body,
            ],
        )
    }

    pub(super) fn oldest(&self, bin: BinId, limit: usize) -> Result<Vec<Old>, StoreError> {
        let sql = "select number, bytes, received_at from request where bin = ?1 order by number limit ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![bin.0.0, limit], |row| {
            Ok(Old { number: row.get(0)?, bytes: row.get(1)?, received_at: UnixMillis(row.get(2)?) })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub(super) fn bytes_of(&self, id: CapturedId) -> Result<Option<u64>, StoreError> {
        let sql = "select bytes from request where bin = ?1 and number = ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.query_row(params![id.bin.0.0, id.number], |row| row.get(0)).optional()?)
    }

    pub(super) fn close(self) -> Result<(), StoreError> {
        // Readers keep their connections for a moment longer, so closing ours would not empty the log.
        Ok(self.connection.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()))?)
    }

    pub(super) fn shrink(&mut self) -> Result<(), StoreError> {
        Ok(self.connection.execute_batch(&format!("pragma incremental_vacuum({SHRINK_PAGES})"))?)
    }
}

fn response_row(bin: BinId) -> String {
    format!("bin:{}", bin.0.0)
}

/// The columns that [`request`] reads.
pub(super) const REQUEST_COLUMNS: &str =
    "bin, number, received_at, message, attempt, remote, problem, body_bytes, head, framed, body";

/// Reads a request.
pub(super) fn request(row: &Row<'_>) -> Result<CapturedRequest, StoreError> {
    let (bin, number): (i64, u32) = (row.get(0)?, row.get(1)?);
    let remote: String = row.get(5)?;
    let corrupt =
        |what: &str| StoreError::Corrupt { table: "request", key: bin, what: format!("{what} of {number}") };
    Ok(CapturedRequest {
        id: CapturedId { bin: BinId(Key(bin)), number },
        capture: Capture {
            received_at: UnixMillis(row.get(2)?),
            remote: remote.parse().map_err(|_| corrupt("remote"))?,
            head: row.get(8)?,
            body: row.get(10)?,
            body_bytes: row.get(7)?,
            framed: row.get(9)?,
            problem: row.get(6)?,
            message: row.get::<_, Option<i64>>(3)?.map(|key| MessageId(Key(key))),
            attempt: row.get(4)?,
        },
    })
}
