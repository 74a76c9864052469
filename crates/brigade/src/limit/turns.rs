//! Waiting for permits of one stock, which is all that a semaphore and a rate limit differ in.
//!
//! Nothing here knows which of the two it serves.

use std::task::Waker;

use brigade_core::gcra::Gcra;
use brigade_core::line::Place;
use brigade_core::time::Moment;
use brigade_core::turns::{Collected, Permits, Promise, Stock, Turns};

use super::credit::Credit;
use super::{AcquireError, NotYet, Overloaded, TooMany};
use crate::desk::{Ask, Gate, Turn};

impl<S: Stock> Gate for Turns<S, Option<Waker>> {
    type Place = Place;
    type Waste = ();

    const TIMED: bool = S::TIMED;

    fn promise(&mut self, now: Moment) -> Turn<Place> {
        match Turns::promise(self, now) {
            Promise::To(place) => Turn::Of(place),
            Promise::At(moment) => Turn::At(moment),
            Promise::Nothing => Turn::Nobody,
        }
    }

    fn is_promised(&self, place: Place) -> bool {
        Turns::is_promised(self, place)
    }

    fn withdraw(&mut self, place: Place) {
        Turns::withdraw(self, place);
    }

    fn step_back(&mut self, place: Place) {
        Turns::step_back(self, place);
    }

    fn leave(&mut self, place: Place) {
        Turns::leave(self, place);
    }

    fn waker(&mut self, place: Place) -> Option<&mut Option<Waker>> {
        self.wake_mut(place)
    }

    fn in_line(&self) -> usize {
        Turns::in_line(self)
    }

    fn first(&self) -> Option<Place> {
        Turns::first(self)
    }

    fn waste(&mut self) {}

    #[inline]
    fn may_promise(&self) -> bool {
        Turns::may_promise(self)
    }
}

/// How a newcomer takes from a stock, if nobody is before it.
pub(super) trait Till<S> {
    /// Takes `permits` without the lock of the stock, where that is certain to be right.
    #[inline]
    fn take_unlocked(&self, _permits: u32) -> bool {
        false
    }

    fn take<W>(&self, turns: &mut Turns<S, W>, permits: u32) -> bool;
}

/// The till of a semaphore.
pub(super) struct Counted;

impl Till<Permits> for Counted {
    #[inline]
    fn take<W>(&self, turns: &mut Turns<Permits, W>, permits: u32) -> bool {
        turns.take_now(permits, Moment::ZERO)
    }
}

impl Till<Gcra> for &Credit {
    #[inline]
    fn take_unlocked(&self, permits: u32) -> bool {
        Credit::take(self, permits)
    }

    #[inline]
    fn take<W>(&self, turns: &mut Turns<Gcra, W>, permits: u32) -> bool {
        self.take_locked(turns, permits).is_ok()
    }
}

/// Permits to be taken at once.
pub(super) struct TakePermits<C> {
    pub(super) permits: u32,
    pub(super) till: C,
}

impl<C> TakePermits<C> {
    fn too_many<S: Stock, W>(&self, turns: &Turns<S, W>) -> TooMany {
        TooMany {
            wanted: self.permits,
            capacity: turns.stock().capacity(),
        }
    }
}

impl<S: Stock, C: Till<S>> Ask<Turns<S, Option<Waker>>> for TakePermits<C> {
    type Got = Result<(), TooMany>;

    #[inline]
    fn ask_unlocked(&mut self) -> Option<Self::Got> {
        self.till.take_unlocked(self.permits).then_some(Ok(()))
    }

    fn ask(&mut self, turns: &mut Turns<S, Option<Waker>>) -> Result<Self::Got, Place> {
        if turns.never(self.permits) {
            Ok(Err(self.too_many(turns)))
        } else if self.till.take(turns, self.permits) {
            Ok(Ok(()))
        } else {
            Err(turns.enqueue(self.permits, None))
        }
    }

    fn collect(
        &mut self,
        turns: &mut Turns<S, Option<Waker>>,
        place: Place,
        now: Moment,
    ) -> Option<Self::Got> {
        match turns.collect(place, now) {
            Collected::Yes => Some(Ok(())),
            Collected::NotYet => None,
            Collected::Never => Some(Err(self.too_many(turns))),
        }
    }
}

/// The same with a bound on how many wait.
pub(super) struct TakeBounded<C> {
    pub(super) take: TakePermits<C>,
    pub(super) max_waiters: usize,
}

impl<S: Stock, C: Till<S>> Ask<Turns<S, Option<Waker>>> for TakeBounded<C> {
    type Got = Result<(), AcquireError>;

    #[inline]
    fn ask_unlocked(&mut self) -> Option<Self::Got> {
        let got = Ask::<Turns<S, Option<Waker>>>::ask_unlocked(&mut self.take)?;
        Some(got.map_err(AcquireError::TooMany))
    }

    fn ask(&mut self, turns: &mut Turns<S, Option<Waker>>) -> Result<Self::Got, Place> {
        let asked = self.take.ask(turns);
        asked.map(|got| got.map_err(AcquireError::TooMany))
    }

    fn collect(
        &mut self,
        turns: &mut Turns<S, Option<Waker>>,
        place: Place,
        now: Moment,
    ) -> Option<Self::Got> {
        let got = self.take.collect(turns, place, now)?;
        Some(got.map_err(AcquireError::TooMany))
    }

    fn refuse(
        &mut self,
        turns: &mut Turns<S, Option<Waker>>,
        place: Place,
        now: Moment,
    ) -> Option<Self::Got> {
        if turns.waiting() <= self.max_waiters {
            return None;
        }
        turns.leave(place);
        Some(Err(AcquireError::Overloaded(Overloaded {
            max_waiters: self.max_waiters,
            of_key: false,
            wait: not_yet(turns, self.take.permits, now).wait,
        })))
    }
}

/// How long a newcomer has to wait for `permits` at least, behind all who wait.
pub(super) fn not_yet<S: Stock, W>(turns: &Turns<S, W>, permits: u32, now: Moment) -> NotYet {
    let due = turns.due_behind(permits, now);
    NotYet {
        wait: (due < Moment::MAX).then(|| due.since(now)),
    }
}
