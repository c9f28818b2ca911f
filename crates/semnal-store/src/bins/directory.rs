//! The bins as they are: what is committed, or what a transaction has made of them so far.

use std::collections::BTreeMap;

use semnal_core::id::{BinId, OrganisationId};
use semnal_core::name::Uid;

use super::BinState;

/// The bins by id, by uid and by organisation.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    bins: BTreeMap<BinId, BinState>,
    uids: BTreeMap<(OrganisationId, Uid), BinId>,
}

impl Directory {
    pub(super) fn of(states: Vec<BinState>) -> Directory {
        let mut directory = Directory::default();
        states.into_iter().for_each(|it| directory.put(it));
        directory
    }

    /// Returns a bin.
    pub fn get(&self, id: BinId) -> Option<&BinState> {
        self.bins.get(&id)
    }

    /// Returns a bin of an organisation by its uid.
    pub fn by_uid(&self, organisation: OrganisationId, uid: &Uid) -> Option<&BinState> {
        self.get(*self.uids.get(&(organisation, uid.clone()))?)
    }

    /// Returns the bins of an organisation, oldest first.
    pub fn of_organisation(&self, organisation: OrganisationId) -> impl Iterator<Item = &BinState> {
        self.bins.values().filter(move |it| it.bin.organisation == organisation)
    }

    /// Returns every bin, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &BinState> {
        self.bins.values()
    }

    pub(super) fn put(&mut self, state: BinState) {
        self.remove(state.bin.id);
        if let Some(uid) = &state.bin.uid {
            self.uids.insert((state.bin.organisation, uid.clone()), state.bin.id);
        }
        self.bins.insert(state.bin.id, state);
    }

    pub(super) fn remove(&mut self, id: BinId) -> Option<BinState> {
        let old = self.bins.remove(&id)?;
        if let Some(uid) = &old.bin.uid {
            self.uids.remove(&(old.bin.organisation, uid.clone()));
        }
        Some(old)
    }

    /// Changes what a bin holds.
    pub(super) fn tally(&mut self, id: BinId) -> Option<&mut semnal_core::request_bin::Tally> {
        self.bins.get_mut(&id).map(|it| &mut it.tally)
    }
}
