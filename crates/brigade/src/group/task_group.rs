//! The group itself: tasks that are waited for, and fail together.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;

use super::builder::Builder;
use super::control::controls;
use super::error::Error;
use super::ready::{Ready, prepare};
use super::spawner::Spawner;
use super::start::{Report, start};
use super::task::Task;
use crate::cancel::scope::{Refused, Scope};
use crate::cancel::{Reason, context};
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
/// The type of the error has to be named somewhere: end the body with `Ok::<_, MyError>(value)`. A
/// body without an end, as a loop that accepts connections, leaves no place for that: call
/// `task_group::<(), MyError, _>(..)`. Otherwise the compiler "cannot infer type of the type
/// parameter `E`".
///
/// A generic function over `body` has a future that is not `Send`, because the bound cannot be
/// written; call `task_group` with a concrete closure where the future has to be spawned.
///
/// In an `async fn` that is spawned, a group whose error type has a lifetime in it, as
/// `Box<dyn Error + Send + Sync>` has, is refused as "not general enough". A type without one is
/// not: an enum of your own, or `anyhow::Error`. Otherwise return such a group from a plain function
/// and await that:
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

controls!(TaskGroup);

impl<E: fmt::Display + Send + 'static> TaskGroup<E> {
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

    /// Starts a child and waits until it says that it is ready; it runs on as any other child.
    ///
    /// `child` gets a [`Ready`] and returns the child's future. What it [sends](Ready::send) comes
    /// back here, with the child's handle: the address of a server that has bound its port, for
    /// example. The child is named after its future's type.
    ///
    /// A child that fails, panics, ends or drops its `Ready` before it is ready is a failure of
    /// the group, so this await never returns then: the group drops the body here.
    ///
    /// # Cancel safety
    ///
    /// Dropping it before it is ready cancels the child, which the group still waits for.
    ///
    /// # Examples
    ///
    /// ```
    /// use brigade::group::task_group;
    /// use tokio::net::{TcpListener, TcpStream};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let result = task_group(async |g| {
    ///     let (address, _server) = g
    ///         .start(async |ready| {
    ///             let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///             ready.send(listener.local_addr()?);
    ///             loop {
    ///                 listener.accept().await?;
    ///             }
    ///             # #[expect(unreachable_code)]
    ///             Ok::<(), std::io::Error>(())
    ///         })
    ///         .await;
    ///     TcpStream::connect(address).await?;
    ///     g.cancel();
    ///     Ok(())
    /// });
    /// result.await.unwrap();
    /// # });
    /// ```
    pub async fn start<S, F, T, R>(&self, child: S) -> (R, Task<'_, T>)
    where
        S: FnOnce(Ready<R>) -> F,
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        R: Send + 'static,
    {
        self.start_named(std::any::type_name::<F>(), child).await
    }

    /// Starts a child with a name and waits until it says that it is ready; see
    /// [`start`](Self::start).
    ///
    /// # Cancel safety
    ///
    /// As [`start`](Self::start).
    pub async fn start_named<S, F, T, R>(
        &self,
        name: impl Into<Cow<'static, str>>,
        child: S,
    ) -> (R, Task<'_, T>)
    where
        S: FnOnce(Ready<R>) -> F,
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        R: Send + 'static,
    {
        let (future, mut waiting) = prepare(child);
        let since = self.scope.last_polled();
        let Ok(task) = self.scope.seat(name.into().into(), since, None) else {
            // The group is cancelled, so the body is dropped here.
            drop(future);
            return context::stuck().await;
        };
        waiting.start_in(&self.scope, task, future).await
    }

    /// A handle with which children can spawn siblings.
    pub fn spawner(&self) -> Spawner<E> {
        Spawner::new(self.scope.clone())
    }
}
