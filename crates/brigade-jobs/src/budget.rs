//! A budget of bytes that all bodies in flight share.
//!
//! A body takes from it as it arrives and gives back when the writer has encoded it, so a slow
//! disk stops the reading of bodies instead of growing a buffer. If all of it were held by bodies
//! that are still arriving, nobody could go on: so one body at a time may exceed the budget, and
//! the next one only after the excess is gone. Memory is the budget and one body at the most.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Names a holder; the number of a worker.
pub(crate) type Holder = usize;

#[derive(Debug, Default)]
struct State {
    used: usize,
    /// Who may exceed the budget.
    beyond: Option<Holder>,
    waiting: VecDeque<(Holder, Waker)>,
}

/// The shared budget.
#[derive(Debug)]
pub(crate) struct Budget {
    capacity: usize,
    state: Mutex<State>,
}

impl Budget {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            state: Mutex::default(),
        }
    }

    /// The bytes that all share.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Takes `bytes` if nobody waits and there is room.
    pub(crate) fn try_take(&self, bytes: usize) -> bool {
        let mut state = self.lock();
        let fits = state.waiting.is_empty() && state.used + bytes <= self.capacity;
        state.used += if fits { bytes } else { 0 };
        fits
    }

    /// Whether somebody waits for room.
    pub(crate) fn is_short(&self) -> bool {
        !self.lock().waiting.is_empty()
    }

    /// Takes `bytes` for `holder`, waiting first in, first out while there is no room.
    ///
    /// Dropping the future takes nothing.
    pub(crate) async fn take(&self, holder: Holder, bytes: usize) {
        let mut waiting = Waiting {
            budget: self,
            holder,
            enlisted: false,
        };
        poll_fn(|context| waiting.poll(context, bytes)).await;
    }

    /// Says that the body of `holder` is complete, or given up: it will take no more.
    pub(crate) fn end(&self, holder: Holder) {
        let mut state = self.lock();
        if state.beyond == Some(holder) {
            state.beyond = None;
            self.wake(&state);
        }
    }

    /// Gives bytes back.
    pub(crate) fn release(&self, bytes: usize) {
        if bytes > 0 {
            let mut state = self.lock();
            state.used -= bytes;
            self.wake(&state);
        }
    }

    /// Bytes held now.
    #[cfg(test)]
    pub(crate) fn used(&self) -> usize {
        self.lock().used
    }

    fn wake(&self, state: &State) {
        // One is enough: who gets through wakes the next.
        if state.used <= self.capacity
            && let Some((_, waker)) = state.waiting.front()
        {
            waker.wake_by_ref();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Waiting<'a> {
    budget: &'a Budget,
    holder: Holder,
    enlisted: bool,
}

impl Waiting<'_> {
    fn poll(&mut self, context: &mut Context<'_>, bytes: usize) -> Poll<()> {
        let mut state = self.budget.lock();
        let first = match state.waiting.front() {
            Some((front, _)) => *front == self.holder,
            None => true,
        };
        let fits = first && state.used + bytes <= self.budget.capacity;
        let exceeds = first && state.beyond.is_none() && state.used <= self.budget.capacity;
        if state.beyond == Some(self.holder) || fits || exceeds {
            if !fits {
                state.beyond = Some(self.holder);
            }
            state.used += bytes;
            self.leave(&mut state);
            return Poll::Ready(());
        }
        let waker = context.waker().clone();
        match state
            .waiting
            .iter_mut()
            .find(|(each, _)| *each == self.holder)
        {
            Some(entry) => entry.1 = waker,
            None => state.waiting.push_back((self.holder, waker)),
        }
        self.enlisted = true;
        Poll::Pending
    }

    fn leave(&mut self, state: &mut State) {
        if self.enlisted {
            state.waiting.retain(|(each, _)| *each != self.holder);
            self.enlisted = false;
        }
        self.budget.wake(state);
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.enlisted {
            let mut state = self.budget.lock();
            self.leave(&mut state);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Context;

    use super::*;

    /// Polls once, with a waker that does nothing.
    fn ready(future: std::pin::Pin<&mut impl Future<Output = ()>>) -> bool {
        future
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    }

    #[test]
    fn f5a_a_body_waits_until_the_writer_has_made_room() {
        let budget = Budget::new(100);
        assert!(ready(pin!(budget.take(0, 80))));
        // One body may exceed the budget, the next may not.
        assert!(ready(pin!(budget.take(1, 30))));
        let mut third = pin!(budget.take(2, 30));
        assert!(!ready(third.as_mut()));
        budget.end(1);
        assert!(!ready(third.as_mut()), "the excess is still there");
        budget.release(110);
        assert!(ready(third));
        assert_eq!(budget.used(), 30);
    }

    #[test]
    fn f5a_bodies_that_all_wait_for_room_cannot_block_each_other() {
        let budget = Budget::new(100);
        for holder in 0..10 {
            assert!(ready(pin!(budget.take(holder, 10))));
        }
        let mut waiting: Vec<_> = (0..10).map(|h| Box::pin(budget.take(h, 10))).collect();
        assert!(ready(waiting[0].as_mut()), "one goes on");
        assert!(!waiting[1..].iter_mut().any(|each| ready(each.as_mut())));
        // It may go on to its end, whatever it takes.
        assert!(ready(pin!(budget.take(0, 1000))));
        budget.end(0);
        budget.release(1020);
        assert!(ready(waiting[1].as_mut()), "then the next");
    }

    #[test]
    fn f5a_memory_is_the_budget_and_one_body_at_the_most() {
        fastrand::seed(7);
        let (capacity, largest) = (1000, 400);
        let budget = Budget::new(capacity);
        // Bodies grow by turns; a finished one is released some time later, as by a writer.
        let mut bodies = [0; 8];
        let mut written: VecDeque<usize> = VecDeque::new();
        for _ in 0..20_000 {
            let holder = fastrand::usize(..bodies.len());
            if ready(pin!(budget.take(holder, 50))) {
                bodies[holder] += 50;
            } else if let Some(bytes) = written.pop_front() {
                budget.release(bytes);
            }
            if bodies[holder] >= largest {
                written.push_back(std::mem::take(&mut bodies[holder]));
                budget.end(holder);
            }
            assert!(budget.used() <= capacity + largest, "{}", budget.used());
        }
    }

    #[test]
    fn a_dropped_waiter_leaves_the_line() {
        let budget = Budget::new(10);
        assert!(ready(pin!(budget.take(0, 10))));
        assert!(ready(pin!(budget.take(1, 10))));
        let mut gone = Box::pin(budget.take(2, 5));
        let mut next = pin!(budget.take(3, 5));
        assert!(!ready(gone.as_mut()));
        assert!(!ready(next.as_mut()));
        budget.end(1);
        budget.release(20);
        drop(gone);
        assert!(ready(next));
    }
}
