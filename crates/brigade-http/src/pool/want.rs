//! A request's wait for a connection, shared by all who can end it.
//!
//! The pool delivers what the request was given, the dial that was begun for it tells how it
//! failed, and patience takes back what nobody comes for. Whatever of these comes first counts. It
//! never holds its lock while anybody is woken or anything is dropped.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use brigade_core::pool::Slot;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tracing::Span;
use url::Url;

use super::guards::Lease;
use crate::deadline::Deadline;
use crate::{Error, watch};

/// What a dial needs to know.
#[derive(Debug)]
pub(crate) struct DialPlan {
    pub(crate) url: Url,
    /// The connect timeout of the request.
    pub(crate) connect: Option<Duration>,
    pub(crate) total: Deadline,
    /// Whether the connection is to leave HTTP: see [`Switch`](super::connection::Switch).
    pub(crate) is_switch: bool,
}

#[cfg(test)]
impl DialPlan {
    pub(super) fn nowhere() -> Self {
        Self {
            url: Url::parse("http://a/").expect("a URL"),
            connect: None,
            total: Deadline::total(brigade::clock::now(), None),
            is_switch: false,
        }
    }
}

/// What a request waits for, as the pool sees it.
#[derive(Debug)]
pub(crate) struct Want {
    pub(super) plan: DialPlan,
    /// The runtime of the request, on which a dial for it runs.
    pub(super) runtime: Handle,
    state: Mutex<State>,
    /// Notified when the request is gone.
    gone: Notify,
}

#[derive(Debug)]
struct State {
    outcome: Outcome,
    is_gone: bool,
    /// The dials that were begun for it and are under way: more than one if it was overtaken.
    dials: Vec<Underway>,
    /// The span of the request, as long as that is there.
    span: Option<Arc<Span>>,
    waker: Option<Waker>,
}

/// A dial that is under way.
#[derive(Debug)]
struct Underway {
    slot: Slot,
    task: Option<AbortHandle>,
    /// A dial may outlive its request, but must not keep that one's span open, so this is gone with
    /// the request. It is shared, because cloning a span runs foreign code.
    span: Option<Arc<Span>>,
}

#[derive(Debug)]
enum Outcome {
    Waiting,
    Given(Lease),
    Failed(Error),
    /// What it was given went to another one.
    Overtaken,
    /// The request has what it wanted, or wants it no more.
    Over,
}

/// What became of a wait.
#[derive(Debug)]
pub(super) enum Served {
    Given(Lease),
    Failed(Error),
    Overtaken,
}

impl Want {
    pub(super) fn new(plan: DialPlan) -> Arc<Self> {
        let state = State {
            outcome: Outcome::Waiting,
            is_gone: false,
            dials: Vec::new(),
            span: shared(Span::current()),
            waker: None,
        };
        Arc::new(Self {
            plan,
            runtime: Handle::current(),
            state: Mutex::new(state),
            gone: Notify::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the wait, unless it is over. Returns what could not be delivered.
    fn end(&self, outcome: Outcome) -> Option<Outcome> {
        let mut state = self.lock();
        if !matches!(state.outcome, Outcome::Waiting) {
            return Some(outcome);
        }
        state.outcome = outcome;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        None
    }

    /// Delivers what the request was given. If it is gone meanwhile, that goes back to the pool.
    pub(super) fn give(&self, lease: Lease) {
        drop(self.end(Outcome::Given(lease)));
    }

    pub(super) fn fail(&self, error: Error) {
        drop(self.end(Outcome::Failed(error)));
    }

    pub(super) fn begin_dial(&self, slot: Slot) {
        let parent = self.lock().span.clone();
        let mut dial = Underway {
            slot,
            task: None,
            span: shared(watch::dial(parent.as_deref(), &self.plan.url)),
        };
        let mut state = self.lock();
        // The request may have gone meanwhile.
        let is_gone = parent.is_some() && state.span.is_none();
        let span = dial.span.take_if(|_| is_gone);
        state.dials.push(dial);
        drop(state);
        drop(span);
    }

    /// What happens in a dial belongs to this span, as long as the request is there.
    pub(super) fn dial_span(&self, slot: Slot) -> Option<Arc<Span>> {
        let state = self.lock();
        let dial = state.dials.iter().find(|dial| dial.slot == slot);
        dial.and_then(|dial| dial.span.clone())
    }

    /// The task of a dial that was begun, and may be over by now.
    pub(super) fn set_task(&self, slot: Slot, task: AbortHandle) {
        let mut state = self.lock();
        if let Some(dial) = state.dials.iter_mut().find(|dial| dial.slot == slot) {
            dial.task = Some(task);
        }
    }

    pub(super) fn abandon_dial(&self, slot: Slot) {
        let state = self.lock();
        let dial = state.dials.iter().find(|dial| dial.slot == slot);
        let task = dial.and_then(|dial| dial.task.clone());
        drop(state);
        if let Some(task) = task {
            task.abort();
        }
    }

    /// A dial is over. The request may have to wait on without one.
    pub(super) fn end_dial(&self, slot: Slot) {
        let mut state = self.lock();
        let dial = state.dials.iter().position(|dial| dial.slot == slot);
        let dial = dial.map(|index| state.dials.swap_remove(index));
        let waker = state.waker.take();
        drop(state);
        drop(dial);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) fn is_dialing(&self) -> bool {
        !self.lock().dials.is_empty()
    }

    /// Whether the request has not come yet for what it was given.
    pub(super) fn is_given(&self) -> bool {
        matches!(self.lock().outcome, Outcome::Given(_))
    }

    /// Takes back what the request has not come for.
    pub(super) fn take_back(&self) -> Option<Lease> {
        let mut state = self.lock();
        match std::mem::replace(&mut state.outcome, Outcome::Overtaken) {
            Outcome::Given(lease) => Some(lease),
            other => {
                state.outcome = other;
                None
            }
        }
    }

    /// The request comes for what it was given.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<Served> {
        let mut state = self.lock();
        match std::mem::replace(&mut state.outcome, Outcome::Over) {
            Outcome::Given(lease) => Poll::Ready(Served::Given(lease)),
            Outcome::Failed(error) => Poll::Ready(Served::Failed(error)),
            Outcome::Overtaken => {
                state.outcome = Outcome::Waiting;
                Poll::Ready(Served::Overtaken)
            }
            waiting => {
                state.outcome = waiting;
                let wakes = |waker: &Waker| waker.will_wake(cx.waker());
                let mut before = None;
                if !state.waker.as_ref().is_some_and(wakes) {
                    before = state.waker.replace(cx.waker().clone());
                }
                drop(state);
                drop(before);
                Poll::Pending
            }
        }
    }

    /// Ready once the request is gone.
    pub(super) async fn gone(&self) {
        let gone = self.gone.notified();
        if !self.lock().is_gone {
            gone.await;
        }
    }

    /// The request is gone. What it was given, if it was, goes back to the pool.
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        let given = std::mem::replace(&mut state.outcome, Outcome::Over);
        let of_dials = state.dials.iter_mut().map(|dial| dial.span.take());
        let spans = (of_dials.collect::<Vec<_>>(), state.span.take());
        state.is_gone = true;
        drop(state);
        self.gone.notify_waiters();
        drop((given, spans));
    }
}

/// A span that several hold, if it is one.
fn shared(span: Span) -> Option<Arc<Span>> {
    (!span.is_disabled()).then(|| Arc::new(span))
}
