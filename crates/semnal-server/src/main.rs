//! The semnal binary.
#[cfg_attr(not(test), expect(dead_code, reason = "wired by main"))]
mod api;
mod keys;
#[cfg_attr(not(test), expect(dead_code, reason = "wired by main"))]
mod listener;

fn main() {}
