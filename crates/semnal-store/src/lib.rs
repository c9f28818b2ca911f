//! The durable record of Semnal, and the only crate that knows SQL.
//!
//! [`store::Store`] is what the other crates see: append, record, change, resend, read. One writer thread turns
//! everything that waits into one transaction (group commit) and answers after the commit; [`observer::Observer`]
//! hears of each commit in its order. Invariant: nothing is answered before it is durable.

pub mod bins;
mod bookkeeping;
pub mod called_off;
pub mod directory;
mod duplicates;
pub mod error;
mod journal;
pub mod memory;
pub mod message;
pub mod observer;
pub mod outcome;
pub mod read;
mod recovery;
mod sqlite;
pub mod store;
pub mod task;
pub mod vault;
pub mod verify;
pub mod views;
mod worker;
mod writer;
