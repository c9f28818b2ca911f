//! Operational events: in the transaction of what they announce, to those who want them, never about themselves.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use semnal_core::configuration::Change;
use semnal_core::delivery::Progress;
use semnal_core::endpoint::{DisabledReason, Endpoint, EndpointState};
use semnal_core::id::{ApplicationId, DeliveryId, EndpointId, OrganisationId};
use semnal_core::name::EventTypeName;
use semnal_core::operational;
use semnal_core::time::UnixMillis;
use semnal_store::message::{Message, NewMessage};
use semnal_store::outcome::{Outcome, Report, Verdict};

use crate::fixture::{
    DISABLE_AFTER, START, World, attempt, begin, delivery, endpoint, message, organisation, outcome, uid,
};

on_every_backend! {
    what_happens_to_an_endpoint_is_announced,
    the_endpoints_of_a_deleted_application_are_announced_each,
    an_endpoint_that_fails_for_long_is_announced_with_its_recovery,
    the_fourth_failure_the_last_one_and_the_recovery_are_announced,
    an_event_is_for_those_who_want_it_and_is_not_even_stored_without_them,
    nothing_that_happens_in_the_built_in_application_is_announced,
    one_organisation_hears_nothing_of_another,
    an_announcement_survives_a_crash_and_is_made_once,
    a_transaction_that_fails_announces_nothing,
    endpoint_and_event_in_one_transaction_reach_each_other,
}

/// An application, and the built-in one with an endpoint that wants `events`, or everything.
struct Setup {
    application: ApplicationId,
    built_in: ApplicationId,
    listener: EndpointId,
}

async fn setup(world: &World, events: Option<&[&str]>) -> Setup {
    let application = world.application().await;
    let built_in = ApplicationId(world.store.next_key());
    let listener = EndpointId(world.store.next_key());
    let event_types = events.map(|names| names.iter().map(|n| EventTypeName::parse(n).unwrap()).collect());
    world
        .apply(vec![
            Change::PutApplication(operational::application(built_in, organisation().id, START)),
            Change::PutEndpoint(Box::new(Endpoint { event_types, ..endpoint(listener, built_in) })),
        ])
        .await;
    Setup { application, built_in, listener }
}

/// Returns the operational events that the engine has heard of, oldest first.
async fn announced(world: &World, setup: &Setup) -> Vec<Message> {
    let mut found = Vec::new();
    for id in world.heard.look(|h| h.messages.clone()) {
        let it = world.message(id).await.unwrap();
        if it.application == setup.built_in {
            assert_eq!(it.endpoints, [setup.listener]);
            found.push(it);
        }
    }
    found
}

async fn names(world: &World, setup: &Setup) -> Vec<String> {
    announced(world, setup).await.iter().map(|it| it.event_type.to_string()).collect()
}

async fn put(world: &World, it: Endpoint) {
    world.apply(vec![Change::PutEndpoint(Box::new(it))]).await;
}

async fn what_happens_to_an_endpoint_is_announced(world: World) {
    let setup = setup(&world, None).await;
    let id = EndpointId(world.store.next_key());
    let it = Endpoint { uid: Some(uid("billing")), ..endpoint(id, setup.application) };
    put(&world, it.clone()).await;
    put(&world, Endpoint { updated_at: UnixMillis(1), ..it.clone() }).await;
    put(&world, Endpoint { description: "Billing".into(), ..it.clone() }).await;
    let disabled = EndpointState::Disabled(DisabledReason::Requested);
    put(&world, Endpoint { description: "Billing".into(), state: disabled, ..it.clone() }).await;
    put(&world, Endpoint { description: "Billing".into(), ..it.clone() }).await;
    world.delete_endpoint(id).await;
    let expected =
        ["endpoint.created", "endpoint.updated", "endpoint.disabled", "endpoint.enabled", "endpoint.deleted"];
    assert_eq!(names(&world, &setup).await, expected);
    for it in announced(&world, &setup).await {
        let payload: serde_json::Value = serde_json::from_slice(&it.payload).unwrap();
        assert_eq!(payload["type"], it.event_type.as_str());
        assert_eq!(payload["data"]["endpointUid"], "billing");
    }
    world.assert_balanced().await;
}

