//! A stretch of work that a cancellation must not cut in two.
//!
//! A cancelled task is dropped at its next await; a shield puts that off. It does not hide the
//! cancellation (see [`current`](super::current)), and it does not hold against a foreign drop
//! (`select!`, `timeout`), nor beyond the grace period.

use std::future::{Future, poll_fn};
use std::pin::pin;

use super::context;
use super::scope::Scope;
use crate::sync::Arc;

/// Runs `future` to its end even if the running task is cancelled meanwhile.
///
/// The drop of the whole task is put off, also if only one branch of it is shielded. When the
/// shield ends, the task goes on until its next await and is dropped there. The grace period of
/// the group bounds how long a cancelled task may stay in a shield.
///
/// A shield gives way if what it protects awaits a child that failed: that await never ends.
///
/// # Cancel safety
///
/// Dropping the returned future drops `future`: a shield holds against brigade's own cancellation
/// only. Wrap the `select!` or the timeout instead, or spawn the work into the group.
///
/// # Examples
///
/// ```
/// use brigade::cancel;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// assert_eq!(cancel::shield(async { 1 }).await, 1);
/// # });
/// ```
pub async fn shield<F: Future>(future: F) -> F::Output {
    let mut shield = Shield::raise(context::scope());
    let mut future = pin!(future);
    poll_fn(|cx| {
        let (poll, stuck) = context::watch(|| future.as_mut().poll(cx));
        if poll.is_pending() && stuck {
            shield.lower();
        }
        poll
    })
    .await
}

/// A shield over a scope and every other scope that shares its task. Any thread may raise and
/// lower it; dropping it lowers it.
#[must_use]
pub(crate) struct Shield(Option<Arc<Scope>>);

impl Shield {
    pub(crate) fn raise(scope: Option<Arc<Scope>>) -> Self {
        each(&scope, |scope| {
            scope.raise_shield();
            true
        });
        Self(scope)
    }

    /// Whether nothing under this shield had been cancelled before it was raised, by the only
    /// account that cannot race with the drop: where another shield holds too, it does. Where the
    /// future is gone and finalisers run, nothing is left that a cancellation could drop.
    pub(crate) fn holds(&self) -> bool {
        each(&self.0, |scope| {
            let finalises = || scope.is_ending() && !scope.is_aborted();
            scope.reason().is_none() || scope.shields() > 1 || finalises()
        })
    }

    pub(crate) fn lower(&mut self) {
        each(&self.0.take(), |scope| {
            scope.lower_shield();
            true
        });
    }
}

impl Drop for Shield {
    fn drop(&mut self) {
        self.lower();
    }
}

/// Visits the scopes of one task, innermost first, while `visit` says true; true if it always did.
fn each(scope: &Option<Arc<Scope>>, visit: impl Fn(&Scope) -> bool) -> bool {
    let mut next = scope.as_ref();
    while let Some(scope) = next {
        if !visit(scope) {
            return false;
        }
        next = scope.around();
    }
    true
}
