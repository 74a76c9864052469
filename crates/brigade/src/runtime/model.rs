//! The runtime that stands in for tokio under shuttle.
//!
//! A task is shuttle's. Time is a number that stands still until a test calls [`advance`]; each
//! execution has a time of its own, so that it can be replayed.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
// No lock of shuttle's: what happens under this one is no interleaving of brigade's.
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

pub(crate) use shuttle::future::JoinHandle;
use tokio::time::Instant;

use crate::slab::Slab;

/// The runtime, of which there is one in each execution.
#[derive(Clone, Debug)]
pub(crate) struct Handle;

/// Never happens.
#[derive(Debug)]
pub(crate) struct NoRuntime;

/// Stands for the guard that tokio gives.
pub(crate) struct Entered;

impl Handle {
    pub(crate) fn current() -> Self {
        Self
    }

    pub(crate) fn try_current() -> Result<Self, NoRuntime> {
        Ok(Self)
    }

    pub(crate) fn enter(&self) -> Entered {
        Entered
    }

    pub(crate) fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        shuttle::future::spawn(future)
    }
}

/// There is always more to do.
pub(crate) fn has_budget() -> bool {
    true
}

#[derive(Default)]
struct Timers {
    passed: Duration,
    asleep: Slab<(Duration, Waker)>,
}

shuttle::lazy_static! {
    static ref TIMERS: Mutex<Timers> = Mutex::default();
}

fn timers() -> MutexGuard<'static, Timers> {
    TIMERS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn origin() -> Instant {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    *FIRST.get_or_init(Instant::now)
}

/// The present, which only [`advance`] moves.
pub(crate) fn present() -> Instant {
    origin() + timers().passed
}

/// Lets time pass, and wakes whoever slept until a moment in it.
pub(crate) fn advance(by: Duration) {
    let mut timers = timers();
    timers.passed += by;
    let passed = timers.passed;
    let due = |entry: &&(Duration, Waker)| entry.0 <= passed;
    let wakers: Vec<_> = timers.asleep.iter().filter(due).cloned().collect();
    drop(timers);
    wakers.into_iter().for_each(|(_, waker)| waker.wake());
}

/// A timer.
pub(crate) struct Sleep {
    until: Duration,
    key: Option<usize>,
}

/// Waits so long.
pub(crate) fn sleep(duration: Duration) -> Sleep {
    sleep_until(present() + duration)
}

/// Waits until a moment.
pub(crate) fn sleep_until(moment: Instant) -> Sleep {
    let until = moment.saturating_duration_since(origin());
    Sleep { until, key: None }
}

/// Polls `future` until a moment; it is asked before the time is.
pub(crate) async fn timeout_at<F: Future>(
    moment: Instant,
    future: F,
) -> Result<F::Output, TimedOut> {
    let (mut future, mut timer) = (pin!(future), sleep_until(moment));
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(Ok(value)),
        Poll::Pending => Pin::new(&mut timer).poll(cx).map(|()| Err(TimedOut)),
    })
    .await
}

/// The moment came first.
#[derive(Debug)]
pub(crate) struct TimedOut;

impl Sleep {
    fn forget(&mut self) {
        let gone = self.key.take().and_then(|key| timers().asleep.remove(key));
        drop(gone);
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.forget();
        let mut timers = timers();
        if timers.passed >= self.until {
            return Poll::Ready(());
        }
        self.key = Some(timers.asleep.insert((self.until, cx.waker().clone())));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.forget();
    }
}
