//! The state of an admission and what happens to it from outside: items, releases, pauses.
//!
//! How the next item is chosen is in `admit.rs`, how limits are replaced in `relimit.rs`, which keys
//! go first in `prefer.rs`, and what can be asked in `view.rs`. Nothing here takes time that grows
//! with the number of keys.

use std::collections::{BTreeSet, VecDeque};
use std::hash::Hash;

use super::key::{Keys, Standing};
use super::{Id, Limits};
use crate::gcra::Gcra;
use crate::line::Room;
use crate::time::Moment;

#[derive(Debug)]
pub(super) struct Entry<T> {
    pub(super) key: u32,
    pub(super) promise: Option<Promise>,
    pub(super) item: T,
}

/// A turn that was set aside for an item; whether the common rate and that of its key had kept
/// it waiting.
#[derive(Clone, Copy, Debug)]
pub(super) struct Promise {
    pub(super) waited: bool,
    pub(super) key_waited: bool,
}

/// Items waiting under keys for one composed limit.
///
/// # Examples
///
/// ```
/// use brigade_core::admission::{Admission, Limits, Next};
/// use brigade_core::time::Moment;
///
/// let limits = Limits::default().key_concurrency(1);
/// let mut admission = Admission::new(limits);
/// let now = Moment::ZERO;
/// admission.enqueue("a", 1);
/// admission.enqueue("a", 2);
/// admission.enqueue("b", 3);
/// assert!(matches!(admission.poll(now), Next::Granted { key: "a", item: 1, .. }));
/// assert!(matches!(admission.poll(now), Next::Granted { key: "b", item: 3, .. }));
/// assert_eq!(admission.poll(now), Next::Blocked);
/// admission.release(&"a", now);
/// assert!(matches!(admission.poll(now), Next::Granted { key: "a", item: 2, .. }));
/// ```
#[derive(Debug)]
pub struct Admission<K, T> {
    pub(super) limits: Limits,
    pub(super) bucket: Option<Gcra>,
    /// Whether the items have been held up by the common rate without a break.
    pub(super) waited: bool,
    pub(super) active: usize,
    /// Of the active, how many have not collected: their permits are not yet booked.
    pub(super) promised: u32,
    /// Items that stand in a line; the room also holds those aside.
    pub(super) in_line: usize,
    pub(super) room: Room<Entry<T>>,
    pub(super) keys: Keys<K>,
    pub(super) ring: VecDeque<u32>,
    /// The ring of the keys that go before the others, and their turns since the others had one.
    pub(super) preferred: VecDeque<u32>,
    pub(super) in_a_row: u32,
    /// Keys that may go again at a moment.
    pub(super) timers: BTreeSet<(Moment, u32)>,
    /// Keys to look at for forgetting.
    pub(super) rests: BTreeSet<(Moment, u32)>,
    pub(super) pauses: BTreeSet<(Moment, u32)>,
    /// When the buckets of keys that are not remembered were emptied, if not long ago.
    pub(super) emptied: Option<Moment>,
    /// Where the names of forgotten keys are kept, if they are.
    pub(super) forgotten: Option<Vec<K>>,
}

impl<K: Hash + Eq + Clone, T> Admission<K, T> {
    /// An admission with nothing waiting and full buckets.
    pub fn new(limits: Limits) -> Self {
        Self {
            bucket: limits.rate.map(Gcra::new),
            limits,
            waited: false,
            active: 0,
            promised: 0,
            in_line: 0,
            room: Room::default(),
            keys: Keys::new(),
            ring: VecDeque::new(),
            preferred: VecDeque::new(),
            in_a_row: 0,
            timers: BTreeSet::new(),
            rests: BTreeSet::new(),
            pauses: BTreeSet::new(),
            emptied: None,
            forgotten: None,
        }
    }

    /// Takes the common bucket, and those of all keys that are not remembered now, as emptied at
    /// `moment`, which may lie ahead.
    ///
    /// It is for who continues what another process did: what that one granted is not known key by
    /// key, but it granted nothing after `moment`, so no rate is exceeded over both.
    pub fn empty_since(&mut self, moment: Moment) {
        self.emptied = Some(moment);
        self.bucket = self.limits.rate.map(|rate| Gcra::emptied(rate, moment));
    }

