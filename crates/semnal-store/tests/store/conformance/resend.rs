//! `resend`: a person asks for a delivery, whatever its state.

use std::time::Duration;

use semnal_core::delivery::{DeliveryState, Progress};
use semnal_core::id::{EndpointId, Key, MessageId};
use semnal_store::outcome::{Trigger, Verdict};
use semnal_store::store::Resent;

use crate::fixture::{START, World, attempt, begin, created, delivery, message, park};

on_every_backend! {
    a_decided_delivery_is_reopened_with_its_attempts_and_a_new_schedule,
    a_waiting_delivery_is_brought_forward,
    a_held_delivery_is_brought_forward,
    an_endpoint_that_was_not_matched_gets_a_delivery_of_its_own,
    two_endpoints_that_were_not_matched_get_two_deliveries,
    two_requests_in_one_transaction_give_one_delivery,
    a_delivery_in_memory_gets_no_second_row,
    a_message_of_the_same_transaction_can_be_sent_again,
    a_delivery_decided_in_the_same_transaction_is_reopened,
    a_missing_message_or_endpoint_is_said_to_be_missing,
    a_reopened_delivery_can_be_delivered_and_reopened_again,
}

fn progress(attempts: u16, step: u16) -> Progress {
    Progress { attempts, step }
}

async fn a_decided_delivery_is_reopened_with_its_attempts_and_a_new_schedule(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &endpoints)).await;
    let id = delivery(&it, 0);
    world.report(vec![attempt(id, endpoints[0], 1, Verdict::RetryAt(START), false)]).await;
    world.report(vec![attempt(id, endpoints[0], 2, Verdict::Exhausted, true)]).await;
    world.advance_ms(5_000);
    assert_eq!(world.resend(it.id, endpoints[0]).await, Resent::Accepted);
    let found = &world.deliveries(it.id).await[0];
    assert_eq!(found.state, DeliveryState::Pending(progress(2, 0)));
    assert_eq!(found.due_at, Some(START + Duration::from_secs(5)));
    let row = world.heard.look(|h| h.resent[0]);
    assert_eq!((row.delivery, row.trigger, row.progress), (id, Trigger::Manual, progress(2, 0)));
    world.assert_balanced().await;
    let world = world.crash();
    assert_eq!(world.deliveries(it.id).await[0].state, DeliveryState::Pending(progress(2, 0)));
    world.assert_balanced().await;
}

async fn a_waiting_delivery_is_brought_forward(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &endpoints)).await;
    let later = START + Duration::from_secs(86_400);
    let report = attempt(delivery(&it, 0), endpoints[0], 1, Verdict::RetryAt(later), false);
    world.report(vec![report]).await;
    assert_eq!(world.resend(it.id, endpoints[0]).await, Resent::Accepted);
    let found = &world.deliveries(it.id).await[0];
    assert_eq!((found.state, found.due_at), (DeliveryState::Pending(progress(1, 0)), Some(START)));
    world.assert_balanced().await;
}

async fn a_held_delivery_is_brought_forward(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &endpoints)).await;
    world.report(vec![park(delivery(&it, 0), endpoints[0], 0, false)]).await;
    assert_eq!(world.resend(it.id, endpoints[0]).await, Resent::Accepted);
    assert_eq!(world.deliveries(it.id).await[0].due_at, Some(START));
    world.assert_balanced().await;
}

async fn an_endpoint_that_was_not_matched_gets_a_delivery_of_its_own(world: World) {
    let (application, endpoints) = world.tenant(2).await;
    let it = world.append_one(message(application, &endpoints[..1])).await;
    assert_eq!(world.resend(it.id, endpoints[1]).await, Resent::Accepted);
    let found = world.deliveries(it.id).await;
    assert_eq!(found.len(), 2);
    assert_eq!((found[1].id, found[1].endpoint), (delivery(&it, 1), endpoints[1]));
    assert_eq!(found[1].state, DeliveryState::Pending(progress(0, 0)));
    world.assert_balanced().await;
    let world = world.crash();
    assert_eq!(world.deliveries(it.id).await, found);
    world.report(vec![attempt(found[1].id, endpoints[1], 1, Verdict::Delivered, true)]).await;
    assert_eq!(world.deliveries(it.id).await[1].state, DeliveryState::Delivered(progress(1, 0)));
    world.assert_balanced().await;
}

