//! Spawning from outside the body: children that start siblings.
//!
//! A spawner is owned and can go anywhere, so it can outlive the group; its handles are fallible.
//! It keeps nothing running: a group ends with its body and its children, spawners or not.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;

use super::error::{Ended, Finished, NotStarted};
use super::ready::{Ready, prepare};
use super::start::{Report, start};
use super::task::Join;
use crate::cancel::Reason;
use crate::cancel::scope::{Refused, Scope};
use crate::clock;
use crate::sync::Arc;

/// Starts tasks in a group from anywhere; see [`TaskGroup::spawner`](super::TaskGroup::spawner).
///
/// # Examples
///
/// ```
/// use brigade::group::task_group;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let found = task_group(async |g| {
///     let spawner = g.spawner();
///     let first = g.spawn(async move {
///         let sibling = spawner.spawn(async { Ok(2) });
///         Ok(1 + sibling.unwrap().await.unwrap())
///     });
///     Ok::<_, String>(first.await)
/// });
/// assert_eq!(found.await.unwrap(), 3);
/// # });
/// ```
pub struct Spawner<E> {
    scope: Arc<Scope>,
    error: PhantomData<fn() -> E>,
}

impl<E> Clone for Spawner<E> {
    fn clone(&self) -> Self {
        Self {
            scope: self.scope.clone(),
            error: PhantomData,
        }
    }
}

impl<E: fmt::Display + Send + 'static> Spawner<E> {
    pub(super) fn new(scope: Arc<Scope>) -> Self {
        Self {
            scope,
            error: PhantomData,
        }
    }

    /// Starts a task in the group, named after its future's type.
    ///
    /// If the group is cancelled, `future` is dropped unpolled and the handle says so.
    ///
    /// # Errors
    ///
    /// If the group has finished, `future` comes back.
    pub fn spawn<F, T>(&self, future: F) -> Result<Join<T>, Finished<F>>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
    {
        self.spawn_named(std::any::type_name::<F>(), future)
    }

    /// Starts a task in the group under a name.
    ///
    /// # Errors
    ///
    /// If the group has finished, `future` comes back.
    pub fn spawn_named<F, T>(
        &self,
        name: impl Into<Cow<'static, str>>,
        future: F,
    ) -> Result<Join<T>, Finished<F>>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
    {
        match self.scope.seat(name.into().into(), clock::now(), None) {
            Ok(task) => {
                let handle = start(&self.scope, task.clone(), future, Report);
                Ok(Join::spawned(task, handle))
            }
            Err(Refused::Cancelled(reason)) => Ok(Join::refused(reason)),
            Err(Refused::Finished | Refused::Full) => Err(Finished(future)),
        }
    }

    /// Starts a task in the group and waits until it says that it is ready; see
    /// [`TaskGroup::start`](super::TaskGroup::start).
    ///
    /// # Errors
    ///
    /// If the group has finished, the future comes back; if the task ended before it was ready,
    /// the error says how.
    ///
    /// # Cancel safety
    ///
    /// Dropping it before it is ready cancels the task, which the group still waits for.
    pub async fn start<S, F, T, R>(&self, child: S) -> Result<(R, Join<T>), NotStarted<F>>
    where
        S: FnOnce(Ready<R>) -> F,
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        R: Send + 'static,
    {
        self.start_named(std::any::type_name::<F>(), child).await
    }

    /// Starts a task in the group under a name and waits until it says that it is ready.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    ///
    /// # Cancel safety
    ///
    /// As [`start`](Self::start).
    pub async fn start_named<S, F, T, R>(
        &self,
        name: impl Into<Cow<'static, str>>,
        child: S,
    ) -> Result<(R, Join<T>), NotStarted<F>>
    where
        S: FnOnce(Ready<R>) -> F,
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        R: Send + 'static,
    {
        let (future, mut waiting) = prepare(child);
        let join = match self.scope.seat(name.into().into(), clock::now(), None) {
            Ok(task) => {
                let handle = waiting.start(&self.scope, task.clone(), future);
                Join::spawned(task, handle)
            }
            Err(Refused::Cancelled(reason)) => {
                return Err(NotStarted::Ended(Ended::Cancelled(reason)));
            }
            Err(Refused::Finished | Refused::Full) => return Err(NotStarted::Finished(future)),
        };
        match waiting.word().await {
            Some(value) => Ok((value, join)),
            // A task that never said that it is ready has no value.
            None => Err(NotStarted::Ended(join.await.err().unwrap_or(Ended::Failed))),
        }
    }

    /// Cancels the group.
    pub fn cancel(&self) {
        self.scope.cancel(Reason::User);
    }
}

impl<E> fmt::Debug for Spawner<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Spawner");
        shown.field("group", &self.scope.name);
        shown.finish()
    }
}
