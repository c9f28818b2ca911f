//! Expunging: content is gone from the rows when the answer is given, and nothing is left to send.

use bytes::Bytes;
use semnal_core::delivery::{DeliveryState, Progress};
use semnal_core::id::{AttemptId, Key, MessageId};
use semnal_store::called_off::{Reason, Withdrawn};
use semnal_store::message::{Appended, Message, NewMessage};
use semnal_store::outcome::{EXPUNGED, Verdict};
use semnal_store::store::Resent;

use crate::fixture::{START, World, attempt, delivery, message, park, uid};

on_every_backend! {
    an_expunged_message_has_everything_but_its_payload,
    expunging_a_message_cancels_what_is_undecided,
    an_expunged_message_cannot_be_sent_again,
    an_expunged_attempt_has_everything_but_its_response,
    what_does_not_exist_cannot_be_expunged,
}

async fn an_expunged_message_has_everything_but_its_payload(world: World) {
    let (application, _) = world.tenant(0).await;
    let new = NewMessage { event_id: Some(uid("order-1")), ..message(application, &[]) };
    let it = world.append_one(new.clone()).await;
    for _ in 0..2 {
        assert_eq!(world.store.expunge_payload(it.id).await.unwrap(), Withdrawn::Done);
    }
    let world = world.crash();
    let found = world.message(it.id).await.unwrap();
    assert!(found.payload_is_gone());
    assert_eq!(found, Message { payload: Bytes::new(), ..(*it).clone() });
    assert!(matches!(world.append(vec![new]).await[..], [Appended::EventIdExists(id)] if id == it.id));
}

async fn expunging_a_message_cancels_what_is_undecided(world: World) {
    let (application, endpoints) = world.tenant(3).await;
    let it = world.append_one(message(application, &endpoints)).await;
    let reports = [
        attempt(delivery(&it, 0), endpoints[0], 1, Verdict::Delivered, false),
        park(delivery(&it, 1), endpoints[1], 0, false),
    ];
    world.report(reports.to_vec()).await;
    world.store.expunge_payload(it.id).await.unwrap();
    let cancelled = DeliveryState::Cancelled(Progress::default());
    let delivered = DeliveryState::Delivered(Progress { attempts: 1, step: 0 });
    let states: Vec<_> = world.deliveries(it.id).await.iter().map(|d| d.state).collect();
    assert_eq!(states, [delivered, cancelled, cancelled]);
    let told = world.heard.look(|h| h.called_off.iter().map(|c| (c.endpoint, c.reason)).collect::<Vec<_>>());
    assert_eq!(told, [(endpoints[1], Reason::Expunged), (endpoints[2], Reason::Expunged)]);
    world.assert_balanced().await;
    let world = world.crash();
    assert!(world.heard.look(|h| h.recovered.is_empty() && h.backlogs.is_empty()));
    world.assert_balanced().await;
}

async fn an_expunged_message_cannot_be_sent_again(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &endpoints)).await;
    world.report(vec![attempt(delivery(&it, 0), endpoints[0], 1, Verdict::Delivered, false)]).await;
    world.store.expunge_payload(it.id).await.unwrap();
    assert_eq!(world.resend(it.id, endpoints[0]).await, Resent::PayloadGone);
    world.assert_balanced().await;
}

async fn an_expunged_attempt_has_everything_but_its_response(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &endpoints)).await;
    let id = delivery(&it, 0);
    let reports = [
        attempt(id, endpoints[0], 1, Verdict::RetryAt(START), false),
        attempt(id, endpoints[0], 2, Verdict::Delivered, true),
    ];
    world.report(reports.to_vec()).await;
    let mut expected = world.attempts(it.id).await;
    let first = AttemptId { delivery: id, number: 1 };
    for number in [1, 2] {
        let attempt = AttemptId { number, ..first };
        assert_eq!(world.store.expunge_response(attempt).await.unwrap(), Withdrawn::Done);
        let it = &mut expected[usize::from(number) - 1];
        it.response_headers.clear();
        it.response_body = EXPUNGED.to_vec();
    }
    if let semnal_core::attempt::AttemptEnd::Failed { detail, .. } = &mut expected[0].end {
        detail.clear();
    }
    assert_eq!(world.attempts(it.id).await, expected);
    let world = world.crash();
    assert_eq!(world.attempts(it.id).await, expected);
    world.assert_balanced().await;
}

async fn what_does_not_exist_cannot_be_expunged(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &endpoints)).await;
    let missing = world.store.expunge_payload(MessageId(Key(1))).await.unwrap();
    assert_eq!(missing, Withdrawn::NoSuchMessage);
    let attempt = AttemptId { delivery: delivery(&it, 0), number: 1 };
    assert_eq!(world.store.expunge_response(attempt).await.unwrap(), Withdrawn::NoSuchAttempt);
}
