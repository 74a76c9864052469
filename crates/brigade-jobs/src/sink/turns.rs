//! How many lines wait for their turn, for a job that keeps the order of its list.
//!
//! The reader of the list may not run ahead of the slowest line without bound: it counts the lines
//! that it hands out, the writer counts them off, and in between it waits. Only jobs in order count.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Lines that were read and whose turn is not over.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    waiting: AtomicUsize,
    short: AtomicBool,
    over: Notify,
}

impl Turns {
    /// Counts lines that are to be fetched.
    pub(crate) fn begin(&self, count: usize) {
        self.waiting.fetch_add(count, Ordering::AcqRel);
    }

    /// Counts off lines whose turn is over.
    pub(crate) fn end(&self, count: usize) {
        self.waiting.fetch_sub(count, Ordering::AcqRel);
        self.over.notify_one();
    }

    /// Waits until fewer than `limit` lines wait for their turn.
    ///
    /// Dropping the future changes nothing.
    pub(crate) async fn fewer_than(&self, limit: usize) {
        loop {
            let over = self.over.notified();
            if self.has_fewer_than(limit) {
                return;
            }
            over.await;
        }
    }

    /// Whether fewer than `limit` lines wait for their turn. If not, the reader counts as one that
    /// waits from now on: an end that it does not see in a batch after that is sent at once.
    pub(crate) fn has_fewer_than(&self, limit: usize) -> bool {
        let enough = self.waiting.load(Ordering::Acquire) < limit;
        self.short.store(!enough, Ordering::Release);
        enough
    }

    /// Whether the reader of the list waits for a turn to end.
    pub(crate) fn is_short(&self) -> bool {
        self.short.load(Ordering::Acquire)
    }
}
