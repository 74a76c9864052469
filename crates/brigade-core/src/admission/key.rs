//! What an admission remembers of each key, and which keys it remembers.
//!
//! Keys are numbered so that rings and timers hold small copies. This file knows nothing of
//! limits; it never forgets a key by itself.

use std::collections::HashMap;
use std::hash::Hash;

use crate::gcra::Gcra;
use crate::line::{Line, Place};
use crate::time::Moment;

/// Where a key is, as far as its turns go. It is in exactly one of these places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing stands in its line.
    Idle,
    /// In the ring.
    Ready,
    /// Among the timers, until this moment.
    Timed(Moment),
    /// Waiting for a release of its own.
    Full,
}

#[derive(Debug)]
pub(super) struct Key<K> {
    pub(super) name: K,
    pub(super) line: Line,
    /// The latest of those that were put before the others, which may be gone.
    pub(super) last_of_first: Option<Place>,
    /// Entries in the line and aside.
    pub(super) waiting: usize,
    pub(super) active: usize,
    /// Of the active, how many have not collected.
    pub(super) promised: u32,
    pub(super) bucket: Option<Gcra>,
    /// Whether its line has been held up by its rate without a break.
    pub(super) waited: bool,
    pub(super) paused_until: Moment,
    pub(super) standing: Standing,
    /// Whether it goes before the others.
    pub(super) preferred: bool,
    /// When it is to be looked at for forgetting, if that is planned.
    pub(super) rest: Option<Moment>,
}

impl<K> Key<K> {
    /// The earliest moment at which its rate and its pause allow a turn.
    pub(super) fn due(&self) -> Moment {
        self.paused_until.max(self.rate_due())
    }

    pub(super) fn rate_due(&self) -> Moment {
        self.bucket
            .as_ref()
            .map_or(Moment::ZERO, |bucket| bucket.due(self.promised + 1))
    }

    /// The moment from which on there is nothing to remember, if nothing else happens.
    pub(super) fn rest_at(&self) -> Option<Moment> {
        let still = self.standing == Standing::Idle && self.waiting == 0 && self.active == 0;
        let full = self.bucket.as_ref().map_or(Moment::ZERO, Gcra::full_at);
        still.then(|| full.max(self.paused_until))
    }
}

/// The remembered keys by number and by name.
#[derive(Debug)]
pub(super) struct Keys<K> {
    slots: Vec<Option<Key<K>>>,
    free: Vec<u32>,
    numbers: HashMap<K, u32>,
}

impl<K: Hash + Eq + Clone> Keys<K> {
    pub(super) fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            numbers: HashMap::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    pub(super) fn find(&self, name: &K) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    pub(super) fn find_or_add(&mut self, name: &K, bucket: impl FnOnce() -> Option<Gcra>) -> u32 {
        if let Some(number) = self.find(name) {
            return number;
        }
        let key = Key {
            name: name.clone(),
            line: Line::default(),
            last_of_first: None,
            waiting: 0,
            active: 0,
            promised: 0,
            bucket: bucket(),
            waited: false,
            paused_until: Moment::ZERO,
            standing: Standing::Idle,
            preferred: false,
            rest: None,
        };
        let number = match self.free.pop() {
            Some(number) => {
                self.slots[number as usize] = Some(key);
                number
            }
            None => {
                self.slots.push(Some(key));
                u32::try_from(self.slots.len() - 1).expect("memory ends before 2^32 keys")
            }
        };
        self.numbers.insert(name.clone(), number);
        number
    }

    /// Forgets a key; the two copies of its name are for the caller to drop.
    pub(super) fn remove(&mut self, number: u32) -> Option<[K; 2]> {
        let key = self.slots[number as usize].take()?;
        self.free.push(number);
        let (name, _) = self.numbers.remove_entry(&key.name)?;
        Some([name, key.name])
    }

    pub(super) fn at(&self, number: u32) -> &Key<K> {
        self.slots[number as usize]
            .as_ref()
            .expect("rings, timers and entries name remembered keys only")
    }

    pub(super) fn at_mut(&mut self, number: u32) -> &mut Key<K> {
        self.slots[number as usize]
            .as_mut()
            .expect("rings, timers and entries name remembered keys only")
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Key<K>> {
        self.slots.iter().flatten()
    }

    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = (u32, &mut Key<K>)> {
        let numbered = (0u32..).zip(&mut self.slots);
        numbered.filter_map(|(number, slot)| slot.as_mut().map(|key| (number, key)))
    }
}
