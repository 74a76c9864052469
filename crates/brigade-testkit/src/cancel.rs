//! Dropping a future at each of its awaits, to see what it leaves behind.
//!
//! A future can be dropped wherever it waits, and that is the path nobody runs: the permit that
//! was granted and never taken, the item taken off the queue and never handed on. "Cancel safe" is
//! a claim about all of those places. [`fuzz_cancel`] visits each of them twice: dropped as soon
//! as it waits, and dropped after it was woken but before it could run, which is where promised
//! things get lost.
//!
//! The fuzzer never polls a future that has not been woken, so it sees what a runtime would do.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A future that still waits after so many polls counts as one that never ends.
const POLLS_MAX: usize = 100_000;

/// How one run of the future under test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    /// It was dropped after it had been polled so many times.
    Dropped {
        /// How many polls it got; 0 is a future dropped before it began.
        polls: usize,
        /// Whether it had been woken since its last poll.
        woken: bool,
    },
    /// It ran to its end.
    Completed(T),
}

/// Runs the futures that `make` returns, dropping the first before it is polled, the next after
/// one poll, and so on until one completes; after each, `check` looks at what is left.
///
/// Each place is visited twice: once the future is dropped as soon as it waits, once after it was
/// woken. Completed runs are checked too. Returns the number of polls of a complete run.
///
/// `make` sets a scene in which the future will complete; what the future waits for must come
/// from elsewhere (a task, a timer), since nothing else runs in its place. `check` may wait until
/// things have settled. Under paused time, timers fire at once.
///
/// # Cancel safety
///
/// Dropping it drops the future under test where it stands.
///
/// # Panics
///
/// If `check` panics, or if no run ends within 100,000 polls.
///
/// # Examples
///
/// A semaphore's permits come back wherever its waiter is dropped:
///
/// ```
/// use brigade_testkit::cancel::fuzz_cancel;
/// use std::{sync::Arc, time::Duration};
/// use tokio::sync::Semaphore;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?.block_on(async {
/// let semaphore = Arc::new(Semaphore::new(1));
/// let polls = fuzz_cancel(
///     || async {
///         let _permit = semaphore.acquire().await;
///         tokio::time::sleep(Duration::from_secs(1)).await;
///     },
///     async |outcome| assert_eq!(semaphore.available_permits(), 1, "lost: {outcome:?}"),
/// )
/// .await;
/// assert_eq!(polls, 2);
/// # });
/// # std::io::Result::Ok(())
/// ```
pub async fn fuzz_cancel<F: Future>(
    mut make: impl FnMut() -> F,
    mut check: impl AsyncFnMut(Outcome<F::Output>),
) -> usize {
    for polls in 0..POLLS_MAX {
        let mut completed = true;
        for woken in [false, true] {
            if polls == 0 && woken {
                continue;
            }
            let run = Run {
                future: Box::pin(make()),
                polls,
                left: polls,
                woken,
            };
            let outcome = run.await;
            completed &= matches!(outcome, Outcome::Completed(_));
            check(outcome).await;
        }
        if completed {
            return polls;
        }
    }
    panic!("the future did not complete within {POLLS_MAX} polls");
}

/// One run: at most `polls` polls, then the drop.
struct Run<F> {
    future: Pin<Box<F>>,
    polls: usize,
    left: usize,
    woken: bool,
}

impl<F: Future> Future for Run<F> {
    type Output = Outcome<F::Output>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let run = self.get_mut();
        let dropped = Outcome::Dropped {
            polls: run.polls,
            woken: run.woken,
        };
        if run.left == 0 {
            return Poll::Ready(dropped);
        }
        run.left -= 1;
        match run.future.as_mut().poll(context) {
            Poll::Ready(value) => Poll::Ready(Outcome::Completed(value)),
            Poll::Pending if run.left == 0 && !run.woken => Poll::Ready(dropped),
            Poll::Pending => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn every_await_is_visited_waiting_and_woken() {
        let seen = RefCell::new(Vec::new());
        let three = || async {
            tokio::task::yield_now().await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            "end"
        };
        let polls = fuzz_cancel(three, async |outcome| seen.borrow_mut().push(outcome)).await;
        let dropped = |polls, woken| Outcome::Dropped { polls, woken };
        let expected = [
            dropped(0, false),
            dropped(1, false),
            dropped(1, true),
            dropped(2, false),
            dropped(2, true),
            Outcome::Completed("end"),
            Outcome::Completed("end"),
        ];
        assert_eq!(polls, 3);
        assert_eq!(seen.into_inner(), expected);
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "lost at Dropped { polls: 1, woken: true }")]
    async fn what_a_woken_future_loses_is_found() {
        // Takes the item out when it is offered, and keeps it only if it gets to run again.
        let item = Cell::new(true);
        let loses = || async {
            item.set(true);
            std::future::poll_fn(|context| {
                let offered = item.replace(false);
                if offered {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(())
            })
            .await;
            item.set(true);
        };
        fuzz_cancel(loses, async |outcome| {
            let waiting = matches!(outcome, Outcome::Dropped { woken: false, .. });
            assert!(waiting || item.get(), "lost at {outcome:?}");
        })
        .await;
    }

    #[tokio::test]
    #[should_panic(expected = "did not complete")]
    async fn a_future_that_never_ends_is_reported() {
        let endless = || async {
            loop {
                tokio::task::yield_now().await;
            }
        };
        // Bounded here, since the number of polls grows with each run.
        let mut runs = 0;
        fuzz_cancel(endless, async |_| {
            runs += 1;
            assert!(runs < 200, "the future did not complete");
        })
        .await;
    }
}
