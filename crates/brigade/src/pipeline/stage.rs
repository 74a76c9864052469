//! The options of a stage.

use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};

/// How a stage works: how many items at once, in which order, and how many it holds.
///
/// # Examples
///
/// ```
/// use brigade::pipeline::Stage;
///
/// struct Page { host: String }
/// let stage = Stage::new().concurrency(8).by_key(|page: &Page| page.host.clone());
/// # drop(stage);
/// ```
#[must_use = "options do nothing until a pipeline has them"]
pub struct Stage<T> {
    pub(super) concurrency: usize,
    pub(super) capacity: Option<usize>,
    pub(super) ordered: bool,
    pub(super) key: Option<KeyOf<T>>,
    pub(super) keep: Option<fn(&T) -> T>,
}

/// Gives the key of an item. Two keys of the same hash are as one, which only costs concurrency.
pub(super) type KeyOf<T> = Box<dyn FnMut(&T) -> u64 + Send>;

impl<T> Stage<T> {
    /// One item at a time, and so in order; two held.
    pub fn new() -> Self {
        Self {
            concurrency: 1,
            capacity: None,
            ordered: false,
            key: None,
            keep: None,
        }
    }

    /// Works on as many items at once, in parallel.
    ///
    /// # Panics
    ///
    /// If `concurrency` is 0.
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        assert!(concurrency > 0, "a stage without a worker never ends");
        self.concurrency = concurrency;
        self
    }

    /// Holds as many items: waiting, in work, and finished but not handed on; twice the
    /// concurrency unless set, and the concurrency at least.
    ///
    /// When it is full, the stage before it waits. A stage that keeps an order looks ahead as far
    /// as this.
    pub fn capacity(mut self, capacity: usize) -> Self {
        self.capacity = Some(capacity);
        self
    }

    /// Hands items on in the order in which they came.
    ///
    /// While an item takes long, those behind it are worked on, as many as the stage holds.
    pub fn ordered(mut self) -> Self {
        self.ordered = true;
        self
    }

    /// Works on the items of one key one after the other, in the order in which they came, and
    /// hands them on in that order; other keys go on meanwhile.
    ///
    /// An item that waits for its key takes one of the places of the stage, so a stage that holds
    /// nothing but one slow key waits for it.
    pub fn by_key<K: Hash>(mut self, mut key: impl FnMut(&T) -> K + Send + 'static) -> Self {
        let state = RandomState::new();
        self.key = Some(Box::new(move |item| state.hash_one(key(item))));
        self
    }

    /// Keeps a clone of each item that is in work, for its dead letter.
    pub fn keep_items(mut self) -> Self
    where
        T: Clone,
    {
        self.keep = Some(T::clone);
        self
    }

    pub(super) fn held_max(&self) -> usize {
        let twice = self.concurrency.saturating_mul(2);
        let held = self.capacity.unwrap_or(twice).max(self.concurrency);
        // More than a queue can number is as good as this.
        held.min(u32::MAX as usize)
    }
}

impl<T> Default for Stage<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Stage<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage")
            .field("concurrency", &self.concurrency)
            .field("capacity", &self.held_max())
            .field("ordered", &self.ordered)
            .field("by_key", &self.key.is_some())
            .finish_non_exhaustive()
    }
}
