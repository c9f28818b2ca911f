//! Readings of bytes that somebody else sent, for people: JSON as lines. Everything is data: nothing here trusts, runs or
//! recurses into what it is given.

pub mod json;
