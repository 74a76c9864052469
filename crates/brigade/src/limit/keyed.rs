//! One limit made of several: of all and of each key, on how many at once and on how many per
//! second, with keys that can be paused.
//!
//! It is one admission under one lock. It never holds a permit of one limit while it waits for
//! another, and it forgets keys that nothing is left to remember of.

use std::fmt;
use std::hash::{Hash, RandomState};
use std::task::Waker;
use std::time::Duration;

use brigade_core::admission::{Admission, Candidate, Id, Limits};
use brigade_core::time::Moment;
use tokio::time::Instant;

use super::name::Name;
use super::{Bounded, Overloaded};
use crate::clock::{instant, moment, now};
use crate::desk::{Ask, Desk, Gate, Turn};
use crate::sync::Arc;

type Keys<K> = Admission<Name<K>, Option<Waker>>;

/// What a key can be: a host name, an account number.
///
/// Its `Eq` runs under the lock of the limit, so it must not use the limit; its `Hash`, `Clone` and
/// `Drop` may.
pub trait Key: Hash + Eq + Clone {}

impl<K: Hash + Eq + Clone> Key for K {}

impl<K: Key> Gate for Keys<K> {
    type Place = Id;
    type Waste = Vec<Name<K>>;

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

    fn waste(&mut self) -> Vec<Name<K>> {
        self.take_forgotten()
    }
}

/// A waiter under a key.
pub(super) struct Enter<K>(Name<K>);

impl<K: Key> Ask<Keys<K>> for Enter<K> {
    type Got = Name<K>;

    fn ask(&mut self, keys: &mut Keys<K>) -> Result<Name<K>, Id> {
        Err(keys.enqueue(self.0.clone(), None))
    }

    fn collect(&mut self, keys: &mut Keys<K>, id: Id, now: Moment) -> Option<Name<K>> {
        keys.collect(id, now).map(|(name, _)| name)
    }
}

/// The same with bounds on how many wait.
pub(super) struct EnterBounded<K> {
    pub(super) enter: Enter<K>,
    pub(super) max_waiters: usize,
    pub(super) max_waiters_per_key: usize,
}

impl<K: Key> Ask<Keys<K>> for EnterBounded<K> {
    type Got = Result<Name<K>, Overloaded>;

    fn ask(&mut self, keys: &mut Keys<K>) -> Result<Self::Got, Id> {
        self.enter.ask(keys).map(Ok)
    }

    fn collect(&mut self, keys: &mut Keys<K>, id: Id, now: Moment) -> Option<Self::Got> {
        self.enter.collect(keys, id, now).map(Ok)
    }

