//! Permits that are taken on credit: without the lock, and without a look at the clock.
//!
//! To read the clock costs twice as much as the rest of a decision. Most decisions do not need it:
//! a bucket that held enough a moment ago holds enough now, and only what is booked depends on the
//! time. So a few permits ([`Gcra::credit`]) are taken on credit, and booked together at the next
//! look at the clock as if all had been taken then. Credit is never given while somebody waits, so
//! nobody is overtaken, and everything under the lock ends it before it looks at the bucket.

use brigade_core::gcra::{Arrival, Gcra};
use brigade_core::time::Moment;
use brigade_core::turns::Turns;

use crate::clock::now;
use crate::sync::atomic::{AtomicU32, Ordering};

/// The credit of one bucket.
#[derive(Debug, Default)]
pub(super) struct Credit {
    left: AtomicU32,
    /// What was there when it was given. It is read and written under the lock of the bucket only.
    given: AtomicU32,
}

impl Credit {
    /// Takes `permits` if there is credit for all of them.
    #[inline]
    pub(super) fn take(&self, permits: u32) -> bool {
        let mut left = self.left.load(Ordering::Relaxed);
        while left > 0 && left >= permits {
            let (rest, set, fetch) = (left - permits, Ordering::AcqRel, Ordering::Relaxed);
            match self.left.compare_exchange_weak(left, rest, set, fetch) {
                Ok(_) => return true,
                Err(other) => left = other,
            }
        }
        false
    }

    /// Ends the credit of the bucket in `turns`, which is locked, and books what was taken on it;
    /// the present moment.
    #[inline]
    pub(super) fn end<W>(&self, turns: &mut Turns<Gcra, W>) -> Moment {
        let given = self.given.load(Ordering::Relaxed);
        if given == 0 {
            return now();
        }
        let taken = given - self.left.swap(0, Ordering::AcqRel);
        self.given.store(0, Ordering::Relaxed);
        // Read when the credit is over, so that nothing is booked before it was taken.
        let now = now();
        turns.stock_mut().book(taken, now, Arrival::Now);
        now
    }

    /// Takes `permits` from the bucket in `turns`, which is locked, if they are there and nobody
    /// waits for them. Some of what is left may then be taken on credit.
    ///
    /// # Errors
    ///
    /// If not: the present moment.
    #[inline]
    pub(super) fn take_locked<W>(
        &self,
        turns: &mut Turns<Gcra, W>,
        permits: u32,
    ) -> Result<(), Moment> {
        let now = self.end(turns);
        if !turns.take_now(permits, now) {
            return Err(now);
        }
        if turns.waiting() == 0 {
            let credit = turns.stock().credit(now);
            self.given.store(credit, Ordering::Relaxed);
            self.left.store(credit, Ordering::Release);
        }
        Ok(())
    }
}
