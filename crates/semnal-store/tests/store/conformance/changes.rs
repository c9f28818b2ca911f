//! `change`: the configuration changes as a whole or not at all, and a repeated request gets its first answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use semnal_core::application::{ApiKey, EventType, Opens, Scope, SigningKey};
use semnal_core::configuration::{Change, ChangeError, Configuration};
use semnal_core::endpoint::{DisabledReason, Endpoint, EndpointSecret, EndpointState};
use semnal_core::id::{ApiKeyId, ApplicationId, EndpointId, OrganisationId};
use semnal_core::name::{Channel, EventTypeName};
use semnal_core::retry::RetrySchedule;
use semnal_core::signature::Secret;
use semnal_core::time::UnixMillis;
use semnal_store::error::StoreError;
use semnal_store::store::{ChangePlan, Changed, StoredAnswer};

use crate::fixture::{HOUR_MS, START, World, application, begin, endpoint, organisation, uid};

on_every_backend! {
    a_change_is_in_force_when_it_is_answered_and_after_a_crash,
    every_field_of_the_configuration_survives_a_restart,
    make_sees_what_the_change_before_it_did,
    an_error_of_make_leaves_nothing_behind,
    a_change_that_does_not_fit_leaves_nothing_behind,
    a_uid_is_taken_once_and_free_after_deletion,
    a_repeated_request_gets_the_first_answer,
    a_failed_request_is_not_remembered,
    an_answer_is_forgotten_after_12_hours,
    the_snapshot_is_heard_once_per_change,
}

type Plan = Result<ChangePlan<u32>, String>;

fn answer(text: &str) -> Option<StoredAnswer> {
    Some(StoredAnswer { status: 201, body: text.as_bytes().to_vec() })
}

async fn put(world: &World, it: Endpoint) -> Result<(), StoreError> {
    let plan = ChangePlan { changes: vec![Change::PutEndpoint(Box::new(it))], answer: None, value: () };
    world.store.change(None, move |_| Ok::<_, ()>(plan)).await.map(|inner| assert!(inner.is_ok()))
}

async fn a_change_is_in_force_when_it_is_answered_and_after_a_crash(world: World) {
    let application = world.application().await;
    let id = world.endpoint(application).await;
    assert!(world.store.configuration().endpoint(id).is_some());
    let world = world.crash();
    assert_eq!(world.store.configuration().endpoint(id).unwrap().as_ref(), &endpoint(id, application));
}

