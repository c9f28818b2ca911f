//! Repeated requests and event ids, without a random page before the answer: recent fingerprints are looked up in
//! memory, older ones in an index file that a thread of its own writes in large sorted batches. A filter in memory spares
//! looking into the file for what is new.
//!
//! The index is a view: its position is stored with its rows, and what lies behind it is read from the journal at
//! start. A 128-bit keyed hash stands for the text; a collision is not to be expected in the life of a store.

mod filter;

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use semnal_core::id::Key;

use crate::error::StoreError;
use crate::message::Fingerprint;
use crate::read::ReadSource;
use crate::worker::Worker;
use filter::Filter;

/// The index file in the data directory.
pub(crate) const INDEX_FILE: &str = "duplicates.db";
/// 500,000 fingerprints stay in memory (about 40 MB) before the oldest move to the index.
const RECENT_MAX: usize = 500_000;
/// 200,000 of them move at once.
const INDEX_BATCH: usize = 200_000;
/// 100,000 fingerprints of the index are added to the filter at once, at the start.
const FILTER_BATCH_ROWS: i64 = 100_000;
/// 1 s passes after a batch that could not be written.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
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
    /// The last key of the batch that was handed over last.
    handed_over: Key,
    /// The last key of the batch that was tried last, whether it is in the index now or not.
    tried: Arc<AtomicI64>,
    filter: Arc<Filter>,
}

/// What the thread works on.
struct Writer {
    connection: Connection,
    position: Arc<AtomicI64>,
    tried: Arc<AtomicI64>,
    filter: Arc<Filter>,
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
        if self.order.len() <= RECENT_MAX || index.handed_over.0 > index.tried.load(Ordering::Acquire) {
            return;
        }
        let last = self.order[INDEX_BATCH - 1].0;
        let batch: Vec<_> =
            self.order.iter().take_while(|(key, _)| *key <= last).map(|(key, f)| (*f, *key)).collect();
        if index.batches.offer(batch) {
            index.handed_over = last;
        }
    }
}

impl Index {
    /// Opens the file; one that is damaged or ahead of the journal (`last`) is made anew.
    fn open(path: &Path, last: Key) -> Result<Index, StoreError> {
        let (connection, position) = match open_writer(path) {
            Ok((connection, position)) if position <= last => (connection, position),
            Ok(_) | Err(StoreError::Database(_)) => {
                remove(path)?;
                open_writer(path)?
            }
            Err(error) => return Err(error),
        };
        let reader = crate::sqlite::open_reader(path)?;
        let (filter, handed_over) = (Arc::new(Filter::default()), position);
        let tried = Arc::new(AtomicI64::new(position.0));
        let position = Arc::new(AtomicI64::new(position.0));
        let (tells, tells_tried) = (position.clone(), tried.clone());
        let mut writer = Writer { connection, position: tells, tried: tells_tried, filter: filter.clone() };
        let batches = Worker::start("semnal-duplicates", path, move |received| writer.serve(&received))?;
        Ok(Index { reader, batches, position, handed_over, tried, filter })
    }

    fn position(&self) -> Key {
        Key(self.position.load(Ordering::Acquire))
    }

