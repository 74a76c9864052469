//! The handles of tasks.
//!
//! Inside the body a child's value is had by awaiting its handle, with no second error path: a
//! failure of the child is a failure of the group, which drops the body at that await. A handle
//! can be dropped; the task goes on and belongs to the group.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::task::JoinHandle;

use super::error::Ended;
use crate::cancel::scope::Scope;
use crate::cancel::{Reason, context};

/// A child of a group, seen from the group's body; awaiting it gives the child's value.
///
/// It borrows the group and so cannot leave the body. If the child fails or the group is
/// cancelled, the await never returns: the group drops the body there.
///
/// # Cancel safety
///
/// Dropping the handle only loses the value; the task goes on.
pub struct Task<'g, T> {
    join: Join<T>,
    group: PhantomData<&'g ()>,
}

/// A task that is on its own; awaiting it tells how it ended.
///
/// # Cancel safety
///
/// Dropping the handle only loses the value; the task goes on.
#[must_use = "a task that nobody waits for still belongs to its group; drop the handle to say so"]
pub struct Join<T> {
    scope: Option<Arc<Scope>>,
    state: State<T>,
}

enum State<T> {
    Spawned(JoinHandle<Result<T, Ended>>),
    Ended(Ended),
}

impl<T> Task<'_, T> {
    pub(super) fn new(join: Join<T>) -> Self {
        Self {
            join,
            group: PhantomData,
        }
    }

    /// Cancels this child only. The handle that comes back can be awaited, or dropped.
    ///
    /// The siblings go on, and the group does not count it as a failure.
    pub fn cancel(self) -> Join<T> {
        self.join.cancel();
        self.join
    }

    /// A handle that tells how the child ended instead of never returning. A failure of the child
    /// still fails the group, so a body sees it only under a [`shield`](crate::cancel::shield).
    pub fn outcome(self) -> Join<T> {
        self.join
    }

    /// Whether the child has ended and left the group.
    pub fn is_finished(&self) -> bool {
        self.join.is_finished()
    }
}

impl<T> Join<T> {
    pub(super) fn spawned(scope: Arc<Scope>, handle: JoinHandle<Result<T, Ended>>) -> Self {
        Self {
            scope: Some(scope),
            state: State::Spawned(handle),
        }
    }

    pub(super) fn refused(reason: Reason) -> Self {
        Self {
            scope: None,
            state: State::Ended(Ended::Cancelled(reason)),
        }
    }

    /// Cancels the task; the handle then tells how it ended.
    pub fn cancel(&self) {
        if let Some(scope) = &self.scope {
            scope.cancel(Reason::User);
        }
    }

    /// Whether the task has ended and left the group.
    pub fn is_finished(&self) -> bool {
        match &self.state {
            State::Spawned(handle) => handle.is_finished(),
            State::Ended(_) => true,
        }
    }
}

impl<T> Future for Join<T> {
    type Output = Result<T, Ended>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let end = match &mut self.state {
            State::Spawned(handle) => std::task::ready!(Pin::new(handle).poll(cx)),
            State::Ended(ended) => return Poll::Ready(Err(*ended)),
        };
        // The wrapper never panics and is never aborted, so an error means that the runtime went.
        let end = end.unwrap_or(Err(Ended::Cancelled(Reason::Parent)));
        let after = end.as_ref().err().copied();
        self.state = State::Ended(after.unwrap_or(Ended::Cancelled(Reason::RaceLost)));
        Poll::Ready(end)
    }
}

impl<T> Future for Task<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        match std::task::ready!(Pin::new(&mut self.join).poll(cx)) {
            Ok(value) => Poll::Ready(value),
            // The group is cancelled by now, and its driver drops the body after this poll.
            Err(_) => {
                context::set_stuck();
                Poll::Pending
            }
        }
    }
}

impl<T> fmt::Debug for Task<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.join.fmt(f)
    }
}

impl<T> fmt::Debug for Join<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.scope.as_ref().map(|scope| &scope.name);
        let mut shown = f.debug_struct("Task");
        shown.field("name", &name);
        shown.field("finished", &self.is_finished());
        shown.finish()
    }
}
