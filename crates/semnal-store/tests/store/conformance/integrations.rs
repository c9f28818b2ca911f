//! The numbered list of an application's webhooks, and the keys that open one application for another system.

use semnal_core::application::{ApiKey, Opens};
use semnal_core::configuration::Change;
use semnal_core::id::{ApiKeyId, ApplicationId, EndpointId, OrganisationId};
use semnal_core::integration::Integration;
use semnal_core::time::UnixMillis;

use crate::fixture::{START, World};

on_every_backend! {
    an_entry_is_read_back_as_it_was_written,
    the_greatest_number_outlives_its_endpoint_and_a_crash,
    what_is_gone_is_remembered_until_it_is_forgotten,
    a_list_goes_with_its_application,
    what_a_key_opens_survives_a_restart,
}

fn put(it: &Integration) -> Change {
    Change::PutIntegration(Box::new(it.clone()))
}

fn numbers(world: &World, application: ApplicationId) -> Vec<(u32, Option<EndpointId>)> {
    world.store.configuration().integrations(application).iter().map(|it| (it.number, it.endpoint)).collect()
}

async fn an_entry_is_read_back_as_it_was_written(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let it = Integration {
        service: "zapier ș".into(),
        hidden: true,
        migrated_from: -7,
        imported_from: Some(u32::MAX),
        count_offset: i64::MIN,
        gone_at: Some(START),
        ..Integration::new(application, 41, endpoints[0])
    };
    world.apply(vec![put(&Integration::new(application, 41, endpoints[0])), put(&it)]).await;
    let world = world.restart().await;
    let found = world.store.configuration();
    assert_eq!(**found.integration_of(endpoints[0]).unwrap(), it);
    assert_eq!(found.integrations(application).next_number(), Some(42));
}

async fn the_greatest_number_outlives_its_endpoint_and_a_crash(world: World) {
    let (application, endpoints) = world.tenant(3).await;
    let entries = (1..).zip(&endpoints).map(|(number, id)| Integration::new(application, number, *id));
    world.apply(entries.map(|it| put(&it)).collect()).await;
    world.delete_endpoint(endpoints[0]).await;
    world.delete_endpoint(endpoints[2]).await;
    let expected = vec![(2, Some(endpoints[1])), (3, None)];
    assert_eq!(numbers(&world, application), expected);
    let world = world.crash();
    assert_eq!(numbers(&world, application), expected);
    let endpoint = world.endpoint(application).await;
    world.apply(vec![put(&Integration::new(application, 4, endpoint))]).await;
    let world = world.crash();
    assert_eq!(numbers(&world, application), [(2, Some(endpoints[1])), (4, Some(endpoint))]);
}

async fn what_is_gone_is_remembered_until_it_is_forgotten(world: World) {
    let (application, endpoints) = world.tenant(2).await;
    let gone = Integration { gone_at: Some(UnixMillis(5)), ..Integration::new(application, 1, endpoints[0]) };
    let other = Integration::new(application, 2, endpoints[1]);
    world.apply(vec![put(&gone), put(&other), Change::DeleteEndpoint(endpoints[0])]).await;
    let world = world.crash();
    let found = world.store.configuration().integrations(application).get(1).unwrap().clone();
    assert_eq!(*found, Integration { endpoint: None, ..gone });
    world.apply(vec![Change::ForgetIntegration(application, 1)]).await;
    let world = world.crash();
    assert_eq!(numbers(&world, application), [(2, Some(endpoints[1]))]);
}

async fn a_list_goes_with_its_application(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    world.apply(vec![put(&Integration::new(application, 1, endpoints[0]))]).await;
    world.apply(vec![Change::DeleteApplication(application)]).await;
    let world = world.restart().await;
    assert_eq!(numbers(&world, application), []);
}

async fn what_a_key_opens_survives_a_restart(world: World) {
    let application = world.application().await;
    let all = [
        Opens::Api,
        Opens::UltimateMultisite { application, secret_digest: [200; 32] },
        Opens::Source { application },
    ];
    let keys = (1u8..).zip(all).map(|(seed, opens)| ApiKey {
        id: ApiKeyId(world.store.next_key()),
        organisation: OrganisationId::default(),
        name: "zapier".into(),
        digest: [seed; 32],
        signing: None,
        hint: "abcd".into(),
        scopes: Vec::new(),
        opens,
        created_at: START,
        expires_at: None,
        revoked_at: None,
    });
    world.apply(keys.map(Change::PutApiKey).collect()).await;
    let world = world.restart().await;
    let found: Vec<Opens> = world.store.configuration().keys().map(|it| it.opens).collect();
    assert_eq!(found, all);
}
