//! What can be asked of an admission.
//!
//! Nothing here changes anything. What takes time in proportion to something says so.

use std::hash::Hash;

use super::{Admission, Id, Limits};
use crate::gcra::Gcra;
use crate::time::Moment;

impl<K: Hash + Eq + Clone, T> Admission<K, T> {
    /// The keys that are paused at `now`, with the ends of their pauses, soonest first.
    pub fn paused(&self, now: Moment) -> impl Iterator<Item = (&K, Moment)> {
        let paused = self.pauses.iter().filter(move |pause| pause.0 > now);
        paused.map(|(until, number)| (&self.keys.at(*number).name, *until))
    }

    /// The earliest moment at which a newcomer of `key` could be admitted, as far as rates and its
    /// pause tell: behind all that wait under its key, and ahead of all others. What a release
    /// decides it knows nothing of.
    pub fn due_behind(&self, key: &K, now: Moment) -> Moment {
        let known = self.keys.find(key).map(|number| self.keys.at(number));
        let (start, ahead) = known.map_or((now, 0), |key| {
            let ahead = key.waiting as u64 + u64::from(key.promised);
            (now.max(key.paused_until), ahead)
        });
        let behind = |bucket: &Gcra| bucket.due_behind(ahead, 1, start);
        let own = known.and_then(|key| key.bucket.as_ref()).map(behind);
        let others = u64::from(self.promised - known.map_or(0, |key| key.promised));
        let behind_all = |bucket: &Gcra| bucket.due_behind(ahead + others, 1, now);
        let common = self.bucket.as_ref();
        let common = common.map(|bucket| behind(bucket).max(behind_all(bucket)));
        start.max(common.unwrap_or(now)).max(own.unwrap_or(now))
    }

    /// How many items wait under the key of `id`, itself included; 0 if it does not wait.
    pub fn waiting_beside(&self, id: Id) -> usize {
        let entry = self.room.get(id.0);
        entry.map_or(0, |entry| self.keys.at(entry.key).waiting)
    }

    /// The limits in force.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// How many items wait, in line and aside.
    pub fn waiting(&self) -> usize {
        self.room.len() - self.promised as usize
    }

    /// How many items stand in line.
    pub fn in_line(&self) -> usize {
        self.in_line
    }

    /// An item that stands in line, first in that of its key; the keys are in no order.
    pub fn first(&self) -> Option<Id> {
        let mut lines = self.keys.all().map(|key| self.room.front(&key.line));
        lines.find_map(|first| first).map(Id)
    }

    /// How many admitted items have not been released.
    pub fn active(&self) -> usize {
        self.active
    }

    /// How many items of `key` wait.
    pub fn waiting_of(&self, key: &K) -> usize {
        let known = self.keys.find(key);
        known.map_or(0, |number| self.keys.at(number).waiting)
    }

    /// How many admitted items of `key` have not been released.
    pub fn active_of(&self, key: &K) -> usize {
        let known = self.keys.find(key);
        known.map_or(0, |number| self.keys.at(number).active)
    }

    /// Whether anything of `key` is remembered: an item, a pause, or what its rate has granted.
    pub fn remembers(&self, key: &K) -> bool {
        self.keys.find(key).is_some()
    }

    /// How many keys are remembered.
    pub fn keys(&self) -> usize {
        self.keys.len()
    }
}
