//! A limit before which only so many may wait: overload becomes an answer instead of a backlog.
//!
//! A line that grows without bound turns a busy service into a dead one, since everybody in it
//! waits longer than he can use the result. The bound is checked under the lock of the limit
//! itself, so it holds exactly. It never refuses whoever could go at once.

use super::keyed::{EnterBounded, Key};
use super::turns::{Counted, TakeBounded, TakePermits};
use super::{
    AcquireError, KeyedLimit, Overloaded, OwnedPermit, Pass, Permit, RateLimit, Semaphore,
};

/// A [`Semaphore`], [`RateLimit`] or [`KeyedLimit`] whose `acquire` answers "no" at once when so
/// many wait already. It comes from their `max_waiters`.
///
/// It shares its permits with the limit that it was made of, and so do its clones. Everybody who
/// waits at that limit counts, whichever way it came there, as `stats().waiting` does: also a
/// waiter that was [overtaken](super) and keeps its place. A waiter that is dropped makes room.
/// So one limit can have several bounds: a low one for work that can come back later, a high one
/// or none for work that cannot.
///
/// # Examples
///
/// ```
/// use brigade::limit::{Rate, RateLimit};
/// use std::time::Duration;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
/// # .block_on(async {
/// let limit = RateLimit::new(Rate::per_second(10)).max_waiters(1);
/// assert!(limit.acquire().await.is_ok());
/// let (second, third) = tokio::join!(limit.acquire(), limit.acquire());
/// assert!(second.is_ok(), "it waited");
/// let overloaded = third.unwrap_err();
/// assert_eq!(overloaded.wait, Some(Duration::from_millis(200)));
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct Bounded<L> {
    limit: L,
    max_waiters: usize,
    max_waiters_per_key: usize,
}

impl<L> Bounded<L> {
    pub(super) fn new(limit: L, max_waiters: usize) -> Self {
        Self {
            limit,
            max_waiters,
            max_waiters_per_key: usize::MAX,
        }
    }

    /// The limit itself: its stats and settings, `try_acquire`, and an `acquire` without a bound.
    pub fn get_ref(&self) -> &L {
        &self.limit
    }
}

impl Bounded<Semaphore> {
    /// As [`Semaphore::acquire`], unless it would have to wait where so many wait already.
    ///
    /// # Cancel safety
    ///
    /// As [`Semaphore::acquire`].
    ///
    /// # Errors
    ///
    /// At once if as many wait as may.
    pub async fn acquire(&self) -> Result<Permit<'_>, Overloaded> {
        self.acquire_many(1).await.map_err(single)
    }

    /// As [`Semaphore::acquire_many`], unless it would have to wait where so many wait already.
    ///
    /// # Cancel safety
    ///
    /// As [`Semaphore::acquire`].
    ///
    /// # Errors
    ///
    /// At once if as many wait as may, or as [`Semaphore::acquire_many`].
    pub async fn acquire_many(&self, permits: u32) -> Result<Permit<'_>, AcquireError> {
        self.take(permits).await?;
        Ok(self.limit.taken(permits))
    }

    /// As [`Semaphore::acquire_owned`], unless it would have to wait where so many wait already.
    ///
    /// # Cancel safety
    ///
    /// As [`Semaphore::acquire`].
    ///
    /// # Errors
    ///
    /// As [`acquire_many`](Self::acquire_many).
    pub async fn acquire_owned(&self, permits: u32) -> Result<OwnedPermit, AcquireError> {
        self.take(permits).await?;
        Ok(self.limit.taken(permits).into_owned())
    }

    async fn take(&self, permits: u32) -> Result<(), AcquireError> {
        let till = Counted;
        let take = TakePermits { permits, till };
        let max_waiters = self.max_waiters;
        self.limit
            .desk()
            .wait(TakeBounded { take, max_waiters })
            .await
    }
}

impl Bounded<RateLimit> {
    /// As [`RateLimit::acquire`], unless it would have to wait where so many wait already.
    ///
    /// # Cancel safety
    ///
    /// As [`RateLimit::acquire`].
    ///
    /// # Errors
    ///
    /// At once if as many wait as may. The error says how long the permit would have taken.
    ///
    /// # Panics
    ///
    /// As [`RateLimit::acquire`].
    pub async fn acquire(&self) -> Result<(), Overloaded> {
        self.acquire_many(1).await.map_err(single)
    }

    /// As [`RateLimit::acquire_many`], unless it would have to wait where so many wait already.
    ///
    /// # Cancel safety
    ///
    /// As [`RateLimit::acquire`].
    ///
    /// # Errors
    ///
    /// At once if as many wait as may, or as [`RateLimit::acquire_many`].
    ///
    /// # Panics
    ///
    /// As [`RateLimit::acquire`].
    pub async fn acquire_many(&self, permits: u32) -> Result<(), AcquireError> {
        let till = self.limit.credit();
        let take = TakePermits { permits, till };
        let max_waiters = self.max_waiters;
        self.limit
            .desk()
            .wait(TakeBounded { take, max_waiters })
            .await
    }
}

impl<K: Key> Bounded<KeyedLimit<K>> {
    /// The same, if of each key at most so many may wait.
    #[must_use]
    pub fn max_waiters_per_key(mut self, max_waiters: usize) -> Self {
        self.max_waiters_per_key = max_waiters;
        self
    }

    /// As [`KeyedLimit::acquire`], unless it would have to wait where so many wait already, of all
    /// keys or of this one.
    ///
    /// # Cancel safety
    ///
    /// As [`KeyedLimit::acquire`].
    ///
    /// # Errors
    ///
    /// At once if as many wait as may. The error says which bound was reached, and what rates and
    /// the pause of the key tell about the time to come back.
    ///
    /// # Panics
    ///
    /// As [`KeyedLimit::acquire`].
    pub async fn acquire(&self, key: K) -> Result<Pass<K>, Overloaded> {
        let enter = EnterBounded {
            enter: self.limit.enter(key),
            max_waiters: self.max_waiters,
            max_waiters_per_key: self.max_waiters_per_key,
        };
        let name = self.limit.desk().wait(enter).await?;
        Ok(self.limit.pass(name))
    }
}

/// A single permit is always waited for.
fn single(error: AcquireError) -> Overloaded {
    match error {
        AcquireError::Overloaded(error) => error,
        AcquireError::TooMany(error) => unreachable!("there is always room for one: {error}"),
    }
}
