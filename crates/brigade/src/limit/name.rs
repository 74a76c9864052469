//! A key as it stands in a limit: hashed once, shared, and dropped by whoever is last.
//!
//! A key is the user's own type, and its code may do anything, use the limit too. Under the lock of
//! the limit nothing of it runs but `Eq`, when two keys have the same hash.

use std::hash::{BuildHasher, Hash, Hasher};

use crate::sync::Arc;

/// A key with its hash.
pub(super) struct Name<K> {
    hash: u64,
    key: Arc<K>,
}

impl<K: Hash> Name<K> {
    pub(super) fn new(key: K, hasher: &impl BuildHasher) -> Self {
        Self {
            hash: hasher.hash_one(&key),
            key: Arc::new(key),
        }
    }
}

impl<K> Name<K> {
    pub(super) fn key(&self) -> &K {
        &self.key
    }
}

impl<K> Clone for Name<K> {
    fn clone(&self) -> Self {
        Self {
            hash: self.hash,
            key: self.key.clone(),
        }
    }
}

impl<K> Hash for Name<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl<K: Eq> PartialEq for Name<K> {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && (Arc::ptr_eq(&self.key, &other.key) || self.key == other.key)
    }
}

impl<K: Eq> Eq for Name<K> {}
