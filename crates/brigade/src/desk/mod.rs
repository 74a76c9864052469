//! The desk where permits are waited for, promised and collected.
//!
//! It gives a pure state of turns what that cannot have: a lock, wakers, and the alarm that hands
//! turns on when nobody is polled. Wakers are called outside the lock; nothing here ever blocks on
//! anything but that lock, and nothing is spawned.

mod counter;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Wake, Waker, ready};

use brigade_core::time::Moment;
use pin_project_lite::pin_project;
use tokio::task::coop::poll_proceed;

use crate::clock::now;
use crate::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
pub(crate) use counter::Counter;
use counter::Woken;

/// Whose turn it is.
pub(crate) enum Turn<P> {
    Of(P),
    At(Moment),
    Nobody,
}

/// A pure state of turns.
pub(crate) trait Gate {
    type Place: Copy + PartialEq;
    /// What the gate no longer needs and foreign destructors may come with.
    type Waste;

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
    /// What has become waste, to be dropped outside the lock.
    fn waste(&mut self) -> Self::Waste;

    /// False if it is certain that nobody can be promised anything.
    fn may_promise(&self) -> bool {
        self.in_line() > 0
    }
}

/// What somebody wants of a gate.
pub(crate) trait Ask<G: Gate> {
    type Got;

    /// Takes it without the lock, where that is certain to be right.
    #[inline]
    fn ask_unlocked(&mut self) -> Option<Self::Got> {
        None
    }

    /// Takes it at once, or takes a place in line.
    fn ask(&mut self, gate: &mut G) -> Result<Self::Got, G::Place>;

    /// Takes what was promised to the place; `None` if it must go on waiting.
    fn collect(&mut self, gate: &mut G, place: G::Place, now: Moment) -> Option<Self::Got>;

    /// Leaves the place again that was just taken, instead of waiting there; `now` means nothing
    /// if the gate is not timed.
    #[inline]
    fn refuse(&mut self, _gate: &mut G, _place: G::Place, _now: Moment) -> Option<Self::Got> {
        None
    }
}

pub(crate) struct Desk<G: Gate> {
    counter: Mutex<Counter<G>>,
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
        let woken = counter.ring(now());
        unlock(counter, woken);
    }
}

/// Leaves the counter; what may run foreign code is done behind it.
#[inline]
fn unlock<G: Gate>(mut counter: MutexGuard<'_, Counter<G>>, woken: Woken) {
    let waste = counter.gate.waste();
    drop(counter);
    woken.wake();
    drop(waste);
}

