//! The tree of what is running: tasks, and the bodies of groups.
//!
//! A task's parent is the body of its group; a body's parent is the scope that opened the group.
//! A scope may not end before its members have, which is all that structured concurrency is, so
//! the rules live here once and carry no type parameters: waiting, cancelling, adopting, failing.
//! No lock is held while foreign code (a future, a waker, a destructor) runs, and no two locks
//! are ever held together.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::Waker;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;
use tracing::Span;

use super::ending::{Finaliser, spawn_ender};
use super::failure::Failure;
use super::reason::{FirstReason, Reason};
use super::roots;
use super::token::Token;
use crate::slab::Slab;

/// How long cancelled tasks may take by default to leave their shields and run their finalisers.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

pub(crate) struct Scope {
    pub(crate) name: Cow<'static, str>,
    pub(crate) since: Instant,
    pub(crate) parent: Option<Arc<Scope>>,
    /// The key among the parent's members.
    seat: AtomicUsize,
    /// Present if this is the body of a group, absent if it is a task.
    pub(crate) body: Option<Box<Body>>,
    reason: FirstReason,
    shields: AtomicUsize,
    aborted: AtomicBool,
    /// The future is gone; for listings only.
    ending: AtomicBool,
    inner: Mutex<Inner>,
}

/// What the children of a group have in common.
pub(crate) struct Body {
    pub(crate) grace: Duration,
    pub(crate) span: Span,
    pub(crate) runtime: Handle,
    /// The greatest number of children at once.
    pub(crate) limit: usize,
    /// Failures are handed to the group around this one, and do not cancel.
    pub(crate) forwards: bool,
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
    tasks: usize,
    waker: Option<Waker>,
    token: Option<Token>,
    finalisers: Vec<Finaliser>,
    members: Slab<Arc<Scope>>,
    rare: Option<Box<Rare>>,
}

/// What few scopes ever have.
#[derive(Default)]
struct Rare {
    failures: Vec<Failure>,
    /// Failures that must follow the panic which is on its way to this scope.
    trailing: Vec<Failure>,
    room: Vec<Waker>,
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
    fn new(name: Cow<'static, str>, parent: Option<Arc<Scope>>, body: Option<Box<Body>>) -> Self {
        Self {
            name,
            since: Instant::now(),
            parent,
            seat: AtomicUsize::new(usize::MAX),
            body,
            reason: FirstReason::none(),
            shields: AtomicUsize::new(0),
            aborted: AtomicBool::new(false),
            ending: AtomicBool::new(false),
            inner: Mutex::new(Inner {
                stage: Stage::Open,
                waiting: false,
                tasks: 0,
                waker: None,
                token: None,
                finalisers: Vec::new(),
                members: Slab::new(),
                rare: None,
            }),
        }
    }

    /// Opens the body of a group as a member of `parent`; without one, it is a root.
    pub(crate) fn open(
        name: Cow<'static, str>,
        parent: Option<Arc<Scope>>,
        body: Body,
    ) -> Arc<Self> {
        let scope = Arc::new(Self::new(name, parent, Some(Box::new(body))));
        let seat = match &scope.parent {
            Some(parent) => parent.lock().members.insert(scope.clone()),
            None => roots::add(&scope),
        };
        scope.seat.store(seat, Ordering::Relaxed);
        scope
    }

