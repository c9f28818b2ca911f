//! Idempotency keys and event ids: one message however often it is posted.

use semnal_core::id::{ApplicationId, MessageId};
use semnal_store::message::{Appended, Fingerprint, NewMessage};

use crate::fixture::{HOUR_MS, World, application, begin, created, message, uid};

on_every_backend! {
    equal_posts_in_one_request_give_one_message,
    equal_posts_in_one_transaction_give_one_message,
    a_repeated_post_is_answered_with_the_first_message,
    a_repeated_post_is_recognised_after_a_restart_and_after_a_crash,
    a_repeated_post_is_recognised_although_the_configuration_has_changed,
    an_idempotency_key_is_forgotten_after_12_hours,
    after_12_hours_the_new_message_is_the_one_that_is_repeated,
    an_event_id_is_refused_a_second_time,
    an_event_id_is_remembered_longer_than_an_idempotency_key,
    an_event_id_belongs_to_its_application,
    a_stale_message_leaves_no_fingerprint,
}

const KEY: Fingerprint = [42; 16];

fn with_key(application: ApplicationId) -> NewMessage {
    NewMessage { idempotency: Some(KEY), ..message(application, &[]) }
}

fn with_event_id(application: ApplicationId) -> NewMessage {
    NewMessage { event_id: Some(uid("order-1")), ..message(application, &[]) }
}

fn repeated(appended: &Appended) -> MessageId {
    match appended {
        Appended::Repeated(id) => *id,
        other => panic!("expected a repetition, got {other:?}"),
    }
}

fn exists(appended: &Appended) -> MessageId {
    match appended {
        Appended::EventIdExists(id) => *id,
        other => panic!("expected a conflict, got {other:?}"),
    }
}

async fn equal_posts_in_one_request_give_one_message(world: World) {
    let (application, _) = world.tenant(0).await;
    let answers = world.append(vec![with_key(application), with_key(application)]).await;
    assert_eq!(repeated(&answers[1]), created(&answers[0]).id);
    assert_eq!(world.verify().await.messages, 1);
}

async fn equal_posts_in_one_transaction_give_one_message(world: World) {
    let (application, _) = world.tenant(0).await;
    let version = world.store.configuration().version;
    let gate = world.hold_writer();
    let first = begin(world.store.append(vec![with_key(application)], version));
    let second = begin(world.store.append(vec![with_key(application)], version));
    gate.open();
    assert_eq!(created(&first.await.unwrap()[0]).id, repeated(&second.await.unwrap()[0]));
}

async fn a_repeated_post_is_answered_with_the_first_message(world: World) {
    let (application, _) = world.tenant(0).await;
    let first = world.append_one(with_key(application)).await;
    world.advance_ms(12 * HOUR_MS - 1);
    assert_eq!(repeated(&world.append(vec![with_key(application)]).await[0]), first.id);
}

async fn a_repeated_post_is_recognised_after_a_restart_and_after_a_crash(world: World) {
    let (application, _) = world.tenant(0).await;
    let first = world.append_one(with_key(application)).await;
    let world = world.restart().await;
    assert_eq!(repeated(&world.append(vec![with_key(application)]).await[0]), first.id);
    let world = world.crash();
    assert_eq!(repeated(&world.append(vec![with_key(application)]).await[0]), first.id);
}

async fn a_repeated_post_is_recognised_although_the_configuration_has_changed(world: World) {
    let (application, _) = world.tenant(0).await;
    let first = world.append_one(with_key(application)).await;
    let version = world.store.configuration().version;
    world.endpoint(application).await;
    let answers = world.store.append(vec![with_key(application)], version).await.unwrap();
    assert_eq!(repeated(&answers[0]), first.id);
}

async fn an_idempotency_key_is_forgotten_after_12_hours(world: World) {
    let (application, _) = world.tenant(0).await;
    let first = world.append_one(with_key(application)).await;
    world.advance_ms(12 * HOUR_MS);
    assert_ne!(world.append_one(with_key(application)).await.id, first.id);
}

async fn after_12_hours_the_new_message_is_the_one_that_is_repeated(world: World) {
    let (application, _) = world.tenant(0).await;
    world.append_one(with_key(application)).await;
    world.advance_ms(12 * HOUR_MS);
    let second = world.append_one(with_key(application)).await;
    assert_eq!(repeated(&world.append(vec![with_key(application)]).await[0]), second.id);
    let world = world.restart().await;
    assert_eq!(repeated(&world.append(vec![with_key(application)]).await[0]), second.id);
}

async fn an_event_id_is_refused_a_second_time(world: World) {
    let (application, _) = world.tenant(0).await;
    let answers = world.append(vec![with_event_id(application), with_event_id(application)]).await;
    let first = created(&answers[0]).id;
    assert_eq!(exists(&answers[1]), first);
    assert_eq!(exists(&world.append(vec![with_event_id(application)]).await[0]), first);
    let world = world.crash();
    assert_eq!(exists(&world.append(vec![with_event_id(application)]).await[0]), first);
}

async fn an_event_id_is_remembered_longer_than_an_idempotency_key(world: World) {
    let (application, _) = world.tenant(0).await;
    let both = NewMessage { idempotency: Some(KEY), ..with_event_id(application) };
    let first = world.append_one(both.clone()).await;
    assert_eq!(repeated(&world.append(vec![both.clone()]).await[0]), first.id);
    world.advance_ms(90 * 24 * HOUR_MS);
    assert_eq!(exists(&world.append(vec![both]).await[0]), first.id);
}

async fn an_event_id_belongs_to_its_application(world: World) {
    let (first, _) = world.tenant(0).await;
    let second = application(world.store.next_key());
    let second_id = second.id;
    world.apply(vec![semnal_core::configuration::Change::PutApplication(second)]).await;
    world.append_one(with_event_id(first)).await;
    world.append_one(with_event_id(second_id)).await;
}

async fn a_stale_message_leaves_no_fingerprint(world: World) {
    let (application, _) = world.tenant(0).await;
    let stale = world.store.append(vec![with_key(application)], 0).await.unwrap();
    assert!(matches!(stale[..], [Appended::Stale]));
    world.append_one(with_key(application)).await;
}
