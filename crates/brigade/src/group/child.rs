//! The wrapper around the future of every task.
//!
//! It decides in which order things happen when a task ends: its future is destroyed, then the
//! result is settled, then what it left behind and its finalisers end, then it leaves the group.
//! It never drops a value that is ready because of a cancellation.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::spared::Spared;
use crate::cancel::ending::Ending;
use crate::cancel::scope::Scope;
use crate::cancel::{Failure, Panic, Reason, context};
use crate::sync::Arc;

/// Why the future of a task has no output.
pub(super) enum Without {
    Panicked(Panic),
    Cancelled(Reason),
}

/// What becomes of the end of a task's future.
///
/// One of the two is called once, when the future has been destroyed and before finalisers run.
/// It is dropped uncalled if the runtime shuts down, else when the task leaves the group.
pub(super) trait Settle<O> {
    /// What the task's handle gives.
    type Value;

    /// The future was ready.
    fn done(&mut self, task: &Scope, output: O) -> Self::Value;

    /// The future came to no end of its own.
    fn ended(&mut self, task: &Scope, without: Without) -> Self::Value;
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
        spared: Spared,
    }

    impl<F, S> PinnedDrop for Child<F, S>
    where
        F: Future,
        S: Settle<F::Output>,
    {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if this.place.is_some() {
                let panicked = in_context(this.place, || destroy(this.stage));
                *this.sink = None;
                leave_undone(this.place.take(), panicked);
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

/// What a future left when it was destroyed. The parts are separate, not one enum, because they
/// are moved in the hottest path there is.
struct Remains<O> {
    output: Option<O>,
    panic: Option<Payload>,
    /// What the destructor panicked with.
    destructor: Option<Payload>,
}

type Payload = Box<dyn Any + Send>;

/// The task was dropped by whoever polled it: its runtime, which is shutting down, or the scope
/// that it ran in.
fn leave_undone(task: Option<Arc<Scope>>, panicked: Option<Payload>) {
    let Some(task) = task else { return };
    if let Some(payload) = panicked {
        report(&task, payload);
    }
    if task.is_inline() {
        with_ending(&task, |ending| ending.hand_back(&task));
        task.forsake(Reason::RaceLost);
    } else {
        task.abandon();
    }
}

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
            spared: Spared::default(),
        }
    }

    /// Polls the future, and destroys it if it is over or cancelled; what it left, if it is gone.
    fn poll_future(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Option<Remains<F::Output>> {
        let this = self.as_mut().project();
        if !this.place.as_ref()?.is_aborted() {
            let remains = in_context(this.place, || poll_stage(this.stage, cx));
            if remains.is_some() {
                return remains;
            }
        }
        self.as_mut().stop(cx).then(|| self.cut_off())
    }

    /// Whether the future, which is pending, is to go no further.
    fn stop(self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        let this = self.project();
        let Some(scope) = this.place else {
            return false;
        };
        // A task is always polled with the same waker, so once is enough.
        if !*this.registered {
            scope.register(cx.waker());
            *this.registered = true;
        }
        scope.reason().is_some()
            && (!scope.is_shielded() || with_ending(scope, |ending| ending.enforce(scope, cx)))
            && !this.spared.again(scope, cx)
    }

    fn cut_off(self: Pin<&mut Self>) -> Remains<F::Output> {
        let this = self.project();
        Remains {
            output: None,
            panic: None,
            destructor: in_context(this.place, || destroy(this.stage)),
        }
    }
}

/// Polls and, when that was the end, destroys; what the future left, if it is gone.
fn poll_stage<F: Future, V>(
    mut stage: Pin<&mut Stage<F, V>>,
    cx: &mut Context<'_>,
) -> Option<Remains<F::Output>> {
    let StageProjection::Running { future } = stage.as_mut().project() else {
        return None;
    };
    let (output, panic) = match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
        Ok(Poll::Pending) => return None,
        Ok(Poll::Ready(output)) => (Some(output), None),
        Err(payload) => (None, Some(payload)),
    };
    Some(Remains {
        output,
        panic,
        destructor: destroy(stage),
    })
}

/// Destroys the future; what its destructor panicked with.
fn destroy<F, V>(mut stage: Pin<&mut Stage<F, V>>) -> Option<Payload> {
    let gone = AssertUnwindSafe(|| stage.set(Stage::Ended { value: None }));
    catch_unwind(gone).err()
}

