//! The desk where permits are waited for, promised and collected.
//!
//! It gives a pure state of turns what that cannot have: a lock, wakers, and the alarm that hands
//! turns on when nobody is polled. Wakers are called outside the lock; nothing here ever blocks on
//! anything but that lock, and nothing is spawned.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::Duration;

use brigade_core::time::Moment;
use tokio::task::coop::poll_proceed;

use crate::clock::{Alarm, now};

/// How long a waiter has to collect before it may be overtaken, unless set otherwise.
pub(crate) const PATIENCE: Duration = Duration::from_millis(10);

/// Whose turn it is.
pub(crate) enum Turn<P> {
    Of(P),
    At(Moment),
    Nobody,
}

/// A pure state of turns.
pub(crate) trait Gate {
    type Place: Copy + PartialEq;

    /// Whether turns come by time. If not, the moments that the gate is given mean nothing, and
    /// the clock is read only to watch over the patience of waiters.
    const TIMED: bool;

    fn promise(&mut self, now: Moment) -> Turn<Self::Place>;
    fn is_promised(&self, place: Self::Place) -> bool;
    fn withdraw(&mut self, place: Self::Place);
    fn step_back(&mut self, place: Self::Place);
    fn leave(&mut self, place: Self::Place);
    fn waker(&mut self, place: Self::Place) -> Option<&mut Option<Waker>>;
    fn in_line(&self) -> usize;
    fn first(&self) -> Option<Self::Place>;

    /// False if it is certain that nobody can be promised anything.
    fn may_promise(&self) -> bool {
        self.in_line() > 0
    }
}

/// What somebody wants of a gate.
pub(crate) trait Ask<G: Gate> {
    type Got;

    /// Takes it at once, or takes a place in line.
    fn ask(&mut self, gate: &mut G) -> Result<Self::Got, G::Place>;

    /// Takes what was promised to the place; `None` if it must go on waiting.
    fn collect(&mut self, gate: &mut G, place: G::Place, now: Moment) -> Option<Self::Got>;
}

pub(crate) struct Desk<G: Gate> {
    counter: Mutex<Counter<G>>,
}

/// What the lock guards.
pub(crate) struct Counter<G: Gate> {
    pub(crate) gate: G,
    pub(crate) patience: Duration,
    /// Who was promised a turn, and since when that is known, in order; those who have collected
    /// are dropped once they are at the front.
    called: VecDeque<(G::Place, Option<Moment>)>,
    alarm: Alarm,
}

/// What the alarm calls. It does not keep the desk alive.
struct Bell<G: Gate>(Weak<Desk<G>>);

impl<G> Wake for Bell<G>
where
    G: Gate<Place: Send> + Send + 'static,
{
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let Some(desk) = self.0.upgrade() else {
            return;
        };
        let mut counter = desk.lock();
        let now = now();
        let set = counter.alarm.is_set();
        counter.alarm.rang();
        let Counter { gate, called, .. } = &mut *counter;
        called.retain(|call| gate.is_promised(call.0));
        // Much too early: the runtime that the alarm was set on has ended. The first waiter is
        // polled by its own, and sets the alarm there.
        let woken = if set.is_some_and(|at| at.since(now) > Alarm::PRECISION) {
            counter.first()
        } else {
            counter.advance(Some(now), None)
        };
        drop(counter);
        woken.wake();
    }
}

