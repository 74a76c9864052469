//! A batch that is being filled: when it is complete, and when it has waited long enough.
//!
//! No batch is ever empty, and none exceeds its limits but for one item that does so alone.

use std::time::Duration;

use crate::time::Moment;

/// How large a batch may become, and how long it may wait to get there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// The most items, at least 1.
    pub items: usize,
    /// The most bytes, or whatever else the caller measures. An item that exceeds them alone is a
    /// batch of its own.
    pub bytes: usize,
    /// The longest time from a batch's first item until it is complete.
    pub every: Option<Duration>,
}

/// The items of the batch that is being filled.
///
/// # Examples
///
/// ```
/// use brigade_core::pipeline::{BatchLimits, Filling};
/// use brigade_core::time::Moment;
///
/// let now = Moment::ZERO;
/// let limits = BatchLimits { items: 10, bytes: 5, every: None };
/// let mut filling = Filling::new(limits);
/// assert_eq!(filling.push("abc", 3, now), None);
/// assert_eq!(filling.push("def", 3, now), Some(vec!["abc"]), "both do not fit");
/// assert_eq!(filling.push("gh", 2, now), None);
/// assert!(filling.is_complete(now));
/// assert_eq!(filling.take(), Some(vec!["def", "gh"]));
/// ```
#[derive(Debug)]
pub struct Filling<T> {
    limits: BatchLimits,
    items: Vec<T>,
    bytes: usize,
    since: Option<Moment>,
}

impl<T> Filling<T> {
    /// An empty one.
    pub fn new(limits: BatchLimits) -> Self {
        Self {
            limits,
            items: Vec::new(),
            bytes: 0,
            since: None,
        }
    }

    /// Adds an item. Gives the batch that was there if the item does not fit into it; the item is
    /// the first of the next one then. Ask [`is_complete`](Self::is_complete) afterwards.
    pub fn push(&mut self, item: T, bytes: usize, now: Moment) -> Option<Vec<T>> {
        let fits = self.items.len() < self.limits.items
            && self.bytes.saturating_add(bytes) <= self.limits.bytes;
        let full = if fits { None } else { self.take() };
        self.since.get_or_insert(now);
        self.bytes = self.bytes.saturating_add(bytes);
        self.items.push(item);
        full
    }

    /// Whether the batch must go: it is full, or its time is over.
    pub fn is_complete(&self, now: Moment) -> bool {
        self.items.len() >= self.limits.items
            || !self.items.is_empty() && self.bytes >= self.limits.bytes
            || self.due().is_some_and(|due| due <= now)
    }

    /// When the time of the batch is over, if it has items and a time.
    pub fn due(&self) -> Option<Moment> {
        Some(self.since? + self.limits.every?)
    }

    /// Takes the batch, complete or not; nothing if it is empty.
    pub fn take(&mut self) -> Option<Vec<T>> {
        self.bytes = 0;
        self.since = None;
        let items = std::mem::take(&mut self.items);
        (!items.is_empty()).then_some(items)
    }

    /// How many items are in it.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}
