//! One operation of one pattern, many times, as a process of its own on a current-thread runtime.
//!
//! The sides of a comparison do the same work in the same shape, and each file says what that is.
//! None may skip a part of the work that the others do, unless its row says so.

mod bucket;
mod lines;
mod queue;
mod semaphore;
mod spawn;
mod thread;

use crate::Result;

/// Runs the side of a comparison, `FAMILY/SIDE`, for `count` operations.
pub(super) async fn run(name: &str, count: usize) -> Result<()> {
    match name.split_once('/') {
        Some(("spawn", side)) => spawn::run(side, count).await,
        Some(("queue", side)) => queue::run(side, count).await,
        Some(("semaphore", side)) => semaphore::run(side, count).await,
        Some(("bucket", side)) => bucket::run(side, count).await,
        Some(("thread", side)) => thread::run(side, count).await,
        Some(("lines", side)) => lines::run(side, count).await,
        _ => Err(format!("no such pattern: {name}").into()),
    }
}

fn unknown<T>(side: &str) -> Result<T> {
    Err(format!("no such side: {side}").into())
}
