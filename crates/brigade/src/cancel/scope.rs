//! The tree of what is running: tasks, and the bodies of groups.
//!
//! A task's parent is the body of its group; a body's parent is the scope that opened the group.
//! A scope may not end before its members have, which is all that structured concurrency is, so
//! the rules live here once and carry no type parameters: waiting, cancelling, adopting, failing.
//! No lock is held while foreign code (a future, a waker, a destructor) runs, and no two locks
//! are ever held together.

mod closing;
mod failing;
mod members;
mod stopping;

use std::task::Waker;
use std::time::Duration;

use brigade_core::time::Moment;
use tracing::Span;

use super::ending::{Ending, Finaliser};
use super::failure::Failure;
use super::name::Name;
use super::reason::{FirstReason, Reason};
use super::token::Token;
use crate::clock;
use crate::context::Captured;
use crate::nesting::Link;
use crate::runtime::Handle;
use crate::slab::Slab;
use crate::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How long cancelled tasks may take by default to leave their shields and run their finalisers.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

/// One task or one body. It is kept small (see the test), since every task allocates one.
pub(crate) struct Scope {
    pub(crate) name: Name,
    pub(crate) since: Moment,
    pub(crate) parent: Option<Arc<Scope>>,
    /// Present if this is the body of a group, absent if it is a task.
    pub(crate) body: Option<Box<Body>>,
    reason: FirstReason,
    /// The key among the parent's members, which is given out again later, and a number which
    /// tells this task from the next one there.
    seat: AtomicU32,
    id: AtomicU32,
    shields: AtomicU32,
    aborted: AtomicBool,
    /// The future is gone.
    ending: AtomicBool,
    claim: AtomicU8,
    /// The group has a span or a context to enter.
    has_surroundings: bool,
    inner: Mutex<Inner>,
}

/// The values of `claim`: a task that never registered anything ends without taking its lock.
const FRESH: u8 = 0;
const USED: u8 = 1;
const FINISHED: u8 = 2;

/// What the children of a group have in common.
pub(crate) struct Body {
    pub(crate) grace: Duration,
    pub(crate) span: Span,
    pub(crate) context: Option<Captured>,
    pub(crate) runtime: Handle,
    /// The greatest number of children at once.
    pub(crate) limit: usize,
    /// Failures are handed to the group around this one, and do not cancel.
    pub(crate) forwards: bool,
    /// Its shields protect nothing around it: the producer of a stream is not part of the code
    /// that asks for items.
    pub(crate) alone: bool,
    /// The children are polled where the body is, and are dropped with it.
    pub(crate) inline: bool,
    /// When the body was last polled. Its children were born then, as far as anyone cares: that
    /// saves reading the clock for each.
    pub(crate) polled: AtomicU64,
    /// The closure on a thread that opened the group, and waits for it.
    pub(crate) opened_in: Option<Arc<Link>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// A wrapper or a driver polls this scope.
    Open,
    /// Its future was dropped or forgotten: it ends with its last member.
    Orphaned,
    /// An orphan whose finalisers are run by a task of their own.
    Ending,
    Finished,
}

struct Inner {
    stage: Stage,
    /// The end of this scope waits for its members.
    waiting: bool,
    waker: Option<Waker>,
    more: Option<Box<More>>,
}

/// What a body has, and few tasks ever do.
#[derive(Default)]
struct More {
    tasks: usize,
    next_id: u32,
    token: Option<Token>,
    finalisers: Vec<Finaliser>,
    members: Slab<Arc<Scope>>,
    failures: Vec<Failure>,
    /// Failures that must follow the panic which is on its way to this scope.
    trailing: Vec<Failure>,
    room: Vec<Waker>,
    ending: Option<Box<Ending>>,
}

/// Why a scope takes no further task.
#[derive(Debug)]
pub(crate) enum Refused {
    Full,
    Cancelled(Reason),
    Finished,
}

/// What the end of a scope has to do next.
pub(crate) enum Step {
    Wait,
    Report(Vec<Failure>),
    Finalise(Finaliser),
    Over,
}

impl Scope {
    // Every task passes here: a call, and a move for it, is 1 % of its instructions.
    #[inline(always)]
    fn new(
        name: Name,
        since: Moment,
        parent: Option<Arc<Scope>>,
        body: Option<Box<Body>>,
    ) -> Arc<Self> {
        let more = body.as_ref().map(|_| Box::default());
        let group = parent.as_ref().and_then(|parent| parent.body.as_ref());
        let has_surroundings =
            group.is_some_and(|group| group.context.is_some() || !group.span.is_none());
        Arc::new(Self {
            name,
            since,
            parent,
            claim: AtomicU8::new(if body.is_some() { USED } else { FRESH }),
            body,
            has_surroundings,
            reason: FirstReason::none(),
            seat: AtomicU32::new(0),
            id: AtomicU32::new(0),
            shields: AtomicU32::new(0),
            aborted: AtomicBool::new(false),
            ending: AtomicBool::new(false),
            inner: Mutex::new(Inner {
                stage: Stage::Open,
                waiting: false,
                waker: None,
                more,
            }),
        })
    }

