//! `report`: what becomes of a delivery after an attempt, or when memory has no room for it.

use std::sync::Arc;

use std::time::Duration;

use semnal_core::attempt::{AttemptEnd, Cause};
use semnal_core::delivery::{DeliveryState, Progress};
use semnal_store::outcome::{Outcome, Report, Trigger, Verdict};

use crate::fixture::{START, World, attempt, begin, delivery, message, outcome, park};

on_every_backend! {
    an_attempt_comes_back_as_it_was_reported,
    a_delivered_attempt_decides_its_delivery,
    a_failed_attempt_waits_with_its_time,
    an_exhausted_delivery_has_failed,
    a_held_delivery_waits_without_a_time,
    a_parked_delivery_keeps_how_far_it_has_come,
    attempts_follow_each_other_until_one_delivers,
    one_endpoint_of_a_message_does_not_decide_another,
    a_report_about_a_deleted_endpoint_is_kept_but_revives_nothing,
    a_park_of_a_deleted_endpoint_leaves_no_row,
    a_forgotten_delivery_is_no_longer_counted,
    reports_of_one_transaction_are_applied_in_their_order,
}

fn progress(attempts: u16, step: u16) -> Progress {
    Progress { attempts, step }
}

async fn an_attempt_comes_back_as_it_was_reported(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &endpoints)).await;
    let id = delivery(&it, 0);
    let answered = Outcome {
        response_truncated: true,
        response_headers: vec![("A".into(), b"1".to_vec()), ("a".into(), b"\xff: x".to_vec())],
        trigger: Trigger::Manual,
        ..outcome(id, endpoints[0], 1, Verdict::Held)
    };
    let failed = Outcome {
        end: AttemptEnd::Failed { cause: Cause::TlsCertificate, detail: "expired".into() },
        address: Some("[2001:db8::1]:8443".parse().unwrap()),
        response_headers: vec![],
        response_body: vec![],
        ..outcome(id, endpoints[0], 2, Verdict::RetryAt(START + Duration::from_secs(5)))
    };
    let delivered = Outcome { address: None, ..outcome(id, endpoints[0], 3, Verdict::Delivered) };
    let all = vec![answered, failed, delivered];
    for (it, number) in all.iter().zip(1..) {
        let outcome = Arc::new(it.clone());
        let report = Report::Attempt { outcome, progress: progress(number, number), has_row: number > 1 };
        world.report(vec![report]).await;
    }
    assert_eq!(world.attempts(it.id).await, all);
    let world = world.crash();
    assert_eq!(world.attempts(it.id).await, all);
    world.assert_balanced().await;
}

async fn a_delivered_attempt_decides_its_delivery(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &endpoints)).await;
    world.report(vec![attempt(delivery(&it, 0), endpoints[0], 1, Verdict::Delivered, false)]).await;
    let found = &world.deliveries(it.id).await[0];
    assert_eq!((found.id, found.endpoint), (delivery(&it, 0), endpoints[0]));
    assert_eq!((found.state, found.due_at), (DeliveryState::Delivered(progress(1, 0)), None));
    world.assert_balanced().await;
}

async fn a_failed_attempt_waits_with_its_time(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &endpoints)).await;
    let due_at = START + Duration::from_secs(5);
    world.report(vec![attempt(delivery(&it, 0), endpoints[0], 1, Verdict::RetryAt(due_at), false)]).await;
    let found = &world.deliveries(it.id).await[0];
    assert_eq!((found.state, found.due_at), (DeliveryState::Pending(progress(1, 1)), Some(due_at)));
    world.assert_balanced().await;
}

async fn an_exhausted_delivery_has_failed(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &endpoints)).await;
    world.report(vec![attempt(delivery(&it, 0), endpoints[0], 1, Verdict::Exhausted, false)]).await;
    assert_eq!(world.deliveries(it.id).await[0].state, DeliveryState::Failed(progress(1, 0)));
    world.assert_balanced().await;
}

async fn a_held_delivery_waits_without_a_time(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &endpoints)).await;
    world.report(vec![attempt(delivery(&it, 0), endpoints[0], 1, Verdict::Held, false)]).await;
    let found = &world.deliveries(it.id).await[0];
    assert_eq!((found.state, found.due_at), (DeliveryState::Pending(progress(1, 1)), None));
    let id = it.id;
    let held = world.store.read(move |reader| {
        let message = reader.message(id)?.expect("it is stored");
        reader.deliveries(&message, |_| true)
    });
    assert_eq!(held.await.unwrap()[0].state, DeliveryState::Held(progress(1, 1)));
    world.assert_balanced().await;
}

