//! Cancelling: after the answer no attempt starts, what is under way is recorded and revives nothing, and a resend
//! reopens.

use semnal_core::delivery::{DeliveryState, Progress};
use semnal_core::id::{EndpointId, Key, MessageId};
use semnal_store::called_off::{CalledOff, Reason, Withdrawn};
use semnal_store::outcome::{Report, Verdict};
use semnal_store::store::Resent;

use crate::fixture::{START, World, attempt, begin, created, delivery, message, park};

on_every_backend! {
    undecided_deliveries_of_a_cancelled_message_are_cancelled_and_decided_ones_are_not,
    one_delivery_is_cancelled_and_its_neighbour_is_not,
    what_is_cancelled_stays_cancelled_after_a_crash,
    an_attempt_under_way_is_recorded_and_revives_nothing,
    a_row_that_the_engine_writes_late_is_not_written,
    a_resend_reopens_a_cancelled_delivery,
    a_resend_waits_until_the_engine_has_forgotten_the_delivery,
    a_resend_counts_the_attempt_that_was_under_way,
    a_resend_that_is_cancelled_again_is_not_sent,
    a_missing_message_or_delivery_is_said_to_be_missing,
    cancelling_in_the_transaction_of_the_append_cancels,
}

fn progress(attempts: u16) -> Progress {
    Progress { attempts, step: 0 }
}

fn forget(delivery: semnal_core::id::DeliveryId, has_row: bool) -> Report {
    Report::Forget { delivery, has_row }
}

async fn state(world: &World, id: MessageId) -> DeliveryState {
    world.deliveries(id).await[0].state
}

async fn undecided_deliveries_of_a_cancelled_message_are_cancelled_and_decided_ones_are_not(world: World) {
    let (application, endpoints) = world.tenant(5).await;
    let it = world.append_one(message(application, &endpoints)).await;
    let at = |n: u16| (delivery(&it, n), endpoints[usize::from(n)]);
    let reports = [
        attempt(at(0).0, at(0).1, 1, Verdict::Delivered, false),
        attempt(at(1).0, at(1).1, 1, Verdict::Exhausted, false),
        attempt(at(2).0, at(2).1, 1, Verdict::RetryAt(START), false),
        park(at(3).0, at(3).1, 0, false),
    ];
    world.report(reports.to_vec()).await;
    for _ in 0..2 {
        assert_eq!(world.cancel(it.id, None).await, Withdrawn::Done);
        let states: Vec<_> = world.deliveries(it.id).await.iter().map(|d| d.state).collect();
        let cancelled = [1, 0, 0].map(|attempts| DeliveryState::Cancelled(progress(attempts)));
        assert_eq!(states[..2], [DeliveryState::Delivered(progress(1)), DeliveryState::Failed(progress(1))]);
        assert_eq!(states[2..], cancelled);
        world.assert_balanced().await;
    }
    let told = |n: u16, due_at| CalledOff {
        endpoint: at(n).1,
        delivery: at(n).0,
        due_at,
        reason: Reason::Cancelled,
    };
    let heard = world.heard.look(|h| h.called_off.clone());
    assert_eq!(heard, [told(2, Some(START)), told(3, None), told(4, None)], "the engine hears of each once");
    *world.heard.without_row.lock() = Some(1);
    world.assert_balanced().await;
    world.report(vec![forget(at(2).0, true), forget(at(3).0, true), forget(at(4).0, false)]).await;
    *world.heard.without_row.lock() = Some(0);
    let found = world.verify().await;
    assert!(found.balances(), "{found:?}");
    assert_eq!(found.states["cancelled"], 3);
}

async fn one_delivery_is_cancelled_and_its_neighbour_is_not(world: World) {
    let (application, endpoints) = world.tenant(2).await;
    let it = world.append_one(message(application, &endpoints)).await;
    assert_eq!(world.cancel(it.id, Some(endpoints[1])).await, Withdrawn::Done);
    let states: Vec<_> = world.deliveries(it.id).await.iter().map(|d| d.state).collect();
    assert_eq!(states, [DeliveryState::Pending(progress(0)), DeliveryState::Cancelled(progress(0))]);
    world.assert_balanced().await;
}

async fn what_is_cancelled_stays_cancelled_after_a_crash(world: World) {
    let (application, endpoints) = world.tenant(2).await;
    let it = world.append_one(message(application, &endpoints)).await;
    world.report(vec![park(delivery(&it, 0), endpoints[0], 0, false)]).await;
    world.cancel(it.id, None).await;
    let world = world.crash();
    assert!(world.heard.look(|h| h.recovered.is_empty() && h.backlogs.is_empty()));
    for found in world.deliveries(it.id).await {
        assert_eq!(found.state, DeliveryState::Cancelled(progress(0)));
    }
    world.assert_balanced().await;
}

async fn an_attempt_under_way_is_recorded_and_revives_nothing(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    for verdict in [Verdict::Delivered, Verdict::RetryAt(START), Verdict::Held, Verdict::Exhausted] {
        for has_row in [false, true] {
            let it = world.append_one(message(application, &endpoints)).await;
            let id = delivery(&it, 0);
            if has_row {
                world.report(vec![park(id, endpoints[0], 0, false)]).await;
            }
            world.cancel(it.id, None).await;
            world.report(vec![attempt(id, endpoints[0], 1, verdict, has_row)]).await;
            assert_eq!(state(&world, it.id).await, DeliveryState::Cancelled(progress(1)), "{verdict:?}");
            assert_eq!(world.attempts(it.id).await.len(), 1);
        }
    }
    *world.heard.without_row.lock() = Some(0);
    world.assert_balanced().await;
    let world = world.crash();
    assert!(world.heard.look(|h| h.recovered.is_empty() && h.backlogs.is_empty()));
    world.assert_balanced().await;
}

