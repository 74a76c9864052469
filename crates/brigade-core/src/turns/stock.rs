//! What permits are taken from: a fixed number of them, or a bucket that refills.
//!
//! A stock knows nothing of waiters.

use crate::gcra::{Arrival, Gcra};
use crate::time::Moment;

/// Something that permits can be taken from.
pub trait Stock {
    /// Whether permits fall due by time. If not, the moments that a stock is given mean nothing.
    const TIMED: bool;

    /// The most permits that can ever be taken at once.
    fn capacity(&self) -> u32;

    /// The earliest moment at which `permits` can be taken if nobody takes or returns any before;
    /// [`Moment::MAX`] if there is none.
    fn due(&self, permits: u32) -> Moment;

    /// The same, if `ahead` permits are taken first, each when it is due and none before `now`.
    fn due_behind(&self, ahead: u64, permits: u32, _now: Moment) -> Moment {
        let all = u32::try_from(ahead.saturating_add(u64::from(permits)));
        all.map_or(Moment::MAX, |all| self.due(all))
    }

    /// Books `permits` that are due, or were when they were promised, as taken at `now`.
    fn take(&mut self, permits: u32, now: Moment, arrival: Arrival);
}

impl Stock for Gcra {
    const TIMED: bool = true;

    #[inline]
    fn capacity(&self) -> u32 {
        self.rate().burst_max()
    }

    #[inline]
    fn due(&self, permits: u32) -> Moment {
        Gcra::due(self, permits)
    }

    fn due_behind(&self, ahead: u64, permits: u32, now: Moment) -> Moment {
        Gcra::due_behind(self, ahead, permits, now)
    }

    #[inline]
    fn take(&mut self, permits: u32, now: Moment, arrival: Arrival) {
        // What was promised at another rate is granted, and then missing at this one.
        let promised = arrival == Arrival::Waited;
        debug_assert!(promised || self.due(permits) <= now, "taken too early");
        self.book(permits, now, arrival);
    }
}

/// A fixed number of permits that are taken and given back.
#[derive(Clone, Debug)]
pub struct Permits {
    capacity: u32,
    taken: u32,
}

impl Permits {
    /// `capacity` permits, none of them taken.
    pub fn new(capacity: u32) -> Self {
        Self { capacity, taken: 0 }
    }

    /// How many permits are taken. After the capacity was lowered it may be above it.
    pub fn taken(&self) -> u32 {
        self.taken
    }

    /// Gives back `permits` that were taken before.
    #[inline]
    pub fn give(&mut self, permits: u32) {
        self.taken = self.taken.saturating_sub(permits);
    }

    /// Changes the number of permits; those that are taken stay taken.
    pub fn set_capacity(&mut self, capacity: u32) {
        self.capacity = capacity;
    }
}

impl Stock for Permits {
    const TIMED: bool = false;

    #[inline]
    fn capacity(&self) -> u32 {
        self.capacity
    }

    #[inline]
    fn due(&self, permits: u32) -> Moment {
        if permits <= self.capacity.saturating_sub(self.taken) {
            Moment::ZERO
        } else {
            Moment::MAX
        }
    }

    #[inline]
    fn take(&mut self, permits: u32, _: Moment, _: Arrival) {
        self.taken = self.taken.saturating_add(permits);
    }
}
