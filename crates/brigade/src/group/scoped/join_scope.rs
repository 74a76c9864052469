//! The scope itself: what its body and its children are given.

use std::borrow::Cow;
use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::nursery::Nursery;
use super::slot::{Promise, Slot};
use crate::cancel::scope::{Refused, Scope};
use crate::cancel::{Reason, Token, context};
use crate::clock;
use crate::group::builder::Builder;
use crate::group::child::Child;
use crate::group::drive::drive;
use crate::group::start::Report;
use crate::group::{Error, Stats, Task};
use crate::sync::Arc;

/// Runs `body` with children that may borrow what the caller has, and returns when all are gone.
///
/// The body and the children take turns in the caller's task: they wait at the same time, and
/// never compute at the same time. A child that blocks its thread holds up all the others; work
/// that needs another core or thread goes to [`task_group`](crate::group::task_group()) or to a
/// [thread](crate::thread). Each child is polled only when it was woken, so a hundred thousand of
/// them cost no more each than ten do.
///
/// Failing is as in a group: the first error or panic cancels the other children and drops the
/// body at its await. Inside, a child's value is had by awaiting its handle.
///
/// Each child has [finalisers](crate::cancel::defer()), a [shield](crate::cancel::shield()) and a
/// [token](crate::cancel::current()) of its own. Since it shares a task, its shield also puts off
/// the drop of the task around, and its token fires when that is cancelled. Children see the
/// [context](crate::context) and the span in which the scope was opened.
///
/// # Errors
///
/// [`Error::Failed`] with every failure, root cause first; [`Error::Cancelled`] if the scope was
/// cancelled and nothing failed.
///
/// # Panics
///
/// Continues the first panic of a child or of the body when everything has been dropped. Outside a
/// tokio runtime.
///
/// # Cancel safety
///
/// If the future is dropped, body and children are destroyed before the drop returns. What they
/// left behind, finalisers and the children of groups inside, goes on under the task or group
/// around. A future that is forgotten with [`std::mem::forget`] never runs again, and holds up
/// nobody.
///
/// The future is `Send` if the body's is, in generic functions too; children have to be `Send`.
///
/// # Examples
///
/// ```
/// use brigade::group::join_scope;
///
/// async fn length(page: &str) -> Result<usize, String> {
///     Ok(page.len())
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let pages = vec![String::from("one"), String::from("three")];
/// let mut visits = 0;
/// let sum = join_scope(async |scope| {
///     let lengths: Vec<_> = pages.iter().map(|page| scope.spawn(length(page))).collect();
///     scope.spawn(async {
///         visits += 1;
///         Ok(())
///     });
///     let mut sum = 0;
///     for length in lengths {
///         sum += length.await;
///     }
///     Ok::<_, String>(sum)
/// });
/// assert_eq!(sum.await.unwrap(), 8);
/// assert_eq!(visits, 1);
/// # });
/// ```
///
/// A child can borrow what outlives the scope, but nothing of its body:
///
/// ```compile_fail,E0373
/// # async fn example() {
/// let result = brigade::group::join_scope(async |scope| {
///     let local = String::from("local");
///     scope.spawn(async { Ok(local.len()) });
///     Ok::<_, String>(())
/// });
/// # result.await.unwrap();
/// # }
/// ```
///
/// What it borrows cannot be used or dropped while the scope's future is alive:
///
/// ```compile_fail,E0505
/// # async fn example() {
/// let page = String::from("page");
/// let result = brigade::group::join_scope(async |scope| {
///     scope.spawn(async { Ok(page.len()) });
///     Ok::<_, String>(())
/// });
/// drop(page);
/// # result.await.unwrap();
/// # }
/// ```
///
/// Nor can two children change the same thing:
///
/// ```compile_fail,E0499
/// # async fn example() {
/// let mut count = 0;
/// let result = brigade::group::join_scope(async |scope| {
///     scope.spawn(async { Ok(count += 1) });
///     scope.spawn(async { Ok(count += 1) });
///     Ok::<_, String>(())
/// });
/// # result.await.unwrap();
/// # }
/// ```
pub async fn join_scope<'env, T, E, B, F>(body: B) -> Result<T, Error<E>>
where
    E: fmt::Display + Send + 'static,
    B: FnOnce(JoinScope<'env, E>) -> F,
    F: Future<Output = Result<T, E>>,
{
    Builder::new().name("scope").run_scope(body).await
}

/// A scope whose children may borrow from its caller; made by [`join_scope`].
///
/// Clones are the same scope. A child takes one along to spawn siblings:
///
/// ```
/// use brigade::group::join_scope;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let numbers = [1, 2];
/// let sum = join_scope(async |scope| {
///     let (clone, numbers) = (scope.clone(), &numbers);
///     let child = scope.spawn(async move {
///         let sibling = clone.spawn(async { Ok(numbers[1]) });
///         Ok(numbers[0] + sibling.await)
///     });
///     Ok::<_, String>(child.await)
/// });
/// assert_eq!(sum.await.unwrap(), 3);
/// # });
/// ```
pub struct JoinScope<'env, E> {
    scope: Arc<Scope>,
    nursery: Arc<Nursery<Erased<'env>>>,
    error: PhantomData<fn() -> E>,
}

