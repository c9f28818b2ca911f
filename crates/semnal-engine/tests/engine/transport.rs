//! The transport against receivers that behave in every way a receiver can.

mod answers;
mod certificates;
mod failures;
mod guard;
mod kept_connections;
mod limits;
mod receiver;
mod requests;
mod world;