async fn the_endpoints_of_a_deleted_application_are_announced_each(world: World) {
    let setup = setup(&world, Some(&["endpoint.deleted"])).await;
    world.endpoint(setup.application).await;
    world.endpoint(setup.application).await;
    world.apply(vec![Change::DeleteApplication(setup.application)]).await;
    assert_eq!(names(&world, &setup).await, ["endpoint.deleted"; 2]);
}

fn report(it: Outcome) -> Report {
    let number = it.id.number;
    let progress = Progress { attempts: number, step: number };
    Report::Attempt { outcome: Arc::new(it), progress, has_row: number > 1 }
}

async fn an_endpoint_that_fails_for_long_is_announced_with_its_recovery(world: World) {
    let setup = setup(&world, Some(&["endpoint.disabled", "endpoint.enabled"])).await;
    let id = world.endpoint(setup.application).await;
    let it = world.append_one(message(setup.application, &[id])).await;
    for number in 1..=6u16 {
        let started_at = START + DISABLE_AFTER * u32::from(number - 1) / 5;
        let failed = outcome(delivery(&it, 0), id, number, Verdict::RetryAt(started_at));
        world.report(vec![report(Outcome { started_at, ..failed })]).await;
    }
    assert_eq!(names(&world, &setup).await, ["endpoint.disabled"]);
    let payload = String::from_utf8(announced(&world, &setup).await[0].payload.to_vec()).unwrap();
    let since = format!("\"failSince\":\"{}\",\"reason\":\"failing\"", START.to_rfc3339());
    assert!(payload.contains(&since), "{payload}");
    world.report(vec![attempt(delivery(&it, 0), id, 7, Verdict::Delivered, true)]).await;
    assert_eq!(names(&world, &setup).await, ["endpoint.disabled", "endpoint.enabled"]);
    world.assert_balanced().await;
}

/// Reports attempts of a delivery that fail.
async fn fail(world: &World, id: DeliveryId, endpoint: EndpointId, numbers: std::ops::RangeInclusive<u16>) {
    for number in numbers {
        let due_at = START + Duration::from_secs(u64::from(number));
        world.report(vec![attempt(id, endpoint, number, Verdict::RetryAt(due_at), number > 1)]).await;
    }
}

async fn the_fourth_failure_the_last_one_and_the_recovery_are_announced(world: World) {
    let setup = setup(&world, None).await;
    let id = world.endpoint(setup.application).await;
    let event_id = Some(uid("order-1"));
    let it = world.append_one(NewMessage { event_id, ..message(setup.application, &[id]) }).await;
    let of = delivery(&it, 0);
    fail(&world, of, id, 1..=3).await;
    assert_eq!(names(&world, &setup).await, ["endpoint.created"]);
    fail(&world, of, id, 4..=5).await;
    world.report(vec![attempt(of, id, 6, Verdict::Exhausted, true)]).await;
    world.resend(it.id, id).await;
    world.report(vec![attempt(of, id, 7, Verdict::Delivered, true)]).await;
    world.resend(it.id, id).await;
    world.report(vec![attempt(of, id, 8, Verdict::Delivered, true)]).await;
    let told = announced(&world, &setup).await;
    let names: Vec<&str> = told[1..].iter().map(|it| it.event_type.as_str()).collect();
    assert_eq!(names, ["message.attempt.failing", "message.attempt.exhausted", "message.attempt.recovered"]);
    for (it, (number, status)) in told[1..].iter().zip([(4, 0), (6, 500), (7, 204)]) {
        let payload: serde_json::Value = serde_json::from_slice(&it.payload).unwrap();
        let data = &payload["data"];
        let id = semnal_core::id::AttemptId { delivery: of, number };
        assert_eq!(data["lastAttempt"]["id"], world.store.ids().encode_attempt(id));
        assert_eq!(
            (&data["lastAttempt"]["responseStatusCode"], &data["msgEventId"]),
            (&status.into(), &"order-1".into())
        );
    }
    world.assert_balanced().await;
}

async fn an_event_is_for_those_who_want_it_and_is_not_even_stored_without_them(world: World) {
    let setup = setup(&world, Some(&["endpoint.updated"])).await;
    let id = world.endpoint(setup.application).await;
    let it = world.append_one(message(setup.application, &[id])).await;
    fail(&world, delivery(&it, 0), id, 1..=4).await;
    world.delete_endpoint(id).await;
    assert_eq!(world.heard.look(|h| h.messages.clone()), [it.id], "nobody wanted any of it");
    let other = world.endpoint(setup.application).await;
    put(&world, Endpoint { description: "x".into(), ..endpoint(other, setup.application) }).await;
    assert_eq!(names(&world, &setup).await, ["endpoint.updated"]);
}

