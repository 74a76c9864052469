//! Cancellation: what every other pattern of this crate means by it.
//!
//! Cancelling a task does not interrupt it. It sets a [`Reason`], which is never taken back, and
//! the task is dropped at its next suspension point, as Rust futures are. So there is no
//! exception to catch, and nothing can swallow a cancellation. Three things make that usable:
//!
//! * [`defer`] registers cleanup that awaits. It runs when the task's future is gone, last first,
//!   within the grace period, and no second cancellation cuts it off.
//! * [`shield`] puts the drop off while a stretch of work has to be finished.
//! * [`current`] is the running task's [`Token`], for code that wants to stop in its own way.
//!
//! ```text
//! cancel(reason) ─► polled once more ─► ready: its value counts, nothing is lost
//!                                   └─► pending: waits for shields ─► future dropped
//!                                         ─► what it left behind ends ─► finalisers, last first
//! the grace period after the cancellation ─────────────────────────────► aborted, and named
//! ```
//!
//! A deadline is an error of what was too slow, never a silent cancellation: a group with a
//! deadline returns it as a failure, though its children see [`Reason::Deadline`].

mod current;
mod defer;
mod failure;
mod reason;
#[cfg(test)]
mod tests;
mod token;
mod unhindered;

pub(crate) mod context;
pub(crate) mod ending;
pub(crate) mod name;
pub(crate) mod roots;
pub(crate) mod scope;
pub(crate) mod shield;

pub(crate) use failure::{Failure, FailureCause, Fault, NOT_READY};

pub use current::current;
pub use defer::defer;
pub use failure::Panic;
pub use reason::Reason;
pub use shield::shield;
pub use token::Token;
