//! The way of a child's value to its handle.
//!
//! A child that is destroyed without a value says so, so that no handle waits for ever.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll, Waker};

use crate::cancel::scope::Scope;
use crate::cancel::{Failure, Panic, Reason};
use crate::group::Ended;
use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(in crate::group) struct Slot<T>(Mutex<State<T>>);

struct State<T> {
    end: Option<Result<T, Ended>>,
    finished: bool,
    waker: Option<Waker>,
}

impl<T> Slot<T> {
    /// An empty slot, and what fills it.
    pub(super) fn new(task: &Arc<Scope>) -> (Arc<Self>, Promise<T>) {
        let slot = Arc::new(Self(Mutex::new(State {
            end: None,
            finished: false,
            waker: None,
        })));
        let promise = Promise {
            slot: slot.clone(),
            task: Some(task.clone()),
        };
        (slot, promise)
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fill(&self, end: Result<T, Ended>) {
        let mut state = self.lock();
        state.end = Some(end);
        state.finished = true;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(in crate::group) fn is_finished(&self) -> bool {
        self.lock().finished
    }

    pub(in crate::group) fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<T, Ended>> {
        let mut state = self.lock();
        if let Some(end) = state.end.take() {
            return Poll::Ready(end);
        }
        let old = state.waker.replace(cx.waker().clone());
        drop(state);
        drop(old);
        Poll::Pending
    }
}

/// Fills a slot once, at the latest when it is dropped.
pub(super) struct Promise<T> {
    slot: Arc<Slot<T>>,
    task: Option<Arc<Scope>>,
}

impl<T> Promise<T> {
    /// A destructor that panics because nobody takes the value is a panic of the child.
    pub(super) fn keep(mut self, end: Result<T, Ended>) {
        let Some(task) = self.task.take() else { return };
        let kept = AssertUnwindSafe(move || {
            self.slot.fill(end);
            drop(self);
        });
        if let Err(payload) = catch_unwind(kept) {
            task.fail(Failure::panicked(&task, Panic::new(payload)));
        }
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            let reason = task.reason().unwrap_or(Reason::Parent);
            self.slot.fill(Err(Ended::Cancelled(reason)));
        }
    }
}
