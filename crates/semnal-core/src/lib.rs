//! The pure rules of Semnal. No IO, async, clock, randomness, SQL or HTTP: what needs one of them takes its
//! result as an argument.

pub mod account;
pub mod address;
pub mod application;
pub mod attempt;

pub mod configuration;
pub mod delivery;
pub mod endpoint;
pub mod endpoint_url;
pub mod health;
pub mod id;
pub mod inspect;
pub mod integration;
pub mod name;
pub mod operational;
pub mod portal;
pub mod request_bin;
pub mod retry;
pub mod signature;
pub mod time;
