//! The semnal binary.
fn main() {}