async fn two_endpoints_that_were_not_matched_get_two_deliveries(world: World) {
    let (application, endpoints) = world.tenant(2).await;
    let it = world.append_one(message(application, &[])).await;
    let gate = world.hold_writer();
    let first = begin(world.resend(it.id, endpoints[1]));
    let second = begin(world.resend(it.id, endpoints[0]));
    gate.open();
    assert_eq!((first.await, second.await), (Resent::Accepted, Resent::Accepted));
    let found: Vec<_> = world.deliveries(it.id).await.iter().map(|d| (d.id, d.endpoint)).collect();
    assert_eq!(found, [(delivery(&it, 0), endpoints[1]), (delivery(&it, 1), endpoints[0])]);
    world.assert_balanced().await;
}

async fn two_requests_in_one_transaction_give_one_delivery(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &[])).await;
    let gate = world.hold_writer();
    let first = begin(world.resend(it.id, endpoints[0]));
    let second = begin(world.resend(it.id, endpoints[0]));
    gate.open();
    assert_eq!((first.await, second.await), (Resent::Accepted, Resent::Accepted));
    assert_eq!(world.deliveries(it.id).await.len(), 1);
    world.assert_balanced().await;
}

async fn a_delivery_in_memory_gets_no_second_row(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &endpoints)).await;
    assert_eq!(world.resend(it.id, endpoints[0]).await, Resent::Accepted);
    assert!(world.heard.look(|h| h.resent.is_empty()));
    let found = &world.deliveries(it.id).await[0];
    assert_eq!((found.state, found.due_at), (DeliveryState::Pending(progress(0, 0)), None));
    world.assert_balanced().await;
}

async fn a_message_of_the_same_transaction_can_be_sent_again(world: World) {
    let (application, endpoints) = world.tenant(2).await;
    let version = world.store.configuration().version;
    let next = MessageId(Key(world.store.next_key().0 + 1));
    let gate = world.hold_writer();
    let append = begin(world.store.append(vec![message(application, &endpoints[..1])], version));
    let matched = begin(world.resend(next, endpoints[0]));
    let other = begin(world.resend(next, endpoints[1]));
    gate.open();
    assert_eq!(created(&append.await.unwrap()[0]).id, next, "keys are given out one by one");
    assert_eq!((matched.await, other.await), (Resent::Accepted, Resent::Accepted));
    let dues: Vec<_> = world.deliveries(next).await.iter().map(|d| d.due_at).collect();
    assert_eq!(dues, [None, Some(START)]);
    world.assert_balanced().await;
}

async fn a_delivery_decided_in_the_same_transaction_is_reopened(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &endpoints)).await;
    let gate = world.hold_writer();
    let resent = begin(world.resend(it.id, endpoints[0]));
    world
        .store
        .report(vec![attempt(delivery(&it, 0), endpoints[0], 1, Verdict::Delivered, false)])
        .await
        .unwrap();
    gate.open();
    assert_eq!(resent.await, Resent::Accepted);
    assert_eq!(world.deliveries(it.id).await[0].state, DeliveryState::Pending(progress(1, 0)));
    world.assert_balanced().await;
}

async fn a_missing_message_or_endpoint_is_said_to_be_missing(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &endpoints)).await;
    assert_eq!(world.resend(MessageId(Key(1)), endpoints[0]).await, Resent::NoSuchMessage);
    assert_eq!(world.resend(it.id, EndpointId(Key(2))).await, Resent::NoSuchEndpoint);
    world.delete_endpoint(endpoints[0]).await;
    assert_eq!(world.resend(it.id, endpoints[0]).await, Resent::NoSuchEndpoint);
}

async fn a_reopened_delivery_can_be_delivered_and_reopened_again(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &endpoints)).await;
    let id = delivery(&it, 0);
    world.report(vec![attempt(id, endpoints[0], 1, Verdict::Delivered, false)]).await;
    for number in 2..=4 {
        world.resend(it.id, endpoints[0]).await;
        world.report(vec![attempt(id, endpoints[0], number, Verdict::Delivered, true)]).await;
        assert_eq!(world.deliveries(it.id).await[0].state, DeliveryState::Delivered(progress(number, 0)));
    }
    world.assert_balanced().await;
}
