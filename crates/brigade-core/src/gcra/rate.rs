//! A rate: so many permits in so much time, with a burst.
//!
//! It is a plain value that flags, configuration and buckets share. It never holds state.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use crate::time::nanos;

/// So many permits per duration, and how many of them may be taken at once. Also
/// `brigade::limit::Rate`.
///
/// # Examples
///
/// ```
/// use brigade_core::gcra::Rate;
/// use std::time::Duration;
///
/// let polite = Rate::per_second(10).burst(20);
/// assert_eq!(polite.to_string(), "10/1s burst 20");
/// assert_eq!(Rate::per_minute(30).interval(), Duration::from_secs(2));
/// assert_eq!(Rate::per_hour(60), Rate::new(60, Duration::from_secs(3_600)).unwrap());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    permits: NonZeroU32,
    per_nanos: u64,
    burst: NonZeroU32,
}

impl Rate {
    /// `permits` per `per`, with a burst of one; `None` if either is zero.
    pub const fn new(permits: u32, per: Duration) -> Option<Self> {
        match NonZeroU32::new(permits) {
            Some(permits) if !per.is_zero() => Some(Self {
                permits,
                per_nanos: nanos(per),
                burst: NonZeroU32::MIN,
            }),
            _ => None,
        }
    }

    /// `permits` per second, with a burst of one.
    ///
    /// # Panics
    ///
    /// If `permits` is zero: a limit of nothing at all is a pause, not a rate.
    #[track_caller]
    pub const fn per_second(permits: u32) -> Self {
        Self::per_seconds(permits, 1)
    }

    /// `permits` per minute, spread over it evenly, with a burst of one.
    ///
    /// # Panics
    ///
    /// If `permits` is zero.
    #[track_caller]
    pub const fn per_minute(permits: u32) -> Self {
        Self::per_seconds(permits, 60)
    }

    /// `permits` per hour, spread over it evenly, with a burst of one.
    ///
    /// # Panics
    ///
    /// If `permits` is zero.
    #[track_caller]
    pub const fn per_hour(permits: u32) -> Self {
        Self::per_seconds(permits, 3_600)
    }

    #[track_caller]
    const fn per_seconds(permits: u32, seconds: u64) -> Self {
        match Self::new(permits, Duration::from_secs(seconds)) {
            Some(rate) => rate,
            None => panic!("a rate of zero permits"),
        }
    }

    /// The same rate with room for `burst` permits at once; zero counts as one.
    #[must_use]
    pub const fn burst(mut self, burst: u32) -> Self {
        self.burst = match NonZeroU32::new(burst) {
            Some(burst) => burst,
            None => NonZeroU32::MIN,
        };
        self
    }

    /// How many permits can be taken at once when nothing was taken for long.
    pub const fn burst_max(self) -> u32 {
        self.burst.get()
    }

    /// The permits of one period.
    pub const fn permits(self) -> u32 {
        self.permits.get()
    }

    /// The period that [`permits`](Self::permits) are counted in.
    pub const fn per(self) -> Duration {
        Duration::from_nanos(self.per_nanos)
    }

    /// The time between two permits, rounded down to a nanosecond.
    pub const fn interval(self) -> Duration {
        Duration::from_nanos(self.per_nanos / self.permits.get() as u64)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{:?} burst {}",
            self.permits,
            self.per(),
            self.burst_max()
        )
    }
}
