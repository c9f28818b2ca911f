//! Repeated requests and event ids, without a random page before the answer: recent fingerprints are looked up in
//! memory, older ones in an index file that a thread of its own writes in large sorted batches.
//!
//! The index is a view: its position is stored with its rows, and what lies behind it is read from the journal at
//! start. A 128-bit keyed hash stands for the text; a collision is not to be expected in the life of a store.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::Receiver;

use rusqlite::{Connection, OptionalExtension, params};
use semnal_core::id::Key;

use crate::error::StoreError;
use crate::message::Fingerprint;
use crate::read::ReadSource;
use crate::worker::Worker;

/// The index file in the data directory.
pub(crate) const INDEX_FILE: &str = "duplicates.db";
/// 500,000 fingerprints stay in memory (about 40 MB) before the oldest move to the index.
const RECENT_MAX: usize = 500_000;
/// 200,000 of them move at once.
const INDEX_BATCH: usize = 200_000;
/// Rows read at once while memory is rebuilt.
const REBUILD_BATCH_ROWS: usize = 10_000;

/// Knows which message a fingerprint stands for.
pub(crate) struct Duplicates {
    recent: HashMap<Fingerprint, Key>,
    /// The same entries, oldest first.
    order: VecDeque<(Key, Fingerprint)>,
    index: Option<Index>,
}

struct Index {
    reader: Connection,
    batches: Worker<Vec<(Fingerprint, Key)>>,
    /// Everything up to this key is in the index.
    position: Arc<AtomicI64>,
    /// The position that the batch under way will reach.
    under_way: Key,
}

impl Duplicates {
    /// Opens the index (none for the memory backend) and reads from the journal what it does not have yet.
    pub(crate) fn open(directory: Option<&Path>, journal: &ReadSource<'_>) -> Result<Duplicates, StoreError> {
        let last = journal.last_message()?.unwrap_or_default();
        let index = directory.map(|d| Index::open(&d.join(INDEX_FILE), last)).transpose()?;
        let mut all = Duplicates { recent: HashMap::new(), order: VecDeque::new(), index };
        let mut position = all.index.as_ref().map_or(Key::default(), Index::position);
        loop {
            let rows = journal.fingerprints_after(position, REBUILD_BATCH_ROWS)?;
            let Some((last, _, _)) = rows.last() else { return Ok(all) };
            position = *last;
            for (key, idempotency, event) in rows {
                for fingerprint in idempotency.into_iter().chain(event) {
                    all.insert(fingerprint, key);
                }
            }
            all.shift();
        }
    }

    /// Returns the message that a fingerprint stands for.
    pub(crate) fn find(&self, fingerprint: &Fingerprint) -> Result<Option<Key>, StoreError> {
        match (self.recent.get(fingerprint), &self.index) {
            (Some(key), _) => Ok(Some(*key)),
            (None, Some(index)) if index.position() > Key::default() => index.find(fingerprint),
            _ => Ok(None),
        }
    }

    /// Remembers a fingerprint; keys come in growing order.
    pub(crate) fn insert(&mut self, fingerprint: Fingerprint, key: Key) {
        self.recent.insert(fingerprint, key);
        self.order.push_back((key, fingerprint));
    }

    /// Moves the oldest entries towards the index when memory holds too many, and forgets those that it has.
    pub(crate) fn shift(&mut self) {
        let Some(index) = &mut self.index else { return };
        let position = index.position();
        while let Some((key, fingerprint)) = self.order.front().copied()
            && key <= position
        {
            self.order.pop_front();
            if self.recent.get(&fingerprint) == Some(&key) {
                self.recent.remove(&fingerprint);
            }
        }
        if self.order.len() <= RECENT_MAX || index.under_way > position {
            return;
        }
        let last = self.order[INDEX_BATCH - 1].0;
        let batch: Vec<_> =
            self.order.iter().take_while(|(key, _)| *key <= last).map(|(key, f)| (*f, *key)).collect();
        if index.batches.offer(batch) {
            index.under_way = last;
        }
    }
}

