//! How an admission chooses the next item.
//!
//! The front of the ring is checked; a key that may not go leaves the ring for the place that will
//! bring it back. So each check either finds the next item or makes later polls cheaper. Nothing
//! here is taken from one limit unless it is taken from all.

use std::collections::VecDeque;
use std::hash::Hash;

use super::key::Standing;
use super::prefer::IN_A_ROW;
use super::state::Promise;
use super::{Admission, Candidate, Id, Next};
use crate::gcra::{Arrival, Gcra};
use crate::line::Place;
use crate::time::Moment;

impl<K: Hash + Eq + Clone, T> Admission<K, T> {
    /// Admits the next item, if every limit has room for one at `now`.
    ///
    /// Call it until it answers something else than [`Next::Granted`], and again after each
    /// change and at the moment it names.
    pub fn poll(&mut self, now: Moment) -> Next<K, T> {
        match self.promise(now) {
            Candidate::Ready(id) => match self.collect(id, now) {
                Some((key, item)) => Next::Granted { key, id, item },
                None => Next::Empty,
            },
            Candidate::At(moment) => Next::At(moment),
            Candidate::Blocked => Next::Blocked,
            Candidate::Empty => Next::Empty,
        }
    }

    /// Sets a turn aside for the next item, if every limit has room for one at `now`.
    ///
    /// The item counts as active and must [`collect`](Self::collect); what a rate allows is booked
    /// only then. Use this instead of [`poll`](Self::poll) if an item may come late to its turn.
    pub fn promise(&mut self, now: Moment) -> Candidate {
        let candidate = self.candidate(now);
        if let Candidate::Ready(id) = candidate {
            self.set_aside(id.0);
        }
        candidate
    }

    /// Admits an item that was promised a turn, booked at `now`; `None` if none was promised to it.
    pub fn collect(&mut self, id: Id, now: Moment) -> Option<(K, T)> {
        let entry = self.room.get(id.0)?;
        let (number, promise) = (entry.key, entry.promise?);
        let key = self.keys.at_mut(number);
        self.promised -= 1;
        key.promised -= 1;
        take(&mut self.bucket, now, promise.waited);
        take(&mut key.bucket, now, promise.key_waited);
        let entry = self.room.remove(&mut key.line, id.0)?;
        let name = key.name.clone();
        self.look_again(number);
        Some((name, entry.item))
    }

    /// Takes back a promise that was not collected; the item then stands aside.
    pub fn withdraw(&mut self, id: Id) {
        let Some(entry) = self.room.get_mut(id.0) else {
            return;
        };
        let number = entry.key;
        if entry.promise.take().is_some() {
            let key = self.keys.at_mut(number);
            key.promised -= 1;
            key.waiting += 1;
            self.promised -= 1;
            self.end_one(number);
            self.look_again(number);
        }
    }

    /// Whether `id` was promised a turn that it has not collected.
    pub fn is_promised(&self, id: Id) -> bool {
        let entry = self.room.get(id.0);
        entry.is_some_and(|entry| entry.promise.is_some())
    }

    /// What could be admitted at `now`.
    pub fn candidate(&mut self, now: Moment) -> Candidate {
        self.return_due_keys(now);
        let answer = self.choose(now);
        self.forget_rested(now);
        if !matches!(answer, Candidate::Ready(_)) {
            self.waited = answer == Candidate::At(self.common_due());
        }
        answer
    }

    /// Whether an item waits that its own key would let go at `now`, so that at most the common
    /// limits are in its way.
    pub fn is_any_ready(&mut self, now: Moment) -> bool {
        self.return_due_keys(now);
        self.front_of_rings(now).is_some()
    }

