//! Readings of bytes that somebody else sent, for people: JSON as lines, bytes as hex, forms as pairs, compressed bodies
//! within a limit, secrets masked, what cannot be seen made visible. Everything is data: nothing here trusts, runs or recurses into what it is given.

pub mod diff;
pub mod form;
pub mod gzip;
pub mod hex;
pub mod json;
pub mod mask;
pub mod visible;
