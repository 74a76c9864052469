//! Where the items of a producer pass to its consumer.
//!
//! There is no capacity: an item lies here only while its yield waits for the next demand. Yields
//! that wait side by side, in a `join!` for example, stand in a line. No waker and no item is
//! dropped under the lock.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(super) struct Slot<I>(Mutex<State<I>>);

struct State<I> {
    /// Items that were yielded and not taken, with the number of their yield.
    items: VecDeque<(u64, I)>,
    /// Yields that wait, for a nested executor which wakes its futures one by one.
    waiting: Vec<(u64, Waker)>,
    next: u64,
    /// Yields below this number had their items taken.
    taken: u64,
    /// Yields below this number may go on.
    released: u64,
    closed: bool,
}

impl<I> Slot<I> {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            items: VecDeque::new(),
            waiting: Vec::new(),
            next: 0,
            taken: 0,
            released: 0,
            closed: false,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State<I>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take(&self) -> Option<I> {
        let mut state = self.lock();
        let (number, item) = state.items.pop_front()?;
        state.taken = number + 1;
        Some(item)
    }

    /// The next item is asked for: the yields whose items were taken go on.
    pub(super) fn release(&self, cx: &mut Context<'_>) {
        let mut state = self.lock();
        if state.released == state.taken {
            return;
        }
        state.released = state.taken;
        let released = state.released;
        let gone: Vec<_> = state
            .waiting
            .extract_if(.., |(number, _)| *number < released)
            .collect();
        drop(state);
        for (_, waker) in gone {
            // Whoever passes the consumer's waker on is polled with the consumer anyway.
            if !waker.will_wake(cx.waker()) {
                waker.wake();
            }
        }
    }

    /// Nobody will ask again: yields never return, and what they offered is dropped.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let items = std::mem::take(&mut state.items);
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        drop((items, waiting));
    }

    pub(super) async fn offer(&self, item: I) {
        let mut offer = Offer {
            slot: self,
            item: Some(item),
            number: None,
        };
        std::future::poll_fn(|cx| offer.poll(cx)).await
    }
}

/// One yield.
struct Offer<'s, I> {
    slot: &'s Slot<I>,
    item: Option<I>,
    number: Option<u64>,
}

impl<I> Offer<'_, I> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.slot.lock();
        if state.closed {
            return Poll::Pending;
        }
        let number = match (self.number, self.item.take()) {
            (Some(number), _) => number,
            (None, Some(item)) => {
                let number = state.next;
                state.next += 1;
                state.items.push_back((number, item));
                self.number = Some(number);
                number
            }
            (None, None) => return Poll::Pending,
        };
        if number < state.released {
            return Poll::Ready(());
        }
        let known = state.waiting.iter_mut().find(|(known, _)| *known == number);
        let old = match known {
            Some((_, waker)) if waker.will_wake(cx.waker()) => None,
            Some((_, waker)) => Some(std::mem::replace(waker, cx.waker().clone())),
            None => {
                state.waiting.push((number, cx.waker().clone()));
                None
            }
        };
        drop(state);
        drop(old);
        Poll::Pending
    }
}

impl<I> Drop for Offer<'_, I> {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut state = self.slot.lock();
        let waits = state.waiting.iter().position(|(known, _)| *known == number);
        let waker = waits.map(|index| state.waiting.swap_remove(index));
        let lies = state.items.iter().position(|(known, _)| *known == number);
        let item = lies.and_then(|index| state.items.remove(index));
        drop(state);
        drop((waker, item));
    }
}
