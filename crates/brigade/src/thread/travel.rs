//! What a closure takes along from its caller, and how it learns that the caller is gone.
//!
//! The caller's place in the tree of tasks, its tracing span, its context and its runtime are entered on
//! the thread for as long as the closure runs, and never longer, so closures of different callers
//! cannot mix them up.

use std::any::Any;
use std::borrow::Cow;
use std::panic::resume_unwind;

use tracing::Span;

use crate::cancel::scope::Scope;
use crate::cancel::shield::Shield;
use crate::cancel::{self, Failure, FailureCause, Panic, context};
use crate::context::Captured;
use crate::living;
use crate::nesting::{self, Class, Holder, Link};
use crate::runtime::Handle;
use crate::sync::Arc;

/// What travels with a closure, packed where its call is polled.
pub(super) struct Luggage {
    name: Cow<'static, str>,
    scope: Option<Arc<Scope>>,
    span: Span,
    context: Option<Captured>,
    runtime: Option<Handle>,
    abandon: bool,
    /// The closure that waits for this one.
    around: Option<Arc<Link>>,
}

impl Luggage {
    pub(super) fn pack(name: Cow<'static, str>, abandon: bool) -> Self {
        let scope = context::scope();
        let opened_in = || scope.as_ref().and_then(Scope::opened_in);
        Self {
            name,
            around: nesting::here().or_else(opened_in),
            scope,
            span: Span::current(),
            context: Captured::capture(),
            runtime: Handle::try_current().ok(),
            abandon,
        }
    }

    /// Panics if a closure of `class` waits for this one, which is to be of `class` too.
    pub(super) fn refuse_nesting(&self, class: &Arc<Class>) {
        if let Some(path) = nesting::path(self.around.as_ref(), class) {
            let Class { name, limit } = &**class;
            let path = path.join("` -> `");
            panic!(
                "nested use of the thread class `{name}` (`{path}` -> `{name}`): a closure holds one of \
                 its {limit} threads while it waits for another to get one, and never ends when all \
                 do so; do the inner work in place, before or after it, or give it a Pool of its own"
            );
        }
    }

    /// Asks whether the closure may start; an error if its caller is about to be dropped. The
    /// shield keeps the caller from being dropped from now on.
    ///
    /// Dropping a shield can wake its task, so it must not happen under a lock.
    pub(super) fn clear(&self) -> Result<Shield, Shield> {
        let shield = Shield::raise(self.scope.clone());
        if shield.holds() {
            Ok(shield)
        } else {
            Err(shield)
        }
    }

    /// Whether the caller wants to go at once when it is cancelled.
    pub(super) fn abandons(&self) -> bool {
        self.abandon
    }

    /// Runs the closure of `job` with what it took along.
    pub(super) fn enter<R>(&mut self, job: Arc<dyn Holder>, work: impl FnOnce() -> R) -> R {
        let _living = living::register(living::readable(self.name.clone()), self.scope.as_ref());
        let _runtime = self.runtime.as_ref().map(Handle::enter);
        let (span, captured) = (&self.span, &self.context);
        let scope = &mut self.scope;
        let in_context = || {
            let _in_span = span.enter();
            let Some(captured) = captured else {
                return work();
            };
            let (result, panicked) = captured.enter(work);
            if let Some(payload) = panicked {
                resume_unwind(payload);
            }
            result
        };
        nesting::enter(job, self.around.take(), || {
            context::enter(scope, in_context)
        })
    }

    /// Hands a panic that no caller waits for to the nearest group that still takes failures.
    pub(super) fn report(self, payload: Box<dyn Any + Send>) {
        let failure = Failure {
            task: self.name,
            cause: FailureCause::Panic(Panic::new(payload)),
        };
        match self.scope {
            Some(scope) => scope.fail(failure),
            None => tracing::error!(%failure, "a closure failed that nobody waited for"),
        }
    }
}

/// Whether the caller of the running closure was cancelled or is gone, so that a closure which
/// asks from time to time can end early.
///
/// A caller that was cancelled still waits, and gets the value that the closure returns. The
/// answer is `false` outside a closure of this module.
///
/// # Examples
///
/// ```
/// use brigade::thread::{cancelled, to_thread};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let sum = to_thread(|| (0..1000u64).take_while(|_| !cancelled()).sum::<u64>()).await;
/// assert_eq!(sum, 499_500);
/// # });
/// ```
pub fn cancelled() -> bool {
    nesting::is_forsaken().is_some_and(|forsaken| forsaken || cancel::current().is_cancelled())
}
