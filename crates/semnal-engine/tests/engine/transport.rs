//! The transport against receivers that behave in every way a receiver can.

mod answers;
mod certificates;
mod failures;
mod guard;
mod kept_connections;
mod limits;
pub(crate) mod receiver;
mod requests;
pub(crate) mod world;
