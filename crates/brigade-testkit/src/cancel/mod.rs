//! Dropping or cancelling a future at each of its awaits, to see what it leaves behind.
//!
//! A future can be dropped wherever it waits, and that is the path nobody runs: the permit that
//! was granted and never taken, the item taken off the queue and never handed on, the neighbour in
//! the line that nobody wakes any more. "Cancel safe" is a claim about all of those places.
//!
//! * [`fuzz_cancel`] visits each place twice: the future is dropped as soon as it waits, and after
//!   it was woken but before it could run, which is where promised things get lost.
//! * [`Fuzz`] does the same among rivals that must not suffer, with interleavings chosen by seeds,
//!   and [cancels](Fuzz::run_cancelling) through a token or a group instead of dropping.
//!
//! The future under test is polled as strictly as the contract of `Future` allows: when it was
//! woken and not before, and with a new waker each time, so that one which remembers an old waker
//! hangs. A future that is never woken again is reported as lost, with the place and the seed.

mod fuzz;
mod outcome;
mod place;
mod scene;
#[cfg(test)]
mod tests;

pub use fuzz::{Fuzz, Report, fuzz_cancel};
pub use outcome::Outcome;
