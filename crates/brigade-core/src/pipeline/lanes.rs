//! Order for each key: of the items of one key only the first is out, the others wait behind it.
//!
//! A key of which nothing is out is forgotten, so memory follows what is inside, not how many keys
//! there have ever been.

use std::collections::{HashMap, VecDeque};

/// Items that wait for those of the same key before them.
///
/// # Examples
///
/// ```
/// use brigade_core::pipeline::Lanes;
///
/// let mut lanes = Lanes::new();
/// assert_eq!(lanes.arrive(7, "first"), Some("first"));
/// assert_eq!(lanes.arrive(7, "second"), None, "its key is out");
/// assert_eq!(lanes.arrive(8, "other"), Some("other"));
/// assert_eq!(lanes.leave(7), Some("second"));
/// assert_eq!(lanes.leave(7), None);
/// assert_eq!(lanes.keys(), 1, "7 is forgotten");
/// ```
#[derive(Debug)]
pub struct Lanes<T> {
    /// A key is here while one of its items is out; behind that one wait these.
    lanes: HashMap<u64, VecDeque<T>>,
    waiting: usize,
}

impl<T> Lanes<T> {
    /// Nothing out and nothing waiting.
    pub fn new() -> Self {
        Self {
            lanes: HashMap::new(),
            waiting: 0,
        }
    }

    /// An item arrives. It comes back if it may go out now; else it waits.
    pub fn arrive(&mut self, key: u64, item: T) -> Option<T> {
        if let Some(lane) = self.lanes.get_mut(&key) {
            lane.push_back(item);
            self.waiting += 1;
            return None;
        }
        self.lanes.insert(key, VecDeque::new());
        Some(item)
    }

    /// The item of `key` that was out is finished. Gives the next one of that key, which is out
    /// then.
    pub fn leave(&mut self, key: u64) -> Option<T> {
        let next = self.lanes.get_mut(&key)?.pop_front();
        match next {
            Some(_) => self.waiting -= 1,
            None => drop(self.lanes.remove(&key)),
        }
        next
    }

    /// How many items wait.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many keys have an item out.
    pub fn keys(&self) -> usize {
        self.lanes.len()
    }
}

impl<T> Default for Lanes<T> {
    fn default() -> Self {
        Self::new()
    }
}