    /// The same admission, which keeps the names of forgotten keys until they are
    /// [taken](Self::take_forgotten). Their destructors then run where the caller wants, which
    /// matters if the admission is behind a lock.
    #[must_use]
    pub fn keep_forgotten(mut self) -> Self {
        self.forgotten = Some(Vec::new());
        self
    }

    /// The names of the keys that were forgotten since this was last asked, in no order.
    pub fn take_forgotten(&mut self) -> Vec<K> {
        let kept = self.forgotten.as_mut().map(std::mem::take);
        kept.unwrap_or_default()
    }

    /// Makes room for `count` more waiting items at once, instead of step by step with copies.
    pub fn reserve(&mut self, count: usize) {
        self.room.reserve(count);
    }

    /// Puts `item` at the end of the line of `key`.
    pub fn enqueue(&mut self, key: K, item: T) -> Id {
        self.stand(&key, item, false)
    }

    /// Puts `item` into the line of `key` before all that came by [`enqueue`](Self::enqueue), and
    /// behind those that came this way: for what cannot wait as long as the others can, such as
    /// the second half of something that has begun. What of it comes for ever starves the others.
    pub fn enqueue_first(&mut self, key: K, item: T) -> Id {
        self.stand(&key, item, true)
    }

    fn stand(&mut self, key: &K, item: T, first: bool) -> Id {
        let number = self.number(key);
        let known = self.keys.at_mut(number);
        let promise = None;
        let entry = Entry {
            key: number,
            promise,
            item,
        };
        let place = match first {
            false => self.room.push(&mut known.line, entry),
            true => {
                let before = known.last_of_first;
                let place = self.room.push_behind(&mut known.line, before, entry);
                known.last_of_first = Some(place);
                place
            }
        };
        known.waiting += 1;
        self.in_line += 1;
        self.wake(number);
        Id(place)
    }

    /// Takes a waiting item back, with what was promised to it; `None` if it was admitted or taken
    /// back before.
    pub fn cancel(&mut self, id: Id) -> Option<T> {
        self.withdraw(id);
        let number = self.room.get(id.0)?.key;
        self.in_line -= usize::from(self.room.stands(id.0));
        let known = self.keys.at_mut(number);
        known.waiting -= 1;
        let entry = self.room.remove(&mut known.line, id.0)?;
        self.nobody_waits(number);
        self.plan_rest(number);
        Some(entry.item)
    }

    /// Takes back the item of `key` that came last, if one stands in its line.
    pub fn take_last(&mut self, key: &K) -> Option<T> {
        let number = self.keys.find(key)?;
        let last = self.room.back(&self.keys.at(number).line)?;
        self.cancel(Id(last))
    }

    /// The waiting item `id`, unless it was admitted or taken back.
    pub fn get_mut(&mut self, id: Id) -> Option<&mut T> {
        self.room.get_mut(id.0).map(|entry| &mut entry.item)
    }

    /// Lets the others go before `id`, which keeps its place for when it
    /// [steps back](Self::step_back).
    pub fn step_aside(&mut self, id: Id) {
        if !self.room.stands(id.0) {
            return;
        }
        if let Some(number) = self.room.get(id.0).map(|entry| entry.key) {
            let line = &mut self.keys.at_mut(number).line;
            self.room.step_aside(line, id.0);
            self.in_line -= 1;
            self.nobody_waits(number);
        }
    }

    /// Puts an item that stepped aside back to its place, before all that came after it.
    pub fn step_back(&mut self, id: Id) {
        let aside = |entry: &&Entry<T>| entry.promise.is_none();
        if self.room.stands(id.0) {
            return;
        }
        if let Some(number) = self.room.get(id.0).filter(aside).map(|entry| entry.key) {
            let line = &mut self.keys.at_mut(number).line;
            self.room.step_back(line, id.0);
            self.in_line += 1;
            self.wake(number);
        }
    }

