//! The handles of tasks.
//!
//! Inside the body a child's value is had by awaiting its handle, with no second error path: a
//! failure of the child is a failure of the group, which drops the body at that await. A handle
//! can be dropped; the task goes on and belongs to the group.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::error::Ended;
use super::scoped::Slot;
use crate::cancel::scope::Scope;
use crate::cancel::{Reason, context};
use crate::runtime::JoinHandle;
use crate::sync::Arc;

/// A child of a group, seen from the group's body; awaiting it gives the child's value.
///
/// It borrows the group and so cannot leave the body. If the child fails or the group is
/// cancelled, the await never returns: the group drops the body there.
///
/// # Panics
///
/// If it is polled again after it gave the value.
///
/// # Cancel safety
///
/// Dropping the handle only loses the value; the task goes on.
pub struct Task<'g, T> {
    group: &'g Scope,
    place: (u32, u32),
    state: State<T>,
}

/// A task that is on its own; awaiting it tells how it ended.
///
/// # Panics
///
/// If it is polled again after it gave the value.
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
    /// A child that runs where the body does.
    Scoped(Arc<Slot<T>>),
    Ended(Ended),
    /// The value was given.
    Taken,
}

impl<'g, T> Task<'g, T> {
    pub(super) fn spawned(
        group: &'g Scope,
        place: (u32, u32),
        handle: JoinHandle<Result<T, Ended>>,
    ) -> Self {
        let state = State::Spawned(handle);
        Self {
            group,
            place,
            state,
        }
    }

    pub(super) fn scoped(group: &'g Scope, place: (u32, u32), slot: Arc<Slot<T>>) -> Self {
        let state = State::Scoped(slot);
        Self {
            group,
            place,
            state,
        }
    }

    pub(super) fn refused(group: &'g Scope, reason: Reason) -> Self {
        Self {
            group,
            place: (u32::MAX, u32::MAX),
            state: State::Ended(Ended::Cancelled(reason)),
        }
    }

    /// The wait for a child that has come to no value: it never ends.
    pub(super) async fn never<R>(self) -> R {
        self.await;
        context::stuck().await
    }

    /// Cancels this child only. The handle that comes back can be awaited, or dropped.
    ///
    /// The siblings go on, and the group does not count it as a failure.
    pub fn cancel(self) -> Join<T> {
        let join = self.outcome();
        join.cancel();
        join
    }

    /// A handle that tells how the child ended instead of never returning. A failure of the child
    /// still fails the group, so a body sees it only under a [`shield`](crate::cancel::shield).
    pub fn outcome(self) -> Join<T> {
        Join {
            // A child that has left its place has ended, so there is nothing to cancel.
            scope: self.group.at(self.place),
            state: self.state,
        }
    }

    /// Whether the child has ended and left the group.
    pub fn is_finished(&self) -> bool {
        self.state.is_finished()
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
        self.state.is_finished()
    }
}

impl<T> State<T> {
    fn is_finished(&self) -> bool {
        match self {
            Self::Spawned(handle) => handle.is_finished(),
            Self::Scoped(slot) => slot.is_finished(),
            Self::Ended(_) | Self::Taken => true,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, Ended>> {
        let end = match self {
            Self::Spawned(handle) => std::task::ready!(Pin::new(handle).poll(cx)),
            Self::Scoped(slot) => Ok(std::task::ready!(slot.poll(cx))),
            Self::Ended(ended) => return Poll::Ready(Err(*ended)),
            Self::Taken => panic!("the handle of a task was polled again after it gave the value"),
        };
        // The wrapper never panics and is never aborted, so an error means that the runtime went.
        let end = end.unwrap_or(Err(Ended::Cancelled(Reason::Parent)));
        *self = end.as_ref().err().map_or(Self::Taken, |e| Self::Ended(*e));
        Poll::Ready(end)
    }
}

impl<T> Future for Join<T> {
    type Output = Result<T, Ended>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.state.poll(cx)
    }
}

impl<T> Future for Task<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        match std::task::ready!(self.state.poll(cx)) {
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
        let mut shown = f.debug_struct("Task");
        shown.field("finished", &self.is_finished());
        shown.finish()
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
