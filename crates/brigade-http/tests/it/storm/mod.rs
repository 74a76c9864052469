//! H1 in a storm: whole clients against servers and callers that do anything, in any order.
//!
//! A scenario is drawn from a seed and played twice with the same bodies: in memory with paused
//! time, and on loopback, where the system counts the client's sockets. After every turn of every
//! task the client must be within its limits; at the end every request must have ended as it may.
//! A seed brings back the same scenario, and in memory, but for the lots that TLS draws, the same
//! run. It never waits for a time in which something has probably happened.
//!
//! `BRIGADE_STORM_SEEDS=0..5000` plays these seeds instead of the usual few, and
//! `BRIGADE_STORM_SEEDS=17` one of them again.

mod ask;
mod book;
mod http1;
mod http2;
mod plan;
mod run;
mod stage;
mod watch;
mod wire;
mod world;

use std::ops::Range;

use plan::Weather::{Closing, Fair, Ruin, Storm};
use run::{in_memory, on_loopback};

/// How requests end in every storm.
const USUAL: [&str; 5] = [
    "Read",
    "Dropped",
    "connect",
    "timeout.pool",
    "timeout.total",
];

#[test]
fn h1p_in_a_storm_in_memory_no_limit_is_ever_exceeded() {
    let tally = in_memory(Storm, 0..40);
    tally.expect(&USUAL);
    tally.expect(&["protocol", "timeout.connect", "timeout.read"]);
}

#[test]
fn h1p_in_a_storm_on_loopback_no_limit_is_ever_exceeded() {
    on_loopback(Storm, 0..8).expect(&USUAL);
}

#[test]
fn h1q_in_memory_callers_who_stay_are_served() {
    in_memory(Fair, 0..30).expect(&["Read", "Dropped"]);
}

#[test]
fn h1q_on_loopback_callers_who_stay_are_served() {
    on_loopback(Fair, 0..6).expect(&["Read", "Dropped"]);
}

#[test]
fn h1r_a_client_that_ends_in_a_storm_in_memory_leaves_nothing() {
    in_memory(Closing, 0..40).expect(&["Read", "closed", "Skipped"]);
}

#[test]
fn h1r_a_client_that_ends_in_a_storm_on_loopback_leaves_nothing() {
    // On a slow machine no request is left to be skipped when the first answer has come.
    on_loopback(Closing, 0..8).expect(&["Read", "closed"]);
}

#[test]
fn h1s_in_memory_every_request_ends_once_and_as_it_may() {
    in_memory(Ruin, 0..40).expect(&["Read", "protocol"]);
}

#[test]
fn h1s_on_loopback_every_request_ends_once_and_as_it_may() {
    on_loopback(Ruin, 0..8).expect(&["Read", "protocol"]);
}

/// The seeds that are asked for instead of the usual ones.
fn asked() -> Option<Range<u64>> {
    let asked = std::env::var("BRIGADE_STORM_SEEDS").ok()?;
    let read = |text: &str| text.parse().expect("BRIGADE_STORM_SEEDS is N or FROM..TO");
    Some(match asked.split_once("..") {
        Some((from, to)) => read(from)..read(to),
        None => read(&asked)..read(&asked) + 1,
    })
}
