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
use tracing::Span;

use crate::cancel::ending::{Ending, poll_caught};
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
        future: Option<F>,
        place: Option<Arc<Scope>>,
        sink: Option<S>,
        value: Option<S::Value>,
        ending: Ending,
        span: Span,
    }

    impl<F, S> PinnedDrop for Child<F, S>
    where
        F: Future,
        S: Settle<F::Output>,
    {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _in_span = this.span.enter();
            if this.place.is_some() {
                context::enter(this.place, || this.future.set(None));
                *this.sink = None;
            }
            if let Some(scope) = this.place.take() {
                scope.abandon();
            }
        }
    }
}

impl<F, S> Child<F, S>
where
    F: Future,
    S: Settle<F::Output>,
{
    pub(super) fn new(scope: Arc<Scope>, future: F, sink: S) -> Self {
        let group = scope.parent.as_ref().and_then(|group| group.body.as_ref());
        Self {
            span: group.map_or_else(Span::none, |group| group.span.clone()),
            future: Some(future),
            place: Some(scope),
            sink: Some(sink),
            value: None,
            ending: Ending::default(),
        }
    }

    fn poll_future(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<End<F::Output>> {
        let this = self.project();
        let _in_span = this.span.enter();
        let aborted = this.place.as_ref().is_some_and(|scope| scope.is_aborted());
        if let (Some(future), false) = (this.future.as_pin_mut(), aborted) {
            match poll_caught(future, this.place, cx) {
                Poll::Ready(Ok(output)) => return Poll::Ready(End::Done(output)),
                Poll::Ready(Err(panic)) => return Poll::Ready(End::Panicked(panic)),
                Poll::Pending => {}
            }
        }
        let Some(scope) = this.place else {
            return Poll::Pending;
        };
        // A task is always polled with the same waker, so once is enough.
        if !this.ending.is_registered() {
            this.ending.register(scope, cx);
        }
        let Some(reason) = scope.reason() else {
            return Poll::Pending;
        };
        if scope.is_shielded() && !this.ending.enforce(scope, cx) {
            return Poll::Pending;
        }
        Poll::Ready(End::Cancelled(reason))
    }

    /// Destroys the future in its own context, then settles what became of it.
    fn settle(self: Pin<&mut Self>, end: End<F::Output>) {
        let mut this = self.project();
        let _in_span = this.span.enter();
        let destroy = AssertUnwindSafe(|| context::enter(this.place, || this.future.set(None)));
        let destroyed = catch_unwind(destroy);
        if let (Some(sink), Some(scope)) = (this.sink, this.place) {
            scope.set_ending();
            *this.value = Some(sink.settle(scope, end));
            if let Err(payload) = destroyed {
                scope.fail(Failure::panicked(scope, Panic::new(payload)));
            }
        }
    }
}

impl<F, S> Future for Child<F, S>
where
    F: Future,
    S: Settle<F::Output>,
{
    type Output = S::Value;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<S::Value> {
        if self.future.is_some() {
            let end = std::task::ready!(self.as_mut().poll_future(cx));
            self.as_mut().settle(end);
        }
        let this = self.project();
        let _in_span = this.span.enter();
        std::task::ready!(this.ending.poll(this.place, cx));
        *this.sink = None;
        if let Some(scope) = this.place.take() {
            scope.leave();
        }
        match this.value.take() {
            Some(value) => Poll::Ready(value),
            None => Poll::Pending,
        }
    }
}
