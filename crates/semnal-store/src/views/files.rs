//! The files of the views as their one writer has them open.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension};
use semnal_core::name::EventTypeName;

use super::day::Day;
use super::schema;
use crate::error::StoreError;

/// 8 files stay open between two batches; retries touch the days before today.
const OPEN_MAX: usize = 8;
/// It stands in the directory while the views are built: they are not complete.
const MARKER: &str = "building";

/// The directory of the views.
pub(crate) struct Files {
    directory: PathBuf,
    open: BTreeMap<Day, DayFile>,
    /// Days that were written since the last sync.
    unsynced: BTreeSet<Day>,
}

/// The file of a day, open to write.
pub(crate) struct DayFile {
    pub(crate) connection: Connection,
    in_transaction: bool,
    types: HashMap<EventTypeName, i64>,
}

impl Files {
    /// Returns the files of a directory, which is made when it does not exist.
    pub(crate) fn new(directory: PathBuf) -> Result<Files, StoreError> {
        create(&directory)?;
        Ok(Files { directory, open: BTreeMap::new(), unsynced: BTreeSet::new() })
    }

    /// Returns the days that have a file.
    pub(crate) fn days(&self) -> Result<BTreeSet<Day>, StoreError> {
        days(&self.directory)
    }

    /// Tells whether the views were built to their end, by this version.
    pub(crate) fn are_complete(&self) -> bool {
        let readable = |day: &Day| {
            let connection = schema::open_reader(&day.file(&self.directory));
            connection.and_then(|it| schema::version(&it)).is_ok_and(|it| it == schema::VERSION)
        };
        !self.directory.join(MARKER).exists() && self.days().is_ok_and(|days| days.iter().all(readable))
    }

    /// Returns the file of a day with a transaction under way.
    pub(crate) fn day(&mut self, day: Day) -> Result<&mut DayFile, StoreError> {
        self.unsynced.insert(day);
        let file = match self.open.entry(day) {
            std::collections::btree_map::Entry::Occupied(it) => it.into_mut(),
            std::collections::btree_map::Entry::Vacant(it) => {
                let connection = schema::open_writer(&day.file(&self.directory))?;
                it.insert(DayFile { connection, in_transaction: false, types: HashMap::new() })
            }
        };
        if !file.in_transaction {
            file.connection.prepare_cached("begin immediate")?.execute([])?;
            file.in_transaction = true;
        }
        Ok(file)
    }

    /// Commits what is under way; a power cut may still undo it until the next [`Files::sync`].
    pub(crate) fn commit(&mut self) -> Result<(), StoreError> {
        for file in self.open.values_mut().filter(|file| file.in_transaction) {
            file.connection.prepare_cached("commit")?.execute([])?;
            file.in_transaction = false;
        }
        while self.open.len() > OPEN_MAX {
            self.open.pop_first();
        }
        Ok(())
    }

    /// Takes back what is under way.
    pub(crate) fn rollback(&mut self) {
        // A connection that is closed takes its transaction back.
        self.open.retain(|_, file| !file.in_transaction);
    }

    /// Makes everything that was committed survive a power cut.
    pub(crate) fn sync(&mut self) -> Result<(), StoreError> {
        for day in &self.unsynced {
            // What has left the log for the file was synced by SQLite on its way.
            let log = beside(&day.file(&self.directory), "-wal");
            if log.exists() {
                let synced = std::fs::File::open(&log).and_then(|it| it.sync_data());
                synced.map_err(|source| StoreError::File { path: log, source })?;
            }
        }
        sync_directory(&self.directory)?;
        self.unsynced.clear();
        Ok(())
    }

    /// Opens every file to read what is committed at this moment.
    pub(crate) fn snapshots(&self) -> Result<Vec<(Day, Connection)>, StoreError> {
        let mut all = Vec::new();
        for day in self.days()? {
            let connection = schema::open_reader(&day.file(&self.directory))?;
            connection.execute_batch("begin; select 1 from event_type limit 1")?;
            all.push((day, connection));
        }
        Ok(all)
    }

    /// Deletes every file and notes that the views are not complete.
    pub(crate) fn start_anew(&mut self) -> Result<(), StoreError> {
        self.open.clear();
        self.unsynced.clear();
        create(&self.directory)?;
        let marker = self.directory.join(MARKER);
        std::fs::write(&marker, "").map_err(|source| StoreError::File { path: marker.clone(), source })?;
        sync_directory(&self.directory)?;
        for day in self.days()? {
            self.remove(day)?;
        }
        Ok(())
    }

    /// Notes that the views are complete.
    pub(crate) fn complete(&mut self) -> Result<(), StoreError> {
        self.sync()?;
        let marker = self.directory.join(MARKER);
        if marker.exists() {
            std::fs::remove_file(&marker)
                .map_err(|source| StoreError::File { path: marker.clone(), source })?;
        }
        sync_directory(&self.directory)
    }

    /// Deletes the file of a day.
    pub(crate) fn remove(&mut self, day: Day) -> Result<(), StoreError> {
        self.open.remove(&day);
        self.unsynced.remove(&day);
        remove(&day.file(&self.directory))
    }
}

impl DayFile {
    /// Returns the number that stands for an event type in this file.
    pub(crate) fn type_id(&mut self, name: &EventTypeName) -> Result<i64, StoreError> {
        if let Some(id) = self.types.get(name) {
            return Ok(*id);
        }
        let id = match find_type(&self.connection, name)? {
            Some(id) => id,
            None => {
                self.connection.execute("insert into event_type (name) values (?1)", [name.as_str()])?;
                self.connection.last_insert_rowid()
            }
        };
        self.types.insert(name.clone(), id);
        Ok(id)
    }
}

/// Returns the number that stands for an event type in a file, if it has one.
pub(crate) fn find_type(connection: &Connection, name: &EventTypeName) -> Result<Option<i64>, StoreError> {
    let sql = "select id from event_type where name = ?1";
    Ok(connection.prepare_cached(sql)?.query_row([name.as_str()], |row| row.get(0)).optional()?)
}

/// Returns the days that have a file in a directory.
pub(crate) fn days(directory: &Path) -> Result<BTreeSet<Day>, StoreError> {
    let failed = |source| StoreError::File { path: directory.to_path_buf(), source };
    let entries = std::fs::read_dir(directory).map_err(failed)?;
    let names = entries.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    Ok(names.iter().filter_map(|entry| Day::of_file(&entry.path())).collect())
}

/// Deletes a database with its log.
fn remove(path: &Path) -> Result<(), StoreError> {
    for suffix in ["", "-wal", "-shm"] {
        let file = beside(path, suffix);
        if file.exists() {
            std::fs::remove_file(&file).map_err(|source| StoreError::File { path: file, source })?;
        }
    }
    Ok(())
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn create(directory: &Path) -> Result<(), StoreError> {
    std::fs::create_dir_all(directory)
        .map_err(|source| StoreError::File { path: directory.to_path_buf(), source })
}

fn sync_directory(directory: &Path) -> Result<(), StoreError> {
    let synced = std::fs::File::open(directory).and_then(|it| it.sync_all());
    synced.map_err(|source| StoreError::File { path: directory.to_path_buf(), source })
}
