//! The data directory: who may open it, the lock that lets one server in, and the key file.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::error::OpenError;
use crate::sqlite::JOURNAL_FILE;
use crate::vault::KEY_BYTES;

/// The file whose lock a server holds.
pub const LOCK_FILE: &str = "semnal.lock";
/// The file with the key that encrypts secrets.
pub const KEY_FILE: &str = "secret.key";
/// The key file while it is written.
const NEW_KEY_FILE: &str = "secret.key.new";
/// The control socket of a running server.
pub const SOCKET_FILE: &str = "control.sock";
/// The configuration file, which may be there before the first start.
pub const CONFIGURATION_FILE: &str = "semnal.toml";

/// A data directory that this process has for itself. Dropping it gives the lock back.
#[derive(Debug)]
pub struct DataDirectory {
    path: PathBuf,
    _lock: File,
}

impl DataDirectory {
    /// Opens a data directory, or makes a new one with mode 0700.
    ///
    /// # Errors
    /// [`OpenError`] when it is in use, belongs to something else, or cannot be written.
    pub fn open(path: &Path) -> Result<DataDirectory, OpenError> {
        if !path.exists() {
            let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
            made.map_err(|source| OpenError::ReadOnly { path: path.to_path_buf(), source })?;
        }
        check_content(path)?;
        let lock_path = path.join(LOCK_FILE);
        let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&lock_path);
        let lock = lock.map_err(|source| OpenError::ReadOnly { path: lock_path.clone(), source })?;
        match lock.try_lock() {
            Ok(()) => Ok(DataDirectory { path: path.to_path_buf(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.to_path_buf() }),
            Err(TryLockError::Error(source)) => Err(OpenError::ReadOnly { path: lock_path, source }),
        }
    }

    /// Returns the path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the key that encrypts secrets; makes it, with mode 0600, when the journal is new. `fresh` are the
    /// random bytes for that case.
    pub(crate) fn secret_key(&self, fresh: [u8; KEY_BYTES]) -> Result<[u8; KEY_BYTES], OpenError> {
        let path = self.path.join(KEY_FILE);
        let wrong = |why: String| OpenError::SecretKey { path: path.clone(), why };
        match File::open(&path) {
            Ok(mut file) => {
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes).map_err(|e| wrong(e.to_string()))?;
                let length = bytes.len();
                bytes.try_into().map_err(|_| wrong(format!("has {length} bytes instead of {KEY_BYTES}")))
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                if self.path.join(JOURNAL_FILE).exists() {
                    return Err(wrong("is missing, but the journal exists".into()));
                }
                // Written beside and renamed: a start that is cut off leaves no half key, which would be refused.
                let beside = self.path.join(NEW_KEY_FILE);
                let written = OpenOptions::new()
                    .write(true)
                    .create(true)
                    .truncate(true)
                    .mode(0o600)
                    .open(&beside)
                    .and_then(|mut file| file.write_all(&fresh).and_then(|()| file.sync_all()))
                    .and_then(|()| std::fs::rename(&beside, &path));
                written.map_err(|source| OpenError::ReadOnly { path: path.clone(), source })?;
                // The name of the file is durable only with its directory.
                File::open(&self.path)
                    .and_then(|directory| directory.sync_all())
                    .map_err(|source| OpenError::ReadOnly { path: self.path.clone(), source })?;
                Ok(fresh)
            }
            Err(e) => Err(wrong(e.to_string())),
        }
    }
}

/// Refuses a directory that holds files but no journal: it is somebody else's.
fn check_content(path: &Path) -> Result<(), OpenError> {
    let foreign = |why: String| OpenError::Foreign { path: path.to_path_buf(), why };
    if !path.is_dir() {
        return Err(foreign("it is not a directory".into()));
    }
    if path.join(JOURNAL_FILE).exists() {
        return Ok(());
    }
    let entries =
        std::fs::read_dir(path).map_err(|source| OpenError::ReadOnly { path: path.to_path_buf(), source })?;
    for entry in entries.flatten() {
        let name = entry.file_name();
        let ours = [LOCK_FILE, KEY_FILE, NEW_KEY_FILE, SOCKET_FILE, CONFIGURATION_FILE, "lost+found"];
        if !ours.iter().any(|known| name == *known) {
            return Err(foreign(format!("it holds {} and no {JOURNAL_FILE}", name.display())));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_process_is_not_let_in() {
        let directory = tempfile::tempdir().unwrap();
        let first = DataDirectory::open(directory.path()).unwrap();
        assert!(matches!(DataDirectory::open(directory.path()), Err(OpenError::InUse { .. })));
        drop(first);
        assert!(DataDirectory::open(directory.path()).is_ok());
    }

    #[test]
    fn a_directory_of_something_else_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("holiday.jpg"), "x").unwrap();
        let error = DataDirectory::open(directory.path()).unwrap_err();
        assert!(error.to_string().contains("holiday.jpg"), "{error}");
    }

    #[test]
    fn a_lost_key_file_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(JOURNAL_FILE), "").unwrap();
        let opened = DataDirectory::open(directory.path()).unwrap();
        assert!(matches!(opened.secret_key([0; KEY_BYTES]), Err(OpenError::SecretKey { .. })));
    }
}
