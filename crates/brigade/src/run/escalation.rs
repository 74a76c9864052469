//! What a signal or the passing of time means for a program that is to stop.
//!
//! It is a function of `(state, event, now)`, so the whole escalation can be tested with a table.
//! It reads no clock and does nothing itself.

use std::time::Duration;

use brigade_core::time::Moment;

/// How long aborted tasks have to be gone before the process is left without them.
pub(super) const SETTLE: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(super) struct Escalation {
    grace: Duration,
    stops: Vec<i32>,
    first: Option<i32>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Running,
    Grace { until: Moment },
    Aborted { until: Moment },
}

/// Why the rest is aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Because {
    GraceOver(Duration),
    AskedAgain,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Nothing,
    /// Cancel the root group with this signal.
    Cancel(i32),
    /// Name and abort what still runs.
    Abort(Because),
    /// Leave the process, as the first signal says.
    Leave(i32),
    /// Die by this signal.
    Die(i32),
}

impl Escalation {
    pub(super) fn new(grace: Duration, stops: Vec<i32>) -> Self {
        Self {
            grace,
            stops,
            first: None,
            stage: Stage::Running,
        }
    }

    /// The first signal that asked to stop.
    pub(super) fn first(&self) -> Option<i32> {
        self.first
    }

    pub(super) fn is_aborted(&self) -> bool {
        matches!(self.stage, Stage::Aborted { .. })
    }

    /// When something happens by itself.
    pub(super) fn next(&self) -> Option<Moment> {
        match self.stage {
            Stage::Running => None,
            Stage::Grace { until } | Stage::Aborted { until } => Some(until),
        }
    }

    pub(super) fn signal(&mut self, signal: i32, now: Moment) -> Action {
        if !self.stops.contains(&signal) {
            return Action::Nothing;
        }
        match self.stage {
            Stage::Running => {
                self.first = Some(signal);
                let until = now + self.grace;
                self.stage = Stage::Grace { until };
                Action::Cancel(signal)
            }
            Stage::Grace { .. } => self.abort(Because::AskedAgain, now),
            Stage::Aborted { .. } => Action::Die(signal),
        }
    }

    pub(super) fn tick(&mut self, now: Moment) -> Action {
        match (self.stage, self.first) {
            (Stage::Grace { until }, _) if until <= now => {
                self.abort(Because::GraceOver(self.grace), now)
            }
            (Stage::Aborted { until }, Some(first)) if until <= now => Action::Leave(first),
            _ => Action::Nothing,
        }
    }

    fn abort(&mut self, because: Because, now: Moment) -> Action {
        let until = now + SETTLE;
        self.stage = Stage::Aborted { until };
        Action::Abort(because)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    enum Event {
        Signal(i32),
        Tick,
    }
    use Event::*;

    #[test]
    fn signals_and_time_escalate_in_order() {
        let grace = Duration::from_secs(10);
        let over = Action::Abort(Because::GraceOver(grace));
        let again = Action::Abort(Because::AskedAgain);
        // Seconds, the event, and what follows from it.
        let cases: [&[(f64, Event, Action)]; 4] = [
            &[
                (0.0, Signal(1), Action::Nothing),
                (1.0, Signal(15), Action::Cancel(15)),
                (10.9, Tick, Action::Nothing),
                (11.0, Tick, over),
                (11.4, Tick, Action::Nothing),
                (11.5, Tick, Action::Leave(15)),
            ],
            &[
                (0.0, Signal(2), Action::Cancel(2)),
                (0.1, Signal(15), again),
                (0.2, Signal(2), Action::Die(2)),
            ],
            &[
                (0.0, Signal(2), Action::Cancel(2)),
                (0.1, Signal(2), again),
                (0.6, Tick, Action::Leave(2)),
            ],
            &[(0.0, Tick, Action::Nothing), (1e6, Tick, Action::Nothing)],
        ];
        for case in cases {
            let mut escalation = Escalation::new(grace, vec![2, 15]);
            for (at, event, expected) in case {
                let now = Moment::from_nanos((at * 1e9) as u64);
                let action = match event {
                    Signal(signal) => escalation.signal(*signal, now),
                    Tick => escalation.tick(now),
                };
                assert_eq!(action, *expected, "at {at}");
            }
        }
    }
}
