//! `append`: durable, in order, matched against the configuration in force.

use bytes::Bytes;
use semnal_core::id::Key;
use semnal_core::name::Channel;
use semnal_store::message::{Appended, NewMessage};

use crate::fixture::{START, World, begin, created, message, uid};

on_every_backend! {
    a_message_comes_back_byte_for_byte,
    keys_grow_in_the_order_of_the_request_also_when_the_clock_steps_back,
    messages_of_one_request_are_committed_together_and_heard_in_order,
    a_message_matched_against_an_older_configuration_is_stale,
    a_message_behind_a_change_in_the_same_transaction_is_stale,
    nothing_to_append_is_fine,
    a_client_that_leaves_does_not_undo_its_message,
}

async fn a_message_comes_back_byte_for_byte(world: World) {
    let (application, endpoints) = world.tenant(3).await;
    let new = NewMessage {
        event_id: Some(uid("evt-1")),
        channels: vec![Channel::parse("a").unwrap(), Channel::parse("b").unwrap()],
        endpoints: vec![endpoints[2], endpoints[0]],
        payload: Bytes::from((0u16..40_000).map(|n| (n % 251) as u8).collect::<Vec<_>>()),
        idempotency: Some([9; 16]),
        ..message(application, &[])
    };
    let stored = world.append_one(new.clone()).await;
    assert_eq!(stored.payload, new.payload);
    assert_eq!((&stored.endpoints, &stored.channels), (&new.endpoints, &new.channels));
    assert_eq!((&stored.event_id, stored.idempotency), (&new.event_id, new.idempotency));
    assert_eq!(world.message(stored.id).await.as_ref(), Some(&*stored));
    let world = world.crash();
    assert_eq!(world.message(stored.id).await.as_ref(), Some(&*stored));
    world.assert_balanced().await;
}

async fn keys_grow_in_the_order_of_the_request_also_when_the_clock_steps_back(world: World) {
    let (application, _) = world.tenant(0).await;
    let first = world.append_one(message(application, &[])).await;
    assert_eq!(first.id.0.time(), START);
    world.advance_ms(-60_000);
    let others = world.append(vec![message(application, &[]), message(application, &[])]).await;
    let keys: Vec<_> = others.iter().map(|a| created(a).id).collect();
    assert!(first.id < keys[0] && keys[0] < keys[1], "{first:?} {keys:?}");
    let world = world.crash();
    assert!(world.append_one(message(application, &[])).await.id > keys[1]);
}

async fn messages_of_one_request_are_committed_together_and_heard_in_order(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let before = world.heard.look(|h| h.batches);
    let appended = world.append(vec![message(application, &endpoints); 5]).await;
    let keys: Vec<_> = appended.iter().map(|a| created(a).id).collect();
    world.heard.look(|h| {
        assert_eq!(h.batches, before + 1);
        assert_eq!(h.messages, keys, "they were heard before they were answered");
    });
}

async fn a_message_matched_against_an_older_configuration_is_stale(world: World) {
    let (application, _) = world.tenant(0).await;
    let version = world.store.configuration().version;
    let endpoint = world.endpoint(application).await;
    let answer = world.store.append(vec![message(application, &[])], version).await.unwrap();
    assert!(matches!(answer[..], [Appended::Stale]));
    world.append_one(message(application, &[endpoint])).await;
    assert_eq!(world.verify().await.messages, 1);
}

async fn a_message_behind_a_change_in_the_same_transaction_is_stale(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let version = world.store.configuration().version;
    let gate = world.hold_writer();
    let early = begin(world.store.append(vec![message(application, &endpoints)], version));
    let change = begin(world.delete_endpoint(endpoints[0]));
    let late = begin(world.store.append(vec![message(application, &endpoints)], version));
    gate.open();
    assert!(matches!(early.await.unwrap()[..], [Appended::Created(_)]));
    change.await;
    assert!(matches!(late.await.unwrap()[..], [Appended::Stale]));
}

async fn nothing_to_append_is_fine(world: World) {
    assert!(world.append(vec![]).await.is_empty());
}

async fn a_client_that_leaves_does_not_undo_its_message(world: World) {
    let (application, _) = world.tenant(0).await;
    let version = world.store.configuration().version;
    let gate = world.hold_writer();
    drop(begin(world.store.append(vec![message(application, &[])], version)));
    gate.open();
    let id = world.heard.wait_for("the message", |h| h.messages.first().copied());
    assert!(world.message(id).await.is_some());
    assert!(id.0 > Key(0));
}
