//! The token bucket as a rule: may this many permits be taken at this moment?
//!
//! It is the generic cell rate algorithm (GCRA). A bucket that refills in the background would
//! need a task and a counter; GCRA needs one number, the *theoretical arrival time*: the moment at
//! which the bucket will be full again. Taking a permit moves it one interval into the future, and
//! a permit is due as long as it is not further ahead than the burst allows.
//!
//! Timers fire late. A bucket of burst 1 that forgot every lateness would never reach its rate, a
//! bucket that made up for all of it would answer a stall with a flood. So a permit that somebody
//! *waited* for is booked as if it had been taken on time, for up to [`LATENESS_MAX`] and never for
//! more than one interval: over any window the grants exceed `burst + rate x window` by at most one.
//! What a stall cost beyond that is forfeited.
//!
//! The rule never reads a clock and never waits: "not yet" is a moment, not an error.

mod bucket;
mod rate;
#[cfg(test)]
mod tests;

pub use bucket::{Arrival, Gcra, LATENESS_MAX};
pub use rate::Rate;
