//! Stop, crash and start: what was undecided and has no row is found again, and nothing else.

use semnal_core::id::DeliveryId;
use semnal_store::error::StoreError;
use semnal_store::message::Message;
use semnal_store::outcome::Verdict;

use crate::fixture::{START, World, attempt, created, delivery, message, park};

on_every_backend! {
    recovery_finds_exactly_the_undecided_deliveries_without_a_row,
    recovery_reads_beyond_one_page_of_messages,
    the_mark_never_passes_an_undecided_delivery,
    endpoints_with_a_backlog_are_told_at_start,
    a_stopped_store_says_so,
    what_was_handed_over_before_the_stop_is_written,
    keys_go_on_after_a_restart_although_the_clock_stands_still,
}

fn recovered(world: &World) -> Vec<DeliveryId> {
    world.heard.look(|h| h.recovered.iter().map(|r| r.delivery).collect())
}

async fn recovery_finds_exactly_the_undecided_deliveries_without_a_row(world: World) {
    let (application, endpoints) = world.tenant(2).await;
    let all: Vec<_> =
        world.append(vec![message(application, &endpoints); 4]).await.iter().map(created).collect();
    world
        .report(vec![
            attempt(delivery(&all[0], 0), endpoints[0], 1, Verdict::Delivered, false),
            attempt(delivery(&all[0], 1), endpoints[1], 1, Verdict::Exhausted, false),
            attempt(delivery(&all[1], 1), endpoints[1], 1, Verdict::RetryAt(START), false),
            park(delivery(&all[2], 0), endpoints[0], 0, false),
            attempt(delivery(&all[2], 1), endpoints[1], 1, Verdict::Held, false),
        ])
        .await;
    let expected = [delivery(&all[1], 0), delivery(&all[3], 0), delivery(&all[3], 1)];
    let world = world.crash();
    assert_eq!(recovered(&world), expected);
    assert_eq!(world.heard.look(|h| h.recovered[0].endpoint), endpoints[0]);
    assert!(world.heard.look(|h| h.configuration.is_some()), "the configuration comes with it");
    world.assert_balanced().await;
    let world = world.restart().await;
    assert_eq!(recovered(&world), expected);
    world
        .report(expected.iter().zip([0, 0, 1]).map(|(id, at)| park(*id, endpoints[at], 0, false)).collect())
        .await;
    let world = world.restart().await;
    assert_eq!(recovered(&world), []);
    world.assert_balanced().await;
}

async fn recovery_reads_beyond_one_page_of_messages(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let all: Vec<_> =
        world.append(vec![message(application, &endpoints); 2_100]).await.iter().map(created).collect();
    let decided =
        |m: &std::sync::Arc<Message>| attempt(delivery(m, 0), endpoints[0], 1, Verdict::Delivered, false);
    world.report(all[1..2_099].iter().map(decided).collect()).await;
    let world = world.crash();
    assert_eq!(recovered(&world), [delivery(&all[0], 0), delivery(&all[2_099], 0)]);
    world.assert_balanced().await;
}

async fn the_mark_never_passes_an_undecided_delivery(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let mut world = world;
    let mut undecided = Vec::new();
    for round in 0..6 {
        let all: Vec<_> =
            world.append(vec![message(application, &endpoints); 3]).await.iter().map(created).collect();
        undecided.extend(all.iter().map(|m| delivery(m, 0)));
        // The mark is written with the next transaction 200 ms later at the earliest.
        world.advance_ms(300);
        let decided = undecided.remove(round % undecided.len());
        world.report(vec![attempt(decided, endpoints[0], 1, Verdict::Delivered, false)]).await;
        world.advance_ms(300);
        world.append_one(message(application, &[])).await;
        world.assert_balanced().await;
        world = world.crash();
        assert_eq!(recovered(&world), undecided);
    }
}

async fn endpoints_with_a_backlog_are_told_at_start(world: World) {
    let (application, endpoints) = world.tenant(3).await;
    let it = world.append_one(message(application, &endpoints)).await;
    world
        .report(vec![
            park(delivery(&it, 1), endpoints[1], 0, false),
            attempt(delivery(&it, 2), endpoints[2], 1, Verdict::RetryAt(START), false),
        ])
        .await;
    let world = world.crash();
    assert_eq!(world.heard.look(|h| h.backlogs.clone()), [endpoints[1]]);
}

async fn a_stopped_store_says_so(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &endpoints)).await;
    world.store.stop().await;
    let refused = world.store.append(vec![message(application, &[])], 0).await;
    assert!(matches!(refused, Err(StoreError::Stopped)));
    let refused = world.store.report(vec![park(delivery(&it, 0), endpoints[0], 0, false)]).await;
    assert!(matches!(refused, Err(StoreError::Stopped)));
    let refused = world.store.resend(it.id, endpoints[0], String::new()).await;
    assert!(matches!(refused, Err(StoreError::Stopped)));
    assert!(matches!(world.store.verify().await, Err(StoreError::Stopped)));
    world.store.load_queued(endpoints[0], None, 1);
    world.store.stop().await;
    assert!(world.heard.look(|h| h.stopped.is_empty()), "stopping on request is no failure");
}

async fn what_was_handed_over_before_the_stop_is_written(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &endpoints)).await;
    world
        .store
        .report(vec![attempt(delivery(&it, 0), endpoints[0], 1, Verdict::Delivered, false)])
        .await
        .unwrap();
    let world = world.restart().await;
    assert_eq!(world.attempts(it.id).await.len(), 1);
    assert_eq!(recovered(&world), []);
}

async fn keys_go_on_after_a_restart_although_the_clock_stands_still(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    world.delete_endpoint(endpoints[0]).await;
    let world = world.crash();
    let again = world.endpoint(application).await;
    assert!(again > endpoints[0], "the key of a deleted endpoint is not given out again");
}