    /// Seats a new task in this body. With `room`, a refusal for want of room wakes it later.
    pub(crate) fn seat(
        self: &Arc<Self>,
        name: Cow<'static, str>,
        room: Option<&Waker>,
    ) -> Result<Arc<Self>, Refused> {
        let limit = self.body.as_ref().map_or(usize::MAX, |body| body.limit);
        let task = Arc::new(Self::new(name, Some(self.clone()), None));
        let mut inner = self.lock();
        if inner.stage == Stage::Finished {
            return Err(Refused::Finished);
        }
        if let Some(reason) = self.reason.get() {
            return Err(Refused::Cancelled(reason));
        }
        if inner.tasks >= limit {
            if let Some(waker) = room {
                inner.rare().room.push(waker.clone());
            }
            return Err(Refused::Full);
        }
        inner.tasks += 1;
        let seat = inner.members.insert(task.clone());
        task.seat.store(seat, Ordering::Relaxed);
        Ok(task)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_body(&self) -> bool {
        self.body.is_some()
    }

    /// How many tasks this body has.
    pub(crate) fn running(&self) -> usize {
        self.lock().tasks
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
        if let Some(token) = &self.lock().token {
            return token.clone();
        }
        let fresh = match &self.parent {
            Some(parent) if self.is_body() => parent.token().child(),
            _ => Token::new(),
        };
        let token = self.lock().token.get_or_insert(fresh).clone();
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
        let token = self.lock().token.clone();
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

    pub(crate) fn shields(&self) -> usize {
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
        if inner.stage == Stage::Finished {
            return Err(finaliser);
        }
        inner.finalisers.push(finaliser);
        Ok(())
    }

    /// One step of the end: members first, then finalisers, last first; `Over` comes once, and
    /// from then on the scope takes nothing.
    pub(crate) fn step(&self) -> Step {
        let mut inner = self.lock();
        if self.is_aborted() {
            let dropped = std::mem::take(&mut inner.finalisers);
            drop(inner);
            drop(dropped);
            inner = self.lock();
        }
        let trailing = inner.rare.as_mut().map(|rare| &mut rare.trailing);
        if let Some(trailing) = trailing.filter(|trailing| !trailing.is_empty()) {
            return Step::Report(std::mem::take(trailing));
        }
        if !inner.members.is_empty() {
            inner.waiting = true;
            drop(inner);
            let reason = self.reason.get().unwrap_or(Reason::Parent);
            for body in self.members(Self::is_body) {
                body.orphan(reason);
            }
            return Step::Wait;
        }
        inner.waiting = false;
        match inner.finalisers.pop() {
            Some(finaliser) => Step::Finalise(finaliser),
            None => {
                inner.stage = Stage::Finished;
                Step::Over
            }
        }
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
            let bodies = inner.members.iter().filter(|member| member.is_body());
            scopes.extend(bodies.cloned());
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
        if inner.stage != Stage::Orphaned || !inner.members.is_empty() {
            return false;
        }
        if inner.finalisers.is_empty() || self.is_aborted() {
            inner.stage = Stage::Finished;
            return true;
        }
        inner.stage = Stage::Ending;
        drop(inner);
        spawn_ender(self.clone());
        false
    }

    /// Ends a task whose future was destroyed by its runtime, which is shutting down.
    pub(crate) fn abandon(self: &Arc<Self>) {
        self.lock().stage = Stage::Finished;
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
            if !parent.remove(scope.seat.load(Ordering::Relaxed)) {
                return;
            }
            scope = parent;
        }
        roots::remove(scope.seat.load(Ordering::Relaxed));
    }

    fn remove(self: &Arc<Self>, seat: usize) -> bool {
        let mut inner = self.lock();
        let Some(gone) = inner.members.remove(seat) else {
            return false;
        };
        let mut room = Vec::new();
        if !gone.is_body() {
            inner.tasks -= 1;
            if let Some(rare) = &mut inner.rare {
                room = std::mem::take(&mut rare.room);
            }
        }
        let last = inner.members.is_empty();
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
                    inner.rare().failures.push(failure);
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
        self.lock().rare().trailing.extend(failures);
    }

    pub(crate) fn take_failures(&self) -> Vec<Failure> {
        let mut inner = self.lock();
        let rare = inner.rare.as_mut();
        rare.map_or_else(Vec::new, |rare| std::mem::take(&mut rare.failures))
    }

    fn members(&self, which: impl Fn(&Self) -> bool) -> Vec<Arc<Self>> {
        let inner = self.lock();
        let members = inner.members.iter().filter(|member| which(member));
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
            return inner.members.iter().cloned().collect();
        }
        Vec::new()
    }
}

impl Inner {
    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }
}