/// A child, when all that is known of it is how long it lives.
type Erased<'env> = dyn Future<Output = ()> + Send + 'env;

impl<E> Clone for JoinScope<'_, E> {
    fn clone(&self) -> Self {
        Self {
            scope: self.scope.clone(),
            nursery: self.nursery.clone(),
            error: PhantomData,
        }
    }
}

impl<'env, E: fmt::Display + Send + 'static> JoinScope<'env, E> {
    /// Starts a child, named after its future's type.
    ///
    /// It runs when the task gets to it, whatever the body awaits. If the scope is cancelled,
    /// `future` is dropped unpolled, and the handle's await never returns.
    ///
    /// # Panics
    ///
    /// If the scope has ended, which is possible only with a clone that was taken out of it.
    pub fn spawn<F, T>(&self, future: F) -> Task<'_, T>
    where
        F: Future<Output = Result<T, E>> + Send + 'env,
        T: Send + 'env,
    {
        self.spawn_named(std::any::type_name::<F>(), future)
    }

    /// Starts a child with a name, which errors and [`living::list`](crate::living::list) show.
    ///
    /// # Panics
    ///
    /// As [`spawn`](Self::spawn).
    pub fn spawn_named<F, T>(&self, name: impl Into<Cow<'static, str>>, future: F) -> Task<'_, T>
    where
        F: Future<Output = Result<T, E>> + Send + 'env,
        T: Send + 'env,
    {
        let name = name.into().into();
        // The body need not have been polled for long: a sibling may be the one that spawns.
        match self.scope.seat(name, clock::now(), None) {
            Ok(task) => {
                let place = task.place();
                let (slot, promise) = Slot::new(&task);
                let child = Child::new(task, future, Report);
                self.nursery.add(Box::pin(Kept {
                    child,
                    promise: Some(promise),
                }));
                Task::scoped(&self.scope, place, slot)
            }
            Err(Refused::Cancelled(reason)) => Task::refused(&self.scope, reason),
            Err(Refused::Finished | Refused::Full) => panic!("the scope has ended"),
        }
    }

    /// Cancels the children and drops the body at its next await.
    ///
    /// If the body still comes to its end, its value is what the scope returns.
    pub fn cancel(&self) {
        self.scope.cancel(Reason::User);
    }

    /// The token that fires when this scope is cancelled, or the task that runs it.
    pub fn token(&self) -> Token {
        self.scope.token()
    }

    /// What the scope is doing now.
    pub fn stats(&self) -> Stats {
        Stats {
            running: self.scope.running(),
            cancelled: self.scope.reason(),
        }
    }
}

impl<E> fmt::Debug for JoinScope<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("JoinScope");
        shown.field("name", &self.scope.name);
        shown.field("running", &self.scope.running());
        shown.field("cancelled", &self.scope.reason());
        shown.finish()
    }
}

impl Builder {
    /// Runs `body` with children that may borrow from the caller; see [`join_scope`].
    ///
    /// # Errors
    ///
    /// As [`join_scope`].
    ///
    /// # Panics
    ///
    /// As [`join_scope`], unless panics are caught.
    ///
    /// # Cancel safety
    ///
    /// As [`join_scope`].
    pub async fn run_scope<'env, T, E, B, F>(self, body: B) -> Result<T, Error<E>>
    where
        E: fmt::Display + Send + 'static,
        B: FnOnce(JoinScope<'env, E>) -> F,
        F: Future<Output = Result<T, E>>,
    {
        let scope = self.open_inline();
        let nursery = Arc::new(Nursery::new());
        // Declared first and so dropped last: what the children have open learns the reason.
        let _destroyed = Destroyed(&nursery);
        let given = JoinScope {
            scope: scope.clone(),
            nursery: nursery.clone(),
            error: PhantomData,
        };
        let driven = {
            // The call is a part of the body, since it may be that of an ordinary closure.
            let body = async move { body(given).await };
            let mut driven = pin!(drive(scope.clone(), body, self.deadline_set()));
            // The await of a child that failed concerns a shield around only while this lives on.
            let lives_on = || scope.reason().is_none();
            poll_fn(|cx| {
                let turn = || nursery.poll(cx, |cx| driven.as_mut().poll(cx));
                context::contain(turn, lives_on)
            })
            .await
        };
        self.conclude(&scope, driven)
    }
}

pin_project! {
    /// A child whose value is kept for its handle.
    struct Kept<F, T, E>
    where
        F: Future<Output = Result<T, E>>,
        E: fmt::Display,
        E: Send,
        E: 'static,
    {
        #[pin]
        child: Child<F, Report>,
        promise: Option<Promise<T>>,
    }
}

impl<F, T, E> Future for Kept<F, T, E>
where
    F: Future<Output = Result<T, E>>,
    E: fmt::Display + Send + 'static,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let end = std::task::ready!(this.child.poll(cx));
        if let Some(promise) = this.promise.take() {
            promise.keep(end);
        }
        Poll::Ready(())
    }
}

/// Destroys the children when it is dropped.
struct Destroyed<'n, 'env>(&'n Nursery<Erased<'env>>);

impl Drop for Destroyed<'_, '_> {
    fn drop(&mut self) {
        self.0.close();
    }
}