impl Index {
    /// Opens the file; one that is damaged or ahead of the journal (`last`) is made anew.
    fn open(path: &Path, last: Key) -> Result<Index, StoreError> {
        let (writer, position) = match open_writer(path) {
            Ok((writer, position)) if position <= last => (writer, position),
            Ok(_) | Err(StoreError::Database(_)) => {
                remove(path)?;
                open_writer(path)?
            }
            Err(error) => return Err(error),
        };
        let reader = crate::sqlite::open_reader(path)?;
        let shared = Arc::new(AtomicI64::new(position.0));
        let position = shared.clone();
        let serve = move |received| serve(writer, &received, &shared);
        let batches = Worker::start("semnal-duplicates", path, serve)?;
        let under_way = Key(position.load(Ordering::Acquire));
        Ok(Index { reader, batches, position, under_way })
    }

    fn position(&self) -> Key {
        Key(self.position.load(Ordering::Acquire))
    }

    fn find(&self, fingerprint: &Fingerprint) -> Result<Option<Key>, StoreError> {
        let sql = "select key from seen where fingerprint = ?1";
        let found = self.reader.prepare_cached(sql)?.query_row([fingerprint], |row| row.get(0)).optional()?;
        Ok(found.map(Key))
    }
}

fn open_writer(path: &Path) -> Result<(Connection, Key), StoreError> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.execute_batch(
        "create table if not exists seen (fingerprint blob primary key, key integer not null) strict, without rowid;
         create table if not exists progress (only integer primary key check (only = 1), position integer not null) strict;",
    )?;
    let position =
        connection.query_row("select position from progress", [], |row| row.get(0)).optional()?.unwrap_or(0);
    Ok((connection, Key(position)))
}

fn remove(path: &Path) -> Result<(), StoreError> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let file = PathBuf::from(name);
        if file.exists() {
            std::fs::remove_file(&file).map_err(|source| StoreError::File { path: file, source })?;
        }
    }
    Ok(())
}

fn serve(mut writer: Connection, batches: &Receiver<Vec<(Fingerprint, Key)>>, position: &AtomicI64) {
    while let Ok(mut batch) = batches.recv() {
        let Some(last) = batch.iter().map(|(_, key)| *key).max() else { continue };
        batch.sort_unstable();
        match write(&mut writer, &batch, last) {
            Ok(()) => position.store(last.0, Ordering::Release),
            // The entries stay in memory, and are read from the journal after the next start.
            Err(error) => tracing::error!(error = %error, "the index of duplicates cannot be written"),
        }
    }
}

fn write(writer: &mut Connection, batch: &[(Fingerprint, Key)], last: Key) -> Result<(), StoreError> {
    let transaction = writer.transaction()?;
    {
        let sql = "insert into seen (fingerprint, key) values (?1, ?2)
            on conflict (fingerprint) do update set key = excluded.key";
        let mut statement = transaction.prepare_cached(sql)?;
        for (fingerprint, key) in batch {
            statement.execute(params![fingerprint, key.0])?;
        }
    }
    let sql =
        "insert into progress (only, position) values (1, ?1) on conflict (only) do update set position = ?1";
    transaction.execute(sql, [last.0])?;
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryDisk;

    fn fingerprint(n: i64) -> Fingerprint {
        let mut bytes = [0; 16];
        bytes[0..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64).to_be_bytes());
        bytes
    }

    #[test]
    fn old_fingerprints_move_to_the_index_and_are_still_found() {
        let directory = tempfile::tempdir().unwrap();
        let disk = MemoryDisk::default();
        let source = ReadSource::Memory(&disk.tables);
        let mut it = Duplicates::open(Some(directory.path()), &source).unwrap();
        let count = i64::try_from(RECENT_MAX + INDEX_BATCH).unwrap();
        for n in 1..=count {
            it.insert(fingerprint(n), Key(n));
            if n % 1_000 == 0 {
                it.shift();
            }
        }
        let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while it.index.as_ref().unwrap().position() == Key(0) && std::time::Instant::now() < until {
            std::thread::yield_now();
        }
        it.shift();
        assert_eq!(it.find(&fingerprint(1)).unwrap(), Some(Key(1)));
        assert!(!it.recent.contains_key(&fingerprint(1)), "it is found in the index, not in memory");
        assert_eq!(it.find(&fingerprint(count)).unwrap(), Some(Key(count)));
        assert_eq!(it.find(&fingerprint(count + 1)).unwrap(), None);
    }

    #[test]
    fn a_damaged_index_is_made_anew() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(INDEX_FILE), vec![b'x'; 8_192]).unwrap();
        let disk = MemoryDisk::default();
        let it = Duplicates::open(Some(directory.path()), &ReadSource::Memory(&disk.tables)).unwrap();
        assert_eq!(it.find(&fingerprint(1)).unwrap(), None);
    }
}
