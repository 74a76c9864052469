//! How long to wait before asking again.
//!
//! Many clients that failed together must not come back together, so waits grow and are spread by
//! a random part. There are two questions, and each has its type:
//!
//! * [`Backoff`] answers for one request: how long until its next attempt?
//! * [`HostBackoff`] answers for a host that said "too many requests" or "not now": until when
//!   does nobody ask it anything? A host that refuses again and again is left alone longer and
//!   longer, and a host that has been quiet for a while is forgiven.
//!
//! What the server itself asked for (`Retry-After`) is a minimum for both, never a maximum.
//!
//! The jitter follows Marc Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog,
//! 2015), which compares the two kinds that [`Jitter`] names.
//!
//! This module never reads a clock and never draws a random number: both are arguments. Who wants
//! the number drawn uses `brigade::backoff::Delays`.

#[allow(
    clippy::module_inception,
    reason = "the folder is named for its main type"
)]
mod backoff;
mod host;

#[cfg(test)]
mod tests;

pub use backoff::{Backoff, Jitter};
pub use host::{HostBackoff, HostRule};
