//! What is expunged is in no file of the data directory afterwards: the files of a real one are searched.

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

/// Tells whether any file of the data directory has the text.
fn is_on_disk(world: &World, name: &str) -> bool {
    let needle = format!("<secret of {name}>").into_bytes();
    let files = world.path().read_dir().unwrap().flatten().filter(|f| f.file_type().unwrap().is_file());
    let has = |bytes: &[u8]| bytes.split(|b| *b == needle[0]).any(|part| part.starts_with(&needle[1..]));
    files.map(|f| std::fs::read(f.path()).unwrap()).any(|f| has(&f))
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
async fn expunge(world: &World, ids: &[DeliveryId]) -> Vec<String> {
    let mut gone = Vec::new();
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
    assert!(
        is_on_disk(&world, "payload 4;") && is_on_disk(&world, "body 3;") && is_on_disk(&world, "header 0;")
    );
    let gone = expunge(&world, &ids).await;
    let until = Instant::now() + PATIENCE;
    while gone.iter().any(|name| is_on_disk(&world, name)) {
        assert!(Instant::now() < until, "some of it stays on the disk");
        std::thread::yield_now();
    }
    assert!(is_on_disk(&world, "payload 7;") && is_on_disk(&world, "body 7;"), "the others are there");
    world.assert_balanced().await;
}

#[tokio::test]
async fn what_is_expunged_is_in_no_file_after_a_stop() {
    let (world, ids) = stored().await;
    let gone = expunge(&world, &ids).await;
    let world = world.closed().await;
    assert_eq!(gone.iter().filter(|name| is_on_disk(&world, name)).count(), 0);
    assert!(is_on_disk(&world, "payload 7;"));
}

#[tokio::test]
async fn what_is_expunged_is_in_no_file_after_a_crash_and_a_start() {
    let (world, ids) = stored().await;
    let gone = expunge(&world, &ids).await;
    let world = world.crash();
    assert_eq!(gone.iter().filter(|name| is_on_disk(&world, name)).count(), 0);
    assert!(is_on_disk(&world, "payload 7;"));
}
