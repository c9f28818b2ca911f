//! `bench`: a thin front of [`semnal_harness::bench`], and the null forwarder's process.
fn main() {}
