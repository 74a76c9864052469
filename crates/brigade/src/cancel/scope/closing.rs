//! The end of a scope, one step at a time.
//!
//! `Over` comes once, and nothing can be registered with the scope from then on.

use super::{FINISHED, FRESH, Inner, Scope, Stage, Step, USED};
use crate::cancel::ending::{Ending, Finaliser, discard};
use crate::cancel::reason::Reason;
use crate::sync::Arc;
use crate::sync::atomic::Ordering;

impl Scope {
    /// Says that this scope will have something to do at its end; false if it has ended.
    pub(super) fn claim(&self) -> bool {
        let (set, fetch) = (Ordering::AcqRel, Ordering::Acquire);
        match self.claim.compare_exchange(FRESH, USED, set, fetch) {
            Ok(_) => true,
            Err(claim) => claim != FINISHED,
        }
    }

    /// Ends a scope that has nothing to do at its end.
    pub(crate) fn finish_fresh(&self) -> bool {
        let (set, fetch) = (Ordering::AcqRel, Ordering::Acquire);
        let finished = self.claim.compare_exchange(FRESH, FINISHED, set, fetch);
        finished.is_ok()
    }

    /// Adds a finaliser; gives it back if the scope has already finished.
    pub(crate) fn defer(&self, finaliser: Finaliser) -> Result<(), Finaliser> {
        let mut inner = self.lock();
        if !self.claim() {
            return Err(finaliser);
        }
        inner.more().finalisers.push(finaliser);
        Ok(())
    }

    /// One step of the end: members first, then finalisers, last first; `Over` comes once, and
    /// from then on the scope takes nothing.
    pub(crate) fn step(self: &Arc<Self>) -> Step {
        let mut inner = self.lock();
        if self.is_aborted() {
            let dropped = std::mem::take(&mut inner.more().finalisers);
            drop(inner);
            discard(self, dropped);
            inner = self.lock();
        }
        let more = inner.more();
        if !more.trailing.is_empty() {
            return Step::Report(std::mem::take(&mut more.trailing));
        }
        if !more.members.is_empty() {
            let has_bodies = more.members.len() > more.tasks;
            inner.waiting = true;
            drop(inner);
            if has_bodies {
                self.forsake_bodies();
            }
            return Step::Wait;
        }
        if let Some(finaliser) = more.finalisers.pop() {
            return Step::Finalise(finaliser);
        }
        self.close(&mut inner);
        Step::Over
    }

    fn forsake_bodies(&self) {
        let reason = self.reason.get().unwrap_or(Reason::Parent);
        for body in self.members(Self::is_body) {
            body.forsake(reason);
        }
    }

    /// Whether this body holds nothing that a next poll or its end would have to know of.
    pub(crate) fn is_idle(&self) -> bool {
        let mut inner = self.lock();
        let more = inner.more();
        let nothing = more.members.is_empty() && more.finalisers.is_empty();
        nothing && more.trailing.is_empty() && more.token.is_none() && self.shields() == 0
    }

    /// Ends this body, which is idle and which nobody polls any more, unless that has happened.
    pub(crate) fn close_idle(self: &Arc<Self>) {
        self.close(&mut self.lock());
        self.leave();
    }

    /// Whether whoever polls this body is still the one to end it.
    pub(crate) fn is_open(&self) -> bool {
        self.lock().stage == Stage::Open
    }

    pub(super) fn close(&self, inner: &mut Inner) {
        inner.stage = Stage::Finished;
        self.claim.store(FINISHED, Ordering::Release);
    }

    /// What polls the end of a task, which is here because few tasks need it.
    pub(crate) fn take_ending(&self) -> Box<Ending> {
        self.lock().more().ending.take().unwrap_or_default()
    }

    pub(crate) fn keep_ending(&self, ending: Box<Ending>) {
        self.lock().more().ending = Some(ending);
    }
}
