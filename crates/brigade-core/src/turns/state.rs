//! The waiters of one stock, and what is promised to them.
//!
//! Every call is O(1), but for stepping back past others that did so before. Nothing is ever
//! promised twice.

use super::Stock;
use crate::gcra::Arrival;
use crate::line::{Line, Place, Room};
use crate::time::Moment;

#[derive(Debug)]
struct Waiter<W> {
    want: u32,
    promised: bool,
    /// What the promise keeps from the others; less than is wanted if it is a refusal.
    set_aside: u32,
    wake: W,
}

/// Waiters for one stock, first come, first served.
///
/// # Examples
///
/// ```
/// use brigade_core::time::Moment;
/// use brigade_core::turns::{Collected, Permits, Promise, Turns};
///
/// let now = Moment::ZERO;
/// let mut turns = Turns::new(Permits::new(1));
/// assert!(turns.take_now(1, now));
/// let waiter = turns.enqueue(1, "wake me");
/// assert_eq!(turns.promise(now), Promise::Nothing);
/// turns.stock_mut().give(1);
/// assert_eq!(turns.promise(now), Promise::To(waiter));
/// assert!(!turns.take_now(1, now), "it is promised");
/// assert_eq!(turns.collect(waiter, now), Collected::Yes);
/// ```
#[derive(Debug)]
pub struct Turns<S, W> {
    stock: S,
    room: Room<Waiter<W>>,
    line: Line,
    /// Permits that are promised and not yet collected.
    promised: u32,
    /// Permits that those who wait want together.
    wanted: u64,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// This waiter was promised what it wants: wake it, so that it collects.
    To(Place),
    /// Nobody's before this moment, unless something changes.
    At(Moment),
    /// Nobody's: nobody waits, or permits must come back first.
    Nothing,
}

/// What a waiter got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collected {
    /// Its permits. It is no longer a waiter.
    Yes,
    /// Nothing yet: nothing is promised to it.
    NotYet,
    /// Nothing ever: the capacity was lowered below what it wants. It is no longer a waiter.
    Never,
}

impl<S: Stock, W> Turns<S, W> {
    /// Nobody waiting for `stock`.
    pub fn new(stock: S) -> Self {
        Self {
            stock,
            room: Room::default(),
            line: Line::default(),
            promised: 0,
            wanted: 0,
        }
    }

    /// The stock.
    pub fn stock(&self) -> &S {
        &self.stock
    }

    /// The stock, to give permits back or to change it; ask [`promise`](Self::promise) afterwards.
    pub fn stock_mut(&mut self) -> &mut S {
        &mut self.stock
    }

    /// How many wait, stood aside or were promised a turn that they have not collected.
    pub fn waiting(&self) -> usize {
        self.room.len()
    }

    /// How many stand in the line.
    pub fn in_line(&self) -> usize {
        self.line.len()
    }

    /// The first in line.
    pub fn first(&self) -> Option<Place> {
        self.room.front(&self.line)
    }

    /// Takes `want` permits for a newcomer, unless somebody stands in line or they are not there.
    pub fn take_now(&mut self, want: u32, now: Moment) -> bool {
        let free = self.line.is_empty() && self.due_with(want) <= now;
        if free {
            self.stock.take(want, now, Arrival::Now);
        }
        free
    }

    /// Puts a waiter for `want` permits at the end of the line.
    pub fn enqueue(&mut self, want: u32, wake: W) -> Place {
        let waiter = Waiter {
            want,
            promised: false,
            set_aside: 0,
            wake,
        };
        self.wanted += u64::from(want);
        self.room.push(&mut self.line, waiter)
    }

    /// Promises the first in line what it wants, if that is there at `now`.
    pub fn promise(&mut self, now: Moment) -> Promise {
        let Some(first) = self.room.front(&self.line) else {
            return Promise::Nothing;
        };
        let want = self.room.get(first).map_or(0, |waiter| waiter.want);
        // A waiter that wants more than there can be is called too, to be told so.
        let never = self.never(want);
        match self.due_with(want) {
            due if due <= now || never => {
                self.room.step_aside(&mut self.line, first);
                if let Some(waiter) = self.room.get_mut(first) {
                    waiter.promised = true;
                    waiter.set_aside = if never { 0 } else { want };
                    self.promised += waiter.set_aside;
                }
                Promise::To(first)
            }
            Moment::MAX => Promise::Nothing,
            due => Promise::At(due),
        }
    }

