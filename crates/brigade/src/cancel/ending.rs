//! The end of a scope: it waits for what it left behind, then runs the finalisers.
//!
//! The last finaliser registered runs first. A cancellation that comes meanwhile only starts the
//! grace period; it never cuts a finaliser off. When the grace period is over, what is left is
//! dropped and reported as a deadline.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tracing::Span;

use super::context::enter;
use super::failure::{Failure, Panic};
use super::reason::Reason;
use super::scope::{Scope, Step};
use crate::context::Captured;
use crate::runtime::{Sleep, sleep};
use crate::sync::Arc;

pub(crate) type Finaliser = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Destroys finalisers of `scope` that are over, or will not run; a destructor that panics is
/// reported, and spares the others.
pub(super) fn discard(scope: &Arc<Scope>, finalisers: impl IntoIterator<Item = Finaliser>) {
    for finaliser in finalisers {
        let mut place = Some(scope.clone());
        let gone = AssertUnwindSafe(|| enter(&mut place, || drop(finaliser)));
        if let Err(payload) = catch_unwind(gone) {
            scope.fail(Failure::panicked(scope, Panic::new(payload)));
        }
    }
}

const LATER_THAN_RUN: Duration = Duration::from_millis(500);

/// Measures the grace period of one scope: the time for which its own shields and finalisers hold
/// up the end of a cancelled task.
#[derive(Default)]
enum Grace {
    #[default]
    Unset,
    Until(Pin<Box<Sleep>>),
    /// The runtime has no timers, and cleanup that could go on is not dropped for want of one.
    Endless,
}

impl Grace {
    fn enforce(&mut self, scope: &Arc<Scope>, cx: &mut Context<'_>) {
        if scope.is_aborted() || scope.reason().is_none() {
            return;
        }
        // The end of the grace period after a signal is kept by `run`, on a thread of its own.
        // This timer comes second then, for groups that are quicker than the whole program.
        let after_run = match scope.reason() {
            Some(Reason::Signal(_)) => LATER_THAN_RUN,
            _ => Duration::ZERO,
        };
        let grace = scope.grace();
        if matches!(self, Self::Unset) {
            // No call tells whether a runtime has timers; without them this one panics.
            let set = catch_unwind(|| sleep(grace.saturating_add(after_run)));
            *self = set.map_or(Self::Endless, |timer| Self::Until(Box::pin(timer)));
        }
        let Self::Until(timer) = self else { return };
        if timer.as_mut().poll(cx).is_ready() {
            scope.fail(Failure::late(scope, grace));
            scope.abort();
        }
    }
}

/// Runs the end of one scope.
#[derive(Default)]
pub(crate) struct Ending {
    finaliser: Option<Finaliser>,
    grace: Grace,
    /// The scope knows whom to wake.
    registered: bool,
}

impl Ending {
    /// Makes sure, before the first `Pending`, that changes of the scope wake this task.
    fn register(&mut self, scope: &Scope, cx: &mut Context<'_>) {
        scope.register(cx.waker());
        self.registered = true;
    }

    /// The scope knows whom to wake already.
    pub(crate) fn set_registered(&mut self) {
        self.registered = true;
    }

    /// Gives the finaliser that is running back to `scope`, which goes on with it elsewhere.
    pub(crate) fn hand_back(&mut self, scope: &Scope) {
        if let Some(finaliser) = self.finaliser.take() {
            // Refused only by a scope that is over, and then no finaliser was running.
            let _ = scope.defer(finaliser);
        }
    }

    /// Aborts `scope` when its grace period is over; true if it is aborted.
    pub(crate) fn enforce(&mut self, scope: &Arc<Scope>, cx: &mut Context<'_>) -> bool {
        self.grace.enforce(scope, cx);
        scope.is_aborted()
    }

    /// Ready when no member and no finaliser is left. The place must hold the scope that
    /// ends, as it does but for the time in which a finaliser is polled.
    pub(crate) fn poll(
        &mut self,
        place: &mut Option<Arc<Scope>>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        while let Some(scope) = place.as_ref() {
            if scope.is_aborted() {
                discard(scope, self.finaliser.take());
            }
            if self.finaliser.is_none() {
                match scope.step() {
                    Step::Over => return Poll::Ready(()),
                    Step::Report(failures) => failures.into_iter().for_each(|f| scope.fail(f)),
                    Step::Finalise(finaliser) => self.finaliser = Some(finaliser),
                    // Each member keeps its own grace period.
                    Step::Wait if self.registered => return Poll::Pending,
                    Step::Wait => self.register(scope, cx),
                }
            } else if !self.registered {
                self.register(scope, cx);
            } else if self.poll_finaliser(place, cx).is_pending() {
                let scope = place.as_ref();
                if scope.is_none_or(|scope| !self.enforce(scope, cx)) {
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(())
    }

    fn poll_finaliser(&mut self, place: &mut Option<Arc<Scope>>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(finaliser) = &mut self.finaliser else {
            return Poll::Ready(());
        };
        let result = std::task::ready!(poll_caught(finaliser.as_mut(), place, cx));
        if let Some(scope) = place {
            if let Err(panic) = result {
                scope.fail(Failure::panicked(scope, panic));
            }
            discard(scope, self.finaliser.take());
        }
        Poll::Ready(())
    }
}

/// Polls inside a scope and turns a panic into a value.
pub(crate) fn poll_caught<F>(
    future: Pin<&mut F>,
    place: &mut Option<Arc<Scope>>,
    cx: &mut Context<'_>,
) -> Poll<Result<F::Output, Panic>>
where
    F: Future + ?Sized,
{
    let poll = AssertUnwindSafe(|| enter(place, || future.poll(cx)));
    match catch_unwind(poll) {
        Ok(poll) => poll.map(Ok),
        Err(payload) => Poll::Ready(Err(Panic::new(payload))),
    }
}

/// Runs the finalisers of a body, or of an inline task, that nobody polls any more.
struct Ender {
    place: Option<Arc<Scope>>,
    ending: Ending,
    over: bool,
    span: Span,
    context: Option<Captured>,
}

pub(super) fn spawn_ender(scope: Arc<Scope>) {
    let group = scope.parent.as_ref().and_then(|group| group.body.as_ref());
    let Some(body) = scope.body.as_ref().or(group) else {
        return;
    };
    let (runtime, span) = (body.runtime.clone(), body.span.clone());
    let context = body.context.clone();
    // Its parent waits for it, so it is as structured as a task of a group.
    drop(runtime.spawn(Ender {
        place: Some(scope),
        ending: Ending::default(),
        over: false,
        span,
        context,
    }));
}

impl Future for Ender {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let _in_span = this.span.enter();
        let (ending, place) = (&mut this.ending, &mut this.place);
        let (polled, panicked) = match &this.context {
            Some(captured) => captured.enter(|| ending.poll(place, cx)),
            None => (ending.poll(place, cx), None),
        };
        if let (Some(payload), Some(scope)) = (panicked, place) {
            scope.fail(Failure::panicked(scope, Panic::new(payload)));
        }
        std::task::ready!(polled);
        this.over = true;
        if let Some(scope) = &this.place {
            scope.leave();
        }
        Poll::Ready(())
    }
}

impl Drop for Ender {
    fn drop(&mut self) {
        // The runtime is shutting down: nothing can run any more.
        if let (false, Some(scope)) = (self.over, &self.place) {
            scope.cancel(Reason::Parent);
            scope.abort();
            scope.leave();
        }
    }
}
