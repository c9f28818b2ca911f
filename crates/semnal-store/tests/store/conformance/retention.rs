//! Retention: what is older than the limit goes, nothing newer does, and what was undecided has expired.

use std::time::Duration;

use semnal_core::delivery::{DeliveryState, Progress};
use semnal_core::id::MessageId;
use semnal_store::called_off::{CalledOff, Reason};
use semnal_store::message::{Appended, NewMessage};
use semnal_store::outcome::{Report, Verdict};

use crate::fixture::{START, World, attempt, created, delivery, message, park, uid};

on_every_backend! {
    messages_older_than_the_limit_go_and_nothing_newer_does,
    what_is_undecided_when_its_message_goes_has_expired,
    many_messages_go_in_parts_and_a_crash_between_changes_nothing,
    an_event_id_is_free_again_when_its_message_is_gone,
    what_the_engine_reports_of_a_message_that_is_gone_is_not_kept,
    a_store_without_a_limit_keeps_everything,
    a_payload_with_a_period_of_its_own_expires_before_its_message,
    payloads_go_on_expiring_after_a_crash,
    a_new_key_is_never_one_of_a_message_that_is_gone,
}

const KEEP: Duration = Duration::from_secs(1);
const DAY_MS: i64 = 86_400_000;

async fn messages_older_than_the_limit_go_and_nothing_newer_does(world: World) {
    let world = world.keeping(KEEP).await;
    let (application, endpoints) = world.tenant(1).await;
    let mut all = Vec::new();
    for _ in 0..5 {
        let it = world.append_one(message(application, &endpoints)).await;
        world.report(vec![attempt(delivery(&it, 0), endpoints[0], 1, Verdict::Delivered, false)]).await;
        all.push(it.id);
        world.advance_ms(100);
    }
    // 1,000 ms after the third message: the first two are older than the limit, the third is not yet.
    world.advance_ms(700);
    world.wait_until_gone(all[1]).await;
    let left: Vec<bool> =
        [world.message(all[0]).await, world.message(all[2]).await].map(|m| m.is_some()).to_vec();
    assert_eq!(left, [false, true]);
    assert_eq!(world.verify().await.messages, 3);
    assert!(world.attempts(all[1]).await.is_empty());
    assert_eq!(world.attempts(all[2]).await.len(), 1);
    world.assert_balanced().await;
    world.advance_ms(1);
    world.wait_until_gone(all[2]).await;
    assert_eq!(world.verify().await.messages, 2);
    world.assert_balanced().await;
}

async fn what_is_undecided_when_its_message_goes_has_expired(world: World) {
    let world = world.keeping(KEEP).await;
    let (application, endpoints) = world.tenant(4).await;
    let it = world.append_one(message(application, &endpoints[..3])).await;
    world.resend(it.id, endpoints[3]).await;
    world
        .report(vec![
            attempt(delivery(&it, 0), endpoints[0], 1, Verdict::RetryAt(START), false),
            park(delivery(&it, 1), endpoints[1], 0, false),
        ])
        .await;
    world.advance_ms(1_001);
    world.wait_until_gone(it.id).await;
    let told = |n: u16, due_at| CalledOff {
        endpoint: endpoints[usize::from(n)],
        delivery: delivery(&it, n),
        due_at,
        reason: Reason::Expired,
    };
    let heard = world.heard.look(|h| h.called_off.clone());
    assert_eq!(heard, [told(0, Some(START)), told(1, None), told(2, None), told(3, Some(START))]);
    *world.heard.without_row.lock() = Some(1);
    world.assert_balanced().await;
    world.report(vec![Report::Forget { delivery: delivery(&it, 2), has_row: false }]).await;
    *world.heard.without_row.lock() = Some(0);
    world.assert_balanced().await;
    let world = world.crash();
    assert!(world.heard.look(|h| h.recovered.is_empty() && h.backlogs.is_empty()));
    world.assert_balanced().await;
}

async fn many_messages_go_in_parts_and_a_crash_between_changes_nothing(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let old = world.append(vec![message(application, &endpoints); 500]).await;
    let parks = old.iter().map(|a| park(delivery(&created(a), 0), endpoints[0], 0, false));
    world.report(parks.collect()).await;
    world.advance_ms(2_000);
    let new = world.append_one(message(application, &endpoints)).await;
    let mut world = world.keeping(KEEP).await;
    // The first parts go with the first commands; the store crashes whenever some have gone.
    let mut left = 501;
    while left > 1 {
        world.apply(Vec::new()).await;
        let found = world.verify().await;
        assert!(found.balances(), "{found:?}");
        assert!(found.messages <= left, "nothing comes back");
        left = found.messages;
        world = world.crash();
        world.assert_balanced().await;
    }
    assert!(world.message(new.id).await.is_some());
    assert!(world.message(created(&old[499]).id).await.is_none());
}

