//! What is seen of the exchanges with a host, or with all: how long they take, how many end.
//!
//! It is a few numbers, changed in place at each exchange; nothing here grows. Averages forget, so
//! that they follow a host that becomes slower.

use std::time::Duration;

use brigade_core::time::Moment;

/// What one exchange weighs in the average of their times.
const WEIGHT: f64 = 1.0 / 8.0;

/// Seconds after which a count of the pace weighs a third of what it did.
const FORGETS: f64 = 8.0;

/// Exchanges after which the average of their times says something.
const ENOUGH: u64 = 4;

/// The measures of a host.
#[derive(Clone, Debug, Default)]
pub(super) struct Measure {
    /// Exchanges that ended, whatever their end.
    ended: u64,
    /// Decoded bytes of bodies that they brought.
    bytes: u64,
    /// The average time of an exchange in seconds.
    seconds: f64,
    /// When an exchange ended last, or the first of those under way began.
    stirred: Moment,
    /// Exchanges that had ended at the last look, and how many end in a second.
    counted: u64,
    pace: Option<f64>,
}

impl Measure {
    /// An exchange begins while no other is under way.
    pub(super) fn stir(&mut self, now: Moment) {
        self.stirred = now;
    }

    /// An exchange has ended.
    pub(super) fn end(&mut self, took: Duration, bytes: u64, now: Moment) {
        let weight = if self.ended == 0 { 1.0 } else { WEIGHT };
        self.seconds += (took.as_secs_f64() - self.seconds) * weight;
        self.ended += 1;
        self.bytes += bytes;
        self.stirred = now;
    }

    /// Counts what has ended since the last look, `seconds` ago.
    pub(super) fn count(&mut self, seconds: f64) {
        let ended = self.ended - std::mem::replace(&mut self.counted, self.ended);
        if seconds > 0.0 {
            let rate = ended as f64 / seconds;
            let kept = (-seconds / FORGETS).exp();
            let before = self.pace.unwrap_or(rate);
            self.pace = Some(before * kept + rate * (1.0 - kept));
        }
    }

    /// Exchanges that end in a second.
    pub(super) fn pace(&self) -> f64 {
        self.pace.unwrap_or(0.0)
    }

    /// Decoded bytes of bodies received.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The time that an exchange takes, in seconds; if some are under way and none has ended for
    /// longer than that, it is that time. None if nothing is known.
    pub(super) fn latency(&self, busy: bool, now: Moment) -> Option<f64> {
        let silent = now.since(self.stirred).as_secs_f64();
        let known = (self.ended > 0).then_some(self.seconds);
        match busy {
            true => Some(known.unwrap_or(0.0).max(silent)),
            false => known,
        }
    }

    /// The same, if enough has ended to compare it with others, or nothing has for long.
    pub(super) fn latency_shown(&self, busy: bool, now: Moment) -> Option<f64> {
        let latency = self.latency(busy, now)?;
        (self.ended >= ENOUGH || latency > self.seconds).then_some(latency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment::ZERO + Duration::from_millis(millis)
    }

    #[test]
    fn the_average_follows_a_host_that_becomes_slower() {
        let mut measure = Measure::default();
        assert_eq!(measure.latency(false, at(0)), None);
        measure.end(Duration::from_millis(500), 10, at(500));
        assert_eq!(measure.latency(false, at(900)), Some(0.5));
        for n in 0..40 {
            measure.end(Duration::from_secs(2), 10, at(1_000 + n));
        }
        let latency = measure.latency(false, at(9_000)).unwrap();
        assert!((1.9..2.0).contains(&latency), "{latency}");
        assert_eq!(measure.bytes(), 410);
    }

    #[test]
    fn a_host_that_is_silent_takes_at_least_as_long_as_it_is_silent() {
        let mut measure = Measure::default();
        measure.stir(at(1_000));
        assert_eq!(measure.latency(true, at(4_000)), Some(3.0));
        assert_eq!(measure.latency_shown(true, at(4_000)), Some(3.0));
        measure.end(Duration::from_secs(3), 0, at(4_000));
        assert_eq!(measure.latency(true, at(5_000)), Some(3.0));
        assert_eq!(
            measure.latency_shown(true, at(5_000)),
            None,
            "one says little"
        );
        assert_eq!(measure.latency(true, at(14_000)), Some(10.0));
        assert_eq!(measure.latency(false, at(14_000)), Some(3.0));
    }

    #[test]
    fn the_pace_is_what_ends_in_a_second() {
        let mut measure = Measure::default();
        for second in 1..=60 {
            (0..5).for_each(|_| measure.end(Duration::ZERO, 0, at(second)));
            measure.count(1.0);
            assert!((measure.pace() - 5.0).abs() < 1e-9);
        }
        (0..30).for_each(|_| measure.count(1.0));
        assert!(measure.pace() < 0.2, "{}", measure.pace());
    }
}
