//! A peer that plays a script: it expects these bytes, sends those, pauses, half-closes, resets.
//!
//! A protocol is tested best against a counterpart whose every byte and every silence is written
//! down in the test. [`Server`](crate::server::Server) answers HTTP requests whatever their order;
//! a [`Script`] is for any protocol, and for order itself: what comes first, what must not come,
//! where the bytes are cut, and what happens when the line goes dead half-way.
//!
//! * [`Script`] is the list of steps. It is played in memory ([`Script::in_memory`]), where time
//!   may be paused, or over a loopback socket ([`Script::listen`], [`listen`] for several
//!   connections), which wants real time.
//! * [`Peer`] is the play under way. [`Peer::finish`] asserts that it was played to its end.
//! * [`Mismatch`] says at which step, on which line of the test, what was expected and what came.
//!
//! The peer never improvises: what is not in the script it neither sends nor accepts.

mod mismatch;
#[allow(
    clippy::module_inception,
    reason = "the folder is named for its main type"
)]
mod peer;
mod play;
mod script;
mod stream;
#[cfg(test)]
mod tests;

pub use mismatch::Mismatch;
pub use peer::{Peer, listen};
pub use script::Script;
pub use stream::Stream;
