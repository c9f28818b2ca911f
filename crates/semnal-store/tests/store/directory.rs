//! Opening a data directory: what is not ours, is newer than us or has lost its key is refused and left as it was.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use semnal_store::directory::DataDirectory;
use semnal_store::error::OpenError;
use semnal_store::store::Opened;

use crate::fixture::{START, World, message, options};

fn open(path: &Path) -> Result<(Opened, DataDirectory), OpenError> {
    let directory = DataDirectory::open(path)?;
    Ok((Opened::sqlite(&directory, options(&Arc::new(AtomicI64::new(START.0)), None))?, directory))
}

fn refusal(path: &Path) -> OpenError {
    open(path).map(drop).unwrap_err()
}

fn sql(path: &Path, statement: &str) {
    let journal = rusqlite::Connection::open(path.join("journal.db")).unwrap();
    journal.execute_batch(statement).unwrap();
}

/// A data directory with one message, closed.
async fn closed() -> World {
    let world = World::sqlite();
    let (application, _) = world.tenant(0).await;
    world.append_one(message(application, &[])).await;
    world.closed().await
}

#[tokio::test]
async fn a_journal_of_a_later_version_is_refused() {
    let world = closed().await;
    let journal = rusqlite::Connection::open(world.path().join("journal.db")).unwrap();
    let current: i64 = journal.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    drop(journal);
    sql(world.path(), "pragma user_version = 99");
    let error = refusal(world.path());
    assert!(matches!(error, OpenError::NewerSchema { found: 99, known, .. } if known == current), "{error}");
}

#[tokio::test]
async fn a_database_of_another_program_is_refused_and_left_as_it_was() {
    for statement in ["create table x (y); pragma application_id = 42", "create table x (y)"] {
        let directory = tempfile::tempdir().unwrap();
        sql(directory.path(), statement);
        let before = std::fs::read(directory.path().join("journal.db")).unwrap();
        let error = refusal(directory.path());
        assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
        assert_eq!(std::fs::read(directory.path().join("journal.db")).unwrap(), before);
        assert!(!directory.path().join("secret.key").exists());
    }
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("journal.db"), vec![b'x'; 8_192]).unwrap();
    let error = refusal(directory.path());
    assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
}

#[tokio::test]
async fn a_journal_of_ours_that_other_programs_id_marks_is_refused() {
    let world = closed().await;
    sql(world.path(), "pragma application_id = 42");
    assert!(matches!(refusal(world.path()), OpenError::Foreign { .. }));
}

#[tokio::test]
async fn another_secret_key_is_refused() {
    let world = closed().await;
    std::fs::write(world.path().join("secret.key"), [9; 32]).unwrap();
    let error = refusal(world.path());
    assert!(error.to_string().contains("is not the key that this journal was made with"), "{error}");
}

#[tokio::test]
async fn a_lost_or_cut_secret_key_is_refused() {
    let world = closed().await;
    let key = world.path().join("secret.key");
    std::fs::write(&key, [7; 31]).unwrap();
    assert!(refusal(world.path()).to_string().contains("31 bytes instead of 32"));
    std::fs::remove_file(&key).unwrap();
    assert!(matches!(refusal(world.path()), OpenError::SecretKey { .. }));
    assert!(!key.exists(), "it is not replaced");
}

#[test]
fn a_start_that_was_cut_off_before_the_key_was_whole_is_begun_again() {
    for rest in [0, 16] {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("secret.key.new"), vec![1; rest]).unwrap();
        open(directory.path()).unwrap();
        assert_eq!(std::fs::read(directory.path().join("secret.key")).unwrap().len(), 32);
    }
}

#[tokio::test]
async fn ids_stay_the_same_over_restarts() {
    let world = World::sqlite();
    let fingerprint = world.store.ids().fingerprint("x", &[b"y"]);
    let world = world.restart().await;
    assert_eq!(world.store.ids().fingerprint("x", &[b"y"]), fingerprint);
}

#[tokio::test]
async fn secrets_are_not_readable_in_the_files() {
    let world = World::sqlite();
    let (application, _) = world.tenant(0).await;
    let mut it = crate::fixture::endpoint(semnal_core::id::EndpointId(world.store.next_key()), application);
    it.headers.insert("Authorization".into(), "Bearer s3cret-of-the-receiver".into());
    let revealed = it.secrets[0].secret.reveal();
    world.apply(vec![semnal_core::configuration::Change::PutEndpoint(Box::new(it))]).await;
    let world = world.closed().await;
    let views = world.path().join("views").read_dir().unwrap();
    let files = world.path().read_dir().unwrap().chain(views).flatten();
    for file in files.filter(|it| it.file_type().unwrap().is_file()) {
        let bytes = std::fs::read(file.path()).unwrap();
        for secret in ["s3cret-of-the-receiver", &revealed] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{} holds {secret}", file.path().display());
        }
    }
}

#[test]
fn a_directory_is_made_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("data");
    open(&path).unwrap();
    let mode = |name: &str| std::fs::metadata(path.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("secret.key"), mode("semnal.lock")), (0o700, 0o600, 0o600));
}
