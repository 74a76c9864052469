//! The group itself: tasks that are waited for, and fail together.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;

use super::builder::Builder;
use super::error::Error;
use super::spawner::Spawner;
use super::start::{Report, start};
use super::task::Task;
use crate::cancel::scope::{Refused, Scope};
use crate::cancel::{Reason, Token};
use crate::sync::Arc;

/// Runs `body` with a new group and returns when the body and all its children are gone.
///
/// The first error or panic cancels the other children and drops the body at its await. Every
/// child has been destroyed, and every [finaliser](crate::cancel::defer) has run, when this
/// returns.
///
/// Inside the body, a child's value is had by awaiting its handle: there is no second error path.
///
/// # Errors
///
/// [`Error::Failed`] with every failure, root cause first; [`Error::Cancelled`] if the group was
/// cancelled and nothing failed.
///
/// # Panics
///
/// Continues the first panic of a child or of the body when everything has ended. The failures of
/// the others go to the group around this one. [`Builder::catch_panics`] makes them errors
/// instead.
///
/// # Cancel safety
///
/// If the future is dropped, the children are cancelled at once, and the task or group around it
/// waits for them before it ends. Outside [`run`](crate::run()) and outside any group there is
/// nobody to wait: the children are aborted.
///
/// # Limits of stable Rust
///
/// A generic function over `body` has a future that is not `Send`, because the bound cannot be
/// written; call `task_group` with a concrete closure where the future has to be spawned.
///
/// In an `async fn` that is spawned, a group whose error type has a lifetime in it, as
/// `Box<dyn Error + Send + Sync>` has, is refused as "not general enough". Return such a group from
/// a plain function and await that:
///
/// ```
/// use brigade::group::{self, task_group};
/// use std::future::Future;
///
/// type BoxError = Box<dyn std::error::Error + Send + Sync>;
///
/// fn group() -> impl Future<Output = Result<u32, group::Error<BoxError>>> + Send {
///     task_group(async |g| Ok(g.spawn(async { Ok(1) }).await))
/// }
///
/// async fn task() -> Result<u32, BoxError> {
///     Ok(group().await?)
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let outer = task_group(async |g| Ok::<_, BoxError>(g.spawn(task()).await));
/// assert_eq!(outer.await.unwrap(), 1);
/// # });
/// ```
///
/// # Examples
///
/// ```
/// use brigade::group::task_group;
///
/// async fn double(n: u32) -> Result<u32, String> {
///     Ok(2 * n)
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let sum = task_group(async |g| {
///     let a = g.spawn(double(1));
///     let b = g.spawn(double(2));
///     Ok::<_, String>(a.await + b.await)
/// });
/// assert_eq!(sum.await.unwrap(), 6);
/// # });
/// ```
pub async fn task_group<T, E, B>(body: B) -> Result<T, Error<E>>
where
    E: fmt::Display + Send + 'static,
    B: AsyncFnOnce(&TaskGroup<E>) -> Result<T, E>,
{
    Builder::new().run(body).await
}

/// A group of tasks that end together; made by [`task_group`].
pub struct TaskGroup<E> {
    scope: Arc<Scope>,
    error: PhantomData<fn() -> E>,
}

/// What a group was doing when [`TaskGroup::stats`] was called.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Stats {
    /// Children that have not left the group.
    pub running: usize,
    /// Why the group was cancelled, if it was.
    pub cancelled: Option<Reason>,
}

impl<E: fmt::Display + Send + 'static> TaskGroup<E> {
    pub(super) fn new(scope: Arc<Scope>) -> Self {
        Self {
            scope,
            error: PhantomData,
        }
    }

    /// Starts a child, named after its future's type.
    ///
    /// If the group is already cancelled, `future` is dropped unpolled.
    pub fn spawn<F, T>(&self, future: F) -> Task<'_, T>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
    {
        self.spawn_named(std::any::type_name::<F>(), future)
    }

    /// Starts a child with a name, which errors and [`living::list`](crate::living::list) show.
    pub fn spawn_named<F, T>(&self, name: impl Into<Cow<'static, str>>, future: F) -> Task<'_, T>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
    {
        match self
            .scope
            .seat(name.into().into(), self.scope.last_polled(), None)
        {
            Ok(task) => {
                let place = task.place();
                let handle = start(&self.scope, task, future, Report);
                Task::spawned(&self.scope, place, handle)
            }
            Err(Refused::Cancelled(reason)) => Task::refused(&self.scope, reason),
            // Cannot happen: the body is running, and this group has no limit.
            Err(Refused::Full | Refused::Finished) => Task::refused(&self.scope, Reason::Parent),
        }
    }

    /// A handle with which children can spawn siblings.
    pub fn spawner(&self) -> Spawner<E> {
        Spawner::new(self.scope.clone())
    }

    /// Cancels the children and drops the body at its next await.
    ///
    /// If the body still comes to its end, its value is what the group returns.
    pub fn cancel(&self) {
        self.scope.cancel(Reason::User);
    }

    /// The token that fires when this group is cancelled, or the task that runs its body.
    pub fn token(&self) -> Token {
        self.scope.token()
    }

    /// What the group is doing now.
    pub fn stats(&self) -> Stats {
        Stats {
            running: self.scope.running(),
            cancelled: self.scope.reason(),
        }
    }
}

impl<E> fmt::Debug for TaskGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("TaskGroup");
        shown.field("name", &self.scope.name);
        shown.field("running", &self.scope.running());
        shown.field("cancelled", &self.scope.reason());
        shown.finish()
    }
}