async fn nothing_that_happens_in_the_built_in_application_is_announced(world: World) {
    let setup = setup(&world, None).await;
    let second = world.endpoint(setup.built_in).await;
    put(&world, Endpoint { description: "x".into(), ..endpoint(second, setup.built_in) }).await;
    world.delete_endpoint(second).await;
    let it = world.append_one(message(setup.built_in, &[setup.listener])).await;
    fail(&world, delivery(&it, 0), setup.listener, 1..=5).await;
    world.report(vec![attempt(delivery(&it, 0), setup.listener, 6, Verdict::Exhausted, true)]).await;
    world.apply(vec![Change::DeleteApplication(setup.built_in)]).await;
    assert_eq!(world.heard.look(|h| h.messages.clone()), [it.id]);
}

async fn one_organisation_hears_nothing_of_another(world: World) {
    let setup = setup(&world, None).await;
    let other = OrganisationId(world.store.next_key());
    let foreign = ApplicationId(world.store.next_key());
    let (mut theirs, mut namesake) = (organisation(), operational::application(foreign, other, START));
    (theirs.id, theirs.name) = (other, uid("other"));
    namesake.uid = None;
    world.apply(vec![Change::PutOrganisation(theirs), Change::PutApplication(namesake)]).await;
    world.endpoint(foreign).await;
    assert_eq!(names(&world, &setup).await, Vec::<String>::new());
}

async fn an_announcement_survives_a_crash_and_is_made_once(world: World) {
    let setup = setup(&world, None).await;
    let id = world.endpoint(setup.application).await;
    let it = world.append_one(message(setup.application, &[id])).await;
    fail(&world, delivery(&it, 0), id, 1..=4).await;
    let told: BTreeSet<_> = announced(&world, &setup).await.iter().map(|it| it.id).collect();
    assert_eq!(told.len(), 2);
    let world = world.crash();
    let recovered = world.heard.look(|h| h.recovered.clone());
    let to_listener: BTreeSet<_> =
        recovered.iter().filter(|r| r.endpoint == setup.listener).map(|r| r.delivery.message).collect();
    assert_eq!(to_listener, told);
    assert_eq!(world.verify().await.messages, 3);
    world.assert_balanced().await;
}

async fn a_transaction_that_fails_announces_nothing(world: World) {
    let setup = setup(&world, None).await;
    let id = world.endpoint(setup.application).await;
    let refused =
        Endpoint { application: ApplicationId(semnal_core::id::Key(77)), ..endpoint(id, setup.application) };
    let changes = vec![
        Change::PutEndpoint(Box::new(Endpoint {
            description: "x".into(),
            ..endpoint(id, setup.application)
        })),
        Change::PutEndpoint(Box::new(refused)),
    ];
    let plan = move |_: &_| Ok::<_, ()>(semnal_store::store::ChangePlan { changes, answer: None, value: () });
    assert!(world.store.change(None, plan).await.is_err());
    assert_eq!(names(&world, &setup).await, ["endpoint.created"]);
    assert_eq!(world.store.configuration().endpoint(id).unwrap().description, "");
}

async fn endpoint_and_event_in_one_transaction_reach_each_other(world: World) {
    let setup = setup(&world, Some(&[])).await;
    let (first, second) = (EndpointId(world.store.next_key()), EndpointId(world.store.next_key()));
    let change = |it: Endpoint| {
        move |_: &_| {
            let changes = vec![Change::PutEndpoint(Box::new(it))];
            Ok::<_, ()>(semnal_store::store::ChangePlan { changes, answer: None, value: () })
        }
    };
    let gate = world.hold_writer();
    let listens = begin(world.store.change(None, change(endpoint(first, setup.built_in))));
    let happens = begin(world.store.change(None, change(endpoint(second, setup.application))));
    gate.open();
    listens.await.unwrap().unwrap();
    happens.await.unwrap().unwrap();
    let told = world.heard.look(|h| h.messages.clone());
    assert_eq!(told.len(), 1);
    assert_eq!(world.message(told[0]).await.unwrap().endpoints, [first]);
}
