//! A reading thread's connections to the files of the views.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::Connection;

use super::day::Day;
use super::progress::Progress;
use super::schema;
use crate::error::StoreError;

/// 16 files stay open in each reader.
const OPEN_MAX: usize = 16;

/// Opens files as questions need them.
pub(crate) struct DayReader {
    directory: PathBuf,
    progress: Arc<Progress>,
    open: RefCell<Open>,
}

#[derive(Default)]
struct Open {
    /// The files as they were when this number stood; another one means that some were deleted since.
    generation: u64,
    files: BTreeMap<Day, Connection>,
}

impl DayReader {
    pub(crate) fn new(directory: PathBuf, progress: Arc<Progress>) -> DayReader {
        DayReader { directory, progress, open: RefCell::default() }
    }

    /// Returns the days from the first to the last that have a file, oldest first.
    pub(super) fn days(&self, first: Day, last: Day) -> Vec<Day> {
        self.progress.days(first, last)
    }

    /// Returns the position of the feed up to which the files are; `None` when that is all there is.
    pub(super) fn behind(&self) -> Option<i64> {
        self.progress.behind()
    }

    /// Asks the file of a day, unless it was deleted since its day was named: then everything in it is gone.
    pub(super) fn with(
        &self,
        day: Day,
        question: impl FnOnce(&Connection) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut open = self.open.borrow_mut();
        let generation = self.progress.generation();
        if open.generation != generation {
            *open = Open { generation, files: BTreeMap::new() };
        }
        if !open.files.contains_key(&day) {
            if open.files.len() >= OPEN_MAX {
                open.files.pop_first();
            }
            match schema::open_reader(&day.file(&self.directory)) {
                Ok(connection) => open.files.insert(day, connection),
                Err(_) if self.progress.days(day, day).is_empty() => return Ok(()),
                Err(error) => return Err(error),
            };
        }
        question(&open.files[&day])
    }
}
