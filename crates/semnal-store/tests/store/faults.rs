//! What a real disk does once a year: it is full, or a sync fails. On the memory backend, where a test decides when.

use bytes::Bytes;
use semnal_core::configuration::Change;
use semnal_core::delivery::DeliveryState;
use semnal_core::id::{ApplicationId, EndpointId, Key};
use semnal_store::error::StoreError;
use semnal_store::message::{Appended, Message, NewMessage};
use semnal_store::outcome::Verdict;
use semnal_store::store::{ChangePlan, Changed, StoredAnswer};

use crate::fixture::{World, attempt, begin, delivery, endpoint, message, park, uid};

/// A store with one message for one endpoint, whose disk is full.
async fn full() -> (World, ApplicationId, EndpointId, std::sync::Arc<Message>) {
    let world = World::memory();
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &endpoints)).await;
    world.disk().faults.set_disk_full(true);
    (world, application, endpoints[0], it)
}

fn wait_for_room(world: &World) {
    world.disk().faults.set_disk_full(false);
    world.heard.wait_for("room on the disk", |h| (h.full.last() == Some(&false)).then_some(()));
}

async fn add(world: &World, it: semnal_core::endpoint::Endpoint) -> Result<(), StoreError> {
    let answer = Some(StoredAnswer { status: 201, body: vec![] });
    let plan = ChangePlan { changes: vec![Change::PutEndpoint(Box::new(it))], answer, value: () };
    let done = world.store.change(Some([1; 16]), move |_| Ok::<_, ()>(plan)).await?;
    assert!(matches!(done, Ok(Changed::Applied(()))));
    Ok(())
}

#[tokio::test]
async fn a_full_disk_refuses_and_keeps_nothing_of_what_it_refused() {
    let (world, application, endpoint_id, it) = full().await;
    let version = world.store.configuration().version;
    let new =
        NewMessage { idempotency: Some([2; 16]), event_id: Some(uid("e")), ..message(application, &[]) };
    let named = semnal_core::endpoint::Endpoint {
        uid: Some(uid("crm")),
        ..endpoint(EndpointId(world.store.next_key()), application)
    };
    for _ in 0..2 {
        let refused = world.store.append(vec![new.clone()], version).await;
        assert!(matches!(refused, Err(StoreError::Full)), "{refused:?}");
        assert!(matches!(add(&world, named.clone()).await, Err(StoreError::Full)));
        let refused = world.store.resend(it.id, endpoint_id, String::new()).await;
        assert!(matches!(refused, Err(StoreError::Full)));
        assert_eq!(world.store.configuration().version, version);
    }
    assert!(world.message(it.id).await.is_some(), "what is there can be read");
    assert_eq!(world.heard.look(|h| h.messages.len()), 1);
    wait_for_room(&world);
    assert!(matches!(world.append(vec![new]).await[..], [Appended::Created(_)]));
    add(&world, named).await.unwrap();
    world.assert_balanced().await;
    let world = world.crash();
    assert_eq!(world.verify().await.messages, 2);
}

#[tokio::test]
async fn a_transaction_that_fails_leaves_none_of_its_parts() {
    let (world, application, endpoint_id, it) = full().await;
    let version = world.store.configuration().version;
    let gate = world.hold_writer();
    world
        .store
        .report(vec![attempt(delivery(&it, 0), endpoint_id, 1, Verdict::Delivered, false)])
        .await
        .unwrap();
    let append = begin(world.store.append(vec![message(application, &[endpoint_id])], version));
    let resend = begin(world.store.resend(it.id, endpoint_id, String::new()));
    let delete = begin(world.store.change(None, move |_| {
        let changes = vec![Change::DeleteEndpoint(endpoint_id)];
        Ok::<_, ()>(ChangePlan { changes, answer: None, value: () })
    }));
    gate.open();
    assert!(matches!(append.await, Err(StoreError::Full)));
    assert!(matches!(resend.await, Err(StoreError::Full)));
    assert!(matches!(delete.await, Err(StoreError::Full)));
    assert!(matches!(world.deliveries(it.id).await[0].state, DeliveryState::Pending(_)));
    assert!(world.heard.look(|h| h.deleted.is_empty() && h.resent.is_empty() && h.reports.is_empty()));
    wait_for_room(&world);
    world.heard.wait_for("the report", |h| (h.reports.len() == 1).then_some(()));
    assert!(matches!(world.deliveries(it.id).await[0].state, DeliveryState::Delivered(_)));
    assert!(world.store.configuration().endpoint(endpoint_id).is_some());
    world.assert_balanced().await;
}

