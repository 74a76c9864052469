//! Where failures go.
//!
//! A failure is kept by the nearest group that still takes failures; it is never dropped.

use super::{Scope, Stage};
use crate::cancel::failure::Failure;
use crate::cancel::reason::Reason;

impl Scope {
    /// Records a failure of this body's group, or hands it to the nearest group that still takes
    /// failures; that group is cancelled by its first one.
    pub(crate) fn fail(&self, failure: Failure) {
        let mut next = Some(self);
        while let Some(scope) = next {
            if scope.body.as_ref().is_some_and(|body| !body.forwards) {
                let mut inner = scope.lock();
                if inner.stage == Stage::Open {
                    inner.more().failures.push(failure);
                    drop(inner);
                    scope.cancel(Reason::Sibling);
                    return;
                }
            }
            next = scope.parent.as_deref();
        }
        tracing::error!(%failure, "a task failed after the group that could report it was gone");
    }

    /// Keeps failures that are to be reported after the panic that now unwinds into this scope.
    pub(crate) fn trail(&self, failures: impl IntoIterator<Item = Failure>) {
        let mut inner = self.lock();
        self.claim();
        inner.more().trailing.extend(failures);
    }

    pub(crate) fn take_failures(&self) -> Vec<Failure> {
        std::mem::take(&mut self.lock().more().failures)
    }
}
