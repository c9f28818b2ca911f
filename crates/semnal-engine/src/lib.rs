//! Moves deliveries from due to done: schedule, send, decide, report. Knows no SQL, no axum and no environment; time,
//! randomness, DNS and connections are given to it.
//!
//! Invariant: no attempt is made while a transaction is open, and none whose outcome could not be written.

pub mod clock;
mod deliver;
pub mod destination;
pub mod engine;
mod lane;
pub mod randomness;
pub mod scheduler;
pub mod transport;
