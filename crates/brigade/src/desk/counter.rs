//! What the lock of a desk guards: the gate, and the watch over those who were called.
//!
//! It never calls a waker: it hands wakers out, to be called once the lock is released.

use std::collections::VecDeque;
use std::task::Waker;
use std::time::Duration;

use brigade_core::time::Moment;

use super::{Gate, Turn};
use crate::clock::{Alarm, now};

/// How long a waiter has to collect before it may be overtaken, unless set otherwise.
pub(crate) const PATIENCE: Duration = Duration::from_millis(10);

/// What the lock guards.
pub(crate) struct Counter<G: Gate> {
    pub(crate) gate: G,
    pub(crate) patience: Duration,
    /// Who was promised a turn, and since when that is known, in order; those who have collected
    /// are dropped once they are at the front.
    called: VecDeque<(G::Place, Option<Moment>)>,
    alarm: Alarm,
}

impl<G: Gate> Counter<G> {
    pub(super) fn new(gate: G, bell: Waker) -> Self {
        Self {
            gate,
            patience: PATIENCE,
            called: VecDeque::new(),
            alarm: Alarm::new(bell),
        }
    }

    /// What is to be done when the alarm rings.
    pub(super) fn ring(&mut self, now: Moment) -> Woken {
        let set = self.alarm.is_set();
        self.alarm.rang();
        let Self { gate, called, .. } = &mut *self;
        called.retain(|call| gate.is_promised(call.0));
        // Much too early: the runtime that the alarm was set on has ended. The first waiter is
        // polled by its own, and sets the alarm there.
        if set.is_some_and(|at| at.since(now) > Alarm::PRECISION) {
            self.first()
        } else {
            self.advance(Some(now), None)
        }
    }

    #[inline]
    pub(super) fn advance_if_needed(&mut self, woken: &mut Woken) {
        if self.gate.may_promise() {
            woken.extend(self.advance(G::TIMED.then(now), None));
        }
    }

    /// Whether a newcomer must see to it that the alarm is set. The first in line looks at the
    /// clock too: an alarm may have been left on a runtime that nobody drives any more.
    pub(super) fn is_unwatched(&self) -> bool {
        let first = self.gate.in_line() == 1;
        G::TIMED || !self.called.is_empty() && (first || self.alarm.is_set().is_none())
    }

    /// Takes back promises that were not collected in time, makes those that can be made, and sets
    /// the alarm to what comes next. `polled` is being polled: it needs no wake-up and no patience.
    /// `now` is always given to a timed gate.
    pub(super) fn advance(&mut self, now: Option<Moment>, polled: Option<G::Place>) -> Woken {
        let mut woken = Woken::default();
        loop {
            self.withdraw_overdue(now);
            match self.gate.promise(now.unwrap_or(Moment::ZERO)) {
                Turn::Of(place) if polled == Some(place) => return woken,
                Turn::Of(place) => {
                    self.called.push_back((place, now));
                    woken.add(self.gate.waker(place).and_then(Option::take));
                }
                Turn::At(due) => match self.set_alarm(Some(due), now) {
                    true => return woken,
                    false if due <= self::now() => {}
                    false if polled.is_some() => {
                        panic!("a rate needs a tokio runtime with its timer enabled")
                    }
                    false => {
                        woken.extend(self.first());
                        return woken;
                    }
                },
                Turn::Nobody => {
                    self.set_alarm(None, now);
                    return woken;
                }
            }
        }
    }

    /// Has the first in line polled, so that it looks at the state itself.
    fn first(&mut self) -> Woken {
        let mut woken = Woken::default();
        let first = self.gate.first();
        woken.add(first.and_then(|place| self.gate.waker(place)?.take()));
        woken
    }

    fn withdraw_overdue(&mut self, now: Option<Moment>) {
        while let Some(&(place, since)) = self.called.front() {
            if self.gate.is_promised(place) {
                let waited = now.zip(since).map(|(now, since)| now.since(since));
                let overdue = waited.is_some_and(|waited| waited >= self.patience);
                if !overdue || self.gate.in_line() == 0 {
                    return;
                }
            }
            self.called.pop_front();
            self.gate.withdraw(place);
        }
    }

    /// Sets the alarm to the sooner of `due` and the end of the oldest patience. False if it will
    /// not ring for `due`.
    fn set_alarm(&mut self, due: Option<Moment>, now: Option<Moment>) -> bool {
        let watch = self.gate.in_line() > 0 && !self.called.is_empty();
        if due.is_none() && (!watch || now.is_none() && self.alarm.is_set().is_some()) {
            self.clear_far_alarm(watch, now);
            return true;
        }
        let now = now.unwrap_or_else(self::now);
        let patience = watch.then(|| self.oldest_call(now) + self.patience);
        let Some(next) = [due, patience].into_iter().flatten().min() else {
            return true;
        };
        if self.alarm.is_set().is_some_and(|at| at > now && at <= next) {
            return true;
        }
        if due == Some(next) {
            return self.alarm.set_close(next);
        }
        // Without a runtime to ring on there is no patience.
        self.alarm.set(next) || due.is_none()
    }

    /// Since when the oldest promise has not been collected. A call whose time is not known counts
    /// from now, so patience is kept at least once and at most twice.
    fn oldest_call(&mut self, now: Moment) -> Moment {
        for (_, since) in self.called.iter_mut().rev() {
            if since.is_some() {
                break;
            }
            *since = Some(now);
        }
        let oldest = self.called.front().and_then(|call| call.1);
        oldest.unwrap_or(now)
    }

    /// A rest of patience may ring in vain, but a long wait must not.
    fn clear_far_alarm(&mut self, watch: bool, now: Option<Moment>) {
        let far = |at: Moment, now| at.since(now) > self.patience;
        let set = self.alarm.is_set().zip(now);
        if !watch && set.is_some_and(|(at, now)| far(at, now)) {
            self.alarm.clear();
        }
    }
}

/// Wakers to be called once the lock is released.
#[derive(Default)]
pub(super) struct Woken {
    first: Option<Waker>,
    /// Empty without a first.
    more: Vec<Waker>,
}

impl Woken {
    fn add(&mut self, waker: Option<Waker>) {
        match &self.first {
            None => self.first = waker,
            Some(_) => self.more.extend(waker),
        }
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.add(other.first);
        self.more.extend(other.more);
    }

    #[inline]
    pub(super) fn wake(self) {
        if let Some(first) = self.first {
            first.wake();
            self.more.into_iter().for_each(Waker::wake);
        }
    }
}
