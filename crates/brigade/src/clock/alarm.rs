//! A timer that belongs to an object instead of a task.
//!
//! A limit must act at a moment even if none of its waiters is being polled, and it must not need
//! a background task for that. An alarm registers a [`Waker`] of the object itself with tokio's
//! timer, so the object acts inside the wake-up. It never blocks and never spawns.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::Duration;

use brigade_core::time::Moment;
use tokio::task::{Unconstrained, unconstrained};

use super::{instant, now};
use crate::runtime::{Handle, Sleep, sleep_until};

/// The length of a tick of tokio's timer wheel.
const TICK: Duration = Duration::from_millis(1);

/// A timer that calls a [`Waker`] once at a moment; setting it again replaces the moment.
///
/// It runs on the runtime in whose context it is set. Should that runtime end first, the waker is
/// called early, so whoever is called looks at the clock.
pub struct Alarm {
    timer: Option<Pin<Box<Unconstrained<Sleep>>>>,
    handle: Option<Handle>,
    set: Option<Moment>,
    waker: Waker,
}

impl Alarm {
    /// How far from its moment an alarm on a runtime that is not busy rings: two ticks.
    pub const PRECISION: Duration = Duration::from_millis(2);

    /// An alarm that is not set and will call `waker`.
    pub fn new(waker: Waker) -> Self {
        Self {
            timer: None,
            handle: None,
            set: None,
            waker,
        }
    }

    /// The moment that the alarm is set to, from the call of [`set`](Self::set) until
    /// [`rang`](Self::rang).
    pub fn is_set(&self) -> Option<Moment> {
        self.set
    }

    /// Calls the waker at `at` or up to two ticks (2 ms) later.
    ///
    /// Answers false if there is nothing that could ring: `at` has passed already, or there is no
    /// runtime to ring on. The waker is never called from within.
    pub fn set(&mut self, at: Moment) -> bool {
        self.ring_after(at, at)
    }

    /// Calls the waker as near to `at` as ticks of 1 ms allow, and sometimes once shortly before.
    ///
    /// The wait of a runtime is a whole number of ticks, so a timer set to `at` rings up to two
    /// ticks late. This one aims a tick early; if it rings before `at`, set it again.
    pub fn set_close(&mut self, at: Moment) -> bool {
        let soon = now() + Duration::from_nanos(1);
        self.ring_after(at, soon.max(at - TICK))
    }

    /// Forgets the moment: after the waker was called, or to have it called no more.
    pub fn rang(&mut self) {
        self.set = None;
    }

    /// Has the waker called no more.
    pub fn clear(&mut self) {
        self.set = None;
        self.timer = None;
    }

    fn ring_after(&mut self, at: Moment, ring: Moment) -> bool {
        if let Ok(handle) = Handle::try_current() {
            self.handle = Some(handle);
        }
        self.set = None;
        let Some(handle) = self.handle.clone() else {
            return false;
        };
        // A runtime that has no timers, or is shutting down, makes them panic: nothing can ring.
        let rings = catch_unwind(AssertUnwindSafe(|| self.register(&handle, ring)));
        if matches!(rings, Ok(true)) {
            self.set = Some(at);
        }
        self.set.is_some()
    }

    fn register(&mut self, handle: &Handle, ring: Moment) -> bool {
        let _context = handle.enter();
        // A new timer, not `Sleep::reset`: a reset may call the waker that is registered, and the
        // caller holds the lock that this waker takes.
        let sleep = unconstrained(sleep_until(instant(ring)));
        let timer = match &mut self.timer {
            Some(timer) => {
                timer.as_mut().set(sleep);
                timer
            }
            None => self.timer.insert(Box::pin(sleep)),
        };
        let mut context = Context::from_waker(&self.waker);
        timer.as_mut().poll(&mut context).is_pending()
    }
}

impl fmt::Debug for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut alarm = f.debug_struct("Alarm");
        alarm.field("set", &self.set).finish_non_exhaustive()
    }
}
