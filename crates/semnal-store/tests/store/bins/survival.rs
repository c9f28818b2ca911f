//! What survives a stop, a crash, a full disk and a damaged file.

use std::sync::Arc;

use semnal_core::id::{CapturedId, Key, MessageId};
use semnal_core::request_bin::handshake::{Handshake, Sender};
use semnal_core::request_bin::response::BinResponse;
use semnal_core::request_bin::{Bin, Expiry};
use semnal_core::time::UnixMillis;
use semnal_store::bins::{BinChange, BinLimits, Bins};
use semnal_store::directory::DataDirectory;
use semnal_store::error::{OpenError, StoreError};
use semnal_store::observer::{Deaf, Observer};
use semnal_store::store::Opened;

use super::{BinWorld, THEIRS, capture, on_both};
use crate::fixture::options;

on_both! {
    a_request_is_read_back_byte_for_byte_after_a_crash,
    numbers_are_never_given_out_twice,
    a_bin_comes_back_with_everything_that_was_set,
    a_change_that_is_refused_changes_nothing,
    a_deleted_bin_is_gone_with_its_requests,
    one_organisation_does_not_see_the_uids_of_another,
    those_who_watch_hear_of_requests_and_of_the_end,
}

async fn a_request_is_read_back_byte_for_byte_after_a_crash(world: BinWorld) {
    let bin = world.bin("mine").await;
    let whole = capture(world.now(), &(0..=255).collect::<Vec<u8>>());
    let whole = semnal_core::request_bin::capture::Capture {
        body_bytes: 9_000_000_000,
        framed: Some(b"3;x=\"y\"\r\nabc\r\n0\r\nA: b\r\n\r\n".to_vec()),
        problem: Some("something".into()),
        message: Some(MessageId(Key(i64::MAX - 1))),
        attempt: Some(u16::MAX),
        ..whole
    };
    let id = world.bins.capture(bin.id, whole.clone()).await.unwrap().unwrap();
    let world = world.crash();
    assert_eq!(world.bins.request(id).await.unwrap().unwrap().capture, whole);
    assert_eq!(world.tally(&bin).await.bytes, whole.bytes());
    assert_eq!(world.bins.request(CapturedId { number: 2, ..id }).await.unwrap(), None);
}

async fn numbers_are_never_given_out_twice(world: BinWorld) {
    let bin = world.bin("mine").await;
    for expected in 1..=3 {
        assert_eq!(world.capture(&bin, "x").await.unwrap().number, expected);
    }
    assert!(world.bins.delete(CapturedId { bin: bin.id, number: 3 }).await.unwrap());
    assert!(!world.bins.delete(CapturedId { bin: bin.id, number: 3 }).await.unwrap());
    assert_eq!(world.capture(&bin, "x").await.unwrap().number, 4);
    assert!(world.bins.empty(bin.id).await.unwrap());
    let tally = world.tally(&bin).await;
    assert_eq!((tally.requests, tally.bytes, tally.last_number), (0, 0, 4));
    let world = world.restart().await;
    assert_eq!(world.capture(&bin, "x").await.unwrap().number, 5);
    assert_eq!(world.numbers(&bin).await, [5]);
}

async fn a_bin_comes_back_with_everything_that_was_set(world: BinWorld) {
    let made = Bin {
        response: BinResponse {
            status: 418,
            sequence: vec![500, 200],
            headers: vec![("X-A".into(), "1".into())],
            body: Some(vec![0, 255]),
            handshake: Some(Handshake { sender: Sender::Zoom, secret: Some("very secret text".into()) }),
            ..BinResponse::default()
        },
        response_after: 7,
        expiry: Expiry::At(UnixMillis(world.now().0 + 5_000)),
        made_by: Some([9; 16]),
        ..world.new_bin("mine")
    };
    world.apply(vec![BinChange::Put(Box::new(made.clone()))]).await;
    let changed = Bin { name: "Another".into(), uid: None, ..made.clone() };
    world.capture(&made, "x").await;
    world.apply(vec![BinChange::Put(Box::new(changed.clone()))]).await;
    let world = world.restart().await;
    let found = world.bins.get(made.id).unwrap();
    assert_eq!((&*found.bin, found.tally.requests), (&changed, 1));
    assert!(world.bins.next_id() > made.id);
}

async fn a_change_that_is_refused_changes_nothing(world: BinWorld) {
    let bin = world.bin("mine").await;
    let refused = world.bins.change(|directory| Err::<(_, ()), _>(directory.iter().count())).await;
    assert_eq!(refused.unwrap(), Err(1));
    assert_eq!(world.bins.of_organisation(super::OURS).len(), 1);
    assert_eq!(world.bins.get(bin.id).unwrap().bin.uid, bin.uid);
}

async fn a_deleted_bin_is_gone_with_its_requests(world: BinWorld) {
    let (bin, other) = (world.bin("mine").await, world.bin("other").await);
    let id = world.capture(&bin, "x").await.unwrap();
    world.capture(&other, "x").await.unwrap();
    world.apply(vec![BinChange::Delete(bin.id)]).await;
    assert_eq!(world.capture(&bin, "x").await, None);
    assert_eq!(world.bins.request(id).await.unwrap(), None);
    assert!(!world.bins.empty(bin.id).await.unwrap());
    let world = world.restart().await;
    assert!(world.bins.get(bin.id).is_none() && world.bins.by_uid(super::OURS, &bin.uid.unwrap()).is_none());
    assert_eq!(world.numbers(&other).await, [1]);
}

