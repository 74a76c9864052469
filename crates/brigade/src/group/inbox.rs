//! Where the outcomes of items arrive.
//!
//! A ticket is the promise of one record: it is delivered when the task is over, finalisers
//! included, and also if the task is destroyed without coming to an end. So no item can vanish.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use super::child::{Settle, Without};
use super::outcome::{Outcome, Record};
use crate::cancel::Reason;
use crate::cancel::scope::Scope;
use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(super) struct Inbox<T, E>(Mutex<State<T, E>>);

struct State<T, E> {
    records: VecDeque<Record<T, E>>,
    waker: Option<Waker>,
}

impl<T, E> Inbox<T, E> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State {
            records: VecDeque::new(),
            waker: None,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State<T, E>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take(&self) -> Option<Record<T, E>> {
        self.lock().records.pop_front()
    }

    pub(super) fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Record<T, E>> {
        let mut state = self.lock();
        if let Some(record) = state.records.pop_front() {
            return Poll::Ready(record);
        }
        let old = state.waker.replace(cx.waker().clone());
        drop(state);
        drop(old);
        Poll::Pending
    }

    fn put(&self, record: Record<T, E>) {
        let mut state = self.lock();
        state.records.push_back(record);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

pub(super) struct Ticket<T, E> {
    index: u64,
    outcome: Option<Outcome<T, E>>,
    inbox: Arc<Inbox<T, E>>,
}

impl<T, E> Ticket<T, E> {
    pub(super) fn new(index: u64, inbox: Arc<Inbox<T, E>>) -> Self {
        Self {
            index,
            outcome: None,
            inbox,
        }
    }
}

impl<T, E> Drop for Ticket<T, E> {
    fn drop(&mut self) {
        let outcome = self.outcome.take();
        self.inbox.put(Record {
            index: self.index,
            outcome: outcome.unwrap_or(Outcome::Cancelled(Reason::Parent)),
        });
    }
}

impl<T, E> Settle<Result<T, E>> for Ticket<T, E>
where
    T: Send + 'static,
    E: Send + 'static,
{
    type Value = ();

    fn done(&mut self, _task: &Scope, output: Result<T, E>) {
        self.outcome = Some(match output {
            Ok(value) => Outcome::Ok(value),
            Err(error) => Outcome::Failed(error),
        });
    }

    fn ended(&mut self, _task: &Scope, without: Without) {
        self.outcome = Some(match without {
            Without::Panicked(panic) => Outcome::Panicked(panic),
            Without::Cancelled(reason) => Outcome::Cancelled(reason),
        });
    }
}
