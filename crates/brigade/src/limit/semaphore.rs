//! A semaphore: at most so many at once.
//!
//! It exists beside tokio's because a waiter that nobody polls must not stop the others, and
//! because its capacity can be lowered. It never hands a permit to somebody who may not come.

use std::fmt;
use std::task::Waker;
use std::time::Duration;

use brigade_core::time::Moment;
use brigade_core::turns::{Permits, Stock, Turns};

use super::turns::{Counted, TakePermits};
use super::{Bounded, NotYet, TooMany};
use crate::desk::Desk;
use crate::sync::Arc;

type SemaphoreDesk = Desk<Turns<Permits, Option<Waker>>>;

/// A number of permits, given first come, first served. Clones share them.
///
/// # Examples
///
/// ```
/// use brigade::limit::Semaphore;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let at_once = Semaphore::new(2);
/// let permit = at_once.acquire().await;
/// assert_eq!(at_once.stats().taken, 1);
/// drop(permit);
/// assert_eq!(at_once.stats().taken, 0);
/// # });
/// ```
#[derive(Clone)]
pub struct Semaphore {
    desk: Arc<SemaphoreDesk>,
}

/// What a semaphore is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SemaphoreStats {
    /// How many permits there are.
    pub capacity: u32,
    /// How many of them are taken; more than there are if the capacity was lowered.
    pub taken: u32,
    /// How many wait.
    pub waiting: usize,
}

impl Semaphore {
    /// A semaphore with `capacity` permits.
    ///
    /// With none it is paused until [`set_capacity`](Self::set_capacity) raises it.
    pub fn new(capacity: u32) -> Self {
        Self {
            desk: Desk::new(Turns::new(Permits::new(capacity))),
        }
    }

    /// The same semaphore with another patience: how long a waiter whose turn has come may stay
    /// away before it may be overtaken (10 ms unless set).
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        self.desk.change(|counter| counter.patience = patience);
        self
    }

    /// The same semaphore, before which at most so many may wait; see [`Bounded`].
    #[must_use]
    pub fn max_waiters(self, max_waiters: usize) -> Bounded<Self> {
        Bounded::new(self, max_waiters)
    }

    /// Waits for a permit, which goes back when it is dropped.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the line; a permit that was promised to it goes to the next.
    pub async fn acquire(&self) -> Permit<'_> {
        match self.acquire_many(1).await {
            Ok(permit) => permit,
            Err(error) => unreachable!("a single permit is always waited for: {error}"),
        }
    }

    /// Waits for `permits` at once, which go back together when they are dropped. Those behind
    /// wait until they are together.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Errors
    ///
    /// At once if `permits` exceed the capacity, or when it is lowered below them.
    pub async fn acquire_many(&self, permits: u32) -> Result<Permit<'_>, TooMany> {
        self.take(permits).await?;
        Ok(self.taken(permits))
    }

    /// As [`acquire_many`](Self::acquire_many), with a permit that owns its share of the
    /// semaphore and can be moved into a task.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Errors
    ///
    /// As [`acquire_many`](Self::acquire_many).
    pub async fn acquire_owned(&self, permits: u32) -> Result<OwnedPermit, TooMany> {
        self.take(permits).await?;
        Ok(self.taken(permits).into_owned())
    }

    /// Takes a permit that is free now, unless somebody waits for it.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn try_acquire(&self) -> Result<Permit<'_>, NotYet> {
        if self.desk.lock().gate.take_now(1, Moment::ZERO) {
            Ok(self.taken(1))
        } else {
            Err(NotYet { wait: None })
        }
    }

    /// Changes the number of permits. Those that are taken stay taken; a waiter that wants more
    /// than there now can be gets its error.
    pub fn set_capacity(&self, capacity: u32) {
        let change = |permits: &mut Permits| permits.set_capacity(capacity);
        self.desk.change(|counter| change(counter.gate.stock_mut()));
    }

    /// What the semaphore is doing at this moment.
    pub fn stats(&self) -> SemaphoreStats {
        let counter = self.desk.lock();
        SemaphoreStats {
            capacity: counter.gate.stock().capacity(),
            taken: counter.gate.stock().taken(),
            waiting: counter.gate.waiting(),
        }
    }

    pub(super) fn desk(&self) -> &SemaphoreDesk {
        &self.desk
    }

    /// Permits that have been taken just now.
    pub(super) fn taken(&self, permits: u32) -> Permit<'_> {
        let desk = &self.desk;
        Permit { desk, permits }
    }

    async fn take(&self, permits: u32) -> Result<(), TooMany> {
        let till = Counted;
        self.desk.wait(TakePermits { permits, till }).await
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Semaphore").field(&self.stats()).finish()
    }
}

fn give_back(desk: &SemaphoreDesk, permits: u32) {
    desk.change(|counter| counter.gate.stock_mut().give(permits));
}

/// Permits of a [`Semaphore`]; dropping them gives them back.
#[must_use = "a permit that is dropped at once limits nothing"]
pub struct Permit<'a> {
    desk: &'a Arc<SemaphoreDesk>,
    permits: u32,
}

impl Permit<'_> {
    /// The same permits, owning their share of the semaphore.
    pub fn into_owned(self) -> OwnedPermit {
        let this = std::mem::ManuallyDrop::new(self);
        OwnedPermit {
            desk: this.desk.clone(),
            permits: this.permits,
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        give_back(self.desk, self.permits);
    }
}

/// Permits of a [`Semaphore`] that do not borrow it; dropping them gives them back.
#[must_use = "a permit that is dropped at once limits nothing"]
pub struct OwnedPermit {
    desk: Arc<SemaphoreDesk>,
    permits: u32,
}

impl Drop for OwnedPermit {
    fn drop(&mut self) {
        give_back(&self.desk, self.permits);
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Permit").field(&self.permits).finish()
    }
}

impl fmt::Debug for OwnedPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnedPermit").field(&self.permits).finish()
    }
}
