//! The bench of a stage that keeps an order: which job may be worked on, which result handed on.
//!
//! Jobs whose turn has come lie in a queue for the workers, so nobody is woken in vain. Each job
//! keeps its slot at the entrance of the stage, which bounds everything here. No foreign code runs
//! under the lock: jobs are queued, and results dropped, outside.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::task::{Context, Poll, Waker};

use brigade_core::pipeline::{Lanes, Window};

use super::intake::Intake;
use super::letter::Grave;
use super::parcel::Parcel;
use super::stage::KeyOf;
use super::stats::Held;
use crate::queue::{Receipt, Receiver, Sender, bounded};
use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An item that may be worked on.
pub(super) struct Job<T> {
    pub(super) parcel: Parcel<T>,
    pub(super) receipt: Receipt<Parcel<T>>,
    pub(super) key: Option<u64>,
    pub(super) number: Option<u64>,
}

/// A result, and what it frees when it was handed on.
pub(super) struct Done<T, O> {
    pub(super) parcel: Parcel<O>,
    pub(super) receipt: Receipt<Parcel<T>>,
    pub(super) held: Held,
}

pub(super) struct Bench<T, O> {
    state: Mutex<State<T, O>>,
}

struct State<T, O> {
    lanes: Lanes<Job<T>>,
    window: Option<Window<Done<T, O>>>,
    /// Where jobs go whose turn has come; nothing comes any more when it is gone.
    jobs: Option<Arc<Sender<Job<T>>>>,
    /// No further item arrives.
    ended: bool,
    /// Whoever hands results on.
    waker: Option<Waker>,
}

impl<T: Send + 'static, O> Bench<T, O> {
    /// A bench for at most `capacity` jobs, and where workers take them.
    pub(super) fn new(capacity: usize, ordered: bool) -> (Arc<Self>, Receiver<Job<T>>) {
        let (sender, receiver) = bounded(capacity);
        let state = State {
            lanes: Lanes::new(),
            window: ordered.then(Window::new),
            jobs: Some(Arc::new(sender)),
            ended: false,
            waker: None,
        };
        let state = Mutex::new(state);
        (Arc::new(Self { state }), receiver)
    }
}

impl<T, O> Bench<T, O> {
    fn lock(&self) -> MutexGuard<'_, State<T, O>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings items from the entrance to the bench until there are no more.
    pub(super) async fn feed<E>(
        self: Arc<Self>,
        intake: Arc<Intake<T>>,
        mut key_of: Option<KeyOf<T>>,
        grave: Arc<Grave<E>>,
    ) -> Result<(), E> {
        while let Some(ticket) = intake.recv().await {
            let (parcel, receipt) = ticket.into_parts();
            let key = key_of
                .as_mut()
                .map(|key_of| caught(|| key_of(&parcel.item)));
            match key.transpose() {
                Ok(key) => self.arrive(parcel, receipt, key),
                Err(payload) => {
                    drop(parcel.item);
                    grave.bury_panicked(parcel.claim, payload).await?;
                    receipt.done();
                }
            }
        }
        self.end();
        Ok(())
    }

    fn arrive(&self, parcel: Parcel<T>, receipt: Receipt<Parcel<T>>, key: Option<u64>) {
        let mut state = self.lock();
        let number = state.window.as_mut().map(Window::enter);
        let job = Job {
            parcel,
            receipt,
            key,
            number,
        };
        let job = match key {
            Some(key) => state.lanes.arrive(key, job),
            None => Some(job),
        };
        state.give(job).unlock(state);
    }

    /// An item of this key is finished and handed on, or waits in the window.
    pub(super) fn leave(&self, key: u64) {
        let mut state = self.lock();
        let job = state.lanes.leave(key);
        state.give(job).unlock(state);
    }

    fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        state.give(None).unlock(state);
    }

    /// An item is finished, and its result waits for its turn.
    pub(super) fn done(&self, number: u64, result: Done<T, O>) {
        let mut state = self.lock();
        let refused = state
            .window
            .as_mut()
            .map(|window| window.done(number, result));
        let waker = state.waker.take();
        drop(state);
        drop(refused);
        waker.into_iter().for_each(Waker::wake);
    }

    /// An item is finished, and nothing came of it.
    pub(super) fn skip(&self, number: u64) {
        let mut state = self.lock();
        if let Some(window) = &mut state.window {
            window.skip(number);
        }
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// The next result in order; `None` when there will be no more. Only one may wait.
    pub(super) fn next(&self) -> impl Future<Output = Option<Done<T, O>>> {
        poll_fn(|cx| self.poll_next(cx))
    }

    fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Done<T, O>>> {
        let mut state = self.lock();
        let Some(window) = &mut state.window else {
            return Poll::Ready(None);
        };
        if let Some(result) = window.pop() {
            return Poll::Ready(Some(result));
        }
        if window.is_empty() && state.ended {
            return Poll::Ready(None);
        }
        let old = state.waker.replace(cx.waker().clone());
        drop(state);
        drop(old);
        Poll::Pending
    }
}

/// What is to be done when the lock is released.
struct Given<T> {
    job: Option<Job<T>>,
    jobs: Option<Arc<Sender<Job<T>>>>,
    waker: Option<Waker>,
}

impl<T, O> State<T, O> {
    /// Gives a job to the workers. With the last one they see the end; whoever still carries a job
    /// there keeps the queue open for so long.
    fn give(&mut self, job: Option<Job<T>>) -> Given<T> {
        let last = self.ended && self.lanes.waiting() == 0;
        let jobs = if last {
            self.jobs.take()
        } else {
            self.jobs.clone()
        };
        let waker = if self.ended { self.waker.take() } else { None };
        Given { job, jobs, waker }
    }
}

impl<T> Given<T> {
    fn unlock<S>(self, state: MutexGuard<'_, S>) {
        drop(state);
        if let (Some(job), Some(jobs)) = (self.job, &self.jobs) {
            // There is room for all jobs of the stage. It is refused only when the workers are
            // gone, and then the pipeline is being cancelled.
            drop(jobs.try_send(job));
        }
        self.waker.into_iter().for_each(Waker::wake);
    }
}

/// What a closure of the caller gives, or what it panicked with.
pub(super) fn caught<R>(run: impl FnOnce() -> R) -> Result<R, Box<dyn Any + Send>> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run))
}
