//! How fast it goes, smoothed, and how long it will still take.
//!
//! The momentary rate jumps and the average since the start is slow to notice that a host paused;
//! an average that forgets with a time constant is between them. Time is an argument.

use std::time::Duration;

/// After this long a sample weighs a third of what it did.
const FORGETS: f64 = 8.0;

/// The smoothed speed of a number that grows from 0 at time 0.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pace {
    at: Duration,
    amount: u64,
    /// The weighted sum of rates, and the sum of weights.
    sum: f64,
    weight: f64,
}

impl Pace {
    /// Takes a look at the number.
    pub(crate) fn look(&mut self, at: Duration, amount: u64) {
        let seconds = at.saturating_sub(self.at).as_secs_f64();
        if seconds <= 0.0 {
            return;
        }
        let rate = amount.saturating_sub(self.amount) as f64 / seconds;
        let kept = (-seconds / FORGETS).exp();
        self.sum = self.sum * kept + rate * (1.0 - kept);
        self.weight = self.weight * kept + (1.0 - kept);
        (self.at, self.amount) = (at, amount);
    }

    /// So many a second.
    pub(crate) fn per_second(&self) -> f64 {
        if self.weight > 0.0 {
            self.sum / self.weight
        } else {
            0.0
        }
    }

    /// How long `left` more will take; `None` while nothing moves or it would be years.
    pub(crate) fn time_for(&self, left: u64) -> Option<Duration> {
        const YEAR: f64 = 365.0 * 86_400.0;
        let seconds = left as f64 / self.per_second();
        (seconds < YEAR).then(|| Duration::from_secs_f64(seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_steady_speed_is_reported_from_the_first_look_on() {
        let mut pace = Pace::default();
        assert_eq!(pace.time_for(1), None);
        for second in 1..=100 {
            pace.look(SECOND * second, 50 * u64::from(second));
            assert!((pace.per_second() - 50.0).abs() < 1e-6);
        }
        assert_eq!(pace.time_for(100), Some(SECOND * 2));
    }

    #[test]
    fn a_pause_is_noticed_within_some_seconds_and_has_no_end_in_sight() {
        let mut pace = Pace::default();
        for second in 1..=60 {
            pace.look(SECOND * second, 100 * u64::from(second));
        }
        pace.look(SECOND * 76, 6_000);
        assert!(pace.per_second() < 15.0, "{}", pace.per_second());
        pace.look(SECOND * 100_000, 6_000);
        assert_eq!(pace.time_for(1), None);
    }

    #[test]
    fn looking_twice_at_the_same_time_changes_nothing() {
        let mut pace = Pace::default();
        pace.look(SECOND, 10);
        pace.look(SECOND, 500);
        assert!((pace.per_second() - 10.0).abs() < 1e-6);
    }
}
