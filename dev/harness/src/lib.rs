//! The measuring and fault harness of Semnal: what `dev/bench` and `dev/faults` run.
//!
//! It sees the server only from outside: its command line, its HTTP API, the requests that it delivers and what the
//! kernel knows about its process and files. Nothing here links the store or the engine, so that no mistake of
//! theirs can hide in the instrument. Invariants: load goes to loopback only, every run is bounded and ends by
//! itself, and only processes that the harness started are ended, by their handle.

pub mod api;
pub mod bench;
pub mod client;
pub mod clock;
pub mod error;
pub mod faults;
pub mod generator;
pub mod null_forwarder;
pub mod oracle;
pub mod payload;
pub mod process;
pub mod receiver;
pub mod rig;