async fn a_parked_delivery_keeps_how_far_it_has_come(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &endpoints)).await;
    let id = delivery(&it, 0);
    world.report(vec![park(id, endpoints[0], 0, false)]).await;
    assert_eq!(world.deliveries(it.id).await[0].state, DeliveryState::Pending(progress(0, 0)));
    world.report(vec![attempt(id, endpoints[0], 1, Verdict::RetryAt(START), true)]).await;
    world.report(vec![park(id, endpoints[0], 1, true)]).await;
    let found = &world.deliveries(it.id).await[0];
    assert_eq!((found.state, found.due_at), (DeliveryState::Pending(progress(1, 1)), None));
    world.assert_balanced().await;
}

async fn attempts_follow_each_other_until_one_delivers(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &endpoints)).await;
    let id = delivery(&it, 0);
    for number in 1..=3 {
        let due_at = START + Duration::from_secs(u64::from(number));
        let report = attempt(id, endpoints[0], number, Verdict::RetryAt(due_at), number > 1);
        world.report(vec![report]).await;
        assert_eq!(world.deliveries(it.id).await[0].due_at, Some(due_at));
    }
    world.report(vec![attempt(id, endpoints[0], 4, Verdict::Delivered, true)]).await;
    assert_eq!(world.deliveries(it.id).await[0].state, DeliveryState::Delivered(progress(4, 0)));
    assert_eq!(world.attempts(it.id).await.iter().map(|o| o.id.number).collect::<Vec<_>>(), [1, 2, 3, 4]);
    world.assert_balanced().await;
}

async fn one_endpoint_of_a_message_does_not_decide_another(world: World) {
    let (application, endpoints) = world.tenant(2).await;
    let it = world.append_one(message(application, &endpoints)).await;
    world.report(vec![attempt(delivery(&it, 1), endpoints[1], 1, Verdict::Delivered, false)]).await;
    let states: Vec<_> = world.deliveries(it.id).await.iter().map(|d| d.state).collect();
    let expected = [DeliveryState::Pending(progress(0, 0)), DeliveryState::Delivered(progress(1, 0))];
    assert_eq!(states, expected);
    world.assert_balanced().await;
}

async fn a_report_about_a_deleted_endpoint_is_kept_but_revives_nothing(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let appended = world.append(vec![message(application, &endpoints); 2]).await;
    let (first, second) = (crate::fixture::created(&appended[0]), crate::fixture::created(&appended[1]));
    world.delete_endpoint(endpoints[0]).await;
    world.report(vec![attempt(delivery(&first, 0), endpoints[0], 1, Verdict::RetryAt(START), false)]).await;
    world.report(vec![attempt(delivery(&second, 0), endpoints[0], 1, Verdict::Delivered, false)]).await;
    assert_eq!(world.attempts(first.id).await.len(), 1);
    assert_eq!(world.deliveries(first.id).await[0].state, DeliveryState::Cancelled(progress(1, 0)));
    assert_eq!(world.deliveries(second.id).await[0].state, DeliveryState::Delivered(progress(1, 0)));
    world.assert_balanced().await;
}

async fn a_park_of_a_deleted_endpoint_leaves_no_row(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &endpoints)).await;
    world.delete_endpoint(endpoints[0]).await;
    world.report(vec![park(delivery(&it, 0), endpoints[0], 0, false)]).await;
    assert_eq!(world.deliveries(it.id).await[0].state, DeliveryState::Cancelled(progress(0, 0)));
    world.assert_balanced().await;
    let world = world.crash();
    world.assert_balanced().await;
}

async fn a_forgotten_delivery_is_no_longer_counted(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &endpoints)).await;
    world.delete_endpoint(endpoints[0]).await;
    world.report(vec![Report::Forget { delivery: delivery(&it, 0), has_row: false }]).await;
    *world.heard.without_row.lock() = Some(0);
    world.assert_balanced().await;
}

async fn reports_of_one_transaction_are_applied_in_their_order(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &endpoints)).await;
    let id = delivery(&it, 0);
    let gate = world.hold_writer();
    for report in [
        park(id, endpoints[0], 0, false),
        attempt(id, endpoints[0], 1, Verdict::RetryAt(START), true),
        attempt(id, endpoints[0], 2, Verdict::Exhausted, true),
    ] {
        world.store.report(vec![report]).await.unwrap();
    }
    let resent = begin(world.resend(it.id, endpoints[0]));
    gate.open();
    resent.await;
    assert_eq!(world.heard.look(|h| h.resent[0].progress), progress(2, 0));
    assert_eq!(world.deliveries(it.id).await[0].state, DeliveryState::Pending(progress(2, 0)));
    world.assert_balanced().await;
}
