//! Tools for testing async programs: a scripted HTTP server with faults, a clock that stands still
//! until told otherwise, a fuzzer that drops a future at every await, and leak checks.
//!
//! | I want to | module |
//! |---|---|
//! | serve scripted replies and faults on loopback | [`server`] |
//!
//! The kit never depends on what it tests, so a bug there cannot hide itself here.

pub mod server;
