//! How long to wait before the next attempt.
//!
//! Many clients that failed together must not come back together, so the wait grows and is
//! spread. The random number is an argument: this module never draws one.

use std::time::Duration;

/// An exponential wait with jitter.
///
/// The wait before attempt `n + 1` lies between half of and the full `base * 2^n`, and never
/// above `cap` unless the server asked for more.
///
/// # Examples
///
/// ```
/// use brigade_core::backoff::Backoff;
/// use std::time::Duration;
///
/// let backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(10) };
/// assert_eq!(backoff.delay(0, 0.0, None), Duration::from_millis(50));
/// assert_eq!(backoff.delay(3, 0.5, None), Duration::from_millis(600));
///
/// // What the server asks for is a minimum.
/// let asked = Some(Duration::from_secs(30));
/// assert!(backoff.delay(0, 0.5, asked) >= Duration::from_secs(30));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The longest wait after the first failure.
    pub base: Duration,
    /// The longest wait after any failure.
    pub cap: Duration,
}

impl Default for Backoff {
    /// From half a second up to one minute.
    fn default() -> Self {
        Self {
            base: Duration::from_millis(500),
            cap: Duration::from_secs(60),
        }
    }
}

impl Backoff {
    /// The wait after failure number `attempt`, which counts from 0.
    ///
    /// `random` lies in `0.0..1.0`; what lies outside is moved to the nearer end. `retry_after` is
    /// the minimum that the server asked for. It is never cut short by the cap, and the spread of
    /// one `base` is added to it, because everybody else was told the same.
    pub fn delay(&self, attempt: u32, random: f64, retry_after: Option<Duration>) -> Duration {
        let random = if random.is_nan() {
            0.0
        } else {
            random.clamp(0.0, 1.0)
        };
        let doubled = 1_u32.checked_shl(attempt).unwrap_or(u32::MAX);
        let full = self.base.saturating_mul(doubled).min(self.cap);
        let own = full / 2 + (full / 2).mul_f64(random);
        match retry_after {
            Some(asked) => own.max(asked.saturating_add(self.base.min(self.cap).mul_f64(random))),
            None => own,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_delay_stays_between_half_and_full_and_below_the_cap(
            base in 1_u64..10_000, cap in 1_u64..1_000_000, attempt in 0_u32..80, random in 0.0..1.0_f64,
        ) {
            let backoff = Backoff {
                base: Duration::from_millis(base),
                cap: Duration::from_millis(cap),
            };
            let full = base.saturating_mul(1_u64.checked_shl(attempt).unwrap_or(u64::MAX).max(1));
            let full = Duration::from_millis(full.min(cap));
            let delay = backoff.delay(attempt, random, None);
            prop_assert!(delay >= full / 2 && delay <= full, "{delay:?} outside of {full:?}");
        }

        #[test]
        fn what_the_server_asks_for_is_a_minimum_and_is_spread_by_one_base(
            asked in 0_u64..1_000_000, attempt in 0_u32..10, random in 0.0..1.0_f64,
        ) {
            let backoff = Backoff::default();
            let asked = Duration::from_millis(asked);
            let delay = backoff.delay(attempt, random, Some(asked));
            prop_assert!(delay >= asked);
            let own = backoff.delay(attempt, random, None);
            prop_assert!(delay <= own.max(asked + backoff.base));
        }
    }

    #[test]
    fn a_random_number_that_is_none_does_no_harm() {
        let backoff = Backoff::default();
        assert_eq!(
            backoff.delay(0, f64::NAN, None),
            backoff.delay(0, 0.0, None)
        );
        assert_eq!(backoff.delay(0, 7.0, None), backoff.base);
        assert_eq!(backoff.delay(u32::MAX, 1.0, None), backoff.cap);
    }
}