async fn one_organisation_does_not_see_the_uids_of_another(world: BinWorld) {
    let bin = world.bin("mine").await;
    let uid = bin.uid.clone().unwrap();
    let theirs = Bin { organisation: THEIRS, ..world.new_bin("mine") };
    assert!(world.bins.by_uid(THEIRS, &uid).is_none());
    world.apply(vec![BinChange::Put(Box::new(theirs.clone()))]).await;
    assert_eq!(world.bins.by_uid(THEIRS, &uid).unwrap().bin.id, theirs.id);
    assert_eq!(world.bins.by_uid(super::OURS, &uid).unwrap().bin.id, bin.id);
    let message = MessageId(Key(5));
    let linked =
        semnal_core::request_bin::capture::Capture { message: Some(message), ..capture(world.now(), b"x") };
    for id in [bin.id, theirs.id] {
        world.bins.capture(id, linked.clone()).await.unwrap();
    }
    let found = world.bins.of_message(super::OURS, message).await.unwrap();
    assert_eq!(found.iter().map(|it| it.id.bin).collect::<Vec<_>>(), [bin.id]);
}

async fn those_who_watch_hear_of_requests_and_of_the_end(world: BinWorld) {
    let bin = world.bin("mine").await;
    let mut watch = world.bins.watch(bin.id).unwrap();
    assert_eq!(watch.borrow_and_update().last_number, 0);
    world.capture(&bin, "x").await;
    watch.changed().await.unwrap();
    assert_eq!(watch.borrow_and_update().last_number, 1);
    world.apply(vec![BinChange::Delete(bin.id)]).await;
    assert!(watch.changed().await.is_err());
    assert!(world.bins.watch(bin.id).is_none());
}

#[tokio::test]
async fn a_full_disk_refuses_and_recovers() {
    let world = BinWorld::memory();
    let bin = world.bin("mine").await;
    world.disk().faults.set_disk_full(true);
    let refused = world.bins.capture(bin.id, capture(world.now(), b"x")).await;
    assert!(matches!(refused, Err(StoreError::Full)));
    world.disk().faults.set_disk_full(false);
    assert_eq!(world.capture(&bin, "x").await.unwrap().number, 1);
    assert_eq!(world.tally(&bin).await.requests, 1);
}

#[tokio::test]
async fn a_commit_that_fails_stops_the_bins() {
    let world = BinWorld::memory();
    let bin = world.bin("mine").await;
    world.disk().faults.fail_next_commit();
    for _ in 0..2 {
        let refused = world.bins.capture(bin.id, capture(world.now(), b"x")).await;
        assert!(matches!(refused, Err(StoreError::Stopped)));
    }
    let world = world.opened();
    assert_eq!(world.tally(&bin).await.requests, 0);
}

#[tokio::test]
async fn a_damaged_file_is_put_aside_and_the_journal_starts() {
    let world = BinWorld::sqlite();
    world.bin("mine").await;
    let world = world.closed().await;
    std::fs::write(world.path().join("bins.db"), b"this was a database once, or so they say").unwrap();
    let world = world.opened();
    assert!(world.bins.of_organisation(super::OURS).is_empty());
    let aside = world.path().read_dir().unwrap().flatten().map(|it| it.file_name().into_string().unwrap());
    assert!(aside.into_iter().any(|name| name.starts_with("bins.db.damaged-")));
    let bin = world.bin("mine").await;
    assert!(world.capture(&bin, "x").await.is_some());
}

#[tokio::test]
async fn a_file_of_a_later_version_is_left_alone_and_the_journal_starts() {
    let world = BinWorld::sqlite().closed().await;
    let file = world.path().join("bins.db");
    rusqlite::Connection::open(&file).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let directory = DataDirectory::open(world.path()).unwrap();
    let opened = Opened::sqlite(&directory, options(&world.clock, None)).unwrap();
    let refused = Bins::beside(&opened, &directory, BinLimits::default()).err();
    assert!(matches!(refused, Some(OpenError::NewerSchema { found: 99, known: 1, .. })));
    let observer: Arc<dyn Observer> = Arc::new(Deaf);
    opened.start(&observer).unwrap().stop().await;
    assert!(file.exists());
}

#[tokio::test]
async fn the_secret_of_a_handshake_is_not_in_the_file() {
    let world = BinWorld::sqlite();
    let handshake = Some(Handshake { sender: Sender::Zoom, secret: Some("a-very-secret-token".into()) });
    let response = BinResponse { handshake, ..BinResponse::default() };
    world.apply(vec![BinChange::Put(Box::new(Bin { response, ..world.new_bin("mine") }))]).await;
    let world = world.closed().await;
    for file in world.path().read_dir().unwrap().flatten().filter(|it| it.path().is_file()) {
        let bytes = std::fs::read(file.path()).unwrap();
        let secret = b"a-very-secret-token";
        assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{:?}", file.path());
    }
}