async fn every_field_of_the_configuration_survives_a_restart(world: World) {
    let names = |words: &[&str]| words.iter().map(|w| EventTypeName::parse(w).unwrap()).collect();
    let pairs = |from: &[(&str, &str)]| -> BTreeMap<String, String> {
        from.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let mut app = application(world.store.next_key());
    app.uid = Some(uid("shop"));
    app.rate_limit = Some(7);
    app.metadata = pairs(&[("plan", "gold \"plus\"")]);
    let mut end = endpoint(EndpointId(world.store.next_key()), app.id);
    end.uid = Some(uid("crm"));
    end.description = "Für die Buchhaltung – ș".into();
    end.state = EndpointState::Disabled(DisabledReason::Gone);
    end.event_types = Some(names(&["a", "b.c"]));
    end.channels = Some(BTreeSet::from([Channel::parse("x").unwrap()]));
    end.rate_limit = Some(9);
    end.concurrency_limit = Some(3);
    end.headers = pairs(&[("Authorization", "Bearer s3cret")]);
    end.metadata = pairs(&[("k", "v")]);
    end.secrets.push(EndpointSecret { secret: Secret::Ed25519([5; 32]), expires_at: Some(UnixMillis(9)) });
    end.schedule = Some(RetrySchedule::parse("5ms,5s,5m").unwrap());
    end.updated_at = START + Duration::from_secs(1);
    let kind = EventType {
        organisation: OrganisationId(semnal_core::id::Key(1)),
        name: EventTypeName::parse("a").unwrap(),
        title: Some("A".into()),
        description: "Happens.".into(),
        group: Some("Payments".into()),
        archived: true,
        deprecated: true,
        feature_flags: names(&["beta", "alpha"]),
        schemas: Some("{}".into()),
        schema_enforced: true,
        example: Some("[1]".into()),
        schedule: Some(RetrySchedule::parse("7ms").unwrap()),
        created_at: START,
        updated_at: START,
    };
    let key = ApiKey {
        id: ApiKeyId(world.store.next_key()),
        organisation: kind.organisation,
        name: "ci".into(),
        digest: [8; 32],
        signing: Some(SigningKey([9; 32])),
        hint: "sk_1".into(),
        scopes: vec![Scope::Read, Scope::Send],
        opens: Opens::Api,
        created_at: START,
        expires_at: Some(UnixMillis(1)),
        revoked_at: Some(UnixMillis(2)),
    };
    let changes = vec![
        Change::PutOrganisation(organisation()),
        Change::PutApplication(app.clone()),
        Change::PutEndpoint(Box::new(end.clone())),
        Change::PutEventType(Box::new(kind.clone())),
        Change::PutApiKey(key.clone()),
    ];
    world.apply(changes).await;
    let world = world.restart().await;
    let found = world.store.configuration();
    assert_eq!(found.organisation_by_name("default").unwrap().as_ref(), &organisation());
    assert_eq!(found.application_by_uid(kind.organisation, &uid("shop")).unwrap().as_ref(), &app);
    assert_eq!(found.endpoint(end.id).unwrap().as_ref(), &end);
    assert_eq!(found.event_type(kind.organisation, &kind.name).unwrap().as_ref(), &kind);
    assert_eq!(found.key_by_digest(&[8; 32]).unwrap().as_ref(), &key);
    world.apply(vec![Change::DeleteEventType(kind.organisation, kind.name.clone())]).await;
    let world = world.restart().await;
    assert_eq!(world.store.configuration().event_types(kind.organisation).count(), 0);
}

async fn make_sees_what_the_change_before_it_did(world: World) {
    let application = world.application().await;
    let id = EndpointId(world.store.next_key());
    let gate = world.hold_writer();
    let count = move |configuration: &Configuration| -> Plan {
        let value = configuration.endpoints().count() as u32;
        let changes = vec![Change::PutEndpoint(Box::new(endpoint(id, application)))];
        Ok(ChangePlan { changes, answer: None, value })
    };
    let first = begin(world.store.change(None, count));
    let second = begin(world.store.change(None, count));
    gate.open();
    assert!(matches!(first.await.unwrap(), Ok(Changed::Applied(0))));
    assert!(matches!(second.await.unwrap(), Ok(Changed::Applied(1))));
}

async fn an_error_of_make_leaves_nothing_behind(world: World) {
    let version = world.store.configuration().version;
    let done = world.store.change(Some([1; 16]), |_| -> Plan { Err("no".into()) }).await.unwrap();
    assert_eq!(done.unwrap_err(), "no");
    assert_eq!(world.store.configuration().version, version);
}

async fn a_change_that_does_not_fit_leaves_nothing_behind(world: World) {
    let application = world.application().await;
    let good = endpoint(EndpointId(world.store.next_key()), application);
    let id = good.id;
    let bad = endpoint(EndpointId(world.store.next_key()), ApplicationId::default());
    let changes = vec![Change::PutEndpoint(Box::new(good)), Change::PutEndpoint(Box::new(bad))];
    let plan = move |_: &_| -> Plan { Ok(ChangePlan { changes, answer: answer("x"), value: 1 }) };
    let refused = world.store.change(Some([1; 16]), plan).await;
    assert!(matches!(refused, Err(StoreError::Change(ChangeError::Missing))));
    assert!(world.store.configuration().endpoint(id).is_none());
    let world = world.restart().await;
    assert!(world.store.configuration().endpoint(id).is_none());
}

async fn a_uid_is_taken_once_and_free_after_deletion(world: World) {
    let application = world.application().await;
    let named = |id| Endpoint { uid: Some(uid("crm")), ..endpoint(id, application) };
    let (first, second) = (EndpointId(world.store.next_key()), EndpointId(world.store.next_key()));
    put(&world, named(first)).await.unwrap();
    let refused = put(&world, named(second)).await;
    assert!(matches!(refused, Err(StoreError::Change(ChangeError::EndpointUid(text))) if text == "crm"));
    world.delete_endpoint(first).await;
    put(&world, named(second)).await.unwrap();
    let world = world.restart().await;
    assert_eq!(world.store.configuration().endpoint(second).unwrap().uid, Some(uid("crm")));
}

async fn a_repeated_request_gets_the_first_answer(world: World) {
    let request = |text: &'static str| {
        let plan = move |_: &_| -> Plan {
            let changes = vec![Change::PutOrganisation(organisation())];
            Ok(ChangePlan { changes, answer: answer(text), value: 1 })
        };
        (Some([1; 16]), plan)
    };
    let gate = world.hold_writer();
    let (key, plan) = request("first");
    let first = begin(world.store.change(key, plan));
    let (key, plan) = request("second");
    let second = begin(world.store.change(key, plan));
    gate.open();
    assert!(matches!(first.await.unwrap(), Ok(Changed::Applied(1))));
    let expected = answer("first").unwrap();
    assert!(matches!(second.await.unwrap(), Ok(Changed::Repeated(found)) if found == expected));
    let world = world.crash();
    let (key, plan) = request("third");
    let third = world.store.change(key, plan).await.unwrap();
    assert!(matches!(third, Ok(Changed::Repeated(found)) if found == expected));
}

