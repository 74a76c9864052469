//! Waiting for permits of one stock, which is all that a semaphore and a rate limit differ in.
//!
//! Nothing here knows which of the two it serves.

use std::task::Waker;

use brigade_core::line::Place;
use brigade_core::time::Moment;
use brigade_core::turns::{Collected, Promise, Stock, Turns};

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

/// Permits to be taken at once; `now` is the moment at which those of a newcomer are booked.
pub(super) struct TakePermits<N> {
    pub(super) permits: u32,
    pub(super) now: N,
}

impl<N> TakePermits<N> {
    fn too_many<S: Stock, W>(&self, turns: &Turns<S, W>) -> TooMany {
        TooMany {
            wanted: self.permits,
            capacity: turns.stock().capacity(),
        }
    }
}

impl<S: Stock, N: Fn() -> Moment> Ask<Turns<S, Option<Waker>>> for TakePermits<N> {
    type Got = Result<(), TooMany>;

    fn ask(&mut self, turns: &mut Turns<S, Option<Waker>>) -> Result<Self::Got, Place> {
        if turns.never(self.permits) {
            Ok(Err(self.too_many(turns)))
        } else if turns.take_now(self.permits, (self.now)()) {
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
pub(super) struct TakeBounded<N> {
    pub(super) take: TakePermits<N>,
    pub(super) max_waiters: usize,
}

impl<S: Stock, N: Fn() -> Moment> Ask<Turns<S, Option<Waker>>> for TakeBounded<N> {
    type Got = Result<(), AcquireError>;

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
