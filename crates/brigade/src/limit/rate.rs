//! A rate limit: at most so many per second, with a burst.
//!
//! It is a token bucket that keeps its promise where the program can see it: what counts is the
//! moment at which `acquire` returns. It has no task and no thread of its own.

use std::fmt;
use std::task::Waker;
use std::time::Duration;

use brigade_core::gcra::Gcra;
use brigade_core::turns::Turns;

use super::credit::Credit;
use super::turns::{TakePermits, not_yet};
use super::{Bounded, NotYet, Rate, TooMany};
use crate::desk::Desk;
use crate::sync::Arc;

type RateDesk = Desk<Turns<Gcra, Option<Waker>>>;

/// A token bucket, first come, first served. Clones share it.
///
/// In no window do the permits, counted when `acquire` returns, exceed `burst + rate x window` by
/// more than one. A wake-up that is up to 2 ms late is made up for; what is later is forfeited, so
/// no flood follows a stall. Tokio's timer ticks once per millisecond, so a rate above 1000/s is
/// reached only with a burst of at least what falls due in one tick.
///
/// A burst of 1024 permits or more is counted cautiously: what was taken since the last look at
/// the clock may count as taken at the next one, so a bucket that is nearly full may hold up to a
/// 1024th of its burst, 64 permits at most, less than it could.
///
/// # Examples
///
/// ```
/// use brigade::limit::{Rate, RateLimit};
/// use std::time::Duration;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
/// # .block_on(async {
/// let polite = RateLimit::new(Rate::per_second(10).burst(2));
/// let start = tokio::time::Instant::now();
/// for _ in 0..4 {
///     polite.acquire().await;
/// }
/// assert_eq!(start.elapsed(), Duration::from_millis(200));
/// # });
/// ```
#[derive(Clone)]
pub struct RateLimit {
    desk: Arc<RateDesk>,
    credit: Arc<Credit>,
}

/// What a rate limit is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateStats {
    /// The rate in force.
    pub rate: Rate,
    /// How many permits could be taken at once now, if nobody waited. A burst of 1024 and more is
    /// [counted cautiously](RateLimit).
    pub available: u32,
    /// How many wait.
    pub waiting: usize,
}

impl RateLimit {
    /// A full bucket of `rate`.
    pub fn new(rate: Rate) -> Self {
        Self {
            desk: Desk::new(Turns::new(Gcra::new(rate))),
            credit: Arc::default(),
        }
    }

    /// The same limit with another patience: how long a waiter whose turn has come may stay away
    /// before it may be overtaken (10 ms unless set).
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        self.desk.change(|counter| counter.patience = patience);
        self
    }

    /// The same limit, before which at most so many may wait; see [`Bounded`].
    #[must_use]
    pub fn max_waiters(self, max_waiters: usize) -> Bounded<Self> {
        Bounded::new(self, max_waiters)
    }

    pub(super) fn desk(&self) -> &RateDesk {
        &self.desk
    }

    pub(super) fn credit(&self) -> &Credit {
        &self.credit
    }

    /// Waits for a permit.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the line and takes nothing.
    ///
    /// # Panics
    ///
    /// If it has to wait outside a tokio runtime, or in one whose timer is not enabled.
    pub async fn acquire(&self) {
        if let Err(error) = self.take(1).await {
            unreachable!("a burst of at least one holds one permit: {error}");
        }
    }

    /// Waits for `permits` at once. Those behind wait until they are together.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Errors
    ///
    /// At once if `permits` exceed the burst, or when it is lowered below them.
    ///
    /// # Panics
    ///
    /// As [`acquire`](Self::acquire).
    pub async fn acquire_many(&self, permits: u32) -> Result<(), TooMany> {
        self.take(permits).await
    }

    #[inline]
    fn take(&self, permits: u32) -> impl Future<Output = Result<(), TooMany>> {
        let till = self.credit();
        self.desk.wait(TakePermits { permits, till })
    }

    /// Takes a permit that is due now, unless somebody waits for it.
    ///
    /// # Errors
    ///
    /// If there is none; then how long it takes until there is one, behind those who wait.
    pub fn try_acquire(&self) -> Result<(), NotYet> {
        if self.credit.take(1) {
            return Ok(());
        }
        let mut counter = self.desk.lock();
        let taken = self.credit.take_locked(&mut counter.gate, 1);
        taken.map_err(|now| not_yet(&counter.gate, 1, now))
    }

    /// Continues with another rate; the permits that are missing now stay missing. A waiter that
    /// wants more than the new burst gets its error.
    pub fn set_rate(&self, rate: Rate) {
        self.desk.change(|counter| {
            let now = self.credit.end(&mut counter.gate);
            counter.gate.stock_mut().set_rate(rate, now);
        });
    }

    /// What the limit is doing at this moment.
    pub fn stats(&self) -> RateStats {
        let mut counter = self.desk.lock();
        let now = self.credit.end(&mut counter.gate);
        RateStats {
            rate: counter.gate.stock().rate(),
            available: counter.gate.stock().available(now),
            waiting: counter.gate.waiting(),
        }
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RateLimit").field(&self.stats()).finish()
    }
}
