//! The durable record of Semnal.
