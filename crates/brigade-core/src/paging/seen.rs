//! Which keys have been asked for, in bounded memory.
//!
//! The last 4096 keys are remembered as hashes of 64 bits, so a circle of at most so many pages
//! is found before any page of it is asked for a second time. For longer ones a single key is
//! kept, and replaced by the present one whenever the number of pages has doubled (Brent's
//! method): a circle is found by the time that three times the pages before and in it have been
//! asked for. It never keeps more than that.

use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

/// How many keys are remembered.
const REMEMBERED: usize = 4096;

#[derive(Debug)]
pub(super) struct Seen<K> {
    recent: VecDeque<u64>,
    known: HashSet<u64>,
    /// A key of long ago, and the number of pages at which it is replaced.
    mark: Option<K>,
    replace_at: u64,
    pages: u64,
    remembered: usize,
}

impl<K: Clone + Eq + Hash> Seen<K> {
    pub(super) fn new() -> Self {
        Self::remembering(REMEMBERED)
    }

    pub(super) fn remembering(keys: usize) -> Self {
        Self {
            recent: VecDeque::new(),
            known: HashSet::new(),
            mark: None,
            replace_at: 1,
            pages: 0,
            remembered: keys,
        }
    }

    /// Adds a key; false if it is known.
    pub(super) fn add(&mut self, key: &K) -> bool {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let hash = hasher.finish();
        if self.mark.as_ref() == Some(key) || !self.known.insert(hash) {
            return false;
        }
        self.recent.push_back(hash);
        if self.recent.len() > self.remembered
            && let Some(forgotten) = self.recent.pop_front()
        {
            self.known.remove(&forgotten);
        }
        self.pages += 1;
        if self.pages == self.replace_at {
            self.mark = Some(key.clone());
            self.replace_at *= 2;
        }
        true
    }
}
