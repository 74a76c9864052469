//! The answers that are kept, and which of them goes when there are too many.
//!
//! It is a plain value: time is an argument, so that it can be tested against a naive model. It
//! never holds more than its limit, and never gives out an answer whose time is up.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use brigade_core::time::Moment;

/// The addresses of one name, shared by all who connect to it.
pub(super) type Addresses = Arc<[IpAddr]>;

#[derive(Debug)]
pub(super) struct Kept {
    max: usize,
    answers: HashMap<Arc<str>, Entry>,
    /// By age, the oldest first. Ages are counted, so no two are the same.
    ages: BTreeMap<u64, Arc<str>>,
    /// By end, the soonest first.
    ends: BTreeSet<(Moment, u64)>,
    next_age: u64,
}

#[derive(Debug)]
struct Entry {
    addresses: Addresses,
    /// The first moment at which it does not count any more.
    end: Moment,
    age: u64,
}

impl Kept {
    /// Keeps at most `max` answers, which is at least 1.
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            answers: HashMap::new(),
            ages: BTreeMap::new(),
            ends: BTreeSet::new(),
            next_age: 0,
        }
    }

    /// The answer for `name`, if it still counts.
    pub(super) fn get(&self, name: &str, now: Moment) -> Option<&Addresses> {
        let entry = self.answers.get(name)?;
        (now < entry.end).then_some(&entry.addresses)
    }

    /// Keeps an answer until `end`. For its room, one whose time is up is forgotten, or else the
    /// oldest.
    pub(super) fn insert(
        &mut self,
        name: Arc<str>,
        addresses: Addresses,
        end: Moment,
        now: Moment,
    ) {
        self.forget(&name);
        while self.answers.len() >= self.max {
            self.evict(now);
        }
        let age = self.next_age;
        self.next_age += 1;
        self.ages.insert(age, name.clone());
        self.ends.insert((end, age));
        let entry = Entry {
            addresses,
            end,
            age,
        };
        self.answers.insert(name, entry);
    }

    fn evict(&mut self, now: Moment) {
        let ended = self.ends.first().filter(|(end, _)| *end <= now);
        let victim = match ended {
            Some((_, age)) => self.ages.get(age),
            None => self.ages.values().next(),
        };
        if let Some(name) = victim.cloned() {
            self.forget(&name);
        }
    }

    fn forget(&mut self, name: &str) {
        if let Some(Entry { end, age, .. }) = self.answers.remove(name) {
            self.ages.remove(&age);
            self.ends.remove(&(end, age));
        }
    }

    /// How many are kept, those whose time is up included.
    pub(super) fn len(&self) -> usize {
        self.answers.len()
    }
}
