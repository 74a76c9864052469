//! Whose turn it is among futures that share one task.
//!
//! Each future has a waker of its own, so a wake-up leads to one poll, however many others wait.
//! Nothing here holds a future: wakers outlive the futures, and must not reach them.

use std::collections::VecDeque;
use std::task::{Wake, Waker};

use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Those who were woken, in order.
#[derive(Default)]
pub(super) struct Turns(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    woken: VecDeque<Arc<Alarm>>,
    /// The task in which the turns are taken.
    task: Option<Waker>,
    /// Somebody takes turns now and will look again, so nobody has to be woken.
    taking: bool,
    closed: bool,
}

/// The waker of one future.
pub(super) struct Alarm {
    /// Where the future is.
    pub(super) seat: usize,
    queued: AtomicBool,
    turns: Arc<Turns>,
}

impl Alarm {
    pub(super) fn new(seat: usize, turns: &Arc<Turns>) -> Arc<Self> {
        Arc::new(Self {
            seat,
            queued: AtomicBool::new(false),
            turns: turns.clone(),
        })
    }

    /// From now on a wake-up leads to another turn.
    pub(super) fn reset(&self) {
        self.queued.store(false, Ordering::Release);
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.turns.push(self.clone());
        }
    }
}

impl Turns {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, alarm: Arc<Alarm>) {
        let mut queue = self.lock();
        if queue.closed {
            drop(queue);
            return drop(alarm);
        }
        queue.woken.push_back(alarm);
        let task = if queue.taking {
            None
        } else {
            queue.task.take()
        };
        drop(queue);
        if let Some(task) = task {
            task.wake();
        }
    }

    /// Begins to take turns in the task of `waker`.
    pub(super) fn begin(&self, waker: &Waker) {
        let mut queue = self.lock();
        queue.taking = true;
        let old = queue.task.replace(waker.clone());
        drop(queue);
        drop(old);
    }

    /// The next one; when there is none, the task is woken for the next one that comes.
    pub(super) fn next(&self) -> Option<Arc<Alarm>> {
        let mut queue = self.lock();
        let next = queue.woken.pop_front();
        queue.taking = next.is_some();
        next
    }

    /// Stops taking turns before there is none left, to let other tasks run.
    pub(super) fn pause(&self) {
        let mut queue = self.lock();
        queue.taking = false;
        let task = queue.task.take();
        drop(queue);
        if let Some(task) = task {
            task.wake();
        }
    }

    /// Forgets everybody, for ever.
    pub(super) fn close(&self) {
        let mut queue = self.lock();
        queue.closed = true;
        let forgotten = (std::mem::take(&mut queue.woken), queue.task.take());
        drop(queue);
        drop(forgotten);
    }
}
