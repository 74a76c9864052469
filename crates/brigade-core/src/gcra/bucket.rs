//! One bucket: the theoretical arrival time and the arithmetic on it.
//!
//! Times are kept in units of 2^-32 ns, so that a rate whose interval is not a whole number of
//! nanoseconds is still met exactly. Nothing here rounds in favour of the caller.

use std::time::Duration;

use super::Rate;
use crate::time::{Moment, nanos};

/// How late a permit may be taken and still be booked as taken on time.
///
/// It covers the tick of a timer wheel (1 ms) and the sleep of the poller behind it (1 ms).
pub const LATENESS_MAX: Duration = Duration::from_millis(2);

/// What may be taken on credit: a 1024th of the burst, and no more than saves nearly all of the
/// looks at the clock.
const CREDIT_SHARE: u32 = 1024;
const CREDIT_MAX: u32 = 64;

const FRACTION_BITS: u32 = 32;

const fn fixed(nanos: u64) -> u128 {
    (nanos as u128) << FRACTION_BITS
}

const fn moment_rounded_up(fixed: u128) -> Moment {
    let nanos = (fixed >> FRACTION_BITS) + (fixed & ((1 << FRACTION_BITS) - 1) != 0) as u128;
    if nanos > u64::MAX as u128 {
        Moment::MAX
    } else {
        Moment::from_nanos(nanos as u64)
    }
}

/// Whether the taker of a permit was already there when the permit fell due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It has just come: the bucket has lost nothing by not granting earlier.
    Now,
    /// It was waiting, so time between the due moment and now is lateness, not idleness.
    Waited,
}

/// A token bucket: `burst` permits at once, then one per interval.
///
/// # Examples
///
/// ```
/// use brigade_core::gcra::{Arrival, Gcra, Rate};
/// use brigade_core::time::Moment;
/// use std::time::Duration;
///
/// let mut bucket = Gcra::new(Rate::per_second(10));
/// let start = Moment::from_nanos(0);
/// assert_eq!(bucket.take(1, start, Arrival::Now), Ok(()));
/// let next = start + Duration::from_millis(100);
/// assert_eq!(bucket.take(1, start, Arrival::Now), Err(next));
/// assert_eq!(bucket.take(1, next, Arrival::Waited), Ok(()));
/// ```
#[derive(Clone, Debug)]
pub struct Gcra {
    rate: Rate,
    interval: u128,
    capacity: u128,
    lateness: u128,
    /// When the bucket will be full again, in units of 2^-32 ns.
    full: u128,
}

impl Gcra {
    /// A full bucket.
    pub fn new(rate: Rate) -> Self {
        let interval = fixed(nanos(rate.per())).div_ceil(u128::from(rate.permits()));
        Self {
            rate,
            interval,
            capacity: interval * u128::from(rate.burst_max()),
            lateness: interval.min(fixed(nanos(LATENESS_MAX))),
            full: 0,
        }
    }

    /// A bucket that was emptied at `at`, which may lie ahead: all that it holds has come since.
    pub fn emptied(rate: Rate, at: Moment) -> Self {
        let bucket = Self::new(rate);
        Self {
            full: fixed(at.as_nanos()) + bucket.capacity,
            ..bucket
        }
    }

    /// The rate that the bucket keeps.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// The earliest moment at which `permits` can be taken; [`Moment::MAX`] if they exceed the
    /// burst.
    #[inline]
    pub fn due(&self, permits: u32) -> Moment {
        if permits > self.rate.burst_max() {
            return Moment::MAX;
        }
        moment_rounded_up(self.due_fixed(permits))
    }

    #[inline]
    fn due_fixed(&self, permits: u32) -> u128 {
        let taken = self.full.saturating_add(self.cost(permits));
        taken.saturating_sub(self.capacity)
    }

    /// The earliest moment at which `permits` can be taken if `ahead` others are taken first, each
    /// when it is due and none before `now`; [`Moment::MAX`] if they exceed the burst.
    ///
    /// It is exact as long as those ahead take theirs in time; if they come late, so is this.
    pub fn due_behind(&self, ahead: u64, permits: u32, now: Moment) -> Moment {
        if permits > self.rate.burst_max() {
            return Moment::MAX;
        }
        let oldest = fixed(now.as_nanos()).saturating_sub(self.lateness);
        let full = if ahead == 0 {
            self.full
        } else {
            self.full.max(oldest)
        };
        let ahead = self.interval.saturating_mul(u128::from(ahead));
        let taken = full
            .saturating_add(ahead)
            .saturating_add(self.cost(permits));
        moment_rounded_up(taken.saturating_sub(self.capacity))
    }

    /// Takes `permits` at `now`.
    ///
    /// # Errors
    ///
    /// If they are not due yet: the moment at which they will be, if nobody takes any before.
    /// Nothing is taken then.
    #[inline]
    pub fn take(&mut self, permits: u32, now: Moment, arrival: Arrival) -> Result<(), Moment> {
        if permits > self.rate.burst_max() || self.due_fixed(permits) > fixed(now.as_nanos()) {
            return Err(self.due(permits));
        }
        self.book(permits, now, arrival);
        Ok(())
    }

    /// How many permits may be taken from `now` on without looking at the clock: they are there,
    /// whatever the time is by then. They must be [booked](Self::book) at the next look, before
    /// anything else is asked.
    ///
    /// They are then booked later than they were taken, never earlier, so the bucket never holds
    /// more than it should. It may hold fewer, by as many as this gives at most: a 1024th of the
    /// burst, and never more than 64.
    #[inline]
    pub fn credit(&self, now: Moment) -> u32 {
        let credit = (self.rate.burst_max() / CREDIT_SHARE).min(CREDIT_MAX);
        if credit > 0 && self.due_fixed(credit) <= fixed(now.as_nanos()) {
            credit
        } else {
            0
        }
    }

    /// Books `permits` as taken at `now`, whether or not they are due.
    #[inline]
    pub fn book(&mut self, permits: u32, now: Moment, arrival: Arrival) {
        let now = fixed(now.as_nanos());
        let oldest = match arrival {
            Arrival::Now => now,
            Arrival::Waited => now.saturating_sub(self.lateness),
        };
        self.full = self.full.max(oldest).saturating_add(self.cost(permits));
    }

    /// The permits that could be taken at `now`.
    pub fn available(&self, now: Moment) -> u32 {
        let missing = self.full.saturating_sub(fixed(now.as_nanos()));
        let free = self.capacity.saturating_sub(missing) / self.interval;
        u32::try_from(free).unwrap_or(u32::MAX)
    }

    /// The moment from which on the bucket is full: it then holds nothing worth remembering.
    pub fn full_at(&self) -> Moment {
        moment_rounded_up(self.full)
    }

    /// Continues with another rate; the permits that are missing now stay missing.
    pub fn set_rate(&mut self, rate: Rate, now: Moment) {
        let start = fixed(now.as_nanos());
        let missing = self.full.saturating_sub(start);
        let (whole, part) = (missing / self.interval, missing % self.interval);
        let old_interval = self.interval;
        *self = Self::new(rate);
        // Split so that the product cannot overflow for any rate that fits the types.
        let part =
            part / old_interval.div_ceil(1 << FRACTION_BITS) * (self.interval >> FRACTION_BITS);
        self.full = start
            .saturating_add(self.interval.saturating_mul(whole))
            .saturating_add(part);
    }

    /// An interval has at most 96 bits, so the product fits.
    #[inline]
    fn cost(&self, permits: u32) -> u128 {
        self.interval * u128::from(permits)
    }
}
