//! What became of every item, in numbers that add up.
//!
//! A [`Claim`] stands for the items of the source that one item of the pipeline is made of. It is
//! settled exactly once, and dropping it is a settlement too: no path through a failure, a panic
//! or a cancellation can leave an item out of the books.

use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};

#[derive(Debug, Default)]
pub(super) struct Books {
    taken: AtomicU64,
    delivered: AtomicU64,
    dead: AtomicU64,
    cancelled: AtomicU64,
    complete: AtomicBool,
}

/// How many items of the source ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Items that the source gave.
    pub taken: u64,
    /// Items that came out of the last stage; those of a batch count one by one.
    pub delivered: u64,
    /// Items that a stage failed with: each had a dead letter, or failed the pipeline.
    pub dead: u64,
    /// Items that were inside when the pipeline was cancelled.
    pub cancelled: u64,
    /// Whether the source came to its own end before any drain; false if a drain or a failure cut it
    /// off, or may have.
    pub complete: bool,
}

impl Counts {
    /// Items that are still inside; none once the pipeline has ended.
    pub fn in_flight(&self) -> u64 {
        let ended = self.delivered + self.dead + self.cancelled;
        self.taken.saturating_sub(ended)
    }
}

impl Books {
    /// The ends are read before the beginnings, so that what is in flight is never negative.
    pub(super) fn counts(&self) -> Counts {
        let read = |count: &AtomicU64| count.load(Ordering::SeqCst);
        let (delivered, dead) = (read(&self.delivered), read(&self.dead));
        let cancelled = read(&self.cancelled);
        Counts {
            taken: read(&self.taken),
            delivered,
            dead,
            cancelled,
            complete: self.complete.load(Ordering::SeqCst),
        }
    }

    pub(super) fn set_complete(&self) {
        self.complete.store(true, Ordering::SeqCst);
    }

    /// One item of the source.
    pub(super) fn claim(self: &Arc<Self>) -> Claim {
        self.taken.fetch_add(1, Ordering::SeqCst);
        Claim {
            books: self.clone(),
            items: 1,
        }
    }
}

/// Stands for items of the source; dropping it says that they were cancelled.
#[derive(Debug)]
pub(super) struct Claim {
    books: Arc<Books>,
    items: u64,
}

impl Claim {
    /// Takes over the items of another claim.
    pub(super) fn absorb(&mut self, mut other: Self) {
        self.items += std::mem::take(&mut other.items);
    }

    pub(super) fn deliver(mut self) {
        let items = std::mem::take(&mut self.items);
        self.books.delivered.fetch_add(items, Ordering::SeqCst);
    }

    pub(super) fn bury(mut self) -> u64 {
        let items = std::mem::take(&mut self.items);
        self.books.dead.fetch_add(items, Ordering::SeqCst);
        items
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.items > 0 {
            self.books.cancelled.fetch_add(self.items, Ordering::SeqCst);
        }
    }
}
