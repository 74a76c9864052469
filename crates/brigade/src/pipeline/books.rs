//! What became of every item, in numbers that add up.
//!
//! Only a [`Claim`] adds an end, so no item is written down twice or never.

use super::claim::{Claim, End};
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
///
/// An item that was [expanded](super::Pipeline::expand) ends with the last of its outputs, and as
/// the worst of them: dead if one is, else cancelled if one is.
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
        Claim::new(self.clone())
    }

    /// So many items ended like this.
    pub(super) fn add(&self, end: End, items: u64) {
        let count = match end {
            End::Delivered => &self.delivered,
            End::Dead => &self.dead,
            End::Cancelled => &self.cancelled,
        };
        if items > 0 {
            count.fetch_add(items, Ordering::SeqCst);
        }
    }
}