#[tokio::test]
async fn reports_are_kept_in_order_until_there_is_room() {
    let (world, _, endpoint_id, it) = full().await;
    let id = delivery(&it, 0);
    let reports = [
        park(id, endpoint_id, 0, false),
        attempt(id, endpoint_id, 1, Verdict::RetryAt(world.now()), true),
        attempt(id, endpoint_id, 2, Verdict::Exhausted, true),
    ];
    for report in reports {
        world.store.report(vec![report]).await.unwrap();
    }
    world.heard.wait_for("a full disk", |h| (h.full == [true]).then_some(()));
    assert!(world.attempts(it.id).await.is_empty());
    wait_for_room(&world);
    world.heard.wait_for("the reports", |h| (h.reports.len() == 3).then_some(()));
    assert_eq!(world.attempts(it.id).await.len(), 2);
    assert!(matches!(world.deliveries(it.id).await[0].state, DeliveryState::Failed(_)));
    world.assert_balanced().await;
}

#[tokio::test]
async fn the_disk_is_said_to_be_full_once_and_to_have_room_once() {
    let (world, application, _, _) = full().await;
    let version = world.store.configuration().version;
    for _ in 0..3 {
        let refused = world.store.append(vec![message(application, &[])], version).await;
        assert!(matches!(refused, Err(StoreError::Full)));
    }
    wait_for_room(&world);
    assert_eq!(world.heard.look(|h| h.full.clone()), [true, false]);
}

#[tokio::test]
async fn room_is_noticed_although_nobody_asks_for_anything() {
    let (world, application, _, _) = full().await;
    let version = world.store.configuration().version;
    let refused = world.store.append(vec![message(application, &[])], version).await;
    assert!(matches!(refused, Err(StoreError::Full)));
    // Nothing is retained and nobody calls; attempts must start again all the same.
    wait_for_room(&world);
}

#[tokio::test]
async fn a_store_stops_although_its_disk_is_full() {
    let (world, _, endpoint_id, it) = full().await;
    let id = delivery(&it, 0);
    world.store.report(vec![attempt(id, endpoint_id, 1, Verdict::Delivered, false)]).await.unwrap();
    world.heard.wait_for("a full disk", |h| (!h.full.is_empty()).then_some(()));
    world.disk().faults.set_disk_full(true);
    world.store.stop().await;
    world.disk().faults.set_disk_full(false);
    let world = world.crash();
    let recovered = world.heard.look(|h| h.recovered.iter().map(|r| r.delivery).collect::<Vec<_>>());
    assert_eq!(recovered, [id], "what was not written is sent again");
    world.assert_balanced().await;
}

#[tokio::test]
async fn permits_come_back_after_a_refusal() {
    let (world, application, _, _) = full().await;
    let version = world.store.configuration().version;
    // Three times as much as may wait at once.
    for _ in 0..3 {
        let payload = Bytes::from(vec![0; 255 * 1_024 * 1_024]);
        let large = NewMessage { payload, ..message(application, &[]) };
        let refused = world.store.append(vec![large], version).await;
        assert!(matches!(refused, Err(StoreError::Full)));
    }
}

