//! The steps of opening a store that [`super::Opened`] takes.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use parking_lot::Mutex;
use semnal_core::configuration::Configuration;
use semnal_core::id::{IdCipher, Key};
use semnal_core::time::UnixMillis;

use super::ReadJob;
use crate::error::{OpenError, StoreError};
use crate::journal::{Journal, Write};
use crate::read::{ReadSource, Reader};
use crate::recovery::{Found, LAST_KEY};
use crate::vault::{KEY_BYTES, Vault};
use crate::views::{self, Views};
use crate::writer::oldest_answer;

pub(super) fn split_keys(fresh: &[u8; 16 + KEY_BYTES]) -> ([u8; 16], [u8; KEY_BYTES]) {
    let (mut id, mut secret) = ([0; 16], [0; KEY_BYTES]);
    id.copy_from_slice(&fresh[..16]);
    secret.copy_from_slice(&fresh[16..]);
    (id, secret)
}

/// Reads a number from the journal's notes; 0 while there is none.
pub(super) fn number(source: &ReadSource<'_>, name: &'static str) -> Result<i64, StoreError> {
    Ok(source.meta_number(name)?.unwrap_or(0))
}

/// Reads the key for ids, or writes it when the journal is new; checks that the key for secrets is the right one.
pub(super) fn identity(
    connection: &rusqlite::Connection,
    vault: &Vault,
    fresh: [u8; 16],
    directory: &Path,
) -> Result<IdCipher, OpenError> {
    use crate::sqlite::rows;
    const ID_KEY: &str = "id_key";
    const KEY_CHECK: &str = "key_check";
    if let (Some(id_key), Some(check)) = (rows::meta(connection, ID_KEY)?, rows::meta(connection, KEY_CHECK)?)
    {
        vault.open(KEY_CHECK, &check).map_err(|_| OpenError::SecretKey {
            path: directory.join(crate::directory::KEY_FILE),
            why: "is not the key that this journal was made with".into(),
        })?;
        let damaged = StoreError::Corrupt { table: "meta", key: 0, what: "id_key has a wrong length".into() };
        return Ok(IdCipher::new(id_key.try_into().map_err(|_| damaged)?));
    }
    connection.execute_batch("begin immediate")?;
    rows::put_meta(connection, ID_KEY, &fresh)?;
    rows::put_meta(connection, KEY_CHECK, &vault.seal(KEY_CHECK, b"semnal")?)?;
    connection.execute_batch("commit")?;
    Ok(IdCipher::new(fresh))
}

/// Returns the last key that any row tells of; keys that are given out are greater.
pub(super) fn last_key(
    source: &ReadSource<'_>,
    configuration: &Configuration,
    found: &Found,
) -> Result<Key, StoreError> {
    Ok(Key(source.meta_number(LAST_KEY)?.unwrap_or(0))
        .max(source.last_message()?.unwrap_or_default())
        .max(last_configuration_key(configuration))
        .max(source.last_task()?.unwrap_or_default())
        .max(found.last_position))
}

fn last_configuration_key(configuration: &Configuration) -> Key {
    let organisations = configuration.organisations().map(|o| o.id.0);
    let endpoints = configuration.endpoints().map(|e| e.id.0);
    let keys = configuration.keys().map(|k| k.id.0);
    let applications = configuration
        .organisations()
        .flat_map(|o| configuration.applications(o.id))
        .map(|a| a.id.0)
        .collect::<Vec<_>>();
    let revocation = configuration.last_revocation();
    let users = configuration.accounts().users().map(|it| it.id.0);
    organisations
        .chain(endpoints)
        .chain(keys)
        .chain(applications)
        .chain(revocation)
        .chain(users)
        .max()
        .unwrap_or_default()
}

/// Starts the views beside a journal on disk, and lets the readers see them.
pub(super) fn start_views(
    journal: &Journal,
    trimmed: i64,
    readers: &mut [Reader],
) -> Result<Option<Views>, StoreError> {
    let Journal::Sqlite { journal: sqlite, .. } = journal else { return Ok(None) };
    let data_directory = sqlite.path.parent().unwrap_or(Path::new("."));
    let views = Views::start(views::directory(data_directory), journal.reader()?, trimmed)?;
    for reader in readers {
        reader.views = Some(views::day_reader(data_directory, &views.progress()));
    }
    Ok(Some(views))
}

pub(super) fn start_readers(readers: Vec<Reader>) -> Result<Sender<ReadJob>, StoreError> {
    let (reads, received) = channel::<ReadJob>();
    let received = Arc::new(Mutex::new(received));
    for reader in readers {
        let received = received.clone();
        spawn("semnal-reader", move || {
            loop {
                let job = received.lock().recv();
                match job {
                    Ok(job) => job(&reader),
                    Err(_) => return,
                }
            }
        })?;
    }
    Ok(reads)
}

pub(crate) fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
    let spawned = std::thread::Builder::new().name(name.into()).spawn(run);
    spawned.map(drop).map_err(|source| StoreError::File { path: name.into(), source })
}

/// Forgets the answers whose time has passed.
pub(super) fn prune_answers(journal: &mut Journal, now: UnixMillis) -> Result<(), StoreError> {
    journal.begin()?;
    let pruned =
        journal.write(Write::DeleteAnswersBefore(oldest_answer(now))).and_then(|()| journal.commit());
    match pruned {
        Ok(()) => Ok(()),
        // They are refused by their age as well; deleting them can wait until the disk has room.
        Err(StoreError::Full) => {
            journal.rollback();
            Ok(())
        }
        Err(error) => Err(error),
    }
}
