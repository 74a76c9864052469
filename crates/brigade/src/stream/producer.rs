//! Runs the body of a stream in a scope of its own, and ends it.
//!
//! The scope belongs to the task that polls the stream. While nothing is registered with it, it
//! moves along when another task polls; else it stays, and ends with its task at the latest. The
//! body never sees the scope of its consumer, and the consumer never that of the body.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use tracing::Span;

use super::rest::hand_over;
use crate::cancel::ending::{Ending, poll_caught};
use crate::cancel::name::Name;
use crate::cancel::scope::{Body, GRACE, Scope};
use crate::cancel::{Failure, Panic, Reason, context};
use crate::context::Captured;
use crate::nesting;
use crate::runtime::Handle;
use crate::sync::Arc;
use crate::sync::atomic::AtomicU64;

pub(super) struct Producer<F: Future> {
    name: &'static str,
    body: Option<Pin<Box<F>>>,
    place: Option<Arc<Scope>>,
    ending: Ending,
    /// The last poll left something in the scope, which cannot be moved then.
    busy: bool,
    /// It ends because its consumer asked for that.
    closing: bool,
    output: Option<F::Output>,
    panic: Option<Panic>,
}

pub(super) type BoxBody<'b, O> = Pin<Box<dyn Future<Output = O> + Send + 'b>>;

/// How a producer ended.
pub(super) enum End<O> {
    Output(O),
    Panicked(Panic),
    Closed,
    /// The task that it belonged to has ended, and with it what the producer had open.
    Lost,
}

impl<F: Future> Producer<F> {
    pub(super) fn new(name: &'static str, body: F) -> Self {
        Self {
            name,
            body: Some(Box::pin(body)),
            place: None,
            ending: Ending::default(),
            busy: false,
            closing: false,
            output: None,
            panic: None,
        }
    }

    /// The same with a body of no name, which stays where it is.
    pub(super) fn boxed<'b>(mut self) -> Producer<BoxBody<'b, F::Output>>
    where
        F: Send + 'b,
    {
        Producer {
            name: self.name,
            body: self
                .body
                .take()
                .map(|body| Box::pin(body as BoxBody<'b, _>)),
            place: self.place.take(),
            ending: std::mem::take(&mut self.ending),
            busy: self.busy,
            closing: self.closing,
            output: self.output.take(),
            panic: self.panic.take(),
        }
    }

    /// Ready when the body is gone and everything that it left behind has ended.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End<F::Output>> {
        if self.body.is_some() {
            self.settle_in();
            std::task::ready!(self.poll_body(cx));
        }
        if self.is_lost() {
            self.place = None;
            return Poll::Ready(End::Lost);
        }
        if let Some(scope) = &self.place {
            scope.register(cx.waker());
            self.ending.set_registered();
        }
        std::task::ready!(self.ending.poll(&mut self.place, cx));
        if let Some(scope) = self.place.take() {
            scope.leave();
        }
        Poll::Ready(match (self.output.take(), self.panic.take()) {
            (_, Some(panic)) => End::Panicked(panic),
            (Some(output), None) => End::Output(output),
            (None, None) => End::Closed,
        })
    }

    /// Cancels the body, which is dropped at its next poll unless it is shielded.
    pub(super) fn close(&mut self) {
        self.closing = true;
        match &self.place {
            Some(scope) => drop(scope.cancel(Reason::User)),
            None => self.body = None,
        }
    }

    pub(super) fn is_shielded(&self) -> bool {
        self.place.as_ref().is_some_and(|scope| scope.is_shielded())
    }

    /// Somebody else ends the scope.
    fn is_lost(&self) -> bool {
        self.place.as_ref().is_some_and(|scope| !scope.is_open())
    }

    /// Opens the scope in the task that polls now, or moves it there.
    fn settle_in(&mut self) {
        let task = context::scope().map(task_of);
        if let Some(scope) = &self.place {
            if self.busy || self.closing || is_same(&scope.parent, &task) {
                return;
            }
            scope.close_idle();
        }
        self.place = self.open(task);
    }

    /// Without a runtime there is nothing that a scope could be used for.
    fn open(&self, task: Option<Arc<Scope>>) -> Option<Arc<Scope>> {
        let runtime = Handle::try_current().ok()?;
        let body = Body {
            grace: task.as_ref().map_or(GRACE, |task| task.grace()),
            span: Span::current(),
            context: Captured::capture(),
            runtime,
            limit: 0,
            forwards: true,
            alone: true,
            inline: false,
            polled: AtomicU64::new(0),
            opened_in: nesting::here(),
        };
        Some(Scope::open(Name::Static(self.name), task, body))
    }

    /// Ready when the body is gone.
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(());
        };
        let cancelled = |place: &Option<Arc<Scope>>| {
            let scope = place.as_ref().filter(|scope| scope.reason().is_some());
            scope.is_some_and(|scope| !scope.is_shielded())
        };
        // What comes behind its last yield must not run for a consumer that has gone.
        if !cancelled(&self.place) {
            match poll_caught(body.as_mut(), &mut self.place, cx) {
                Poll::Ready(Ok(output)) => self.output = Some(output),
                Poll::Ready(Err(panic)) => self.panic = Some(panic),
                Poll::Pending => {
                    let Some(scope) = &self.place else {
                        return Poll::Pending;
                    };
                    self.busy = !scope.is_idle();
                    if !cancelled(&self.place) && !self.ending.enforce(scope, cx) {
                        return Poll::Pending;
                    }
                }
            }
        }
        if let (Some(_), Some(scope)) = (&self.panic, &self.place) {
            scope.cancel(Reason::Sibling);
        }
        self.destroy();
        Poll::Ready(())
    }

    /// Destroys the body in its scope.
    fn destroy(&mut self) {
        let body = self.body.take();
        let gone = AssertUnwindSafe(|| context::enter(&mut self.place, || drop(body)));
        let Err(payload) = catch_unwind(gone) else {
            return;
        };
        match &self.place {
            Some(scope) => scope.fail(Failure::panicked(scope, Panic::new(payload))),
            None => self.panic = Some(Panic::new(payload)),
        }
    }
}

/// The stream was dropped.
impl<F: Future> Drop for Producer<F> {
    fn drop(&mut self) {
        let Some(scope) = self.place.clone() else {
            return;
        };
        let around = context::scope();
        let reason = around.as_ref().and_then(|around| around.reason());
        scope.cancel(reason.unwrap_or(Reason::RaceLost));
        self.destroy();
        if !scope.is_open() {
            return;
        }
        self.ending.hand_back(&scope);
        if let Some(panic) = self.panic.take() {
            scope.fail(Failure::panicked(&scope, panic));
        }
        hand_over(scope, around);
    }
}

/// The task that runs this code, or the outermost body if no task does. Groups that the consumer
/// opens between two items come and go, and the stream stays.
fn task_of(scope: Arc<Scope>) -> Arc<Scope> {
    let mut scope = scope;
    while scope.is_body()
        && let Some(around) = &scope.parent
    {
        scope = around.clone();
    }
    scope
}

pub(super) fn is_same(one: &Option<Arc<Scope>>, other: &Option<Arc<Scope>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        _ => false,
    }
}
