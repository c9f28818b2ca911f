//! What is expunged is in no file of the data directory afterwards: the files of a real one are searched.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use semnal_core::id::{AttemptId, DeliveryId};
use semnal_store::message::NewMessage;
use semnal_store::outcome::{Report, Verdict};

use crate::fixture::{World, created, delivery, message, outcome};

/// A log that is not cut within 30 s is not cut.
const PATIENCE: Duration = Duration::from_secs(30);

/// Text that nothing else has, as long as `bytes`, and recognisable in each of its parts.
fn secret(name: &str, bytes: usize) -> Vec<u8> {
    format!("<secret of {name}>").into_bytes().into_iter().cycle().take(bytes).collect()
}

/// Returns the names of the secrets that any file of the data directory has, those of the views included.
fn on_disk(directory: &Path) -> HashSet<String> {
    let mut names = HashSet::new();
    for entry in directory.read_dir().unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            names.extend(on_disk(&entry.path()));
            continue;
        }
        let bytes = std::fs::read(entry.path()).unwrap();
        let secrets = bytes.split(|b| *b == b'<').filter_map(|part| part.strip_prefix(b"secret of "));
        let ends = secrets.filter_map(|part| part.iter().position(|b| *b == b'>').map(|end| &part[..end]));
        names.extend(ends.map(|name| String::from_utf8_lossy(name).into_owned()));
    }
    names
}

/// Tells whether any of some names is still there, and all of some others are.
fn check(directory: &Path, gone: &HashSet<String>, kept: &[&str]) -> bool {
    let found = on_disk(directory);
    assert!(kept.iter().all(|name| found.contains(*name)), "the others are there");
    found.is_disjoint(gone)
}

/// Stores 300 messages of all sizes, each with one attempt whose response has a secret of its own.
async fn stored() -> (World, Vec<DeliveryId>) {
    let world = World::sqlite();
    let (application, endpoints) = world.tenant(1).await;
    let size = |n: usize| [40, 300, 1_200, 5_000, 40_000][n % 5];
    let new = (0..300).map(|n| {
        let payload = Bytes::from(secret(&format!("payload {n};"), size(n)));
        NewMessage { payload, ..message(application, &endpoints) }
    });
    let appended = world.append(new.collect()).await;
    let ids: Vec<DeliveryId> = appended.iter().map(|a| delivery(&created(a), 0)).collect();
    let reports = ids.iter().enumerate().map(|(n, id)| {
        let mut it = outcome(*id, endpoints[0], 1, Verdict::Delivered);
        it.response_body = secret(&format!("body {n};"), size(n).min(16_384));
        it.response_headers.push(("x-secret".into(), secret(&format!("header {n};"), 60)));
        let progress = semnal_core::delivery::Progress { attempts: 1, step: 1 };
        Report::Attempt { outcome: std::sync::Arc::new(it), progress, has_row: false }
    });
    world.report(reports.collect()).await;
    (world, ids)
}

/// Expunges every third message and attempt; returns the names of what may be found nowhere.
async fn expunge(world: &World, ids: &[DeliveryId]) -> HashSet<String> {
    let mut gone = HashSet::new();
    for (n, id) in ids.iter().enumerate().filter(|(n, _)| n % 3 == 0 || *n < 5) {
        world.store.expunge_payload(id.message).await.unwrap();
        world.store.expunge_response(AttemptId { delivery: *id, number: 1 }).await.unwrap();
        gone.extend(["payload", "body", "header"].map(|what| format!("{what} {n};")));
    }
    gone
}

#[tokio::test]
async fn what_is_expunged_is_in_no_file_once_the_log_is_cut() {
    let (world, ids) = stored().await;
    check(world.path(), &HashSet::new(), &["payload 4;", "body 3;", "header 0;"]);
    let gone = expunge(&world, &ids).await;
    let until = Instant::now() + PATIENCE;
    while !check(world.path(), &gone, &["payload 7;", "body 7;"]) {
        assert!(Instant::now() < until, "some of it stays on the disk");
        std::thread::yield_now();
    }
    world.assert_balanced().await;
}

#[tokio::test]
async fn what_is_expunged_is_in_no_file_after_a_stop() {
    let (world, ids) = stored().await;
    let gone = expunge(&world, &ids).await;
    let world = world.closed().await;
    assert!(check(world.path(), &gone, &["payload 7;", "body 7;"]));
}

#[tokio::test]
async fn what_is_expunged_is_in_no_file_after_a_crash_and_a_start() {
    let (world, ids) = stored().await;
    let gone = expunge(&world, &ids).await;
    let world = world.crash();
    assert!(check(world.path(), &gone, &["payload 7;", "body 7;"]));
}
