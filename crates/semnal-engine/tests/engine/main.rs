//! The tests of the engine: real sockets on loopback, a clock that stands still, no sleeping.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod deliveries;
mod health;
mod operational;
mod schedules;
mod site;
mod test_events;
mod transport;
