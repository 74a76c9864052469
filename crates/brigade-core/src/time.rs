//! A point in monotonic time as a plain number.
//!
//! Decisions take `now` as an argument; a number makes them cheap to compute and lets a test
//! write the times down. This module never reads a clock.

use std::ops::{Add, Sub};
use std::time::Duration;

/// A point in monotonic time, in whole nanoseconds since an origin that the caller chose.
///
/// Two moments can be compared only if they have the same origin. The range is 584 years;
/// arithmetic saturates at both ends instead of wrapping.
///
/// # Examples
///
/// ```
/// use brigade_core::time::Moment;
/// use std::time::Duration;
///
/// let start = Moment::from_nanos(1_000);
/// let later = start + Duration::from_micros(3);
/// assert_eq!(later.since(start), Duration::from_micros(3));
/// assert_eq!(start.since(later), Duration::ZERO);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u64);

impl Moment {
    /// The earliest moment that can be named.
    pub const ZERO: Self = Self(0);
    /// The latest moment that can be named; used for "never".
    pub const MAX: Self = Self(u64::MAX);

    /// The moment `nanos` nanoseconds after the origin.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the origin.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this moment is; zero if it is not after it.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// A duration in nanoseconds, capped at the largest `u64` (584 years).
pub(crate) const fn nanos(duration: Duration) -> u64 {
    match duration.as_secs().checked_mul(1_000_000_000) {
        Some(nanos) => nanos.saturating_add(duration.subsec_nanos() as u64),
        None => u64::MAX,
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }
}

impl Sub<Duration> for Moment {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(duration)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(Moment::MAX + Duration::from_secs(1), Moment::MAX);
        assert_eq!(Moment::ZERO - Duration::from_secs(1), Moment::ZERO);
        assert_eq!(Moment::ZERO + Duration::MAX, Moment::MAX);
    }
}