impl<G: Gate> Desk<G> {
    // Only here is the gate asked to be `Send` and `'static`. Asked everywhere, the compiler could
    // not prove that a task with a borrowed key, as `&'static str`, is `Send`.
    pub(crate) fn new(gate: G) -> Arc<Self>
    where
        G: Gate<Place: Send> + Send + 'static,
    {
        Arc::new_cyclic(|desk| Self {
            counter: Mutex::new(Counter {
                gate,
                patience: PATIENCE,
                called: VecDeque::new(),
                alarm: Alarm::new(Waker::from(Arc::new(Bell(desk.clone())))),
            }),
        })
    }

    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, Counter<G>> {
        self.counter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, then promises what can be promised and wakes those who got it.
    #[inline]
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut Counter<G>) -> R) -> R {
        let mut counter = self.lock();
        let result = change(&mut counter);
        Self::leave_counter(counter);
        result
    }

    /// Asks, and waits in line until the answer comes.
    ///
    /// Dropping the future leaves the line and hands on what was promised.
    pub(crate) async fn wait<A: Ask<G>>(&self, mut ask: A) -> A::Got {
        let mut asked = false;
        let mut waiting = Waiting {
            desk: self,
            place: None,
        };
        std::future::poll_fn(|context| {
            let budget = ready!(poll_proceed(context));
            let polled = match waiting.place {
                Some(place) => self.poll_collect(place, context, &mut ask),
                None if asked => Poll::Pending,
                None => match self.ask(context, &mut ask) {
                    Ok(got) => Poll::Ready(got),
                    Err(place) => {
                        waiting.place = Some(place);
                        Poll::Pending
                    }
                },
            };
            asked = true;
            if polled.is_ready() {
                waiting.place = None;
                budget.made_progress();
            }
            polled
        })
        .await
    }

    /// Promises what a change made possible, unlocks, and wakes those who got it.
    #[inline]
    fn leave_counter(counter: MutexGuard<'_, Counter<G>>) {
        if counter.gate.may_promise() {
            Self::advance_and_wake(counter);
        }
    }

    #[cold]
    fn advance_and_wake(mut counter: MutexGuard<'_, Counter<G>>) {
        let woken = counter.advance(G::TIMED.then(now), None);
        drop(counter);
        woken.wake();
    }

    fn ask<A: Ask<G>>(&self, context: &mut Context<'_>, ask: &mut A) -> Result<A::Got, G::Place> {
        let mut counter = self.lock();
        match ask.ask(&mut counter.gate) {
            Ok(got) => {
                Self::leave_counter(counter);
                Ok(got)
            }
            Err(place) => Self::stand_in_line(counter, place, context, ask),
        }
    }

    /// Has a newcomer woken when its turn comes, unless it has come already.
    fn stand_in_line<A: Ask<G>>(
        mut counter: MutexGuard<'_, Counter<G>>,
        place: G::Place,
        context: &mut Context<'_>,
        ask: &mut A,
    ) -> Result<A::Got, G::Place> {
        let mut answer = Err(place);
        let mut woken = Woken::default();
        if counter.is_unwatched() {
            // The clock is read under the lock, so that moments reach the state in order.
            let now = now();
            woken = counter.advance(Some(now), Some(place));
            if let Some(got) = ask.collect(&mut counter.gate, place, now) {
                woken.extend(counter.advance_if_needed());
                answer = Ok(got);
            }
        }
        if let Some(waker) = counter.gate.waker(place) {
            *waker = Some(context.waker().clone());
        }
        drop(counter);
        woken.wake();
        answer
    }

    fn poll_collect<A: Ask<G>>(
        &self,
        place: G::Place,
        context: &mut Context<'_>,
        ask: &mut A,
    ) -> Poll<A::Got> {
        let mut counter = self.lock();
        let now = if G::TIMED { now() } else { Moment::ZERO };
        // Wakers are dropped outside the lock too: the last one of a task may run its destructor.
        let old = counter.gate.waker(place).and_then(Option::take);
        let mut woken = Woken::default();
        if !counter.gate.is_promised(place) {
            counter.gate.step_back(place);
            let known = if G::TIMED { now } else { self::now() };
            woken = counter.advance(Some(known), Some(place));
        }
        let collected = ask.collect(&mut counter.gate, place, now);
        if collected.is_some() {
            woken.extend(counter.advance_if_needed());
        } else if let Some(waker) = counter.gate.waker(place) {
            *waker = Some(context.waker().clone());
        }
        drop(counter);
        woken.wake();
        drop(old);
        collected.map_or(Poll::Pending, Poll::Ready)
    }
}

impl<G: Gate> Counter<G> {
    fn advance_if_needed(&mut self) -> Woken {
        if self.gate.may_promise() {
            self.advance(G::TIMED.then(now), None)
        } else {
            Woken::default()
        }
    }

    /// Whether a newcomer must see to it that the alarm is set. The first in line looks at the
    /// clock too: an alarm may have been left on a runtime that nobody drives any more.
    fn is_unwatched(&self) -> bool {
        let first = self.gate.in_line() == 1;
        G::TIMED || !self.called.is_empty() && (first || self.alarm.is_set().is_none())
    }

    /// Takes back promises that were not collected in time, makes those that can be made, and sets
    /// the alarm to what comes next. `polled` is being polled: it needs no wake-up and no patience.
    /// `now` is always given to a timed gate.
    fn advance(&mut self, now: Option<Moment>, polled: Option<G::Place>) -> Woken {
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

/// A waiter that leaves the line when it is dropped.
struct Waiting<'a, G: Gate> {
    desk: &'a Desk<G>,
    place: Option<G::Place>,
}

impl<G: Gate> Drop for Waiting<'_, G> {
    #[inline]
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.leave(place);
        }
    }
}

impl<G: Gate> Waiting<'_, G> {
    #[cold]
    fn leave(&self, place: G::Place) {
        let waker = self.desk.change(|counter| {
            let waker = counter.gate.waker(place).and_then(Option::take);
            counter.gate.leave(place);
            waker
        });
        drop(waker);
    }
}

/// Wakers to be called once the lock is released.
#[derive(Default)]
struct Woken {
    first: Option<Waker>,
    more: Vec<Waker>,
}

impl Woken {
    fn add(&mut self, waker: Option<Waker>) {
        match &self.first {
            None => self.first = waker,
            Some(_) => self.more.extend(waker),
        }
    }

    fn extend(&mut self, other: Self) {
        self.add(other.first);
        self.more.extend(other.more);
    }

    fn wake(self) {
        self.first.into_iter().for_each(Waker::wake);
        self.more.into_iter().for_each(Waker::wake);
    }
}

impl<G: Gate> fmt::Debug for Desk<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let in_line = self.lock().gate.in_line();
        f.debug_struct("Desk").field("in_line", &in_line).finish()
    }
}
