//! A group of bounded size.
//!
//! Spawning waits for room, so an endless input needs memory for as many children as run at once,
//! and no more. There is no spawner for such a group: children that wait for room inside the
//! group that they fill would wait for ever.

use std::borrow::Cow;
use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::task::Poll;

use super::builder::Builder;
use super::control::controls;
use super::error::Error;
use super::ready::{Ready, prepare};
use super::start::{Report, start};
use super::task::Task;
use crate::cancel::context;
use crate::cancel::name::Name;
use crate::cancel::scope::{Refused, Scope};
use crate::sync::Arc;

/// Runs `body` with a group of at most `limit` children at once; else as
/// [`task_group`](super::task_group).
///
/// # Errors
///
/// As [`task_group`](super::task_group).
///
/// # Panics
///
/// If `limit` is 0, and as [`task_group`](super::task_group).
///
/// # Cancel safety
///
/// As [`task_group`](super::task_group).
///
/// # Examples
///
/// ```
/// use brigade::group::limited_group;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let done = limited_group(8, async |g| {
///     for n in 0..1000 {
///         // Waits while eight are running.
///         g.spawn(async move { Ok(n) }).await;
///     }
///     Ok::<_, String>(())
/// });
/// done.await.unwrap();
/// # });
/// ```
///
/// A server: at most 1000 connections, the next is accepted when there is room, and one that fails
/// ends no other. `grace` of [`run::Builder`](crate::run::Builder::grace) says how long they have
/// after SIGTERM; [`shield`](crate::cancel::shield()) what must not be cut off in the middle.
///
/// ```no_run
/// use brigade::group::limited_group;
/// use tokio::net::{TcpListener, TcpStream};
///
/// async fn serve(_connection: TcpStream) -> std::io::Result<()> {
///     Ok(())
/// }
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let listener = TcpListener::bind("127.0.0.1:8080").await?;
/// limited_group::<(), std::io::Error, _>(1000, async |group| {
///     loop {
///         let (connection, peer) = listener.accept().await?;
///         let served = async move {
///             if let Err(error) = serve(connection).await {
///                 eprintln!("{peer}: {error}");
///             }
///             Ok(())
///         };
///         group.spawn_named(format!("connection {peer}"), served).await;
///     }
/// })
/// .await?;
/// # Ok(()) }
/// ```
pub async fn limited_group<T, E, B>(limit: usize, body: B) -> Result<T, Error<E>>
where
    E: fmt::Display + Send + 'static,
    B: AsyncFnOnce(&LimitedGroup<E>) -> Result<T, E>,
{
    Builder::new().run_limited(limit, body).await
}

/// A group of bounded size; made by [`limited_group`].
pub struct LimitedGroup<E> {
    scope: Arc<Scope>,
    error: PhantomData<fn() -> E>,
}

controls!(LimitedGroup);

impl<E: fmt::Display + Send + 'static> LimitedGroup<E> {
    /// Waits until there is room, then starts a child, named after its future's type.
    ///
    /// If the group is cancelled, this never returns: the group drops the body here.
    ///
    /// A child makes room when its future is gone and its finalisers have run. A handle that is
    /// kept keeps the child's value; drop the handles of an endless input, or await them.
    ///
    /// # Cancel safety
    ///
    /// Dropping it before it is ready drops `future` unpolled and takes no room.
    pub async fn spawn<F, T>(&self, future: F) -> Task<'_, T>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
    {
        self.spawn_named(std::any::type_name::<F>(), future).await
    }

    /// Waits until there is room, then starts a child with a name.
    ///
    /// # Cancel safety
    ///
    /// Dropping it before it is ready drops `future` unpolled and takes no room.
    pub async fn spawn_named<F, T>(
        &self,
        name: impl Into<Cow<'static, str>>,
        future: F,
    ) -> Task<'_, T>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
    {
        let task = self.seat(name.into()).await;
        let place = task.place();
        let handle = start(&self.scope, task, future, Report);
        Task::spawned(&self.scope, place, handle)
    }

    /// Waits until there is room, then starts a child and waits until it says that it is ready;
    /// see [`TaskGroup::start`](super::TaskGroup::start).
    ///
    /// # Cancel safety
    ///
    /// Dropping it before there is room drops the child unpolled; after that, it cancels the child.
    pub async fn start<S, F, T, R>(&self, child: S) -> (R, Task<'_, T>)
    where
        S: FnOnce(Ready<R>) -> F,
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        R: Send + 'static,
    {
        self.start_named(std::any::type_name::<F>(), child).await
    }

    /// Waits until there is room, then starts a child with a name and waits until it says that it
    /// is ready.
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
        let task = self.seat(name.into()).await;
        waiting.start_in(&self.scope, task, future).await
    }

    /// Waits for room; never ready if the group is cancelled.
    async fn seat(&self, name: Cow<'static, str>) -> Arc<Scope> {
        let name = Name::from(name);
        poll_fn(|cx| {
            let since = self.scope.last_polled();
            match self.scope.seat(name.clone(), since, Some(cx.waker())) {
                Ok(task) => Poll::Ready(task),
                Err(Refused::Full) => Poll::Pending,
                // A loop that spawns must end with its group, so the body is dropped here.
                Err(Refused::Cancelled(_) | Refused::Finished) => {
                    context::set_stuck();
                    Poll::Pending
                }
            }
        })
        .await
    }
}
