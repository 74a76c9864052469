//! Blocking and computing work on threads: bounded, named, in order.
//!
//! An event loop that reads a file or compresses a page stands still for all its tasks. So such
//! work goes to a thread: [`to_thread`] for what waits, [`to_cpu`] for what computes, a
//! [`Pool`] of your own for what needs another limit (a licence for two sessions, a disk with one
//! head), and [`Pinned`] for a library that must stay on the thread that opened it.
//!
//! - **Bounded, in order.** Each class has a limit of its own, so blocked files never starve
//!   compression. What is above the limit waits, first come, first served, in the order of the
//!   first polls, and [`stats`](Pool::stats) shows it. A caller that gives up leaves the queue.
//! - **It cannot be stopped.** So a caller that is cancelled waits for a closure that runs, unless
//!   it says [`abandon_on_cancel`](Call::abandon_on_cancel); one that has not started never runs.
//!   A long closure asks [`cancelled`] now and then.
//! - **What travels along.** The caller's cancellation ([`current`](crate::cancel::current)), its
//!   tracing span, its [context](crate::context) and its tokio runtime are at hand in the closure.
//! - **A panic is the caller's**, with its payload. The thread goes on.
//! - **Nothing hangs at the end.** Threads are not joined. `run` waits for closures until its
//!   deadline, names those that still live, and ends the process.
//!
//! tokio's paused clock does not know of these threads: under it a timeout around a closure fires
//! as soon as nothing else is ready.
//!
//! # Nested use
//!
//! A closure that waits (with a runtime handle's `block_on`) for another one of its own class holds
//! a thread which the other may need: that works while threads are free, and never ends when all
//! are held so. Such a call panics at its first poll, however many threads are free, and says which
//! class it is. That holds too if the call is made by a task of a group that the closure opened, or
//! through another class that leads back (A waits for B, B for A). Waiting for *another* class is
//! fine. Not seen are the ways that lead around brigade: a call made by a task of `tokio::spawn` or
//! of a group that was there before, on whose result the closure then waits.

mod builder;
mod call;
mod crew;
mod job;
mod pinned;
mod pool;
mod roster;
mod stats;
#[cfg(test)]
mod tests;
mod travel;

pub use builder::Builder;
pub use call::Call;
pub use pinned::Pinned;
pub use pool::{Pool, to_cpu, to_thread};
pub use stats::Stats;
pub use travel::cancelled;
