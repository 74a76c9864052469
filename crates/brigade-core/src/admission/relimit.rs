//! Other limits for what waits, is active and is remembered already.
//!
//! It is apart because it is the one change that looks at all keys. It never lets go of an item.

use std::hash::Hash;

use super::key::Standing;
use super::{Admission, Limits};
use crate::gcra::{Gcra, Rate};
use crate::time::Moment;

impl<K: Hash + Eq + Clone, T> Admission<K, T> {
    /// Replaces the limits. Active items stay active, also above a smaller concurrency; permits
    /// that are missing in a bucket stay missing. Takes time in proportion to the number of keys.
    pub fn set_limits(&mut self, limits: Limits, now: Moment) {
        self.limits = limits;
        change_rate(&mut self.bucket, limits.rate, now);
        self.rests.clear();
        let mut back = Vec::new();
        for (number, key) in self.keys.all_mut() {
            change_rate(&mut key.bucket, limits.key_rate, now);
            if matches!(key.standing, Standing::Timed(_) | Standing::Full) {
                back.push(number);
            }
            // Its bucket is full at another moment than the one that was planned for.
            key.rest = key.rest_at();
            self.rests.extend(key.rest.map(|at| (at, number)));
        }
        self.timers.clear();
        for number in back {
            self.join_ring(number);
        }
    }
}

fn change_rate(bucket: &mut Option<Gcra>, rate: Option<Rate>, now: Moment) {
    match (bucket.as_mut(), rate) {
        (Some(bucket), Some(rate)) if bucket.rate() == rate => {}
        (Some(bucket), Some(rate)) => bucket.set_rate(rate, now),
        _ => *bucket = rate.map(Gcra::new),
    }
}