async fn a_failed_request_is_not_remembered(world: World) {
    let failed = world.store.change(Some([1; 16]), |_| -> Plan { Err("no".into()) }).await.unwrap();
    assert!(failed.is_err());
    let plan = |_: &_| -> Plan { Ok(ChangePlan { changes: vec![], answer: answer("x"), value: 2 }) };
    assert!(matches!(world.store.change(Some([1; 16]), plan).await.unwrap(), Ok(Changed::Applied(2))));
}

async fn an_answer_is_forgotten_after_12_hours(world: World) {
    let plan = |_: &_| -> Plan { Ok(ChangePlan { changes: vec![], answer: answer("x"), value: 2 }) };
    let ask = async |world: &World| world.store.change(Some([1; 16]), plan).await.unwrap().unwrap();
    assert!(matches!(ask(&world).await, Changed::Applied(_)));
    world.advance_ms(12 * HOUR_MS - 1);
    assert!(matches!(ask(&world).await, Changed::Repeated(_)));
    world.advance_ms(1);
    assert!(matches!(ask(&world).await, Changed::Applied(_)));
    let world = world.restart().await;
    assert!(matches!(ask(&world).await, Changed::Repeated(_)));
}

async fn the_snapshot_is_heard_once_per_change(world: World) {
    let application = world.application().await;
    let id = world.endpoint(application).await;
    let heard = world.heard.look(|h| h.configuration.clone().unwrap());
    assert!(heard.endpoint(id).is_some());
    assert!(Arc::ptr_eq(&heard, &world.store.configuration()));
    world.apply(vec![]).await;
    assert!(Arc::ptr_eq(&heard, &world.store.configuration()), "nothing changed");
}

#[tokio::test]
async fn answers_do_not_pile_up_while_the_store_runs() {
    let world = World::sqlite();
    for n in 0..30 {
        let plan = |_: &_| -> Plan { Ok(ChangePlan { changes: vec![], answer: answer("x"), value: 2 }) };
        world.store.change(Some([n; 16]), plan).await.unwrap().unwrap();
        world.advance_ms(HOUR_MS);
    }
    let journal = rusqlite::Connection::open(world.path().join("journal.db")).unwrap();
    let kept: i64 = journal.query_row("select count(*) from answer", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 13, "those of 12 hours, and the one that was 12 hours old when the last one came");
}
