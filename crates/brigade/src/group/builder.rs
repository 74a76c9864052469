//! The options of a group.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use tracing::Span;

use super::drive::{Driven, drive};
use super::error::Error;
use super::error_group::ErrorGroup;
use super::limited::LimitedGroup;
use super::task_group::TaskGroup;
use crate::cancel::scope::{Body, Scope};
use crate::cancel::{Failure, FailureCause, context};
use crate::context::Captured;
use crate::nesting;
use crate::runtime::Handle;
use crate::sync::Arc;
use crate::sync::atomic::AtomicU64;

/// Options for a group, and the group itself by [`run`](Builder::run).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use brigade::group::{Builder, Error};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// let slow = Builder::new().name("slow").deadline(Duration::from_secs(1));
/// let result = slow.run(async |_| {
///     tokio::time::sleep(Duration::from_secs(60)).await;
///     Ok::<_, String>(())
/// });
/// let error = result.await.unwrap_err();
/// assert_eq!(error.to_string(), "slow: not finished after 1s");
/// # });
/// ```
#[derive(Clone, Debug)]
#[must_use = "options do nothing until `run` is called"]
pub struct Builder {
    name: Cow<'static, str>,
    deadline: Option<Duration>,
    grace: Option<Duration>,
    catch_panics: bool,
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// No deadline, the surrounding grace period, and panics that continue.
    pub const fn new() -> Self {
        Self {
            name: Cow::Borrowed("group"),
            deadline: None,
            grace: None,
            catch_panics: false,
        }
    }

    /// The name under which the group's own failures are reported and its body is listed.
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = name.into();
        self
    }

    /// The longest time, from the start, that the body and the children may take together, with
    /// their finalisers.
    ///
    /// When it passes, they are cancelled and the group fails with a deadline. It needs a runtime
    /// with time enabled.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// How long a cancelled child may stay in its shields and finalisers before it is aborted;
    /// by default that of the group around this one, 10 s for the outermost.
    ///
    /// It is kept by tokio's timers. In a runtime without them (`enable_time` was not called) it
    /// never ends: cleanup takes the time it needs, and tokio's complaint on stderr is all there is
    /// to see.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = Some(grace);
        self
    }

    /// Makes panics of the children and of the body failures of the group, instead of continuing
    /// the first one when everything has ended.
    pub fn catch_panics(mut self) -> Self {
        self.catch_panics = true;
        self
    }

    /// Runs `body` with a group of these options; see [`task_group`](super::task_group).
    ///
    /// # Errors
    ///
    /// As [`task_group`](super::task_group).
    ///
    /// # Panics
    ///
    /// As [`task_group`](super::task_group), unless panics are caught.
    ///
    /// # Cancel safety
    ///
    /// As [`task_group`](super::task_group).
    pub async fn run<T, E, B>(self, body: B) -> Result<T, Error<E>>
    where
        E: fmt::Display + Send + 'static,
        B: AsyncFnOnce(&TaskGroup<E>) -> Result<T, E>,
    {
        let scope = self.open(usize::MAX, false);
        let group = TaskGroup::new(scope.clone());
        let driven = drive(scope.clone(), body(&group), self.deadline).await;
        self.conclude(&scope, driven)
    }

    /// Runs `body` with a group of at most `limit` children at once: spawning waits for room.
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
    pub async fn run_limited<T, E, B>(self, limit: usize, body: B) -> Result<T, Error<E>>
    where
        E: fmt::Display + Send + 'static,
        B: AsyncFnOnce(&LimitedGroup<E>) -> Result<T, E>,
    {
        assert!(limit > 0, "a group of at most 0 children cannot run any");
        let scope = self.open(limit, false);
        let group = LimitedGroup::new(scope.clone());
        let driven = drive(scope.clone(), body(&group), self.deadline).await;
        self.conclude(&scope, driven)
    }

    /// Runs a body that has no use for the group.
    pub(super) async fn run_future<F, T, E>(self, body: F) -> Result<T, Error<E>>
    where
        F: Future<Output = Result<T, E>>,
        E: fmt::Display + Send + 'static,
    {
        let scope = self.open(usize::MAX, false);
        let driven = drive(scope.clone(), body, self.deadline).await;
        self.conclude(&scope, driven)
    }

    pub(crate) fn open(&self, limit: usize, forwards: bool) -> Arc<Scope> {
        self.open_any(limit, forwards, false)
    }

    /// Opens a body whose children are polled where it is.
    pub(super) fn open_inline(&self) -> Arc<Scope> {
        self.open_any(usize::MAX, false, true)
    }

    pub(super) fn deadline_set(&self) -> Option<Duration> {
        self.deadline
    }

    fn open_any(&self, limit: usize, forwards: bool, inline: bool) -> Arc<Scope> {
        let parent = context::scope();
        let grace = parent.as_ref().map(|parent| parent.grace());
        let body = Body {
            grace: self.grace.or(grace).unwrap_or(crate::cancel::scope::GRACE),
            span: Span::current(),
            context: Captured::capture(),
            runtime: Handle::current(),
            limit,
            forwards,
            alone: false,
            inline,
            polled: AtomicU64::new(0),
            opened_in: nesting::here(),
        };
        Scope::open(self.name.clone().into(), parent, body)
    }

    pub(super) fn conclude<T, E: 'static>(
        &self,
        scope: &Scope,
        mut driven: Driven<T>,
    ) -> Result<T, Error<E>> {
        if !self.catch_panics {
            resume_first_panic(scope, &mut driven.failures);
        }
        if let Some(failed) = ErrorGroup::new(driven.failures, driven.reason) {
            return Err(Error::Failed(failed));
        }
        let reason = driven.reason.unwrap_or(crate::cancel::Reason::Parent);
        driven.value.ok_or(Error::Cancelled(reason))
    }
}

/// Continues the first panic, if there is one; the other failures follow it to the scope around.
pub(super) fn resume_first_panic(scope: &Scope, failures: &mut Vec<Failure>) {
    let is_panic = |failure: &Failure| matches!(failure.cause, FailureCause::Panic(_));
    let Some(first) = failures.iter().position(is_panic) else {
        return;
    };
    let first = failures.remove(first);
    let others = std::mem::take(failures);
    match &scope.parent {
        Some(parent) => parent.trail(others),
        None => others.into_iter().for_each(|other| scope.fail(other)),
    }
    if let FailureCause::Panic(panic) = first.cause {
        panic.resume();
    }
}
