//! Counts who is there, without being a step of any schedule.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::sync::Arc;

/// How many have come, are there, and were there at most.
#[derive(Clone, Debug, Default)]
pub(super) struct Census(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    came: AtomicUsize,
    there: AtomicUsize,
    most: AtomicUsize,
}

/// Somebody who is there until this is dropped.
pub(super) struct Guest(Arc<Counts>);

impl Census {
    pub(super) fn guest(&self) -> Guest {
        let counts = self.0.clone();
        counts.came.fetch_add(1, Ordering::SeqCst);
        let there = counts.there.fetch_add(1, Ordering::SeqCst) + 1;
        counts.most.fetch_max(there, Ordering::SeqCst);
        Guest(counts)
    }

    /// Counts one who does not stay.
    pub(super) fn count(&self) {
        drop(self.guest());
    }

    pub(super) fn came(&self) -> usize {
        self.0.came.load(Ordering::SeqCst)
    }

    pub(super) fn there(&self) -> usize {
        self.0.there.load(Ordering::SeqCst)
    }

    pub(super) fn most(&self) -> usize {
        self.0.most.load(Ordering::SeqCst)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.0.there.fetch_sub(1, Ordering::SeqCst);
    }
}
