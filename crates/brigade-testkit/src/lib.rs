//! Tools for testing async programs: a scripted HTTP server with faults, a clock that stands still
//! until told otherwise, a fuzzer that drops a future at every await, and leak checks.
//!
//! | I want to | item |
//! |---|---|
//! | serve scripted replies and faults on loopback | [`server::Server`] |
//! | drop a future at each of its awaits and look at what is left | [`cancel::fuzz_cancel`] |
//! | see that a test left no task, socket or file behind | [`leak::LeakCheck`] |
//! | drive a pure decision through time | [`clock::FakeClock`] |
//! | wait for something another task will bring about | [`wait::until`] |
//!
//! The kit never depends on what it tests, so a bug there cannot hide itself here.

pub mod cancel;
pub mod clock;
pub mod leak;
pub mod peer;
pub mod server;
pub mod wait;
