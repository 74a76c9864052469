//! The one place where brigade reads the clock.
//!
//! It follows tokio's clock, so every pattern works under paused time in tests. It never reads
//! the wall clock.

mod alarm;

use std::time::Duration;

use tokio::time::Instant;

use crate::runtime::present;
use crate::sync::OnceLock;

pub use alarm::Alarm;
pub use brigade_core::time::Moment;

/// Where [`Moment`]s are counted from. A paused runtime may lie before the first reading of the
/// process, so the origin is placed far from zero and differences may be negative.
const ORIGIN: u64 = 1 << 62;

fn origin() -> Instant {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    *FIRST.get_or_init(present)
}

/// The present moment on tokio's clock, which tests can pause.
///
/// # Examples
///
/// ```
/// let before = brigade::clock::now();
/// assert!(brigade::clock::now() >= before);
/// ```
pub fn now() -> Moment {
    moment(present())
}

/// The [`Moment`] of a tokio instant.
pub fn moment(instant: Instant) -> Moment {
    let first = origin();
    let base = Moment::from_nanos(ORIGIN);
    match instant.checked_duration_since(first) {
        Some(after) => base + after,
        None => base - first.duration_since(instant),
    }
}

/// The tokio instant of a [`Moment`] that came from this module, for `sleep_until`.
///
/// A moment that lies further ahead than 30 years is capped there, as tokio's timers are.
pub fn instant(moment: Moment) -> Instant {
    const FAR: Duration = Duration::from_secs(86400 * 365 * 30);
    let base = Moment::from_nanos(ORIGIN);
    if moment >= base {
        origin() + moment.since(base).min(FAR)
    } else {
        origin()
            .checked_sub(base.since(moment))
            .unwrap_or_else(origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn moments_follow_the_paused_clock_and_convert_back() {
        let before = now();
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(now().since(before), Duration::from_secs(5));
        assert_eq!(moment(instant(before)), before);
    }
}
