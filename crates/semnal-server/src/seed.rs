//! What a new store starts with: the default organisation, its default application, and the catalogue of Ultimate
//! Multisite's events.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use semnal_core::application::{
    Application, DEFAULT_APPLICATION, DEFAULT_ORGANISATION, EventType, Organisation,
};
use semnal_core::configuration::Change;
use semnal_core::id::{ApplicationId, OrganisationId};
use semnal_core::name::{EventTypeName, Uid};
use semnal_core::operational;
use semnal_core::time::UnixMillis;
use semnal_store::error::StoreError;
use semnal_store::store::{ChangePlan, Store};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The catalogue, as JSON.
const CATALOGUE: &str = include_str!("../catalogue/ultimate_multisite.json");

#[derive(Deserialize)]
struct CatalogueEntry<'a> {
    name: &'a str,
    title: &'a str,
    group: &'a str,
    description: String,
    #[serde(borrow)]
    example: &'a RawValue,
    #[serde(borrow)]
    schema: &'a RawValue,
}

/// Fills a store that has no default organisation, and gives organisations that were made before there were
/// operational events the application for them.
///
/// # Errors
/// [`StoreError`] when nothing could be stored.
pub(crate) async fn seed(store: &Store, now: UnixMillis) -> Result<(), StoreError> {
    if store.configuration().organisation_by_name(DEFAULT_ORGANISATION).is_some() {
        return add_operational(store, now).await;
    }
    let organisation = OrganisationId(store.next_key());
    let application = ApplicationId(store.next_key());
    let mut changes = first_changes(organisation, application, now);
    let built_in = ApplicationId(store.next_key());
    changes.push(Change::PutApplication(operational::application(built_in, organisation, now)));
    let plan = move |_: &_| Ok::<_, Infallible>(ChangePlan { changes, answer: None, value: () });
    store.change(None, plan).await.map(drop)
}

async fn add_operational(store: &Store, now: UnixMillis) -> Result<(), StoreError> {
    let uid = Uid::parse(operational::OPERATIONAL_APPLICATION).expect("the built-in names are valid");
    let configuration = store.configuration();
    let lacking =
        configuration.organisations().filter(|o| configuration.application_by_uid(o.id, &uid).is_none());
    let changes: Vec<Change> = lacking
        .map(|o| {
            let id = ApplicationId(store.next_key());
            Change::PutApplication(operational::application(id, o.id, now))
        })
        .collect();
    if changes.is_empty() {
        return Ok(());
    }
    let plan = move |_: &_| Ok::<_, Infallible>(ChangePlan { changes, answer: None, value: () });
    match store.change(None, plan).await {
        // A server whose disk is full still reads and waits for room; the next start adds them.
        Ok(_) | Err(StoreError::Full) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Returns the names of the catalogue's events, in the order in which the original registers them.
pub(crate) fn catalogue_names() -> Vec<&'static str> {
    catalogue().iter().map(|entry| entry.name).collect()
}

/// Returns the catalogue's examples.
#[cfg(test)]
pub(crate) fn catalogue_examples() -> Vec<&'static RawValue> {
    catalogue().iter().map(|entry| entry.example).collect()
}

fn catalogue() -> Vec<CatalogueEntry<'static>> {
    serde_json::from_str(CATALOGUE).expect("a test reads the catalogue")
}

fn first_changes(organisation: OrganisationId, application: ApplicationId, now: UnixMillis) -> Vec<Change> {
    let name = |text: &str| Uid::parse(text).expect("the built-in names are valid");
    let mut changes = vec![
        Change::PutOrganisation(Organisation {
            id: organisation,
            name: name(DEFAULT_ORGANISATION),
            created_at: now,
        }),
        Change::PutApplication(Application {
            id: application,
            organisation,
            uid: Some(name(DEFAULT_APPLICATION)),
            name: "Default".into(),
            rate_limit: None,
            metadata: BTreeMap::new(),
            created_at: now,
            updated_at: now,
        }),
    ];
    changes.extend(catalogue().into_iter().map(|entry| {
        Change::PutEventType(Box::new(EventType {
            organisation,
            name: EventTypeName::parse(entry.name).expect("a test reads the catalogue"),
            title: Some(entry.title.into()),
            description: entry.description,
            group: Some(entry.group.into()),
            archived: false,
            deprecated: false,
            feature_flags: BTreeSet::new(),
            schema_enforced: false,
            schemas: Some(format!("{{\"1\":{}}}", entry.schema.get())),
            example: Some(entry.example.get().into()),
            schedule: None,
            created_at: now,
            updated_at: now,
        }))
    }));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_organisation_has_the_application_for_operational_events() {
        use semnal_store::memory::MemoryDisk;
        use semnal_store::observer::{Deaf, Observer};
        use semnal_store::store::{Opened, StoreOptions};
        let options = StoreOptions::new(std::sync::Arc::new(|| UnixMillis(1_700_000_000_000)), [7; 48]);
        let observer: std::sync::Arc<dyn Observer> = std::sync::Arc::new(Deaf);
        let store = Opened::memory(MemoryDisk::default(), options).unwrap().start(&observer).unwrap();
        seed(&store, UnixMillis(0)).await.unwrap();
        let older = OrganisationId(store.next_key());
        let it = Organisation { id: older, name: Uid::parse("org_a").unwrap(), created_at: UnixMillis(0) };
        let change = move |_: &_| {
            let changes = vec![Change::PutOrganisation(it)];
            Ok::<_, Infallible>(ChangePlan { changes, answer: None, value: () })
        };
        store.change(None, change).await.unwrap().unwrap();
        for _ in 0..2 {
            seed(&store, UnixMillis(0)).await.unwrap();
            let configuration = store.configuration();
            for organisation in configuration.organisations() {
                let built_in = configuration.applications(organisation.id).filter(|a| a.is_operational());
                assert_eq!(built_in.count(), 1, "{}", organisation.name);
            }
        }
    }

    #[test]
    fn the_catalogue_has_the_23_events_of_ultimate_multisite() {
        let changes = first_changes(OrganisationId::default(), ApplicationId::default(), UnixMillis(0));
        let types = changes.iter().filter_map(|change| match change {
            Change::PutEventType(it) => Some(it),
            _ => None,
        });
        let types: Vec<_> = types.collect();
        assert_eq!(types.len(), 23);
        for it in types {
            assert_eq!(it.group.as_deref(), Some("Ultimate Multisite"));
            let example: serde_json::Value = serde_json::from_str(it.example.as_deref().unwrap()).unwrap();
            let schemas: serde_json::Value = serde_json::from_str(it.schemas.as_deref().unwrap()).unwrap();
            for required in schemas["1"]["required"].as_array().unwrap() {
                assert!(example.get(required.as_str().unwrap()).is_some(), "{}: {required}", it.name);
            }
        }
    }
}