    fn choose(&mut self, now: Moment) -> Candidate {
        let full = |limit| self.active >= limit;
        if self.in_line > 0 && self.limits.concurrency.is_some_and(full) {
            return Candidate::Blocked;
        }
        let common_due = self.common_due();
        match self.front_of_rings(now) {
            Some(place) if common_due <= now => Candidate::Ready(Id(place)),
            Some(_) => at_or_blocked(common_due),
            None if self.in_line == 0 => Candidate::Empty,
            None => match self.timers.first() {
                Some((at, _)) => at_or_blocked(common_due.max(*at)),
                None => Candidate::Blocked,
            },
        }
    }

    fn common_due(&self) -> Moment {
        let due = |bucket: &Gcra| bucket.due(self.promised + 1);
        self.bucket.as_ref().map_or(Moment::ZERO, due)
    }

    /// The first item of the first key that may go, of the preferred ones if it is their turn.
    fn front_of_rings(&mut self, now: Moment) -> Option<Place> {
        let preferred = self.in_a_row < IN_A_ROW;
        self.front_of_ring(preferred, now)
            .or_else(|| self.front_of_ring(!preferred, now))
    }

    fn ring(&mut self, preferred: bool) -> &mut VecDeque<u32> {
        match preferred {
            true => &mut self.preferred,
            false => &mut self.ring,
        }
    }

    /// The first item of the first key in a ring that may go; those before it leave the ring.
    fn front_of_ring(&mut self, preferred: bool, now: Moment) -> Option<Place> {
        while let Some(number) = self.ring(preferred).front().copied() {
            let key = self.keys.at_mut(number);
            let Some(first) = self.room.front(&key.line) else {
                self.ring(preferred).pop_front();
                let key = self.keys.at_mut(number);
                key.standing = Standing::Idle;
                key.waited = false;
                self.plan_rest(number);
                continue;
            };
            let due = key.due();
            if self
                .limits
                .key_concurrency
                .is_some_and(|limit| key.active >= limit)
            {
                key.standing = Standing::Full;
                key.waited = false;
            } else if due > now {
                key.standing = Standing::Timed(due);
                key.waited = due == key.rate_due();
                self.timers.insert((due, number));
            } else {
                return Some(first);
            }
            self.ring(preferred).pop_front();
        }
        None
    }

    /// Brings the keys whose moment has come back into the ring.
    fn return_due_keys(&mut self, now: Moment) {
        while let Some(&(at, number)) = self.timers.first().filter(|timer| timer.0 <= now) {
            self.timers.remove(&(at, number));
            self.join_ring(number);
        }
    }

    /// Takes the item at `place`, the candidate, out of its line and counts it as active.
    fn set_aside(&mut self, place: Place) {
        let Some(entry) = self.room.get_mut(place) else {
            return;
        };
        let number = entry.key;
        let key = self.keys.at_mut(number);
        entry.promise = Some(Promise {
            waited: self.waited,
            key_waited: key.waited,
        });
        self.active += 1;
        key.active += 1;
        self.promised += 1;
        key.promised += 1;
        key.waiting -= 1;
        self.in_line -= 1;
        self.room.step_aside(&mut key.line, place);
        let (preferred, is_last) = (key.preferred, key.line.is_empty());
        if is_last {
            key.standing = Standing::Idle;
            key.waited = false;
        }
        self.ring(preferred).pop_front();
        self.count_turn(preferred);
        if !is_last {
            self.join_ring(number);
        }
        self.waited &= self.in_line > 0;
    }
}

/// With the whole burst promised, no moment helps: a promise must be collected first.
fn at_or_blocked(due: Moment) -> Candidate {
    if due == Moment::MAX {
        Candidate::Blocked
    } else {
        Candidate::At(due)
    }
}

fn take(bucket: &mut Option<Gcra>, now: Moment, waited: bool) {
    let arrival = if waited {
        Arrival::Waited
    } else {
        Arrival::Now
    };
    if let Some(bucket) = bucket {
        // It was due when it was promised. If the rate has changed since, it is missing at the new.
        bucket.book(1, now, arrival);
    }
}