#[tokio::test]
async fn a_request_waits_while_256_mib_wait_before_it() {
    let world = World::memory();
    let application = world.application().await;
    let version = world.store.configuration().version;
    let gate = world.hold_writer();
    let payload = Bytes::from(vec![0; 300 * 1_024 * 1_024]);
    let large = NewMessage { payload, ..message(application, &[]) };
    let mut first = begin(world.store.append(vec![large], version));
    // The gate's own permit is still out, so that not even the large one has been handed over.
    let mut second = begin(world.store.append(vec![message(application, &[])], version));
    gate.open();
    assert!(matches!(first.as_mut().await.unwrap()[..], [Appended::Created(_)]));
    assert!(matches!(second.as_mut().await.unwrap()[..], [Appended::Created(_)]));
}

#[tokio::test]
async fn everyone_in_a_transaction_whose_sync_fails_is_told_that_the_store_has_stopped() {
    let world = World::memory();
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &endpoints)).await;
    let version = world.store.configuration().version;
    let first = world.hold_writer();
    let second = world.queue_gate();
    let append = begin(world.store.append(vec![message(application, &endpoints)], version));
    let resend = begin(world.store.resend(it.id, endpoints[0], String::new()));
    let change = begin(add(&world, endpoint(EndpointId(Key(99)), application)));
    let verify = begin(world.store.verify());
    let stop = begin(world.store.stop());
    first.open();
    second.wait_until_entered();
    world.disk().faults.fail_next_commit();
    let late = begin(world.store.append(vec![message(application, &endpoints)], version));
    second.open();
    assert!(matches!(append.await, Err(StoreError::Stopped)));
    assert!(matches!(resend.await, Err(StoreError::Stopped)));
    assert!(matches!(change.await, Err(StoreError::Stopped)));
    assert!(matches!(verify.await, Err(StoreError::Stopped)));
    assert!(matches!(late.await, Err(StoreError::Stopped)));
    stop.await;
    assert_eq!(world.heard.look(|h| h.stopped.len()), 1);
    assert_eq!(world.heard.look(|h| h.messages.len()), 1, "nothing of it was said to be durable");
    let refused = world.store.append(vec![], version).await;
    assert!(matches!(refused, Err(StoreError::Stopped)));
    assert!(matches!(world.store.report(vec![]).await, Err(StoreError::Stopped)));
    let world = world.crash();
    assert_eq!(world.verify().await.messages, 1);
    world.assert_balanced().await;
}

#[tokio::test]
async fn a_request_that_waits_for_a_permit_is_told_that_the_store_has_stopped() {
    let world = World::memory();
    let application = world.application().await;
    let version = world.store.configuration().version;
    let gate = world.hold_writer();
    let payload = Bytes::from(vec![0; 300 * 1_024 * 1_024]);
    let large = NewMessage { payload, ..message(application, &[]) };
    let first = begin(world.store.append(vec![large], version));
    let second = begin(world.store.append(vec![message(application, &[])], version));
    world.disk().faults.fail_next_commit();
    gate.open();
    assert!(matches!(first.await, Err(StoreError::Stopped)));
    assert!(matches!(second.await, Err(StoreError::Stopped)));
}

#[tokio::test]
async fn a_change_that_panics_stops_the_store_and_everyone_is_told() {
    let world = World::memory();
    let application = world.application().await;
    let version = world.store.configuration().version;
    let gate = world.hold_writer();
    let change = begin(world.store.change(None, |_| -> Result<ChangePlan<()>, ()> { panic!("a bug") }));
    let append = begin(world.store.append(vec![message(application, &[])], version));
    gate.open();
    assert!(matches!(change.await, Err(StoreError::Stopped)));
    assert!(matches!(append.await, Err(StoreError::Stopped)));
    world.heard.wait_for("the end", |h| (h.stopped.len() == 1).then_some(()));
    assert!(matches!(world.store.report(vec![]).await, Err(StoreError::Stopped)));
}
