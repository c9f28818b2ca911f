//! A simulated power cut: after the server has been killed, whatever the kernel had not written to the disk is taken
//! away from its databases.
//!
//! The model asks the kernel, page by page, what is still only in memory (cachestat, see dirty_pages.py), so it does
//! not know or care how the server is configured: with `synchronous=FULL` it finds nothing that was acknowledged, with
//! `OFF` nearly everything. What it does with SQLite's files:
//! - A frame of a write-ahead log survives if every page of the file that it touches, but for its last one, is on the
//!   disk. (The last one is shared with the next frame, whose writing makes it dirty again; a frame is written at once
//!   and never changed, and is longer than a page, so its other pages tell.) The log ends at the first frame that does
//!   not survive; frames behind it would be ignored by SQLite anyway.
//! - A page of the database that is not on the disk survives only as its copy in a surviving frame; else it is filled
//!   with zeros, in the place of old bytes that nobody can know.
//!
//! It is milder than a power cut in three ways: pages that the kernel wrote by itself, without a sync, count as safe;
//! sectors are not torn; files that are not SQLite's, and the directory's entries, survive.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Write;
use std::ops::AddAssign;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::HarnessError;
use crate::faults::power_cut::wal::Wal;

mod wal;

/// The kernel's page.
const PAGE_BYTES: u64 = 4_096;
const DIRTY_PAGES: &str = include_str!("power_cut/dirty_pages.py");

/// What a cut took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cut {
    /// Frames of write-ahead logs.
    pub frames: u64,
    /// Pages of databases.
    pub pages: u64,
}

impl AddAssign for Cut {
    fn add_assign(&mut self, other: Cut) {
        self.frames += other.frames;
        self.pages += other.pages;
    }
}

/// Proves that the kernel tells synced from unsynced in this directory: in memory (tmpfs) it cannot.
///
/// # Errors
/// [`HarnessError::Vacuous`] when it does not.
pub fn prove(directory: &Path) -> Result<(), HarnessError> {
    let mut file = tempfile::NamedTempFile::new_in(directory).map_err(HarnessError::io("making a file"))?;
    let writing = || HarnessError::io("writing the probe of the power cut");
    file.write_all(&[1; 4 * PAGE_BYTES as usize]).map_err(writing())?;
    let before = dirty_pages(file.path())?.len();
    file.as_file().sync_all().map_err(writing())?;
    let after = dirty_pages(file.path())?.len();
    if (before, after) == (4, 0) {
        return Ok(());
    }
    Err(HarnessError::Vacuous(format!(
        "in {} the kernel reports {before} of 4 pages unwritten before a sync and {after} after it",
        directory.display()
    )))
}

/// Writes everything in a data directory to the disk, whoever wrote it.
///
/// # Errors
/// [`HarnessError::Io`] when a file cannot be opened or synced.
pub fn sync(data_dir: &Path) -> Result<(), HarnessError> {
    for path in files(data_dir, "")? {
        let syncing = || HarnessError::io(format!("syncing {}", path.display()));
        File::open(&path).and_then(|file| file.sync_all()).map_err(syncing())?;
    }
    Ok(())
}

/// Takes away what was not on the disk. The server must be dead.
///
/// # Errors
/// [`HarnessError`] when a file cannot be read or changed, or the kernel does not answer.
pub fn cut(data_dir: &Path) -> Result<Cut, HarnessError> {
    let mut total = Cut::default();
    // All are asked first: what this does to one file dirties it.
    let mut plan = Vec::new();
    for database in files(data_dir, ".db")? {
        let log = with_suffix(&database, "-wal");
        let dirty_log = if log.is_file() { dirty_pages(&log)? } else { HashSet::new() };
        let dirty = dirty_pages(&database)?;
        plan.push((database, dirty, log, dirty_log));
    }
    for (database, dirty, log, dirty_log) in plan {
        let (kept, frames) = cut_log(&log, &dirty_log)?;
        let pages = cut_database(&database, &dirty, &kept)?;
        total += Cut { frames, pages };
        // The log's index in memory would be gone, and SQLite makes it anew.
        let index = with_suffix(&database, "-shm");
        if index.is_file() {
            fs::remove_file(&index).map_err(HarnessError::io(format!("removing {}", index.display())))?;
        }
    }
    Ok(total)
}

/// Ends the log at its first frame that is not on the disk; returns the survivors and how many frames went.
fn cut_log(path: &Path, dirty: &HashSet<u64>) -> Result<(Wal, u64), HarnessError> {
    if !path.is_file() {
        return Ok((Wal::default(), 0));
    }
    let doing = || format!("cutting {}", path.display());
    let bytes = fs::read(path).map_err(HarnessError::io(doing()))?;
    let whole = wal::read(&bytes);
    let kept = whole.surviving(|page| !dirty.contains(&page));
    if kept.frames.len() < whole.frames.len() {
        let file = File::options().write(true).open(path).map_err(HarnessError::io(doing()))?;
        file.set_len(kept.bytes()).map_err(HarnessError::io(doing()))?;
    }
    let lost = (whole.frames.len() - kept.frames.len()) as u64;
    Ok((kept, lost))
}

/// Fills pages with zeros that are neither on the disk nor in the log.
fn cut_database(path: &Path, dirty: &HashSet<u64>, log: &Wal) -> Result<u64, HarnessError> {
    let file = File::options()
        .write(true)
        .open(path)
        .map_err(HarnessError::io(format!("opening {}", path.display())))?;
    let in_log: HashSet<u32> = log.frames.iter().copied().collect();
    let mut lost = 0;
    for page in dirty {
        let number = page * PAGE_BYTES / log.page_bytes_or_default() + 1;
        if !u32::try_from(number).is_ok_and(|number| in_log.contains(&number)) {
            file.write_all_at(&[0; PAGE_BYTES as usize], page * PAGE_BYTES)
                .map_err(HarnessError::io(format!("cutting {}", path.display())))?;
            lost += 1;
        }
    }
    Ok(lost)
}

fn dirty_pages(path: &Path) -> Result<HashSet<u64>, HarnessError> {
    let output = Command::new("python3")
        .arg("-c")
        .arg(DIRTY_PAGES)
        .arg(path)
        .output()
        .map_err(HarnessError::io("running python3"))?;
    let answer: Option<std::collections::HashMap<PathBuf, HashSet<u64>>> =
        serde_json::from_slice(&output.stdout).ok();
    answer.and_then(|mut answer| answer.remove(path)).ok_or_else(|| HarnessError::Command {
        command: "python3 dirty_pages.py".to_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Returns the plain files of a directory whose names end so.
fn files(directory: &Path, suffix: &str) -> Result<Vec<PathBuf>, HarnessError> {
    let doing = || format!("listing {}", directory.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(HarnessError::io(doing()))? {
        let path = entry.map_err(HarnessError::io(doing()))?.path();
        if path.is_file() && path.to_string_lossy().ends_with(suffix) {
            paths.push(path);
        }
    }
    Ok(paths)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
