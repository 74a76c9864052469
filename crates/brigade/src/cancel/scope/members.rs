//! Who belongs to a scope: opening, seating, and leaving.
//!
//! A scope is in the tree from before its first poll until it is over, so whatever runs can be
//! found. Leaving never waits.

use std::task::Waker;
use std::time::Duration;

use brigade_core::time::Moment;

use super::{Body, Refused, Scope, Stage};
use crate::cancel::name::Name;
use crate::cancel::roots;
use crate::clock;
use crate::sync::atomic::Ordering;
use crate::sync::{Arc, TryLockError, thread};

/// Seats that a group has from its first task on. To grow by doubling was 5 % and more of what
/// spawning 64 tasks costs, because a reallocation misses the fast paths of common allocators.
const SEATS: usize = 64;

impl Scope {
    /// Opens the body of a group as a member of `around`; without it, it is a root.
    pub(crate) fn open(name: Name, around: Option<Arc<Scope>>, body: Body) -> Arc<Self> {
        let since = clock::now();
        body.polled.store(since.as_nanos(), Ordering::Relaxed);
        let body = Some(Box::new(body));
        let mut parent = around;
        while let Some(around) = parent {
            // Claimed and entered under one lock: the end of `around` on another thread comes
            // before both, and then it is passed over, or after both, and then it waits.
            let mut inner = around.lock();
            if around.claim() {
                let scope = Self::new(name, since, Some(around.clone()), body);
                let seat = inner.more().members.insert(scope.clone());
                scope.seat.store(seat as u32, Ordering::Relaxed);
                return scope;
            }
            drop(inner);
            parent = around.parent.clone();
        }
        let scope = Self::new(name, since, None, body);
        let seat = roots::add(&scope);
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
            let known = |waker: &&Waker| !more.room.iter().any(|other| other.will_wake(waker));
            let new = room.filter(known).cloned();
            more.room.extend(new);
            return Err(Refused::Full);
        }
        if more.tasks == 0 {
            more.members.make_room(limit.min(SEATS));
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

    pub(super) fn members(&self, which: impl Fn(&Self) -> bool) -> Vec<Arc<Self>> {
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
                    thread::sleep(Duration::from_millis(1));
                    continue;
                }
            };
            let more = inner.more.as_ref();
            return more.map_or_else(Vec::new, |more| more.members.iter().cloned().collect());
        }
        Vec::new()
    }

    /// Takes a scope that is over out of the tree, and with it the orphans that waited for it.
    pub(crate) fn leave(self: &Arc<Self>) {
        let mut scope = self;
        while let Some(parent) = &scope.parent {
            if !parent.remove(scope) {
                return;
            }
            scope = parent;
        }
        roots::remove(scope.place().0 as usize);
    }

    /// Removes a member; nothing happens if it has left already, as an orphan does by itself. True
    /// if this scope is over as well.
    fn remove(self: &Arc<Self>, gone: &Arc<Self>) -> bool {
        let seat = gone.place().0 as usize;
        let mut inner = self.lock();
        let more = inner.more();
        let sits = |member: &&mut Arc<Self>| Arc::ptr_eq(member, gone);
        if more.members.get_mut(seat).filter(sits).is_none() {
            return false;
        }
        // The caller has the scope still, so no destructor runs under the lock.
        drop(more.members.remove(seat));
        more.tasks -= usize::from(!gone.is_body());
        let last = more.members.is_empty();
        // A body takes up no room, so none is free after it.
        let room = match gone.is_body() {
            true => Vec::new(),
            false => std::mem::take(&mut more.room),
        };
        if !last && room.is_empty() {
            return false;
        }
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
}
