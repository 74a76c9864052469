//! The real binary as a black box: arguments and files in; stdout, stderr, exit code and files out.
//!
//! Each test starts the command as a process of its own, against a scripted server in the test's
//! process. Nothing here knows how the command is built.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod bad_input;
mod demo;
mod fetch;
mod interrupt;
mod kit;
mod lines;
mod lines_events;
mod lines_messages;
mod lists;
mod look;
mod outlets;
mod usage;
mod ways;