    /// Notes that the body is polled now, and whom to wake.
    pub(crate) fn polled(&self, waker: &Waker) {
        if let Some(body) = &self.body {
            let now = clock::now().as_nanos();
            body.polled.store(now, Ordering::Relaxed);
        }
        self.register(waker);
    }

    /// When the body was last polled.
    pub(crate) fn last_polled(&self) -> Moment {
        let body = self.body.as_ref();
        body.map_or(self.since, |body| {
            Moment::from_nanos(body.polled.load(Ordering::Relaxed))
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_body(&self) -> bool {
        self.body.is_some()
    }

    fn has_inline_tasks(&self) -> bool {
        self.body.as_ref().is_some_and(|body| body.inline)
    }

    /// Whether this is a task that is polled where the body of its group is.
    pub(crate) fn is_inline(&self) -> bool {
        let group = self.parent.as_ref().filter(|_| !self.is_body());
        group.is_some_and(|group| group.has_inline_tasks())
    }

    /// The scope that this one runs as a part of. For an inline task that is not the body of its
    /// group, which lies beside it and is dropped alone.
    pub(crate) fn around(&self) -> Option<&Arc<Scope>> {
        if self.is_inline() {
            return self.parent.as_ref()?.parent.as_ref();
        }
        let is_part = self.body.as_ref().is_some_and(|body| !body.alone);
        self.parent.as_ref().filter(|_| is_part)
    }

    /// How many tasks this body has.
    pub(crate) fn running(&self) -> usize {
        self.lock().more().tasks
    }

    pub(crate) fn reason(&self) -> Option<Reason> {
        self.reason.get()
    }

    pub(crate) fn is_aborted(&self) -> bool {
        self.aborted.load(Ordering::Acquire)
    }

    pub(crate) fn has_surroundings(&self) -> bool {
        self.has_surroundings
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    pub(crate) fn set_ending(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }

    pub(crate) fn grace(&self) -> Duration {
        let body = self.body.as_ref();
        let body = body.or_else(|| self.parent.as_ref()?.body.as_ref());
        body.map_or(GRACE, |body| body.grace)
    }

    /// The token that fires when this scope is cancelled; that of a body, or of an inline task, also
    /// fires with the task that runs it.
    pub(crate) fn token(&self) -> Token {
        if let Some(token) = &self.lock().more().token {
            return token.clone();
        }
        let fresh = match &self.parent {
            Some(parent) if self.is_body() || self.is_inline() => parent.token().child(),
            _ => Token::new(),
        };
        let token = self.lock().more().token.get_or_insert(fresh).clone();
        if let Some(reason) = self.reason.get() {
            token.cancel_with(reason);
        }
        token
    }

    /// Remembers whom to wake when something about this scope changes.
    pub(crate) fn register(&self, waker: &Waker) {
        let mut inner = self.lock();
        if inner.waker.as_ref().is_some_and(|w| w.will_wake(waker)) {
            return;
        }
        let old = inner.waker.replace(waker.clone());
        drop(inner);
        drop(old);
    }

    fn wake(&self) {
        let waker = self.lock().waker.clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The innermost closure on a thread that waits for the end of this scope. It does not wait for
    /// a group whose future it has dropped, or has given away at its end: whoever is around does.
    pub(crate) fn opened_in(self: &Arc<Self>) -> Option<Arc<Link>> {
        let mut next = Some(self);
        while let Some(scope) = next {
            let found = scope.body.as_ref().and_then(|body| body.opened_in.as_ref());
            if let Some(link) = found.filter(|link| link.holds())
                && scope.is_open()
            {
                return Some(link.clone());
            }
            next = scope.parent.as_ref();
        }
        None
    }

    pub(crate) fn is_shielded(&self) -> bool {
        self.shields() > 0
    }

    pub(crate) fn shields(&self) -> u32 {
        self.shields.load(Ordering::SeqCst)
    }

    pub(crate) fn raise_shield(&self) {
        self.shields.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn lower_shield(&self) {
        let last = self.shields.fetch_sub(1, Ordering::SeqCst) == 1;
        if last && self.reason.get().is_some() {
            self.wake();
        }
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        // A loop and not the recursion of `Arc`, so that a long chain cannot overflow the stack.
        let mut next = self.parent.take();
        while let Some(parent) = next {
            next = Arc::into_inner(parent).and_then(|mut scope| scope.parent.take());
        }
    }
}

impl Inner {
    fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_small() {
        // With the two counters of its `Arc` it is served from the fast bins of common allocators.
        assert!(size_of::<Scope>() <= 104, "{}", size_of::<Scope>());
    }
}
