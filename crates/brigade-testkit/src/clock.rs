//! A clock that stands still until a test moves it.
//!
//! Decisions take the time as an argument. This is where a test that drives several of them keeps
//! its one "now". It never reads a real clock and never goes back.

use brigade_core::time::Moment;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A clock under the control of a test; clones show the same time.
///
/// # Examples
///
/// ```
/// use brigade_testkit::clock::FakeClock;
/// use std::time::Duration;
///
/// let clock = FakeClock::new();
/// let start = clock.now();
/// clock.advance(Duration::from_secs(3));
/// assert_eq!(clock.now().since(start), Duration::from_secs(3));
/// ```
#[derive(Clone, Debug, Default)]
pub struct FakeClock(Arc<AtomicU64>);

impl FakeClock {
    /// A clock at [`Moment::ZERO`].
    pub fn new() -> Self {
        Self::default()
    }

    /// The time it shows.
    pub fn now(&self) -> Moment {
        Moment::from_nanos(self.0.load(Ordering::SeqCst))
    }

    /// Moves the clock forward and returns the new time; stays at [`Moment::MAX`] when it gets
    /// there.
    pub fn advance(&self, by: Duration) -> Moment {
        let add = |nanos| (Moment::from_nanos(nanos) + by).as_nanos();
        let before = self.0.update(Ordering::SeqCst, Ordering::SeqCst, add);
        Moment::from_nanos(before) + by
    }

    /// Moves the clock forward to this moment; a moment in the past changes nothing.
    pub fn advance_to(&self, moment: Moment) {
        self.0.fetch_max(moment.as_nanos(), Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_show_the_same_time_and_it_never_goes_back() {
        let clock = FakeClock::new();
        let same = clock.clone();
        assert_eq!(
            clock.advance(Duration::from_nanos(5)),
            Moment::from_nanos(5)
        );
        same.advance_to(Moment::from_nanos(3));
        assert_eq!(same.now(), Moment::from_nanos(5));
        same.advance_to(Moment::from_nanos(9));
        assert_eq!(clock.now(), Moment::from_nanos(9));
        assert_eq!(clock.advance(Duration::MAX), Moment::MAX);
    }
}
