//! The wrapper around the future of every task.
//!
//! It decides in which order things happen when a task ends: its future is destroyed, then the
//! result is settled, then what it left behind and its finalisers end, then it leaves the group.
//! It never drops a value that is ready because of a cancellation.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tracing::{Dispatch, Id};

use crate::cancel::ending::Ending;
use crate::cancel::scope::Scope;
use crate::cancel::{Failure, Panic, Reason, context};

/// How the future of a task ended.
pub(super) enum End<O> {
    Done(O),
    Panicked(Panic),
    Cancelled(Reason),
}

/// What becomes of the end of a task's future.
pub(super) trait Settle<O>: Send + 'static {
    /// What the task's handle gives.
    type Value: Send + 'static;

    /// Called once, when the future has been destroyed and before finalisers run. It is dropped
    /// uncalled if the runtime shuts down, else when the task leaves the group.
    fn settle(&mut self, task: &Scope, end: End<O>) -> Self::Value;
}

pin_project! {
    pub(super) struct Child<F, S>
    where
        F: Future,
        S: Settle<F::Output>,
    {
        #[pin]
        stage: Stage<F, S::Value>,
        place: Option<Arc<Scope>>,
        sink: Option<S>,
        registered: bool,
    }

    impl<F, S> PinnedDrop for Child<F, S>
    where
        F: Future,
        S: Settle<F::Output>,
    {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.place.is_some() {
                let gone = Stage::Ended { value: None };
                in_context(this.place, || this.stage.set(gone));
                *this.sink = None;
            }
            if let Some(scope) = this.place.take() {
                scope.abandon();
            }
        }
    }
}

pin_project! {
    /// The future, and then what came of it.
    #[project = StageProjection]
    enum Stage<F, V> {
        Running { #[pin] future: F },
        Ended { value: Option<V> },
    }
}

/// The end of a future, and whether its destruction panicked.
type Gone<O> = (End<O>, Result<(), Panic>);

impl<F, S> Child<F, S>
where
    F: Future,
    S: Settle<F::Output>,
{
    pub(super) fn new(scope: Arc<Scope>, future: F, sink: S) -> Self {
        Self {
            stage: Stage::Running { future },
            place: Some(scope),
            sink: Some(sink),
            registered: false,
        }
    }

    /// Polls the future in its own context, and destroys it there if it is over.
    fn poll_future(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Gone<F::Output>> {
        let mut this = self.project();
        let aborted = this.place.as_ref().is_some_and(|scope| scope.is_aborted());
        if !aborted {
            let polled = in_context(this.place, || {
                let end = std::task::ready!(poll_stage(this.stage.as_mut(), cx));
                Poll::Ready((end, destroy(this.stage.as_mut())))
            });
            if polled.is_ready() {
                return polled;
            }
        }
        let Some(scope) = this.place else {
            return Poll::Pending;
        };
        // A task is always polled with the same waker, so once is enough.
        if !*this.registered {
            scope.register(cx.waker());
            *this.registered = true;
        }
        let Some(reason) = scope.reason() else {
            return Poll::Pending;
        };
        if scope.is_shielded() && !with_ending(scope, |ending| ending.enforce(scope, cx)) {
            return Poll::Pending;
        }
        let destroyed = in_context(this.place, || destroy(this.stage));
        Poll::Ready((End::Cancelled(reason), destroyed))
    }
}

/// Runs something of the task in its scope and in its group's span; it must not unwind.
fn in_context<R>(place: &mut Option<Arc<Scope>>, run: impl FnOnce() -> R) -> R {
    tell_span(place, |subscriber, id| subscriber.enter(id));
    let result = context::enter(place, run);
    tell_span(place, |subscriber, id| subscriber.exit(id));
    result
}

/// Enters or leaves the span without a guard, which could not borrow from the place meanwhile.
fn tell_span(place: &Option<Arc<Scope>>, what: fn(&Dispatch, &Id)) {
    let group = place.as_ref().and_then(|scope| scope.parent.as_ref());
    if let Some(body) = group.and_then(|group| group.body.as_ref()) {
        body.span
            .with_subscriber(|(id, subscriber)| what(subscriber, id));
    }
}

fn poll_ending(place: &mut Option<Arc<Scope>>, cx: &mut Context<'_>) -> Poll<()> {
    let Some(scope) = place.clone() else {
        return Poll::Ready(());
    };
    tell_span(place, |subscriber, id| subscriber.enter(id));
    let polled = with_ending(&scope, |ending| ending.poll(place, cx));
    tell_span(place, |subscriber, id| subscriber.exit(id));
    polled
}

/// The end of a task is kept in its scope, because few tasks need it.
fn with_ending<R>(scope: &Scope, run: impl FnOnce(&mut Ending) -> R) -> R {
    let mut ending = scope.take_ending();
    let result = run(&mut ending);
    scope.keep_ending(ending);
    result
}

fn poll_stage<F: Future, V>(
    stage: Pin<&mut Stage<F, V>>,
    cx: &mut Context<'_>,
) -> Poll<End<F::Output>> {
    let StageProjection::Running { future } = stage.project() else {
        return Poll::Pending;
    };
    match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
        Ok(polled) => polled.map(End::Done),
        Err(payload) => Poll::Ready(End::Panicked(Panic::new(payload))),
    }
}

fn destroy<F, V>(mut stage: Pin<&mut Stage<F, V>>) -> Result<(), Panic> {
    let gone = AssertUnwindSafe(|| stage.set(Stage::Ended { value: None }));
    catch_unwind(gone).map_err(Panic::new)
}

impl<F, S> Future for Child<F, S>
where
    F: Future,
    S: Settle<F::Output>,
{
    type Output = S::Value;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<S::Value> {
        let mut value = None;
        if matches!(self.stage, Stage::Running { .. }) {
            let (end, destroyed) = std::task::ready!(self.as_mut().poll_future(cx));
            let this = self.as_mut().project();
            if let (Some(sink), Some(scope)) = (this.sink, this.place) {
                scope.set_ending();
                value = Some(sink.settle(scope, end));
                if let Err(panic) = destroyed {
                    scope.fail(Failure::panicked(scope, panic));
                }
            }
        }
        let mut this = self.project();
        if !this
            .place
            .as_ref()
            .is_some_and(|scope| scope.finish_fresh())
        {
            if value.is_some() {
                this.stage.set(Stage::Ended {
                    value: value.take(),
                });
            }
            std::task::ready!(poll_ending(this.place, cx));
        }
        *this.sink = None;
        if let Some(scope) = this.place.take() {
            scope.leave();
        }
        if let StageProjection::Ended { value: kept } = this.stage.project() {
            value = value.or_else(|| kept.take());
        }
        value.map_or(Poll::Pending, Poll::Ready)
    }
}
