//! The patience with waiters that were given something and do not come for it.
//!
//! A future that nobody polls, such as the loser of a `select!` that is kept, would hold what it
//! was given for ever, and whoever polls it may be waiting for just that. So what a waiter was
//! given is its own only once it takes it. Until then it lies in a [`Parcel`], and after
//! [`PATIENCE`] it goes to the next; the waiter finds the parcel empty and joins the queue again, at
//! its old place. No task is needed for this, and nothing is ever given back under the lock.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Wake, Waker};
use std::time::Duration;

use brigade::clock::{Alarm, now};
use brigade_core::time::Moment;

use super::client_pool::ClientPool;
use super::guards::Checkout;

/// How long what was given waits for its owner.
const PATIENCE: Duration = Duration::from_millis(10);

/// What a waiter was given, until it takes it. Dropping it gives back what is in it.
#[derive(Debug)]
pub(crate) struct Parcel {
    content: Arc<Content>,
}

impl Parcel {
    /// What is in it; `None` if it went to another waiter.
    pub(super) fn take(&self) -> Option<Checkout> {
        self.content.take()
    }
}

impl Drop for Parcel {
    fn drop(&mut self) {
        drop(self.take());
    }
}

/// Shared with the watch, which never drops what is in it while it is locked.
#[derive(Debug)]
struct Content(Mutex<Option<Checkout>>);

impl Content {
    fn lock(&self) -> MutexGuard<'_, Option<Checkout>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<Checkout> {
        self.lock().take()
    }
}

/// What may still lie around, oldest first.
#[derive(Debug)]
pub(super) struct Patience {
    watch: Mutex<Watch>,
}

#[derive(Debug)]
struct Watch {
    contents: VecDeque<(Moment, Arc<Content>)>,
    alarm: Alarm,
}

impl Patience {
    pub(super) fn new(pool: Weak<ClientPool>) -> Self {
        let watch = Watch {
            contents: VecDeque::new(),
            alarm: Alarm::new(Waker::from(Arc::new(Bell { pool }))),
        };
        Self {
            watch: Mutex::new(watch),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Packs what a waiter is given, and watches whether it is taken.
    pub(super) fn pack(&self, checkout: Checkout) -> Parcel {
        let content = Arc::new(Content(Mutex::new(Some(checkout))));
        let mut watch = self.lock();
        watch.forget_taken();
        watch.contents.push_back((now(), content.clone()));
        watch.set_alarm();
        Parcel { content }
    }

    /// Gives back what was not taken in time. It goes to the next, and is watched again.
    fn ring(&self) {
        self.lock().alarm.rang();
        while let Some(content) = self.overdue() {
            drop(content.take());
        }
        self.lock().set_alarm();
    }

    fn overdue(&self) -> Option<Arc<Content>> {
        let mut watch = self.lock();
        watch.forget_taken();
        let (since, _) = watch.contents.front()?;
        let overdue = now().since(*since) >= PATIENCE;
        overdue
            .then(|| watch.contents.pop_front())?
            .map(|(_, content)| content)
    }
}

impl Watch {
    fn forget_taken(&mut self) {
        let is_taken = |front: &(_, Arc<Content>)| front.1.lock().is_none();
        while self.contents.front().is_some_and(is_taken) {
            self.contents.pop_front();
        }
    }

    /// Without a runtime to ring on there is no patience.
    fn set_alarm(&mut self) {
        if let Some((since, _)) = self.contents.front()
            && self.alarm.is_set().is_none()
        {
            self.alarm.set(*since + PATIENCE);
        }
    }
}

/// What the alarm rings. It never keeps a pool alive.
struct Bell {
    pool: Weak<ClientPool>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        if let Some(pool) = self.pool.upgrade() {
            pool.patience.ring();
        }
    }
}
