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

/// Fills a store that has no default organisation.
///
/// # Errors
/// [`StoreError`] when nothing could be stored.
pub(crate) async fn seed(store: &Store, now: UnixMillis) -> Result<(), StoreError> {
    if store.configuration().organisation_by_name(DEFAULT_ORGANISATION).is_some() {
        return Ok(());
    }
    let organisation = OrganisationId(store.next_key());
    let application = ApplicationId(store.next_key());
    let changes = first_changes(organisation, application, now);
    let plan = move |_: &_| Ok::<_, Infallible>(ChangePlan { changes, answer: None, value: () });
    store.change(None, plan).await.map(drop)
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
    let catalogue: Vec<CatalogueEntry<'_>> =
        serde_json::from_str(CATALOGUE).expect("a test reads the catalogue");
    changes.extend(catalogue.into_iter().map(|entry| {
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
            created_at: now,
            updated_at: now,
        }))
    }));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

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