    fn find(&self, fingerprint: &Fingerprint) -> Result<Option<Key>, StoreError> {
        if !self.filter.may_have(fingerprint) {
            return Ok(None);
        }
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

impl Writer {
    fn serve(&mut self, batches: &Receiver<Vec<(Fingerprint, Key)>>) {
        if let Err(error) = self.fill(batches) {
            tracing::error!(error = %error, "the index of duplicates cannot be read: every lookup goes to the file");
        }
        while let Ok(batch) = batches.recv() {
            self.take(batch);
        }
    }

    /// Adds to the filter what the index has, between the batches that come meanwhile.
    fn fill(&mut self, batches: &Receiver<Vec<(Fingerprint, Key)>>) -> Result<(), StoreError> {
        let sql = "select fingerprint from seen where fingerprint > ?1 order by fingerprint limit ?2";
        // Below every fingerprint: a hash of zeros alone does not come up.
        let mut last = Fingerprint::default();
        loop {
            let mut count = 0;
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut rows = statement.query(params![last, FILTER_BATCH_ROWS])?;
            while let Some(row) = rows.next()? {
                last = row.get(0)?;
                self.filter.add(&last);
                count += 1;
            }
            drop(rows);
            drop(statement);
            if count < FILTER_BATCH_ROWS || self.filter.is_full() {
                self.filter.complete();
                return Ok(());
            }
            match batches.try_recv() {
                Ok(batch) => self.take(batch),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => return Ok(()),
            }
        }
    }

    fn take(&mut self, mut batch: Vec<(Fingerprint, Key)>) {
        let Some(last) = batch.iter().map(|(_, key)| *key).max() else { return };
        batch.sort_unstable();
        // Before the position says that the index has them: then nobody looks for them in memory any more.
        for (fingerprint, _) in &batch {
            self.filter.add(fingerprint);
        }
        match write(&mut self.connection, &batch, last) {
            Ok(()) => self.position.store(last.0, Ordering::Release),
            // The entries stay in memory, and are handed over again.
            Err(error) => {
                tracing::error!(error = %error, "the index of duplicates cannot be written");
                std::thread::park_timeout(AFTER_FAILURE);
            }
        }
        self.tried.store(last.0, Ordering::Release);
    }
}

fn write(connection: &mut Connection, batch: &[(Fingerprint, Key)], last: Key) -> Result<(), StoreError> {
    let transaction = connection.transaction()?;
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
        let half =
            |by: u64| (n as u64 ^ by).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(by);
        let halves = [half(0xbf58_476d_1ce4_e5b9), half(0x94d0_49bb_1331_11eb)].map(u64::to_be_bytes);
        std::array::from_fn(|at| halves[at / 8][at % 8])
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
        assert!(!it.index.as_ref().unwrap().filter.may_have(&fingerprint(-1)));
    }

    #[test]
    fn after_a_start_the_filter_has_what_the_index_has_and_takes_more() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(INDEX_FILE);
        let count = 2 * FILTER_BATCH_ROWS + 1;
        let (mut writer, _) = open_writer(&path).unwrap();
        let batch: Vec<_> = (1..=count).map(|n| (fingerprint(n), Key(n))).collect();
        write(&mut writer, &batch, Key(count)).unwrap();
        let it = Index::open(&path, Key(count)).unwrap();
        assert_eq!(it.find(&fingerprint(count)).unwrap(), Some(Key(count)), "while it is filled");
        assert!(it.batches.offer(vec![(fingerprint(-7), Key(count + 1))]));
        while it.position() < Key(count + 1) || it.filter.may_have(&fingerprint(-1)) {
            std::thread::yield_now();
        }
        assert!((1..=count).all(|n| it.filter.may_have(&fingerprint(n))));
        assert_eq!(it.find(&fingerprint(-7)).unwrap(), Some(Key(count + 1)));
        assert_eq!(it.find(&fingerprint(-8)).unwrap(), None);
    }

    #[test]
    fn a_batch_that_could_not_be_written_is_handed_over_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(INDEX_FILE);
        let disk = MemoryDisk::default();
        let mut it = Duplicates::open(Some(directory.path()), &ReadSource::Memory(&disk.tables)).unwrap();
        let other = Connection::open(&path).unwrap();
        other.execute_batch("alter table seen rename to away").unwrap();
        let count = i64::try_from(RECENT_MAX + 1).unwrap();
        for n in 1..=count {
            it.insert(fingerprint(n), Key(n));
        }
        it.shift();
        let index = |it: &Duplicates| it.index.as_ref().unwrap().tried.load(Ordering::Acquire);
        while index(&it) == 0 {
            std::thread::yield_now();
        }
        assert_eq!(it.index.as_ref().unwrap().position(), Key(0), "nothing was written");
        other.execute_batch("alter table away rename to seen").unwrap();
        while it.index.as_ref().unwrap().position() == Key(0) {
            it.shift();
            std::thread::yield_now();
        }
        assert_eq!(it.find(&fingerprint(1)).unwrap(), Some(Key(1)));
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
