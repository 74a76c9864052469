//! The patience with waiters that were given something and do not come for it.
//!
//! A future that nobody polls, such as the loser of a `select!` that is kept, would hold what it
//! was given for ever, and whoever polls it may be waiting for just that. So what a waiter was
//! given is its own only once it takes it. After [`PATIENCE`] it goes to the next; the waiter finds
//! that it was overtaken and joins the queue again, at its old place. No task is needed for this,
//! and nothing is ever given back under the lock.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Wake, Waker};
use std::time::Duration;

use brigade::clock::{Alarm, now};
use brigade_core::time::Moment;

use super::client_pool::ClientPool;
use super::want::Want;

/// How long what was given waits for its owner.
const PATIENCE: Duration = Duration::from_millis(10);

/// Those who may not have come yet for what they were given, oldest first.
#[derive(Debug)]
pub(super) struct Patience {
    watch: Mutex<Watch>,
}

#[derive(Debug)]
struct Watch {
    wants: VecDeque<(Moment, Arc<Want>)>,
    alarm: Alarm,
}

impl Patience {
    pub(super) fn new(pool: Weak<ClientPool>) -> Self {
        let watch = Watch {
            wants: VecDeque::new(),
            alarm: Alarm::new(Waker::from(Arc::new(Bell { pool }))),
        };
        Self {
            watch: Mutex::new(watch),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches whether a waiter comes for what it was given.
    pub(super) fn watch(&self, want: Arc<Want>) {
        let mut watch = self.lock();
        let spent = watch.take_spent();
        watch.wants.push_back((now(), want));
        watch.set_alarm();
        drop(watch);
        drop(spent);
    }

    /// Gives back what was not taken in time. It goes to the next, who is watched again.
    fn ring(&self) {
        self.lock().alarm.rang();
        while let Some(want) = self.overdue() {
            drop(want.take_back());
        }
        self.lock().set_alarm();
    }

    fn overdue(&self) -> Option<Arc<Want>> {
        let mut watch = self.lock();
        let spent = watch.take_spent();
        let (since, _) = watch.wants.front()?;
        let overdue = now().since(*since) >= PATIENCE;
        let want = overdue.then(|| watch.wants.pop_front())?;
        drop(watch);
        drop(spent);
        want.map(|(_, want)| want)
    }
}

impl Watch {
    /// Those at the front who have come, to be dropped outside the lock.
    fn take_spent(&mut self) -> Vec<(Moment, Arc<Want>)> {
        let is_given = |(_, want): &(Moment, Arc<Want>)| want.is_given();
        let spent = self
            .wants
            .iter()
            .take_while(|entry| !is_given(entry))
            .count();
        self.wants.drain(..spent).collect()
    }

    /// Without a runtime to ring on there is no patience.
    fn set_alarm(&mut self) {
        if let Some((since, _)) = self.wants.front()
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
