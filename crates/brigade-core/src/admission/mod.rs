//! Who may go next, under several limits at once.
//!
//! A crawler has a total concurrency, a total rate, and for each host a concurrency, a rate and
//! perhaps a pause. Built from separate limiters, one of them is held while another is waited for:
//! permits idle, order is lost, and two orders of taking can deadlock. Here all limits are *one*
//! state. An item waits in the line of its key; [`Admission::poll`] admits the next item for which
//! every limit has room, and takes from all of them in the same step. Nothing is ever held while
//! waiting for something else.
//!
//! Within a key it is first come, first served. Between keys it is a ring: each key that may go
//! gets one turn before any gets a second. Keys can be preferred: they have a ring of their own,
//! which goes before that of the others but for one turn in eight. A key that may not go costs nothing to poll: it is out
//! of the ring until a release (its concurrency is full) or a moment (its rate or pause) brings it
//! back. A key that has nothing waiting, nothing active, no pause and a full bucket is forgotten.
//!
//! The state never reads a clock, never wakes anybody and never starts anything.

mod admit;
mod key;
mod limits;
mod prefer;
mod relimit;
mod state;
#[cfg(test)]
mod tests;
mod view;

pub use limits::{Candidate, Id, Limits, Next};
pub use state::Admission;
