//! The numbered list of an application's webhooks, as other systems know them: small numbers that never change hands,
//! and who made each one.
//!
//! An entry stands beside an endpoint and says only what the endpoint does not. It is made when a face that knows
//! webhooks by number first meets the endpoint. Invariant: a number is never given out twice in an application, so
//! that a program that kept one cannot delete somebody else's webhook.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::id::{ApplicationId, EndpointId};
use crate::time::UnixMillis;

/// The service of a webhook that a person made.
pub const MANUAL: &str = "manual";
/// The service whose webhooks are removed when their target answers 410 Gone, as its hooks ask for.
pub const ZAPIER: &str = "zapier";
/// 191 characters for the name of a service (Ultimate Multisite's column).
pub const SERVICE_CHARACTERS_MAX: usize = 191;

/// An entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Integration {
    /// Whose list.
    pub application: ApplicationId,
    /// Its number in the list, from 1.
    pub number: u32,
    /// The endpoint; `None` when it was removed and the entry stays.
    pub endpoint: Option<EndpointId>,
    /// Who made the webhook: [`MANUAL`], [`ZAPIER`] or whatever it said.
    pub service: String,
    /// Kept for its owner; nothing reads it.
    pub hidden: bool,
    /// The number that it had in an older version of its owner's system.
    pub migrated_from: i64,
    /// The number under which it was imported.
    pub imported_from: Option<u32>,
    /// What is added to the deliveries that are counted.
    pub count_offset: i64,
    /// When it was removed because its target had answered 410.
    pub gone_at: Option<UnixMillis>,
}

impl Integration {
    /// Makes the entry of an endpoint that nobody has said anything about.
    pub fn new(application: ApplicationId, number: u32, endpoint: EndpointId) -> Integration {
        Integration {
            application,
            number,
            endpoint: Some(endpoint),
            service: MANUAL.to_owned(),
            hidden: false,
            migrated_from: 0,
            imported_from: None,
            count_offset: 0,
            gone_at: None,
        }
    }
}

/// The list of one application.
#[derive(Debug, Clone, Default)]
pub struct Integrations {
    entries: BTreeMap<u32, Arc<Integration>>,
    numbers: HashMap<EndpointId, u32>,
}

impl Integrations {
    /// Returns an entry by its number.
    pub fn get(&self, number: u32) -> Option<&Arc<Integration>> {
        self.entries.get(&number)
    }

    /// Returns the entry of an endpoint.
    pub fn of(&self, endpoint: EndpointId) -> Option<&Arc<Integration>> {
        self.entries.get(self.numbers.get(&endpoint)?)
    }

    /// Returns every entry by number.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Integration>> {
        self.entries.values()
    }

    /// Returns the number to give out next; `None` when there are no more.
    pub fn next_number(&self) -> Option<u32> {
        self.entries.last_key_value().map_or(0, |(number, _)| *number).checked_add(1)
    }

    pub(crate) fn put(&mut self, it: &Integration) {
        if let Some(old) = self.entries.get(&it.number).and_then(|old| old.endpoint) {
            self.numbers.remove(&old);
        }
        if let Some(endpoint) = it.endpoint {
            self.numbers.insert(endpoint, it.number);
        }
        self.entries.insert(it.number, Arc::new(it.clone()));
        self.clear();
    }

    pub(crate) fn forget(&mut self, number: u32) {
        let Some(old) = self.entries.get(&number) else { return };
        let mut bare = Integration::clone(old);
        (bare.endpoint, bare.gone_at) = (None, None);
        self.put(&bare);
    }

    pub(crate) fn endpoint_deleted(&mut self, endpoint: EndpointId) {
        let Some(old) = self.of(endpoint) else { return };
        let bare = Integration { endpoint: None, ..Integration::clone(old) };
        self.put(&bare);
    }

    /// Removes what says nothing any more. The greatest number stays, so that it is not given out again, and so does what
    /// was imported, so that an import that is repeated brings nothing back.
    fn clear(&mut self) {
        let last = self.entries.last_key_value().map_or(0, |(number, _)| *number);
        let says =
            |it: &Integration| it.endpoint.is_some() || it.gone_at.is_some() || it.imported_from.is_some();
        self.entries.retain(|number, it| *number == last || says(it));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Key;

    const APPLICATION: ApplicationId = ApplicationId(Key(1));

    fn entry(number: u32) -> Integration {
        Integration::new(APPLICATION, number, EndpointId(Key(i64::from(number) * 10)))
    }

    fn numbers(list: &Integrations) -> Vec<u32> {
        list.iter().map(|it| it.number).collect()
    }

    #[test]
    fn a_number_is_never_given_out_twice() {
        let mut list = Integrations::default();
        assert_eq!(list.next_number(), Some(1));
        for number in 1..=3 {
            list.put(&entry(number));
        }
        list.endpoint_deleted(EndpointId(Key(30)));
        assert_eq!((numbers(&list), list.next_number()), (vec![1, 2, 3], Some(4)));
        assert_eq!(list.get(3).unwrap().endpoint, None);
        list.endpoint_deleted(EndpointId(Key(10)));
        assert_eq!(numbers(&list), [2, 3]);
        list.put(&entry(4));
        assert_eq!(numbers(&list), [2, 4], "the bare entry is needed no more");
        list.put(&entry(u32::MAX));
        assert_eq!(list.next_number(), None);
    }

    #[test]
    fn what_is_gone_is_remembered_until_it_is_forgotten() {
        let mut list = Integrations::default();
        list.put(&entry(1));
        list.put(&Integration { gone_at: Some(UnixMillis(7)), ..entry(2) });
        list.put(&entry(3));
        list.endpoint_deleted(EndpointId(Key(20)));
        assert_eq!(list.get(2).unwrap().gone_at, Some(UnixMillis(7)));
        assert!(list.of(EndpointId(Key(20))).is_none());
        list.forget(2);
        assert!(list.get(2).is_none());
        list.forget(2);
        assert_eq!(numbers(&list), [1, 3]);
    }

    #[test]
    fn what_was_imported_is_remembered_when_it_was_deleted() {
        let mut list = Integrations::default();
        list.put(&Integration { imported_from: Some(1), ..entry(1) });
        list.put(&entry(2));
        list.endpoint_deleted(EndpointId(Key(10)));
        assert_eq!(list.get(1).map(|it| it.endpoint), Some(None));
        list.forget(1);
        assert_eq!(numbers(&list), [1, 2]);
    }

    #[test]
    fn an_entry_that_is_put_again_leads_to_its_new_endpoint_only() {
        let mut list = Integrations::default();
        list.put(&entry(1));
        list.put(&Integration { endpoint: Some(EndpointId(Key(99))), ..entry(1) });
        assert!(list.of(EndpointId(Key(10))).is_none());
        assert_eq!(list.of(EndpointId(Key(99))).unwrap().number, 1);
    }
}
