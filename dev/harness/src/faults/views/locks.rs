//! Tells from outside whether a process has a transaction of the views under way: a writer of SQLite's write-ahead log
//! holds a lock on byte 120 of the `-shm` file from the start of its transaction to the end (sqlite.org/walformat.html,
//! "WAL locks"), and the kernel lists every lock (proc_locks(5)).

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::error::HarnessError;

/// The byte that WAL_WRITE_LOCK locks.
const WRITE_LOCK_BYTE: &str = "120";

/// Tells whether the process writes one of the files of the views at this moment. It has to stand still.
pub(super) fn is_writing(views: &Path, process: u32) -> Result<bool, HarnessError> {
    let locks = fs::read_to_string("/proc/locks").map_err(HarnessError::io("reading /proc/locks"))?;
    Ok(holds(&locks, process, &inodes(views)))
}

/// Returns the inodes of the files on which writers lock; none while the directory is missing.
fn inodes(views: &Path) -> HashSet<u64> {
    let Ok(entries) = fs::read_dir(views) else { return HashSet::new() };
    let shared = entries.flatten().filter(|it| it.file_name().to_string_lossy().ends_with("-shm"));
    shared.filter_map(|it| it.metadata().ok()).map(|it| it.ino()).collect()
}

/// A line is `number: POSIX ADVISORY WRITE process major:minor:inode first last`.
fn holds(locks: &str, process: u32, inodes: &HashSet<u64>) -> bool {
    locks.lines().any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let &[_, _, _, kind, owner, file, first, _] = words.as_slice() else { return false };
        let inode = file.rsplit(':').next().and_then(|text| text.parse().ok());
        let covers = first == WRITE_LOCK_BYTE;
        kind == "WRITE"
            && owner.parse() == Ok(process)
            && inode.is_some_and(|inode| inodes.contains(&inode))
            && covers
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: bool) {
        assert_eq!(holds(line, 4_242, &HashSet::from([77])), expected, "{line}");
    }

    #[test]
    fn a_writer_holds_the_lock_on_byte_120() {
        check("1: POSIX  ADVISORY  WRITE 4242 fd:01:77 120 120", true);
        check("1: POSIX  ADVISORY  READ 4242 fd:01:77 123 123", false);
        check("1: POSIX  ADVISORY  WRITE 4242 fd:01:77 122 122", false);
        check("1: POSIX  ADVISORY  WRITE 4242 fd:01:78 120 120", false);
        check("1: POSIX  ADVISORY  WRITE 4243 fd:01:77 120 120", false);
        check("1: -> POSIX  ADVISORY  WRITE 4242 fd:01:77 120 120", false);
    }
}
