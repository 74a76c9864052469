//! The children of a scope, and the turns that they take with its body.
//!
//! It owns the futures and polls each only when it was woken. A future is out of its place while
//! it is polled, so that it can add others; no lock is held while one is polled or dropped.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Wake, Waker};

use super::turns::{Alarm, Turns};
use crate::runtime;
use crate::slab::Slab;
use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The seat of the scope's own future, which is not kept here.
const BODY: usize = usize::MAX;

/// The number of polls after which other tasks are let run. It is tokio's own budget for a task.
const TURNS: usize = 128;

/// `C` is the type that all children are erased to.
pub(super) struct Nursery<C: ?Sized> {
    turns: Arc<Turns>,
    /// The waker of the scope's own future.
    body: Waker,
    children: Mutex<Children<C>>,
}

struct Children<C: ?Sized> {
    /// A seat is empty while its child is polled.
    seats: Slab<Option<Child<C>>>,
    closed: bool,
}

struct Child<C: ?Sized> {
    future: Pin<Box<C>>,
    alarm: Arc<Alarm>,
    /// The same alarm as a waker.
    waker: Waker,
}

impl<C: ?Sized> Nursery<C> {
    pub(super) fn new() -> Self {
        let turns = Arc::new(Turns::default());
        let body = Waker::from(Alarm::new(BODY, &turns));
        body.wake_by_ref();
        let children = Children {
            seats: Slab::new(),
            closed: false,
        };
        Self {
            turns,
            body,
            children: Mutex::new(children),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Children<C>> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a child in, to be polled soon; it is dropped if the nursery is closed.
    pub(super) fn add(&self, future: Pin<Box<C>>) {
        let mut children = self.lock();
        if children.closed {
            drop(children);
            return drop(future);
        }
        let seat = children.seats.insert(None);
        let alarm = Alarm::new(seat, &self.turns);
        let child = Child {
            future,
            waker: Waker::from(alarm.clone()),
            alarm: alarm.clone(),
        };
        if let Some(place) = children.seats.get_mut(seat) {
            *place = Some(child);
        }
        drop(children);
        alarm.wake();
    }

    /// Puts a child back to its place, unless the nursery was closed meanwhile.
    fn put_back(&self, child: Child<C>) {
        let mut children = self.lock();
        let Some(place) = children.seats.get_mut(child.alarm.seat) else {
            drop(children);
            return drop(child);
        };
        *place = Some(child);
    }

    /// Destroys all children, and takes in no other.
    pub(super) fn close(&self) {
        self.turns.close();
        let mut children = self.lock();
        children.closed = true;
        let seats = std::mem::take(&mut children.seats);
        drop(children);
        drop(seats);
    }
}

impl<C: ?Sized + Future<Output = ()>> Nursery<C> {
    /// Polls `body` and the children, each if it was woken; ready with `body`.
    pub(super) fn poll<R>(
        &self,
        cx: &mut Context<'_>,
        mut body: impl FnMut(&mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        self.turns.begin(cx.waker());
        let had_budget = runtime::has_budget();
        for _ in 0..TURNS {
            let Some(alarm) = self.turns.next() else {
                return Poll::Pending;
            };
            alarm.reset();
            if alarm.seat != BODY {
                self.poll_child(&alarm);
            } else if let Poll::Ready(end) = body(&mut Context::from_waker(&self.body)) {
                return Poll::Ready(end);
            }
            // What the next one awaits would pretend not to be ready.
            if had_budget && !runtime::has_budget() {
                break;
            }
        }
        self.turns.pause();
        Poll::Pending
    }

    fn poll_child(&self, alarm: &Arc<Alarm>) {
        let mut children = self.lock();
        let place = children.seats.get_mut(alarm.seat);
        // An alarm that rings late may be that of a child which sat here before.
        let same = |child: &mut Child<C>| Arc::ptr_eq(&child.alarm, alarm);
        let Some(mut child) = place.and_then(|place| place.take_if(same)) else {
            return;
        };
        drop(children);
        let polled = child
            .future
            .as_mut()
            .poll(&mut Context::from_waker(&child.waker));
        if polled.is_pending() {
            return self.put_back(child);
        }
        drop(child);
        self.lock().seats.remove(alarm.seat);
    }
}
