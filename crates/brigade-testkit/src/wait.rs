//! Waiting for a condition with a bound.
//!
//! A test that sleeps until something has probably happened is slow when it passes and wrong when
//! the machine is busy. This waits as long as it takes and no longer, and fails by name when it
//! takes for ever.

use std::future::Future;
use std::panic::Location;
use std::time::Duration;

/// How often the condition is looked at before the wait fails, once in a millisecond.
const LOOKS_MAX: usize = 10_000;

/// Waits until the condition is true; looks once in a millisecond, for at most 10 s.
///
/// Under tokio's paused time the milliseconds pass by themselves, so other tasks get their turns.
///
/// # Panics
///
/// The condition stayed false; the message names the line of the caller.
///
/// # Cancel safety
///
/// Holds nothing; can be dropped at any time.
///
/// # Examples
///
/// ```
/// use brigade_testkit::wait::until;
/// use std::cell::Cell;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?.block_on(async {
/// let looks = Cell::new(0);
/// until(|| looks.replace(looks.get() + 1) == 3).await;
/// # });
/// # std::io::Result::Ok(())
/// ```
#[track_caller]
pub fn until(condition: impl FnMut() -> bool) -> impl Future<Output = ()> {
    let caller = Location::caller();
    let reached = reached(condition, LOOKS_MAX);
    async move {
        assert!(
            reached.await,
            "the condition awaited at {caller} stayed false for 10 s"
        );
    }
}

/// Looks at most `looks` times; whether the condition came true.
pub(crate) async fn reached(mut condition: impl FnMut() -> bool, looks: usize) -> bool {
    for _ in 0..looks {
        if condition() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    condition()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "wait.rs:")]
    async fn a_wait_that_fails_names_its_line() {
        until(|| false).await;
    }
}
