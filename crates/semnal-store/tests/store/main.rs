//! The store from outside: one conformance suite on both backends, a model of the ledger, faults, and a proof that
//! `verify` notices each kind of damage.

#![expect(
    clippy::unwrap_used,
    reason = "a test that fails may panic anywhere, also outside of its own function"
)]

mod bins;
mod conformance;
mod directory;
mod faults;
mod fixture;
mod model;
mod overwritten;
mod recorder;
mod verify_breaks;
mod views;
