//! What the writer writes to: SQLite in service, memory with injected faults for tests.

use semnal_core::id::{BinId, CapturedId};
use semnal_core::request_bin::capture::CapturedRequest;
use semnal_core::time::UnixMillis;

use super::BinState;
use super::memory::MemoryWriter;
use super::sqlite::SqliteWriter;
use crate::error::StoreError;

/// Where bins are kept.
pub(super) enum Backend {
    Sqlite(SqliteWriter),
    Memory(MemoryWriter),
}

/// One thing to write.
#[derive(Clone, Copy)]
pub(super) enum Write<'a> {
    /// A bin, new or changed.
    Bin(&'a BinState),
    /// What a bin holds.
    Tally(&'a BinState),
    /// A bin is gone. Its requests have gone before.
    DeleteBin(BinId),
    /// A request.
    Request(&'a CapturedRequest),
    /// A request is gone.
    DeleteRequest(CapturedId),
    /// Requests up to this one are gone.
    DeleteUpTo(CapturedId),
}

/// A request at the old end of a bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Old {
    pub(super) number: u32,
    pub(super) bytes: u64,
    pub(super) received_at: UnixMillis,
}

impl Backend {
    /// Returns every bin with what it holds.
    pub(super) fn load(&self) -> Result<Vec<BinState>, StoreError> {
        match self {
            Backend::Sqlite(it) => it.load(),
            Backend::Memory(it) => Ok(it.load()),
        }
    }

    pub(super) fn begin(&mut self) -> Result<(), StoreError> {
        match self {
            Backend::Sqlite(it) => it.begin(),
            Backend::Memory(_) => Ok(()),
        }
    }

    pub(super) fn commit(&mut self) -> Result<(), StoreError> {
        match self {
            Backend::Sqlite(it) => it.commit(),
            Backend::Memory(it) => it.commit(),
        }
    }

    pub(super) fn rollback(&mut self) {
        match self {
            Backend::Sqlite(it) => it.rollback(),
            Backend::Memory(it) => it.rollback(),
        }
    }

    pub(super) fn write(&mut self, write: Write<'_>) -> Result<(), StoreError> {
        match self {
            Backend::Sqlite(it) => it.write(write),
            Backend::Memory(it) => {
                it.write(write);
                Ok(())
            }
        }
    }

    /// Returns the oldest requests of a bin, oldest first, those of this transaction included.
    pub(super) fn oldest(&self, bin: BinId, limit: usize) -> Result<Vec<Old>, StoreError> {
        match self {
            Backend::Sqlite(it) => it.oldest(bin, limit),
            Backend::Memory(it) => Ok(it.oldest(bin, limit)),
        }
    }

    /// Returns how many bytes a request has.
    pub(super) fn bytes_of(&self, id: CapturedId) -> Result<Option<u64>, StoreError> {
        match self {
            Backend::Sqlite(it) => it.bytes_of(id),
            Backend::Memory(it) => Ok(it.bytes_of(id)),
        }
    }

    /// Gives room on the disk back that deleted requests had, a bounded part of it.
    pub(super) fn shrink(&mut self) -> Result<(), StoreError> {
        match self {
            Backend::Sqlite(it) => it.shrink(),
            Backend::Memory(_) => Ok(()),
        }
    }

    /// Leaves everything in the file itself, nothing in the log beside it.
    pub(super) fn close(self) -> Result<(), StoreError> {
        match self {
            Backend::Sqlite(it) => it.close(),
            Backend::Memory(_) => Ok(()),
        }
    }
}