    /// Whether [`promise`](Self::promise) has something to say: a stock that goes by time always
    /// has, as long as somebody stands in line.
    #[inline]
    pub fn may_promise(&self) -> bool {
        let Some(first) = self.room.front(&self.line) else {
            return false;
        };
        let want = self.room.get(first).map_or(0, |waiter| waiter.want);
        S::TIMED || self.has_due(want) || self.never(want)
    }

    /// Calls the first in line without promising anything, to be told that it waits in vain.
    pub fn dismiss(&mut self) -> Option<Place> {
        let first = self.first()?;
        self.room.step_aside(&mut self.line, first);
        if let Some(waiter) = self.room.get_mut(first) {
            self.wanted -= u64::from(std::mem::take(&mut waiter.want));
            waiter.promised = true;
        }
        Some(first)
    }

    /// Whether `want` permits are there, beyond those promised, whatever the time.
    pub fn has_due(&self, want: u32) -> bool {
        self.due_with(want) == Moment::ZERO
    }

    /// Gives the waiter at `place` what was promised to it, booked at `now`.
    pub fn collect(&mut self, place: Place, now: Moment) -> Collected {
        let Some(waiter) = self.room.get(place).filter(|waiter| waiter.promised) else {
            return Collected::NotYet;
        };
        let (want, set_aside) = (waiter.want, waiter.set_aside);
        self.promised -= set_aside;
        self.wanted -= u64::from(want);
        self.room.remove(&mut self.line, place);
        // A refusal stands, even if the capacity was raised again meanwhile.
        if set_aside < want || self.never(want) {
            return Collected::Never;
        }
        self.stock.take(want, now, Arrival::Waited);
        Collected::Yes
    }

    /// Takes back a promise that was not collected; the waiter then stands aside.
    pub fn withdraw(&mut self, place: Place) {
        if let Some(waiter) = self.room.get_mut(place).filter(|waiter| waiter.promised) {
            waiter.promised = false;
            self.promised -= std::mem::take(&mut waiter.set_aside);
        }
    }

    /// Puts a waiter that stands aside back to its place in the line.
    pub fn step_back(&mut self, place: Place) {
        if !self.is_promised(place) {
            self.room.step_back(&mut self.line, place);
        }
    }

    /// Removes a waiter, with what was promised to it.
    pub fn leave(&mut self, place: Place) -> Option<W> {
        self.withdraw(place);
        let waiter = self.room.remove(&mut self.line, place)?;
        self.wanted -= u64::from(waiter.want);
        Some(waiter.wake)
    }

    /// Whether the waiter at `place` has been promised a turn that it has not collected.
    pub fn is_promised(&self, place: Place) -> bool {
        self.room.get(place).is_some_and(|waiter| waiter.promised)
    }

    /// What wakes the waiter at `place`.
    pub fn wake_mut(&mut self, place: Place) -> Option<&mut W> {
        self.room.get_mut(place).map(|waiter| &mut waiter.wake)
    }

    /// Whether `want` permits can never be had: they exceed the capacity. A single one is always
    /// waited for, as a capacity of zero is a pause.
    pub fn never(&self, want: u32) -> bool {
        want > self.stock.capacity().max(1)
    }

    /// The earliest moment at which a newcomer could have `want` permits, if all who wait take
    /// theirs first; [`Moment::MAX`] if time alone brings none.
    pub fn due_behind(&self, want: u32, now: Moment) -> Moment {
        self.stock.due_behind(self.wanted, want, now)
    }

    fn due_with(&self, want: u32) -> Moment {
        let all = self.promised.checked_add(want);
        all.map_or(Moment::MAX, |all| self.stock.due(all))
    }
}