async fn a_row_that_the_engine_writes_late_is_not_written(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &endpoints)).await;
    world.cancel(it.id, None).await;
    world.report(vec![park(delivery(&it, 0), endpoints[0], 0, false), forget(delivery(&it, 0), true)]).await;
    assert_eq!(state(&world, it.id).await, DeliveryState::Cancelled(progress(0)));
    *world.heard.without_row.lock() = Some(0);
    world.assert_balanced().await;
}

async fn a_resend_reopens_a_cancelled_delivery(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &endpoints)).await;
    world.cancel(it.id, None).await;
    world.report(vec![forget(delivery(&it, 0), false)]).await;
    assert_eq!(world.resend(it.id, endpoints[0]).await, Resent::Accepted);
    assert_eq!(world.heard.look(|h| h.resent.len()), 1);
    assert_eq!(state(&world, it.id).await, DeliveryState::Pending(progress(0)));
    world.assert_balanced().await;
    let world = world.crash();
    assert_eq!(state(&world, it.id).await, DeliveryState::Pending(progress(0)));
    world.report(vec![attempt(delivery(&it, 0), endpoints[0], 1, Verdict::Delivered, true)]).await;
    assert_eq!(state(&world, it.id).await, DeliveryState::Delivered(progress(1)));
    world.assert_balanced().await;
}

async fn a_resend_waits_until_the_engine_has_forgotten_the_delivery(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &endpoints)).await;
    let gate = world.hold_writer();
    let cancelled = begin(world.cancel(it.id, None));
    let resent = begin(world.resend(it.id, endpoints[0]));
    gate.open();
    assert_eq!((cancelled.await, resent.await), (Withdrawn::Done, Resent::Accepted));
    assert!(world.heard.look(|h| h.resent.is_empty()), "it may still be under way");
    assert_eq!(state(&world, it.id).await, DeliveryState::Pending(progress(0)), "but it is durable");
    *world.heard.without_row.lock() = Some(1);
    world.assert_balanced().await;
    world.report(vec![forget(delivery(&it, 0), false)]).await;
    *world.heard.without_row.lock() = Some(0);
    assert_eq!(
        world.heard.look(|h| h.resent.iter().map(|row| row.delivery).collect::<Vec<_>>()),
        [delivery(&it, 0)]
    );
    world.assert_balanced().await;
}

async fn a_resend_counts_the_attempt_that_was_under_way(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &endpoints)).await;
    let id = delivery(&it, 0);
    world.cancel(it.id, None).await;
    world.resend(it.id, endpoints[0]).await;
    world.report(vec![attempt(id, endpoints[0], 1, Verdict::RetryAt(START), false)]).await;
    let rows = world.heard.look(|h| h.resent.clone());
    assert_eq!(rows.iter().map(|row| row.progress).collect::<Vec<_>>(), [progress(1)]);
    assert_eq!(state(&world, it.id).await, DeliveryState::Pending(progress(1)));
    world.assert_balanced().await;
    let world = world.crash();
    world.report(vec![attempt(id, endpoints[0], 2, Verdict::Delivered, true)]).await;
    assert_eq!(state(&world, it.id).await, DeliveryState::Delivered(progress(2)));
    world.assert_balanced().await;
}

async fn a_resend_that_is_cancelled_again_is_not_sent(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &endpoints)).await;
    for _ in 0..2 {
        world.cancel(it.id, None).await;
        world.resend(it.id, endpoints[0]).await;
    }
    world.cancel(it.id, None).await;
    world.report(vec![forget(delivery(&it, 0), false)]).await;
    assert!(world.heard.look(|h| h.resent.is_empty()));
    assert_eq!(state(&world, it.id).await, DeliveryState::Cancelled(progress(0)));
    *world.heard.without_row.lock() = Some(0);
    world.assert_balanced().await;
}

async fn a_missing_message_or_delivery_is_said_to_be_missing(world: World) {
    let (application, endpoints) = world.tenant(2).await;
    let it = world.append_one(message(application, &endpoints[..1])).await;
    assert_eq!(world.cancel(MessageId(Key(1)), None).await, Withdrawn::NoSuchMessage);
    assert_eq!(world.cancel(it.id, Some(endpoints[1])).await, Withdrawn::NoSuchDelivery);
    assert_eq!(world.cancel(it.id, Some(EndpointId(Key(2)))).await, Withdrawn::NoSuchDelivery);
}

async fn cancelling_in_the_transaction_of_the_append_cancels(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let version = world.store.configuration().version;
    let next = MessageId(Key(world.store.next_key().0 + 1));
    let gate = world.hold_writer();
    let append = begin(world.store.append(vec![message(application, &endpoints)], version));
    let cancel = begin(world.cancel(next, None));
    gate.open();
    assert_eq!(created(&append.await.unwrap()[0]).id, next, "keys are given out one by one");
    assert_eq!(cancel.await, Withdrawn::Done);
    assert_eq!(state(&world, next).await, DeliveryState::Cancelled(progress(0)));
    world.report(vec![forget(semnal_core::id::DeliveryId { message: next, ordinal: 0 }, false)]).await;
    *world.heard.without_row.lock() = Some(0);
    world.assert_balanced().await;
}
