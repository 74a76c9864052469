//! How an admission chooses the next item.
//!
//! The front of the ring is checked; a key that may not go leaves the ring for the place that will
//! bring it back. So each check either finds the next item or makes later polls cheaper. Nothing
//! here is taken from one limit unless it is taken from all.

use std::hash::Hash;

use super::key::Standing;
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
        match self.candidate(now) {
            Candidate::Ready(id) => match self.admit(id.0, now) {
                Some((key, item)) => Next::Granted { key, id, item },
                None => Next::Empty,
            },
            Candidate::At(moment) => Next::At(moment),
            Candidate::Blocked => Next::Blocked,
            Candidate::Empty => Next::Empty,
        }
    }

    /// Admits `id` if it is the next to go at `now`.
    ///
    /// # Errors
    ///
    /// If it is not: what could be admitted instead. Nothing has changed then.
    pub fn take(&mut self, id: Id, now: Moment) -> Result<T, Candidate> {
        match self.candidate(now) {
            Candidate::Ready(next) if next == id => match self.admit(id.0, now) {
                Some((_, item)) => Ok(item),
                None => Err(Candidate::Empty),
            },
            other => Err(other),
        }
    }

    /// What could be admitted at `now`.
    pub fn candidate(&mut self, now: Moment) -> Candidate {
        self.return_due_keys(now);
        let answer = self.choose(now);
        self.forget_rested(now);
        if !matches!(answer, Candidate::Ready(_)) {
            let common_due = self.bucket.as_ref().map(|bucket| bucket.due(1));
            self.waited = common_due.is_some_and(|due| answer == Candidate::At(due));
        }
        answer
    }

    fn choose(&mut self, now: Moment) -> Candidate {
        let full = |limit| self.active >= limit;
        if self.in_line > 0 && self.limits.concurrency.is_some_and(full) {
            return Candidate::Blocked;
        }
        let common_due = self.bucket.as_ref().map_or(Moment::ZERO, |b| b.due(1));
        match self.front_of_ring(now) {
            Some(_) if common_due > now => Candidate::At(common_due),
            Some(place) => Candidate::Ready(Id(place)),
            None if self.in_line == 0 => Candidate::Empty,
            None => match self.timers.first() {
                Some((at, _)) => Candidate::At(common_due.max(*at)),
                None => Candidate::Blocked,
            },
        }
    }

    /// The first item of the first key in the ring that may go; those before it leave the ring.
    fn front_of_ring(&mut self, now: Moment) -> Option<Place> {
        while let Some(number) = self.ring.front().copied() {
            let key = self.keys.at_mut(number);
            let Some(first) = self.room.front(&key.line) else {
                self.ring.pop_front();
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
            self.ring.pop_front();
        }
        None
    }

    /// Brings the keys whose moment has come back into the ring.
    fn return_due_keys(&mut self, now: Moment) {
        while let Some(&(at, number)) = self.timers.first().filter(|timer| timer.0 <= now) {
            self.timers.remove(&(at, number));
            self.keys.at_mut(number).standing = Standing::Ready;
            self.ring.push_back(number);
        }
    }

    /// Takes the item at `place`, the candidate, from its line and one permit from every limit.
    fn admit(&mut self, place: Place, now: Moment) -> Option<(K, T)> {
        let number = self.room.get(place)?.key;
        let key = self.keys.at_mut(number);
        take(&mut self.bucket, now, self.waited);
        take(&mut key.bucket, now, key.waited);
        self.active += 1;
        key.active += 1;
        key.waiting -= 1;
        self.in_line -= 1;
        let entry = self.room.remove(&mut key.line, place)?;
        self.ring.pop_front();
        if key.line.is_empty() {
            key.standing = Standing::Idle;
            key.waited = false;
        } else {
            self.ring.push_back(number);
        }
        self.waited &= self.in_line > 0;
        Some((key.name.clone(), entry.item))
    }
}

fn take(bucket: &mut Option<Gcra>, now: Moment, waited: bool) {
    let arrival = if waited {
        Arrival::Waited
    } else {
        Arrival::Now
    };
    if let Some(bucket) = bucket {
        let taken = bucket.take(1, now, arrival);
        debug_assert_eq!(taken, Ok(()), "a candidate is due");
    }
}
