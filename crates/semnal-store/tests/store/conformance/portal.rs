//! Tokens of portals: the key that signs them, and those that count no longer.

use semnal_core::application::EventType;
use semnal_core::configuration::Change;
use semnal_core::id::{Key, OrganisationId};
use semnal_core::name::EventTypeName;
use semnal_core::portal::{Revocation, Revoked};
use semnal_core::time::UnixMillis;

use crate::fixture::{START, World};

on_every_backend! {
    a_revocation_survives_a_crash_until_it_is_forgotten,
    the_key_that_signs_tokens_survives_a_restart,
    an_event_type_is_enforced_only_while_it_says_so,
    a_key_after_a_restart_is_above_every_revocation,
}

async fn a_revocation_survives_a_crash_until_it_is_forgotten(world: World) {
    let application = world.application().await;
    let revocation = |position: i64, tokens: Revoked, until: Option<UnixMillis>| {
        let from = UnixMillis(START.0 + position);
        Revocation { position: Key(position), application, tokens, from, until }
    };
    let all = [
        revocation(1, Revoked::All, None),
        revocation(2, Revoked::Session("ș 1".into()), Some(UnixMillis(9))),
        revocation(3, Revoked::One([200; 16]), Some(UnixMillis(10))),
    ];
    world.apply(all.iter().cloned().map(Change::Revoke).collect()).await;
    let world = world.crash();
    let found = world.store.configuration().revocations(application).unwrap().clone();
    assert!(found.iter().eq(&all));
    world.apply(vec![Change::ForgetRevocation(application, Key(2))]).await;
    let world = world.crash();
    let found = world.store.configuration().revocations(application).unwrap().clone();
    assert!(found.iter().eq([&all[0], &all[2]]));
    world.apply(vec![Change::DeleteApplication(application)]).await;
    let world = world.crash();
    assert!(world.store.configuration().revocations(application).is_none());
}

async fn the_key_that_signs_tokens_survives_a_restart(world: World) {
    let key = *world.store.token_key();
    assert_eq!(*world.restart().await.store.token_key(), key);
}

async fn a_key_after_a_restart_is_above_every_revocation(world: World) {
    let application = world.application().await;
    let position = Key(world.store.next_key().0 + 1_000_000);
    let (tokens, from, until) = (Revoked::All, START, None);
    world.apply(vec![Change::Revoke(Revocation { position, application, tokens, from, until })]).await;
    assert!(world.crash().store.next_key() > position);
}

async fn an_event_type_is_enforced_only_while_it_says_so(world: World) {
    let (organisation, name) = (OrganisationId(Key(1)), EventTypeName::parse("a").unwrap());
    let put = |schema_enforced| {
        Change::PutEventType(Box::new(EventType {
            organisation,
            name: name.clone(),
            title: None,
            description: String::new(),
            group: None,
            archived: false,
            deprecated: false,
            feature_flags: Default::default(),
            schemas: Some("{\"1\":{}}".into()),
            schedule: None,
            schema_enforced,
            example: None,
            created_at: START,
            updated_at: START,
        }))
    };
    world.apply(vec![put(true)]).await;
    let world = world.crash();
    assert_eq!(world.store.configuration().enforced(organisation, &name).unwrap().name, name);
    assert_eq!(world.store.configuration().enforced_count(organisation), 1);
    assert_eq!(world.store.configuration().enforced_count(OrganisationId(Key(2))), 0);
    world.apply(vec![put(false)]).await;
    assert!(world.store.configuration().enforced(organisation, &name).is_none());
    world.apply(vec![put(true), Change::DeleteEventType(organisation, name.clone())]).await;
    assert!(world.store.configuration().enforced(organisation, &name).is_none());
}