/// Gives what the future left to where it belongs.
// As a call it has to put all of that into memory, which is 1 % of the instructions of a task.
#[inline(always)]
fn settle<O, S: Settle<O>>(sink: &mut S, scope: &Scope, remains: Remains<O>) -> S::Value {
    let value = match remains.output {
        Some(output) => sink.done(scope, output),
        None => sink.ended(scope, without(scope, remains.panic)),
    };
    if let Some(payload) = remains.destructor {
        report(scope, payload);
    }
    value
}

#[cold]
fn without(scope: &Scope, panic: Option<Payload>) -> Without {
    match panic {
        Some(payload) => Without::Panicked(Panic::new(payload)),
        None => Without::Cancelled(scope.reason().unwrap_or(Reason::Parent)),
    }
}

/// A destructor panicked.
#[cold]
fn report(scope: &Scope, payload: Payload) {
    scope.fail(Failure::panicked(scope, Panic::new(payload)));
}

/// Runs something of the task in its scope, and in its group's span and context; it must not
/// unwind.
fn in_context<R>(place: &mut Option<Arc<Scope>>, run: impl FnOnce() -> R) -> R {
    surrounded(place, |place| context::enter(place, run))
}

/// Runs something of the task in its group's span and context.
fn surrounded<R>(
    place: &mut Option<Arc<Scope>>,
    run: impl FnOnce(&mut Option<Arc<Scope>>) -> R,
) -> R {
    let scope = place.as_ref().filter(|scope| scope.has_surroundings());
    let Some(group) = scope.and_then(|scope| scope.parent.clone()) else {
        return run(place);
    };
    let (mut run, mut result) = (Some(run), None);
    enter_surroundings(&group, place, &mut |place| {
        result = run.take().map(|run| run(place));
    });
    match result {
        Some(result) => result,
        None => unreachable!("what is surrounded always runs"),
    }
}

/// The same for what few programs need, compiled once for all of them.
fn enter_surroundings(
    group: &Scope,
    place: &mut Option<Arc<Scope>>,
    run: &mut dyn FnMut(&mut Option<Arc<Scope>>),
) {
    let body = group.body.as_ref();
    let _in_span = body.map(|body| body.span.enter());
    let Some(captured) = body.and_then(|body| body.context.as_ref()) else {
        return run(place);
    };
    let ((), panicked) = captured.enter(|| run(place));
    if let (Some(payload), Some(scope)) = (panicked, place) {
        report(scope, payload);
    }
}

fn poll_ending(place: &mut Option<Arc<Scope>>, cx: &mut Context<'_>) -> Poll<()> {
    let Some(scope) = place.clone() else {
        return Poll::Ready(());
    };
    surrounded(place, |place| {
        with_ending(&scope, |ending| ending.poll(place, cx))
    })
}

/// The end of a task is kept in its scope, because few tasks need it.
fn with_ending<R>(scope: &Scope, run: impl FnOnce(&mut Ending) -> R) -> R {
    let mut ending = scope.take_ending();
    let result = run(&mut ending);
    scope.keep_ending(ending);
    result
}

impl<F, S> Future for Child<F, S>
where
    F: Future,
    S: Settle<F::Output>,
{
    type Output = S::Value;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<S::Value> {
        // By projection: a shared look at the pinned future would, by the rules that Miri checks, end
        // the references which it holds into itself.
        let stage = self.as_mut().project().stage.project();
        if matches!(stage, StageProjection::Running { .. }) {
            let Some(remains) = self.as_mut().poll_future(cx) else {
                return Poll::Pending;
            };
            let mut this = self.as_mut().project();
            if let (Some(sink), Some(scope)) = (this.sink, this.place.as_ref()) {
                scope.set_ending();
                let value = settle(sink, scope, remains);
                if scope.finish_fresh() {
                    self.leave();
                    return Poll::Ready(value);
                }
                let value = Some(value);
                this.stage.set(Stage::Ended { value });
            }
        }
        std::task::ready!(poll_ending(self.as_mut().project().place, cx));
        let value = match self.as_mut().project().stage.project() {
            StageProjection::Ended { value } => value.take(),
            StageProjection::Running { .. } => None,
        };
        self.leave();
        value.map_or(Poll::Pending, Poll::Ready)
    }
}

impl<F, S> Child<F, S>
where
    F: Future,
    S: Settle<F::Output>,
{
    fn leave(self: Pin<&mut Self>) {
        let this = self.project();
        *this.sink = None;
        if let Some(scope) = this.place.take() {
            scope.leave();
        }
    }
}