async fn an_event_id_is_free_again_when_its_message_is_gone(world: World) {
    let world = world.keeping(KEEP).await;
    let application = world.application().await;
    let new = NewMessage {
        event_id: Some(uid("order-1")),
        idempotency: Some([9; 16]),
        ..message(application, &[])
    };
    let first = world.append_one(new.clone()).await;
    let other = NewMessage { idempotency: None, ..new.clone() };
    assert!(matches!(world.append(vec![other.clone()]).await[..], [Appended::EventIdExists(_)]));
    world.advance_ms(1_001);
    world.wait_until_gone(first.id).await;
    let second = world.append_one(new.clone()).await;
    assert!(matches!(world.append(vec![other]).await[..], [Appended::EventIdExists(id)] if id == second.id));
    world.advance_ms(1_001);
    world.wait_until_gone(second.id).await;
    let world = world.restart().await;
    assert!(matches!(world.append(vec![new]).await[..], [Appended::Created(_)]));
}

async fn what_the_engine_reports_of_a_message_that_is_gone_is_not_kept(world: World) {
    let world = world.keeping(KEEP).await;
    let (application, endpoints) = world.tenant(3).await;
    let it = world.append_one(message(application, &endpoints)).await;
    world.cancel(it.id, Some(endpoints[2])).await;
    world.advance_ms(1_001);
    world.wait_until_gone(it.id).await;
    world
        .report(vec![
            attempt(delivery(&it, 0), endpoints[0], 1, Verdict::RetryAt(START), false),
            park(delivery(&it, 1), endpoints[1], 0, false),
            Report::Forget { delivery: delivery(&it, 1), has_row: true },
            attempt(delivery(&it, 2), endpoints[2], 1, Verdict::Delivered, false),
        ])
        .await;
    assert!(world.attempts(it.id).await.is_empty());
    *world.heard.without_row.lock() = Some(0);
    let found = world.verify().await;
    assert!(found.balances(), "{found:?}");
    assert_eq!(found.attempts, 0);
}

async fn a_store_without_a_limit_keeps_everything(world: World) {
    let (application, _) = world.tenant(0).await;
    let it = world.append_one(message(application, &[])).await;
    world.advance_ms(4_000 * DAY_MS);
    for _ in 0..3 {
        world.apply(Vec::new()).await;
    }
    assert!(world.message(it.id).await.is_some());
}

/// Messages whose payloads expire after 5 days, 6 days, and with the message.
async fn with_periods(world: &World) -> Vec<MessageId> {
    let (application, endpoints) = world.tenant(1).await;
    let mut all = Vec::new();
    for payload_retention_days in [Some(6), Some(5), None] {
        let new = NewMessage { payload_retention_days, ..message(application, &endpoints) };
        all.push(world.append_one(new).await.id);
    }
    all
}

async fn gone(world: &World, all: &[MessageId]) -> Vec<bool> {
    let mut gone = Vec::new();
    for id in all {
        gone.push(world.message(*id).await.unwrap().payload_is_gone());
    }
    gone
}

async fn wait_for(world: &World, all: &[MessageId], expected: &[bool]) {
    while gone(world, all).await != expected {
        world.apply(Vec::new()).await;
    }
    world.assert_balanced().await;
}

async fn a_payload_with_a_period_of_its_own_expires_before_its_message(world: World) {
    let world = world.keeping(Duration::from_secs(90 * 86_400)).await;
    let all = with_periods(&world).await;
    world.advance_ms(5 * DAY_MS - 1);
    world.apply(Vec::new()).await;
    world.apply(Vec::new()).await;
    assert_eq!(gone(&world, &all).await, [false, false, false]);
    world.advance_ms(1);
    wait_for(&world, &all, &[false, true, false]).await;
    let expired = DeliveryState::Expired(Progress::default());
    let pending = DeliveryState::Pending(Progress::default());
    let mut states = Vec::new();
    for id in &all {
        states.push(world.deliveries(*id).await[0].state);
    }
    assert_eq!(states, [pending, expired, pending]);
    assert_eq!(world.verify().await.states["expired"], 1);
    assert_eq!(world.heard.look(|h| h.called_off[0].reason), Reason::Expired);
    world.advance_ms(DAY_MS);
    wait_for(&world, &all, &[true, true, false]).await;
}

async fn payloads_go_on_expiring_after_a_crash(world: World) {
    let world = world.keeping(Duration::from_secs(90 * 86_400)).await;
    let all = with_periods(&world).await;
    world.advance_ms(5 * DAY_MS);
    let world = world.crash();
    wait_for(&world, &all, &[false, true, false]).await;
    let world = world.crash();
    world.advance_ms(DAY_MS);
    wait_for(&world, &all, &[true, true, false]).await;
    assert!(world.heard.look(|h| h.recovered.len()) == 2, "the expired one is not found at start");
}

async fn a_new_key_is_never_one_of_a_message_that_is_gone(world: World) {
    let world = world.keeping(KEEP).await;
    let application = world.application().await;
    let all = world.append(vec![message(application, &[]); 10]).await;
    let last = created(&all[9]).id;
    world.advance_ms(1_001);
    world.wait_until_gone(last).await;
    let world = world.crash();
    // The clock of the machine was set back.
    world.advance_ms(-1_001);
    assert!(world.append_one(message(application, &[])).await.id > last);
}