    /// Ends one active item of `key`; without one it does nothing.
    pub fn release(&mut self, key: &K, now: Moment) {
        let Some(number) = self.keys.find(key) else {
            return;
        };
        if self.keys.at(number).active > 0 {
            self.end_one(number);
            self.forget_rested(now);
        }
    }

    /// Admits nothing of `key` before `until`. A pause that is already longer stays; one of a key
    /// that nothing waits under is remembered until it has passed.
    pub fn pause_until(&mut self, key: &K, until: Moment) {
        let number = self.number(key);
        let known = self.keys.at_mut(number);
        if until > known.paused_until {
            self.pauses.remove(&(known.paused_until, number));
            known.paused_until = until;
            self.pauses.insert((until, number));
        }
        self.plan_rest(number);
    }

    /// Ends the pause of `key`.
    pub fn resume(&mut self, key: &K) {
        let Some(number) = self.keys.find(key) else {
            return;
        };
        let known = self.keys.at_mut(number);
        self.pauses.remove(&(known.paused_until, number));
        known.paused_until = Moment::ZERO;
        self.look_again(number);
        self.plan_rest(number);
    }

    /// Forgets the keys of which nothing is left to remember at `now`. Polling does it too.
    pub fn forget(&mut self, now: Moment) {
        self.candidate(now);
    }

    fn number(&mut self, key: &K) -> u32 {
        let (rate, emptied) = (self.limits.key_rate, self.emptied);
        let bucket = |rate| match emptied {
            Some(moment) => Gcra::emptied(rate, moment),
            None => Gcra::new(rate),
        };
        self.keys.find_or_add(key, || rate.map(bucket))
    }

    /// Ends one active item of the key.
    pub(super) fn end_one(&mut self, number: u32) {
        let known = self.keys.at_mut(number);
        known.active -= 1;
        self.active -= 1;
        if known.standing == Standing::Full {
            self.join_ring(number);
        }
        self.plan_rest(number);
    }

    /// Puts a key whose moment may have changed back into the ring.
    pub(super) fn look_again(&mut self, number: u32) {
        let known = self.keys.at_mut(number);
        if let Standing::Timed(at) = known.standing {
            self.timers.remove(&(at, number));
            self.join_ring(number);
        }
    }

    /// Notes that the line of a key may have become empty: time that passes from now on is nobody's
    /// lateness, and whoever comes next finds out itself whether it has to wait.
    fn nobody_waits(&mut self, number: u32) {
        let known = self.keys.at_mut(number);
        if known.line.is_empty() {
            known.waited = false;
            self.look_again(number);
        }
    }

    /// Puts a key that has something in its line again into the ring.
    fn wake(&mut self, number: u32) {
        let known = self.keys.at_mut(number);
        if known.standing == Standing::Idle {
            self.join_ring(number);
        }
    }

    /// Plans the look at a key that may have nothing left to remember.
    pub(super) fn plan_rest(&mut self, number: u32) {
        let known = self.keys.at_mut(number);
        let Some(at) = known.rest_at() else {
            return;
        };
        if known.rest != Some(at) {
            if let Some(before) = known.rest.replace(at) {
                self.rests.remove(&(before, number));
            }
            self.rests.insert((at, number));
        }
    }

    /// Forgets the keys of which nothing is left to remember at `now`.
    pub(super) fn forget_rested(&mut self, now: Moment) {
        while let Some(&(at, number)) = self.rests.first().filter(|rest| rest.0 <= now) {
            self.rests.remove(&(at, number));
            let known = self.keys.at_mut(number);
            known.rest = None;
            match known.rest_at() {
                Some(at) if at <= now => {
                    self.pauses.remove(&(known.paused_until, number));
                    let names = self.keys.remove(number);
                    if let Some(forgotten) = &mut self.forgotten {
                        forgotten.extend(names.into_iter().flatten());
                    }
                }
                Some(_) => self.plan_rest(number),
                None => {}
            }
        }
    }
}
