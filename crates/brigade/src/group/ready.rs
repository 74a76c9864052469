//! Children that say when they are ready.
//!
//! A server is of use once it has bound its port, and it goes on running then. So `start` waits
//! for the child's word, not for its end. A child that can no longer give its word has failed, and
//! whoever waits for it never waits for nothing.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;

use super::child::{Settle, Without};
use super::error::Ended;
use super::start::{Report, start};
use super::task::Task;
use crate::cancel::scope::Scope;
use crate::cancel::{Failure, Reason, context};
use crate::runtime::JoinHandle;
use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// With this a child says that it is ready; see [`TaskGroup::start`](super::TaskGroup::start).
///
/// Dropping it unused is a failure of the child, which ends at its next await outside a
/// [shield](crate::cancel::shield()) then; a child that is cancelled has not failed.
#[must_use = "dropping it unused is a failure of the child"]
pub struct Ready<R>(Arc<Slot<R>>);

struct Slot<R>(Mutex<State<R>>);

struct State<R> {
    word: Word<R>,
    /// Who waits for the word.
    waiter: Option<Waker>,
    /// The child, as long as it has not given its word.
    child: Option<Waker>,
}

enum Word<R> {
    Expected,
    Given(R),
    /// Given, and it has arrived.
    Taken,
    /// It will never be given.
    Broken,
}

impl<R> fmt::Debug for Ready<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ready")
    }
}

impl<R> Ready<R> {
    /// Says that the child is ready, and hands `value` to whoever started it.
    ///
    /// If nobody waits any more the value is dropped; the child is being cancelled then.
    pub fn send(self, value: R) {
        // What is left over is dropped here, outside of the lock.
        drop(self.0.advance(Word::Given(value)));
    }
}

impl<R> Drop for Ready<R> {
    fn drop(&mut self) {
        drop(self.0.advance(Word::Broken));
    }
}

impl<R> Slot<R> {
    fn lock(&self) -> MutexGuard<'_, State<R>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Settles the word, unless that was done already; what was not needed comes back.
    fn advance(&self, word: Word<R>) -> Option<Word<R>> {
        let mut state = self.lock();
        if !matches!(state.word, Word::Expected) {
            return Some(word);
        }
        state.word = word;
        let broken = matches!(state.word, Word::Broken);
        let (waiter, child) = (state.waiter.take(), state.child.take());
        drop(state);
        let child = child.filter(|_| broken);
        waiter.into_iter().chain(child).for_each(Waker::wake);
        None
    }

    /// The end of the child: true if it had given its word.
    fn close(&self) -> bool {
        drop(self.advance(Word::Broken));
        !matches!(self.lock().word, Word::Broken)
    }

    fn poll_broken(&self, cx: &mut Context<'_>) -> bool {
        let mut state = self.lock();
        match state.word {
            Word::Expected => {}
            Word::Given(_) | Word::Taken => return false,
            Word::Broken => return true,
        }
        let old = state.child.replace(cx.waker().clone());
        drop(state);
        drop(old);
        false
    }

    fn poll_word(&self, cx: &mut Context<'_>) -> Poll<Option<R>> {
        let mut state = self.lock();
        let taken = match state.word {
            Word::Given(_) => std::mem::replace(&mut state.word, Word::Taken),
            Word::Taken | Word::Broken => return Poll::Ready(None),
            Word::Expected => {
                let old = state.waiter.replace(cx.waker().clone());
                drop(state);
                drop(old);
                return Poll::Pending;
            }
        };
        drop(state);
        match taken {
            Word::Given(value) => Poll::Ready(Some(value)),
            _ => Poll::Ready(None),
        }
    }
}

pin_project! {
    /// The future of a child that is to say that it is ready.
    pub(super) struct Starting<F, R> {
        #[pin]
        future: F,
        slot: Arc<Slot<R>>,
    }

    impl<F, R> PinnedDrop for Starting<F, R> {
        fn drop(this: Pin<&mut Self>) {
            this.slot.close();
        }
    }
}

fn is_shielded() -> bool {
    context::scope().is_some_and(|scope| scope.is_shielded())
}

/// The child ended, or cannot go on, without having given its word.
pub(super) struct NotReady;

impl<F, R, T, E> Future for Starting<F, R>
where
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<Result<T, E>, NotReady>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.future.poll(cx) {
            Poll::Ready(Ok(_)) if !this.slot.close() => Poll::Ready(Err(NotReady)),
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            // A shield that holds ends in a poll of this.
            Poll::Pending if this.slot.poll_broken(cx) && !is_shielded() => {
                Poll::Ready(Err(NotReady))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Like [`Report`], of a child that also fails by never being ready.
pub(super) struct ReportStart;

impl<T, E> Settle<Result<Result<T, E>, NotReady>> for ReportStart
where
    T: Send + 'static,
    E: fmt::Display + Send + 'static,
{
    type Value = Result<T, Ended>;

    fn done(&mut self, task: &Scope, output: Result<Result<T, E>, NotReady>) -> Self::Value {
        match output {
            Ok(output) => Report.done(task, output),
            Err(NotReady) => {
                // It was not to become ready any more, so it may end in its own way.
                if let Some(reason) = task.reason() {
                    return Err(Ended::Cancelled(reason));
                }
                task.fail(Failure::not_ready(task));
                Err(Ended::Failed)
            }
        }
    }

    fn ended(&mut self, task: &Scope, without: Without) -> Self::Value {
        <Report as Settle<Result<T, E>>>::ended(&mut Report, task, without)
    }
}

/// The wait for a child's word; dropping it cancels the child.
pub(super) struct Waiting<R> {
    slot: Arc<Slot<R>>,
    task: Option<Arc<Scope>>,
}

/// Makes the future of a child that is to say that it is ready, and the wait for its word.
pub(super) fn prepare<S, F, R>(child: S) -> (F, Waiting<R>)
where
    S: FnOnce(Ready<R>) -> F,
{
    let slot = Arc::new(Slot(Mutex::new(State {
        word: Word::Expected,
        waiter: None,
        child: None,
    })));
    let future = child(Ready(slot.clone()));
    (future, Waiting { slot, task: None })
}

impl<R> Waiting<R> {
    /// Starts the child that was seated as `task` in `group`.
    pub(super) fn start<F, T, E>(
        &mut self,
        group: &Scope,
        task: Arc<Scope>,
        future: F,
    ) -> JoinHandle<Result<T, Ended>>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: fmt::Display + Send + 'static,
        R: Send + 'static,
    {
        self.task = Some(task.clone());
        let slot = self.slot.clone();
        start(group, task, Starting { future, slot }, ReportStart)
    }

    /// Starts the child and waits for its word; never ready if that will never be given.
    pub(super) async fn start_in<'g, F, T, E>(
        &mut self,
        group: &'g Scope,
        task: Arc<Scope>,
        future: F,
    ) -> (R, Task<'g, T>)
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: fmt::Display + Send + 'static,
        R: Send + 'static,
    {
        let place = task.place();
        let task = Task::spawned(group, place, self.start(group, task, future));
        match self.word().await {
            Some(value) => (value, task),
            None => task.never().await,
        }
    }

    /// Waits for the word; `None` if it will never be given.
    pub(super) async fn word(&mut self) -> Option<R> {
        let value = poll_fn(|cx| self.slot.poll_word(cx)).await;
        self.task = None;
        value
    }
}

impl<R> Drop for Waiting<R> {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.cancel(Reason::RaceLost);
        }
    }
}
