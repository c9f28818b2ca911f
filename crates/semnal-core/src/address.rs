//! The address policy: which network addresses a delivery may be sent to.
