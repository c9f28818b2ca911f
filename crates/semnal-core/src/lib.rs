//! The pure rules of Semnal. No IO, async, clock, randomness, SQL or HTTP: what needs one of them takes its
//! result as an argument.

pub mod address;
pub mod endpoint_url;