    fn refuse(&mut self, keys: &mut Keys<K>, id: Id, now: Moment) -> Option<Self::Got> {
        let of_key = keys.waiting_beside(id) > self.max_waiters_per_key;
        if !of_key && keys.waiting() <= self.max_waiters {
            return None;
        }
        keys.cancel(id);
        let due = keys.due_behind(&self.enter.0, now);
        Some(Err(Overloaded {
            max_waiters: match of_key {
                true => self.max_waiters_per_key,
                false => self.max_waiters,
            },
            of_key,
            wait: (due > now && due < Moment::MAX).then(|| due.since(now)),
        }))
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
/// let limits = Limits::default()
///     .concurrency(64)
///     .key_concurrency(4)
///     .key_rate(Rate::per_second(5));
/// let hosts = KeyedLimit::new(limits);
/// let start = tokio::time::Instant::now();
/// let first = hosts.acquire("a.example").await;
/// let other = hosts.acquire("b.example").await;
/// let second = hosts.acquire("a.example").await;
/// assert_eq!(start.elapsed(), Duration::from_millis(200));
/// # });
/// ```
pub struct KeyedLimit<K: Key> {
    desk: Arc<Desk<Keys<K>>>,
    hasher: RandomState,
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
        K: Send + Sync + 'static,
    {
        Self {
            desk: Desk::new(Admission::new(limits).keep_forgotten()),
            hasher: RandomState::new(),
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
        let name = self.desk.wait(self.enter(key)).await;
        self.pass(name)
    }

    /// The same limit, before which at most so many may wait, of all keys together; see
    /// [`Bounded`] for its `acquire` and for a bound on each key.
    #[must_use]
    pub fn max_waiters(self, max_waiters: usize) -> Bounded<Self> {
        Bounded::new(self, max_waiters)
    }

    pub(super) fn desk(&self) -> &Desk<Keys<K>> {
        &self.desk
    }

    pub(super) fn enter(&self, key: K) -> Enter<K> {
        Enter(Name::new(key, &self.hasher))
    }

    pub(super) fn pass(&self, name: Name<K>) -> Pass<K> {
        let desk = self.desk.clone();
        Pass { desk, name }
    }

    fn name(&self, key: &K) -> Name<K> {
        Name::new(key.clone(), &self.hasher)
    }

    /// Lets nothing of `key` in before `until`. A pause that is already longer stays.
    ///
    /// # Examples
    ///
    /// A server that answers 429 with `Retry-After: 2` is left alone for so long, and no other is:
    ///
    /// ```
    /// use brigade::limit::{KeyedLimit, Limits, Rate};
    /// use std::time::Duration;
    /// use tokio::time::Instant;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
    /// # .block_on(async {
    /// let limits = Limits::default().rate(Rate::per_second(10).burst(10)).key_concurrency(5);
    /// let hosts = KeyedLimit::new(limits);
    /// let start = Instant::now();
    /// let pass = hosts.acquire("a.example").await;
    /// let retry_after = Duration::from_secs(2); // What the answer said.
    /// hosts.pause_until(pass.key(), Instant::now() + retry_after);
    /// drop(pass);
    ///
    /// let other = hosts.acquire("b.example").await;
    /// assert_eq!(start.elapsed(), Duration::ZERO);
    /// let again = hosts.acquire("a.example").await;
    /// assert_eq!(start.elapsed(), retry_after);
    /// # });
    /// ```
    pub fn pause_until(&self, key: &K, until: Instant) {
        let (name, until) = (self.name(key), moment(until));
        self.desk
            .change(|counter| counter.gate.pause_until(&name, until));
    }

    /// Ends the pause of `key`.
    pub fn resume(&self, key: &K) {
        let name = self.name(key);
        self.desk.change(|counter| counter.gate.resume(&name));
    }

    /// The keys that are paused now, with the ends of their pauses, soonest first.
    pub fn paused(&self) -> Vec<(K, Instant)> {
        let counter = self.desk.lock();
        let paused = counter.gate.paused(now());
        let paused: Vec<_> = paused.map(|(name, until)| (name.clone(), until)).collect();
        drop(counter);
        paused
            .iter()
            .map(|(name, until)| (name.key().clone(), instant(*until)))
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
        self.desk.change(|counter| {
            let now = now();
            counter.gate.forget(now);
            KeyedStats {
                active: counter.gate.active(),
                waiting: counter.gate.waiting(),
                keys: counter.gate.keys(),
                paused: counter.gate.paused(now).count(),
            }
        })
    }
}

impl<K: Key> Clone for KeyedLimit<K> {
    fn clone(&self) -> Self {
        Self {
            desk: self.desk.clone(),
            hasher: self.hasher.clone(),
        }
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
    desk: Arc<Desk<Keys<K>>>,
    name: Name<K>,
}

impl<K: Key> Pass<K> {
    /// The key that the pass was got for.
    pub fn key(&self) -> &K {
        self.name.key()
    }
}

impl<K: Key> Drop for Pass<K> {
    fn drop(&mut self) {
        let name = &self.name;
        self.desk
            .change(|counter| counter.gate.release(name, now()));
    }
}

impl<K: Key> fmt::Debug for Pass<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pass").finish_non_exhaustive()
    }
}
