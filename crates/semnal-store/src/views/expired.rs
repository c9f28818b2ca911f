//! Days whose messages are all gone: their files are deleted. Nothing is deleted row by row: lists and counts begin with
//! the oldest message that the journal has.

use std::collections::BTreeSet;

use semnal_core::id::Key;

use super::day::Day;
use super::files::Files;
use super::progress::Progress;
use crate::error::StoreError;

/// Deletes the files of the days before that of a key, before which every message is gone.
pub(super) fn drop_days(files: &mut Files, progress: &Progress, kept_from: Key) -> Result<(), StoreError> {
    let mut days = files.days()?;
    let mut old = BTreeSet::new();
    for day in days.iter().copied().take_while(|day| *day < Day::of(kept_from.time())) {
        if !is_needed(files, day, kept_from)? {
            old.insert(day);
        }
    }
    days.retain(|day| !old.contains(day));
    // Readers are told first: a day that they do not find is one that is not named any more.
    progress.set_days(days);
    for day in old {
        files.remove(day)?;
        tracing::info!(?day, "the views of a day are deleted: all its messages are gone");
    }
    Ok(())
}

/// Tells whether a file has an attempt of a message that is kept: a clock that was set back starts attempts on an earlier
/// day than that of their message.
fn is_needed(files: &mut Files, day: Day, kept_from: Key) -> Result<bool, StoreError> {
    let connection = &files.day(day)?.connection;
    let sql = "select exists (select 1 from attempt where message >= ?1)";
    let found = connection.query_row(sql, [kept_from.0], |row| row.get(0))?;
    files.commit()?;
    Ok(found)
}
