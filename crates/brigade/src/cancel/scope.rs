//! The tree of what is running: tasks, and the bodies of groups.
//!
//! A task's parent is the body of its group; a body's parent is the scope that opened the group.
//! A scope may not end before its members have, which is all that structured concurrency is, so
//! the rules live here once and carry no type parameters: waiting, cancelling, adopting, failing.
//! No lock is held while foreign code (a future, a waker, a destructor) runs, and no two locks
//! are ever held together.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::Waker;
use std::time::Duration;

use brigade_core::time::Moment;
use tokio::runtime::Handle;
use tracing::Span;

use super::ending::{Ending, Finaliser, spawn_ender};
use super::failure::Failure;
use super::name::Name;
use super::reason::{FirstReason, Reason};
use super::roots;
use super::token::Token;
use crate::clock;
use crate::slab::Slab;

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
    /// The future is gone; for listings only.
    ending: AtomicBool,
    claim: AtomicU8,
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
    pub(crate) runtime: Handle,
    /// The greatest number of children at once.
    pub(crate) limit: usize,
    /// Failures are handed to the group around this one, and do not cancel.
    pub(crate) forwards: bool,
    /// When the body was last polled. Its children were born then, as far as anyone cares: that
    /// saves reading the clock for each.
    pub(crate) polled: AtomicU64,
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
    fn new(
        name: Name,
        since: Moment,
        parent: Option<Arc<Scope>>,
        body: Option<Box<Body>>,
    ) -> Arc<Self> {
        let more = body.as_ref().map(|_| Box::default());
        Arc::new(Self {
            name,
            since,
            parent,
            claim: AtomicU8::new(if body.is_some() { USED } else { FRESH }),
            body,
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

    /// Opens the body of a group as a member of `around`; without it, it is a root.
    pub(crate) fn open(name: Name, around: Option<Arc<Scope>>, body: Body) -> Arc<Self> {
        let mut parent = around;
        while let Some(finished) = parent.take_if(|parent| !parent.claim()) {
            parent = finished.parent.clone();
        }
        let since = clock::now();
        body.polled.store(since.as_nanos(), Ordering::Relaxed);
        let scope = Self::new(name, since, parent, Some(Box::new(body)));
        let seat = match &scope.parent {
            Some(parent) => parent.lock().more().members.insert(scope.clone()),
            None => roots::add(&scope),
        };
        scope.seat.store(seat as u32, Ordering::Relaxed);
        scope
    }

    /// Seats a new task in this body. With `room`, a refusal for want of room wakes it later.
    pub(crate) fn seat(
        self: &Arc<Self>,
        name: Name,
        since: Moment,
        room: Option<&Waker>,
    ) -> Result<Arc<Self>, Refused> {
        let limit = self.body.as_ref().map_or(usize::MAX, |body| body.limit);
        let task = Self::new(name, since, Some(self.clone()), None);
        let mut inner = self.lock();
        if inner.stage == Stage::Finished {
            return Err(Refused::Finished);
        }
        if let Some(reason) = self.reason.get() {
            return Err(Refused::Cancelled(reason));
        }
        let more = inner.more();
        if more.tasks >= limit {
            more.room.extend(room.cloned());
            return Err(Refused::Full);
        }
        more.tasks += 1;
        more.next_id = more.next_id.wrapping_add(1);
        task.id.store(more.next_id, Ordering::Relaxed);
        let seat = more.members.insert(task.clone());
        task.seat.store(seat as u32, Ordering::Relaxed);
        Ok(task)
    }

    /// Where a task sits, and its number.
    pub(crate) fn place(&self) -> (u32, u32) {
        let seat = self.seat.load(Ordering::Relaxed);
        (seat, self.id.load(Ordering::Relaxed))
    }

    /// The task at this place, if it has not left.
    pub(crate) fn at(&self, (seat, id): (u32, u32)) -> Option<Arc<Self>> {
        let mut inner = self.lock();
        let task = inner.more().members.get_mut(seat as usize)?;
        (task.place() == (seat, id)).then(|| task.clone())
    }

    /// Says that this scope will have something to do at its end; false if it has ended.
    fn claim(&self) -> bool {
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

    /// The token that fires when this scope is cancelled; that of a body also fires with the task
    /// that runs it.
    pub(crate) fn token(&self) -> Token {
        if let Some(token) = &self.lock().more().token {
            return token.clone();
        }
        let fresh = match &self.parent {
            Some(parent) if self.is_body() => parent.token().child(),
            _ => Token::new(),
        };
        let token = self.lock().more().token.get_or_insert(fresh).clone();
        if let Some(reason) = self.reason.get() {
            token.cancel(reason);
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
        if let Some(token) = token {
            token.cancel(reason);
        }
        self.cancel_tasks(reason);
        self.wake();
        true
    }

    /// Cancels the tasks that this body has now, but not the body.
    pub(crate) fn cancel_tasks(&self, reason: Reason) {
        for task in self.members(|member| !member.is_body()) {
            task.cancel(reason);
        }
    }

    /// The hard end of this scope and of everything below it: no shield holds and no finaliser
    /// runs any more.
    pub(crate) fn abort(self: &Arc<Self>) {
        let mut scopes = vec![self.clone()];
        while let Some(scope) = scopes.pop() {
            scope.aborted.store(true, Ordering::Release);
            scope.cancel(Reason::Parent);
            scope.wake();
            scopes.extend(scope.members(|_| true));
        }
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
    pub(crate) fn step(&self) -> Step {
        let mut inner = self.lock();
        if self.is_aborted() {
            let dropped = std::mem::take(&mut inner.more().finalisers);
            drop(inner);
            drop(dropped);
            inner = self.lock();
        }
        let more = inner.more();
        if !more.trailing.is_empty() {
            return Step::Report(std::mem::take(&mut more.trailing));
        }
        if !more.members.is_empty() {
            inner.waiting = true;
            drop(inner);
            let reason = self.reason.get().unwrap_or(Reason::Parent);
            for body in self.members(Self::is_body) {
                body.orphan(reason);
            }
            return Step::Wait;
        }
        if let Some(finaliser) = more.finalisers.pop() {
            return Step::Finalise(finaliser);
        }
        self.close(&mut inner);
        Step::Over
    }

    fn close(&self, inner: &mut Inner) {
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

    /// Nobody polls this body any more: cancels its tasks and leaves the waiting to the parent.
    /// Without a parent there is nobody to wait, so the tasks are aborted.
    pub(crate) fn orphan(self: &Arc<Self>, reason: Reason) {
        let mut scopes = vec![self.clone()];
        while let Some(scope) = scopes.pop() {
            let mut inner = scope.lock();
            if inner.stage != Stage::Open {
                continue;
            }
            inner.stage = Stage::Orphaned;
            let bodies = inner.more().members.iter();
            scopes.extend(bodies.filter(|member| member.is_body()).cloned());
            drop(inner);
            match &scope.parent {
                Some(_) => drop(scope.cancel(reason)),
                None => scope.abort(),
            }
            if scope.settle() {
                scope.leave();
            }
        }
    }

    /// Ends an orphan that has no members left; true if it is over and has to leave.
    fn settle(self: &Arc<Self>) -> bool {
        let mut inner = self.lock();
        if inner.stage != Stage::Orphaned || !inner.more().members.is_empty() {
            return false;
        }
        if inner.more().finalisers.is_empty() || self.is_aborted() {
            self.close(&mut inner);
            return true;
        }
        inner.stage = Stage::Ending;
        drop(inner);
        spawn_ender(self.clone());
        false
    }

    /// Ends a task whose future was destroyed by its runtime, which is shutting down.
    pub(crate) fn abandon(self: &Arc<Self>) {
        self.close(&mut self.lock());
        for body in self.members(Self::is_body) {
            body.orphan(Reason::Parent);
        }
        if let Some(group) = &self.parent {
            group.cancel(Reason::Parent);
        }
        self.leave();
    }

    /// Takes a scope that is over out of the tree, and with it the orphans that waited for it.
    pub(crate) fn leave(self: &Arc<Self>) {
        let mut scope = self;
        while let Some(parent) = &scope.parent {
            if !parent.remove(scope.place().0) {
                return;
            }
            scope = parent;
        }
        roots::remove(scope.place().0 as usize);
    }

    fn remove(self: &Arc<Self>, seat: u32) -> bool {
        let mut inner = self.lock();
        let more = inner.more();
        let Some(gone) = more.members.remove(seat as usize) else {
            return false;
        };
        let mut room = Vec::new();
        if !gone.is_body() {
            more.tasks -= 1;
            room = std::mem::take(&mut more.room);
        }
        let last = more.members.is_empty();
        let waker = if last && inner.waiting {
            inner.waker.clone()
        } else {
            None
        };
        let orphaned = inner.stage == Stage::Orphaned;
        drop(inner);
        room.into_iter().chain(waker).for_each(Waker::wake);
        last && orphaned && self.settle()
    }

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

    fn members(&self, which: impl Fn(&Self) -> bool) -> Vec<Arc<Self>> {
        let inner = self.lock();
        let Some(more) = &inner.more else {
            return Vec::new();
        };
        let members = more.members.iter().filter(|member| which(member));
        members.cloned().collect()
    }

    /// The members, or none if the lock cannot be had within some milliseconds: whoever lists
    /// the living at the end of the process must not be held up by them.
    pub(crate) fn members_soon(&self) -> Vec<Arc<Self>> {
        for _ in 0..20 {
            let inner = match self.inner.try_lock() {
                Ok(inner) => inner,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {
                    std::thread::sleep(Duration::from_millis(1));
                    continue;
                }
            };
            let more = inner.more.as_ref();
            return more.map_or_else(Vec::new, |more| more.members.iter().cloned().collect());
        }
        Vec::new()
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
