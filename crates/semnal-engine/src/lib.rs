//! Moves deliveries from due to done.

pub mod clock;
pub mod transport;
