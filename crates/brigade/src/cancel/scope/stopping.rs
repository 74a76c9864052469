//! How a scope is stopped: cancelled, aborted, or left by whoever polled it.
//!
//! Each of these only sets marks and wakes; what follows from them is done by those who are woken.

use super::{Scope, Stage};
use crate::cancel::ending::{discard, spawn_ender};
use crate::cancel::reason::Reason;
use crate::cancel::unhindered::Unhindered;
use crate::sync::Arc;
use crate::sync::atomic::Ordering;

impl Scope {
    /// Cancels this scope, and the tasks of a body with it; true if it was not cancelled before.
    pub(crate) fn cancel(&self, reason: Reason) -> bool {
        if !self.reason.set(reason) {
            return false;
        }
        let token = self
            .lock()
            .more
            .as_ref()
            .and_then(|more| more.token.clone());
        let mut calls = Unhindered::default();
        if let Some(token) = token {
            calls.call(|| {
                token.cancel_with(reason);
            });
        }
        calls.call(|| self.cancel_tasks(reason));
        calls.call(|| self.wake());
        calls.finish();
        true
    }

    /// Cancels the tasks that this body has now, but not the body.
    pub(crate) fn cancel_tasks(&self, reason: Reason) {
        let mut calls = Unhindered::default();
        for task in self.members(|member| !member.is_body()) {
            calls.call(|| {
                task.cancel(reason);
            });
        }
        calls.finish();
    }

    /// The hard end of this scope and of everything below it: no shield holds and no finaliser
    /// runs any more.
    pub(crate) fn abort(self: &Arc<Self>) {
        let mut calls = Unhindered::default();
        let mut scopes = vec![self.clone()];
        while let Some(scope) = scopes.pop() {
            scope.aborted.store(true, Ordering::Release);
            calls.call(|| {
                scope.cancel(Reason::Parent);
            });
            calls.call(|| scope.wake());
            scopes.extend(scope.members(|_| true));
        }
        calls.finish();
    }

    /// Nobody polls this body any more: cancels its tasks and leaves the waiting to the parent.
    /// Without a parent there is nobody to wait, so the tasks are aborted.
    pub(crate) fn orphan(self: &Arc<Self>, reason: Reason) {
        self.orphan_all(reason, false);
    }

    /// The same where the future of this scope was forgotten, or will not be dropped by anyone who
    /// knows of this: its inline tasks have gone with it, so nobody polls them any more either.
    pub(crate) fn forsake(self: &Arc<Self>, reason: Reason) {
        self.orphan_all(reason, true);
    }

    fn orphan_all(self: &Arc<Self>, reason: Reason, with_inline: bool) {
        let mut calls = Unhindered::default();
        let mut scopes = vec![self.clone()];
        while let Some(scope) = scopes.pop() {
            let mut inner = scope.lock();
            if inner.stage != Stage::Open {
                continue;
            }
            inner.stage = Stage::Orphaned;
            scope.set_ending();
            let more = inner.more();
            let with_tasks = with_inline && scope.has_inline_tasks();
            let members = more.members.iter();
            scopes.extend(members.filter(|m| m.is_body() || with_tasks).cloned());
            let mut failures = std::mem::take(&mut more.failures);
            failures.append(&mut more.trailing);
            drop(inner);
            // Nobody will return them any more, so they go to the group around.
            for failure in failures {
                calls.call(|| scope.fail(failure));
            }
            calls.call(|| match &scope.parent {
                Some(_) => drop(scope.cancel(reason)),
                None => scope.abort(),
            });
            if scope.settle() {
                scope.leave();
            }
        }
        calls.finish();
    }

    /// Ends an orphan that has no members left; true if it is over and has to leave.
    pub(super) fn settle(self: &Arc<Self>) -> bool {
        let mut inner = self.lock();
        if inner.stage != Stage::Orphaned || !inner.more().members.is_empty() {
            return false;
        }
        if inner.more().finalisers.is_empty() || self.is_aborted() {
            self.close(&mut inner);
            // They may hold this scope, by a spawner for example.
            let dropped = std::mem::take(&mut inner.more().finalisers);
            drop(inner);
            discard(self, dropped);
            return true;
        }
        inner.stage = Stage::Ending;
        drop(inner);
        self.set_ending();
        spawn_ender(self.clone());
        false
    }

    /// Ends a task whose future was destroyed by its runtime, which is shutting down.
    pub(crate) fn abandon(self: &Arc<Self>) {
        self.close(&mut self.lock());
        for body in self.members(Self::is_body) {
            body.forsake(Reason::Parent);
        }
        if let Some(group) = &self.parent {
            group.cancel(Reason::Parent);
        }
        self.leave();
    }
}
