//! Limits: how many at once, how many per second, and both for each of many keys.
//!
//! | I want | it is |
//! |---|---|
//! | at most 10 at once | [`Semaphore`] |
//! | at most 10 per second | [`RateLimit`] |
//! | at most 64 at once and 100/s, of each host 4 and 5/s, and hosts that can be paused | [`KeyedLimit`] |
//! | any of these, and a "no" with the time to come back when too many wait | its `max_waiters`: [`Bounded`] |
//!
//! They share one way of waiting. It is first come, first served. A waiter whose turn has come is
//! *promised* its permit and woken; it collects the permit when it is polled, and a rate is booked
//! then, so that what the rate limits is what the program sees. A waiter that is not polled within
//! the limit's patience (10 ms unless changed) is overtaken and keeps its place: a future that was
//! polled once and then left lying cannot stop everybody else, as it can with a semaphore that hands
//! permits to sleepers.
//!
//! A waiter that is dropped leaves the line, and what it was promised goes to the next. There is no
//! background task: a timer of the limit itself hands turns on, also under paused time.
//!
//! Several limits belong in one [`KeyedLimit`], never in several objects of which one is held while
//! another is waited for.

mod bounded;
mod credit;
mod error;
mod keyed;
mod name;
mod rate;
mod semaphore;
#[cfg(test)]
mod tests;
mod turns;

pub use bounded::Bounded;
pub use brigade_core::admission::Limits;
pub use brigade_core::gcra::Rate;
pub use error::{AcquireError, NotYet, Overloaded, TooMany};
pub use keyed::{KeyedLimit, KeyedStats, Pass};
pub use rate::{RateLimit, RateStats};
pub use semaphore::{OwnedPermit, Permit, Semaphore, SemaphoreStats};
