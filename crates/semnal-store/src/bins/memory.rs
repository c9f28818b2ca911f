//! Bins in memory, with the faults of [`crate::memory`]: for tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use semnal_core::id::{BinId, CapturedId};
use semnal_core::request_bin::capture::CapturedRequest;

use super::BinState;
use super::backend::{Old, Write};
use crate::error::StoreError;
use crate::memory::Faults;

/// What outlives bins in memory: hand it to the next ones to "restart".
#[derive(Debug, Clone, Default)]
pub struct MemoryBins {
    tables: SharedTables,
    /// What goes wrong.
    pub faults: Arc<Faults>,
}

pub(super) type SharedTables = Arc<Mutex<Tables>>;

/// The rows.
#[derive(Debug, Clone, Default)]
pub(super) struct Tables {
    bins: BTreeMap<BinId, BinState>,
    pub(super) requests: BTreeMap<CapturedId, Arc<CapturedRequest>>,
}

pub(super) struct MemoryWriter {
    disk: MemoryBins,
    /// The rows with what the transaction has written so far.
    working: Tables,
}

impl MemoryBins {
    pub(super) fn tables(&self) -> SharedTables {
        self.tables.clone()
    }

    pub(super) fn writer(&self) -> MemoryWriter {
        MemoryWriter { disk: self.clone(), working: self.tables.lock().clone() }
    }
}

impl MemoryWriter {
    pub(super) fn load(&self) -> Vec<BinState> {
        self.working.bins.values().cloned().collect()
    }

    pub(super) fn commit(&mut self) -> Result<(), StoreError> {
        self.disk.faults.at_commit()?;
        *self.disk.tables.lock() = self.working.clone();
        Ok(())
    }

    pub(super) fn rollback(&mut self) {
        self.working = self.disk.tables.lock().clone();
    }

    pub(super) fn write(&mut self, write: Write<'_>) {
        let Tables { bins, requests } = &mut self.working;
        match write {
            Write::Bin(it) | Write::Tally(it) => {
                bins.insert(it.bin.id, it.clone());
            }
            Write::DeleteBin(id) => {
                bins.remove(&id);
            }
            Write::Request(it) => {
                requests.insert(it.id, Arc::new(it.clone()));
            }
            Write::DeleteRequest(id) => {
                requests.remove(&id);
            }
            Write::DeleteUpTo(last) => {
                requests.retain(|id, _| id.bin != last.bin || id.number > last.number);
            }
        }
    }

    pub(super) fn oldest(&self, bin: BinId, limit: usize) -> Vec<Old> {
        let old = |(id, it): (&CapturedId, &Arc<CapturedRequest>)| Old {
            number: id.number,
            bytes: it.capture.bytes(),
            received_at: it.capture.received_at,
        };
        self.working.requests.range(all_of(bin)).take(limit).map(old).collect()
    }

    pub(super) fn bytes_of(&self, id: CapturedId) -> Option<u64> {
        self.working.requests.get(&id).map(|it| it.capture.bytes())
    }
}

/// Returns the range of a bin's requests.
pub(super) fn all_of(bin: BinId) -> std::ops::RangeInclusive<CapturedId> {
    CapturedId { bin, number: 0 }..=CapturedId { bin, number: u32::MAX }
}
