//! Request bins: what they are, what they answer, and how a captured request is read.
//!
//! Pure rules only. Bytes come from the listener of the bins and are kept by the store; everything that is derived from
//! them (headers, framing, the answer) is worked out here, so that the bytes stay the only record.

pub mod answer;
pub mod capture;
pub mod handshake;
pub mod head;
pub mod own_cookies;
pub mod response;

use crate::id::{BinId, OrganisationId};
use crate::name::Uid;
use crate::time::UnixMillis;
use response::BinResponse;
use std::time::Duration;

/// 100 bins in an organisation.
pub const BINS_MAX: usize = 100;
/// 256 characters for the name of a bin.
pub const BIN_NAME_CHARACTERS_MAX: usize = 256;

/// A URL that records whatever is sent to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bin {
    /// Its key.
    pub id: BinId,
    /// Whose it is.
    pub organisation: OrganisationId,
    /// The client's own name for it, unique in the organisation.
    pub uid: Option<Uid>,
    /// Its name for people.
    pub name: String,
    /// What it answers.
    pub response: BinResponse,
    /// The number of the last request that came before the response was set: sequences count from there.
    pub response_after: u32,
    /// When it goes away.
    pub expiry: Expiry,
    /// When it was made.
    pub created_at: UnixMillis,
    /// When it was last changed.
    pub updated_at: UnixMillis,
    /// The hash of the request that made it, so that a repetition of that request makes no second one.
    pub made_by: Option<[u8; 16]>,
}

/// When a bin goes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// So long after it was last used; each request and each change renews it.
    AfterUse,
    /// At a point in time that somebody chose.
    At(UnixMillis),
}

/// What a bin holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// The number of the last request that it caught; 0 before the first.
    pub last_number: u32,
    /// How many requests it holds.
    pub requests: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// When it was last used.
    pub used_at: UnixMillis,
}

impl Bin {
    /// Returns when the bin goes away, if nothing uses it any more; `lifetime` is how long it lives after its last use.
    pub fn expires_at(&self, tally: &Tally, lifetime: Duration) -> UnixMillis {
        match self.expiry {
            Expiry::AfterUse => tally.used_at.max(self.updated_at) + lifetime,
            Expiry::At(at) => at,
        }
    }
}