impl<G: Gate> Desk<G> {
    // Only here is the gate asked to be `Send` and `'static`. Asked everywhere, the compiler could
    // not prove that a task with a borrowed key, as `&'static str`, is `Send`.
    pub(crate) fn new(gate: G) -> Arc<Self>
    where
        G: Gate<Place: Send> + Send + 'static,
    {
        Arc::new_cyclic(|desk| {
            let bell = Waker::from(Arc::new(Bell(desk.clone())));
            Self {
                counter: Mutex::new(Counter::new(gate, bell)),
            }
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
    #[inline]
    pub(crate) fn wait<A: Ask<G>>(&self, ask: A) -> Wait<'_, G, A> {
        Wait {
            desk: self,
            ask,
            stage: Stage::New,
        }
    }

    /// Promises what a change made possible, unlocks, and wakes those who got it.
    // Three times for each item of a queue, mostly with nothing to promise.
    #[inline(always)]
    fn leave_counter(mut counter: MutexGuard<'_, Counter<G>>) {
        if counter.gate.may_promise() {
            Self::advance_and_wake(counter);
        } else {
            let waste = counter.gate.waste();
            drop(counter);
            drop(waste);
        }
    }

    #[cold]
    fn advance_and_wake(mut counter: MutexGuard<'_, Counter<G>>) {
        let woken = counter.advance(G::TIMED.then(now), None);
        unlock(counter, woken);
    }

    /// Notes the place before anything can panic, so that it is left again.
    #[inline]
    fn ask<A: Ask<G>>(
        &self,
        context: &mut Context<'_>,
        ask: &mut A,
        stage: &mut Stage<G::Place>,
    ) -> Poll<A::Got> {
        if let Some(got) = ask.ask_unlocked() {
            return Poll::Ready(got);
        }
        let mut counter = self.lock();
        match ask.ask(&mut counter.gate) {
            Ok(got) => {
                Self::leave_counter(counter);
                Poll::Ready(got)
            }
            Err(taken) => {
                *stage = Stage::InLine(taken);
                Self::stand_in_line(counter, taken, context, ask)
            }
        }
    }

    /// Has a newcomer woken when its turn comes, unless it has come already.
    fn stand_in_line<A: Ask<G>>(
        mut counter: MutexGuard<'_, Counter<G>>,
        place: G::Place,
        context: &mut Context<'_>,
        ask: &mut A,
    ) -> Poll<A::Got> {
        let mut answer = Poll::Pending;
        let mut woken = Woken::default();
        let mut now = Moment::ZERO;
        if counter.is_unwatched() {
            // The clock is read under the lock, so that moments reach the state in order.
            now = self::now();
            woken = counter.advance(Some(now), Some(place));
            if let Some(got) = ask.collect(&mut counter.gate, place, now) {
                counter.advance_if_needed(&mut woken);
                answer = Poll::Ready(got);
            }
        }
        if answer.is_pending()
            && let Some(refused) = ask.refuse(&mut counter.gate, place, now)
        {
            answer = Poll::Ready(refused);
        }
        if let Some(waker) = counter.gate.waker(place) {
            *waker = Some(context.waker().clone());
        }
        unlock(counter, woken);
        answer
    }

    #[cold]
    fn leave(&self, place: G::Place) {
        let waker = self.change(|counter| {
            let waker = counter.gate.waker(place).and_then(Option::take);
            counter.gate.leave(place);
            waker
        });
        drop(waker);
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
            counter.advance_if_needed(&mut woken);
        } else if let Some(waker) = counter.gate.waker(place) {
            *waker = Some(context.waker().clone());
        }
        unlock(counter, woken);
        drop(old);
        collected.map_or(Poll::Pending, Poll::Ready)
    }
}

/// How far a wait has come.
enum Stage<P> {
    New,
    InLine(P),
    Over,
}

pin_project! {
    /// The future of a wait, which leaves the line when it is dropped.
    ///
    /// It is written by hand because it is in the path of every item and every permit, where the
    /// layers of an async function cost as much as the lock.
    #[must_use = "it asks for nothing until it is polled"]
    pub(crate) struct Wait<'a, G: Gate, A> {
        desk: &'a Desk<G>,
        ask: A,
        stage: Stage<G::Place>,
    }

    impl<'a, G: Gate, A> PinnedDrop for Wait<'a, G, A> {
        #[inline]
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if let Stage::InLine(place) = *this.stage {
                this.desk.leave(place);
            }
        }
    }
}

impl<G: Gate, A: Ask<G>> Future for Wait<'_, G, A> {
    type Output = A::Got;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<A::Got> {
        let this = self.project();
        let budget = ready!(poll_proceed(context));
        let polled = match *this.stage {
            Stage::New => this.desk.ask(context, this.ask, this.stage),
            Stage::InLine(place) => this.desk.poll_collect(place, context, this.ask),
            Stage::Over => Poll::Pending,
        };
        if polled.is_ready() {
            *this.stage = Stage::Over;
            budget.made_progress();
        }
        polled
    }
}

impl<G: Gate> fmt::Debug for Desk<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let in_line = self.lock().gate.in_line();
        f.debug_struct("Desk").field("in_line", &in_line).finish()
    }
}
