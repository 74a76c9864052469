//! The wait before one request's next attempt: exponential, capped, spread.
//!
//! It is a plain rule without state, so the same numbers give the same wait. It never shortens
//! what a server asked for.

use std::time::Duration;

/// How much of a wait is left to chance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Jitter {
    /// Half of the wait is certain, the other half is drawn: `full / 2 + random * full / 2`.
    ///
    /// No attempt follows its failure at once, which is what a struggling server needs.
    #[default]
    Equal,
    /// All of the wait is drawn: `random * full`.
    ///
    /// It spreads a crowd best and waits half as long on average, but may hardly wait at all.
    Full,
}

/// An exponential wait with a cap and jitter.
///
/// The full wait after failure number `n`, counted from 0, is `base * 2^n`, at most `cap`;
/// [`Jitter`] says which part of it is random.
///
/// # Examples
///
/// ```
/// use brigade_core::backoff::Backoff;
/// use std::time::Duration;
///
/// let backoff = Backoff {
///     base: Duration::from_millis(100),
///     cap: Duration::from_secs(10),
///     ..Backoff::default()
/// };
/// assert_eq!(backoff.delay(0, 0.0, None), Duration::from_millis(50));
/// assert_eq!(backoff.delay(3, 0.5, None), Duration::from_millis(600));
///
/// // What the server asks for is a minimum.
/// let asked = Some(Duration::from_secs(30));
/// assert!(backoff.delay(0, 0.5, asked) >= Duration::from_secs(30));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Backoff {
    /// The full wait after the first failure.
    pub base: Duration,
    /// The longest wait that this rule comes to by itself.
    pub cap: Duration,
    /// How much of the wait is left to chance.
    pub jitter: Jitter,
}

impl Default for Backoff {
    /// From half a second to one minute, with equal jitter.
    fn default() -> Self {
        Self {
            base: Duration::from_millis(500),
            cap: Duration::from_secs(60),
            jitter: Jitter::Equal,
        }
    }
}

impl Backoff {
    /// The wait after failure number `attempt`, which counts from 0.
    ///
    /// `random` lies in `0.0..1.0`; what lies outside is moved to the nearer end, and a value that
    /// is not a number counts as 0. `retry_after` is the minimum that the server asked for. The
    /// cap does not shorten it, and up to one `base` is added to it at random, because everybody
    /// else was told the same.
    pub fn delay(&self, attempt: u32, random: f64, retry_after: Option<Duration>) -> Duration {
        let random = unit(random);
        let own = self.jitter.apply(self.full(attempt), random);
        match retry_after {
            Some(asked) => own.max(asked.saturating_add(part(self.full(0), random))),
            None => own,
        }
    }

    /// The wait after failure number `attempt` before jitter is applied: the longest that
    /// [`delay`](Self::delay) comes to by itself.
    pub fn full(&self, attempt: u32) -> Duration {
        let doubled = 1_u32.checked_shl(attempt).unwrap_or(u32::MAX);
        self.base.saturating_mul(doubled).min(self.cap)
    }
}

impl Jitter {
    fn apply(self, full: Duration, random: f64) -> Duration {
        match self {
            Self::Equal => full / 2 + part(full / 2, random),
            Self::Full => part(full, random),
        }
    }
}

/// A number in `0.0..=1.0` whatever the caller's generator made.
fn unit(random: f64) -> f64 {
    if random.is_nan() {
        0.0
    } else {
        random.clamp(0.0, 1.0)
    }
}

/// The fraction `random` of `whole`. Floating point must not panic for a cap near the end of the
/// range, where `whole * 1.0` can round up and out of it.
fn part(whole: Duration, random: f64) -> Duration {
    Duration::try_from_secs_f64(whole.as_secs_f64() * random)
        .unwrap_or(whole)
        .min(whole)
}
