//! One limit made of several: of all and of each key, on how many at once and on how many per
//! second, with keys that can be paused.
//!
//! It is one admission under one lock. It never holds a permit of one limit while it waits for
//! another, and it forgets keys that nothing is left to remember of.

use std::fmt;
use std::hash::Hash;
use std::task::Waker;
use std::time::Duration;

use brigade_core::admission::{Admission, Candidate, Id, Limits};
use brigade_core::time::Moment;
use tokio::time::Instant;

use crate::clock::{instant, moment, now};
use crate::desk::{Ask, Desk, Gate, Turn};
use crate::sync::Arc;

/// What a key can be: a host name, an account number.
pub trait Key: Hash + Eq + Clone {}

impl<K: Hash + Eq + Clone> Key for K {}

impl<K: Key> Gate for Admission<K, Option<Waker>> {
    type Place = Id;

    const TIMED: bool = true;

    fn promise(&mut self, now: Moment) -> Turn<Id> {
        match Admission::promise(self, now) {
            Candidate::Ready(id) => Turn::Of(id),
            Candidate::At(moment) => Turn::At(moment),
            Candidate::Blocked | Candidate::Empty => Turn::Nobody,
        }
    }

    fn is_promised(&self, id: Id) -> bool {
        Admission::is_promised(self, id)
    }

    fn withdraw(&mut self, id: Id) {
        Admission::withdraw(self, id);
    }

    fn step_back(&mut self, id: Id) {
        Admission::step_back(self, id);
    }

    fn leave(&mut self, id: Id) {
        self.cancel(id);
    }

    fn waker(&mut self, id: Id) -> Option<&mut Option<Waker>> {
        self.get_mut(id)
    }

    fn in_line(&self) -> usize {
        Admission::in_line(self)
    }

    fn first(&self) -> Option<Id> {
        Admission::first(self)
    }
}

/// A waiter under a key.
struct Enter<K>(K);

impl<K: Key> Ask<Admission<K, Option<Waker>>> for Enter<K> {
    type Got = K;

    fn ask(&mut self, admission: &mut Admission<K, Option<Waker>>) -> Result<K, Id> {
        Err(admission.enqueue(self.0.clone(), None))
    }

    fn collect(
        &mut self,
        admission: &mut Admission<K, Option<Waker>>,
        id: Id,
        now: Moment,
    ) -> Option<K> {
        admission.collect(id, now).map(|(key, _)| key)
    }
}

/// A composed limit with keys. Clones share it.
///
/// # Examples
///
/// ```
/// use brigade::limit::{KeyedLimit, Limits, Rate};
/// use std::time::Duration;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
/// # .block_on(async {
/// let hosts = KeyedLimit::new(Limits {
///     concurrency: Some(64),
///     key_concurrency: Some(4),
///     key_rate: Some(Rate::per_second(5)),
///     ..Limits::default()
/// });
/// let start = tokio::time::Instant::now();
/// let first = hosts.acquire("a.example").await;
/// let other = hosts.acquire("b.example").await;
/// let second = hosts.acquire("a.example").await;
/// assert_eq!(start.elapsed(), Duration::from_millis(200));
/// # });
/// ```
pub struct KeyedLimit<K: Key> {
    desk: Arc<Desk<Admission<K, Option<Waker>>>>,
}

/// What a keyed limit is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyedStats {
    /// How many passes are out, or promised to a waiter.
    pub active: usize,
    /// How many wait.
    pub waiting: usize,
    /// How many keys are remembered.
    pub keys: usize,
    /// How many of them are paused.
    pub paused: usize,
}

impl<K: Key> KeyedLimit<K> {
    /// A limit with nobody in it and full buckets.
    pub fn new(limits: Limits) -> Self
    where
        K: Send + 'static,
    {
        Self {
            desk: Desk::new(Admission::new(limits)),
        }
    }

    /// The same limit with another patience: how long a waiter whose turn has come may stay away
    /// before it may be overtaken (10 ms unless set).
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        self.desk.change(|counter| counter.patience = patience);
        self
    }

    /// Waits until every limit has room for one more of `key`. The pass gives the room back when
    /// it is dropped.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the line; a turn that was promised to it goes to the next.
    ///
    /// # Panics
    ///
    /// If it has to wait for a rate or a pause outside a tokio runtime, or in one whose timer is
    /// not enabled.
    pub async fn acquire(&self, key: K) -> Pass<K> {
        let key = self.desk.wait(Enter(key)).await;
        let desk = self.desk.clone();
        Pass { desk, key }
    }

    /// Lets nothing of `key` in before `until`. A pause that is already longer stays.
    pub fn pause_until(&self, key: &K, until: Instant) {
        let until = moment(until);
        self.desk
            .change(|counter| counter.gate.pause_until(key, until));
    }

    /// Ends the pause of `key`.
    pub fn resume(&self, key: &K) {
        self.desk.change(|counter| counter.gate.resume(key));
    }

    /// The keys that are paused now, with the ends of their pauses, soonest first.
    pub fn paused(&self) -> Vec<(K, Instant)> {
        let counter = self.desk.lock();
        let paused = counter.gate.paused(now());
        paused
            .map(|(key, until)| (key.clone(), instant(until)))
            .collect()
    }

    /// Replaces the limits. Passes that are out stay valid, also above a smaller concurrency;
    /// permits that are missing in a bucket stay missing. Takes time in proportion to the number
    /// of remembered keys.
    pub fn set_limits(&self, limits: Limits) {
        self.desk
            .change(|counter| counter.gate.set_limits(limits, now()));
    }

    /// The limits in force.
    pub fn limits(&self) -> Limits {
        self.desk.lock().gate.limits()
    }

    /// What the limit is doing at this moment.
    pub fn stats(&self) -> KeyedStats {
        let mut counter = self.desk.lock();
        let now = now();
        counter.gate.forget(now);
        KeyedStats {
            active: counter.gate.active(),
            waiting: counter.gate.waiting(),
            keys: counter.gate.keys(),
            paused: counter.gate.paused(now).count(),
        }
    }
}

impl<K: Key> Clone for KeyedLimit<K> {
    fn clone(&self) -> Self {
        let desk = self.desk.clone();
        Self { desk }
    }
}

impl<K: Key> fmt::Debug for KeyedLimit<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyedLimit").field(&self.stats()).finish()
    }
}

/// The right to go on under a key; dropping it lets the next one in.
#[must_use = "a pass that is dropped at once limits nothing"]
pub struct Pass<K: Key> {
    desk: Arc<Desk<Admission<K, Option<Waker>>>>,
    key: K,
}

impl<K: Key> Pass<K> {
    /// The key that the pass was got for.
    pub fn key(&self) -> &K {
        &self.key
    }
}

impl<K: Key> Drop for Pass<K> {
    fn drop(&mut self) {
        let key = &self.key;
        self.desk.change(|counter| counter.gate.release(key, now()));
    }
}

impl<K: Key> fmt::Debug for Pass<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pass").finish_non_exhaustive()
    }
}
