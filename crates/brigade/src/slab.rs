//! A vector with stable keys.
//!
//! Waiters, children and registrations come and go in any order and are removed by key in
//! constant time; freed places are used again, so memory follows the largest number held at once.
//! A key must not be used again after `remove` returned its value.

#[derive(Debug)]
pub(crate) struct Slab<T> {
    entries: Vec<Entry<T>>,
    free: usize,
    len: usize,
}

#[derive(Debug)]
enum Entry<T> {
    Full(T),
    Free(usize),
}

const NONE: usize = usize::MAX;

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self {
            entries: Vec::new(),
            free: NONE,
            len: 0,
        }
    }

    /// Makes sure that `room` values can be held before the next growth.
    pub(crate) fn make_room(&mut self, room: usize) {
        if self.entries.capacity() < room {
            self.entries.reserve(room - self.entries.len());
        }
    }

    // Every task passes here: a call, and a move for it, is 1 % of its instructions.
    #[inline(always)]
    pub(crate) fn insert(&mut self, value: T) -> usize {
        self.len += 1;
        if self.free == NONE {
            self.entries.push(Entry::Full(value));
            return self.entries.len() - 1;
        }
        let key = self.free;
        if let Entry::Free(next) = std::mem::replace(&mut self.entries[key], Entry::Full(value)) {
            self.free = next;
        }
        key
    }

    /// Takes the value at `key` out, or nothing if the place is free.
    pub(crate) fn remove(&mut self, key: usize) -> Option<T> {
        let entry = self.entries.get_mut(key)?;
        if matches!(entry, Entry::Free(_)) {
            return None;
        }
        let Entry::Full(value) = std::mem::replace(entry, Entry::Free(self.free)) else {
            return None;
        };
        self.free = key;
        self.len -= 1;
        Some(value)
    }

    pub(crate) fn get_mut(&mut self, key: usize) -> Option<&mut T> {
        match self.entries.get_mut(key) {
            Some(Entry::Full(value)) => Some(value),
            _ => None,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Full(value) => Some(value),
            Entry::Free(_) => None,
        })
    }
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_used_again_and_keys_stay_valid() {
        let mut slab = Slab::new();
        let keys: Vec<_> = (0..4).map(|n| slab.insert(n)).collect();
        assert_eq!(slab.remove(keys[1]), Some(1));
        assert_eq!(slab.remove(keys[1]), None);
        assert_eq!(slab.remove(keys[2]), Some(2));
        let again = [slab.insert(10), slab.insert(11)];
        assert_eq!(again, [keys[2], keys[1]]);
        assert_eq!(slab.entries.len(), 4);
        assert_eq!(slab.iter().copied().collect::<Vec<_>>(), [0, 11, 10, 3]);
        assert_eq!(keys.iter().filter_map(|key| slab.remove(*key)).count(), 4);
        assert!(slab.is_empty());
    }
}
