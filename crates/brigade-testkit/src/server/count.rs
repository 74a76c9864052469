//! How many there are, were at most, and have been in all.
//!
//! Limits are proved by the peak and reuse by the total, so both are kept by the one who sees
//! every event. The counter never goes out of step: leaving is a `Drop`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A snapshot of a counter of things that come and go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How many are open now.
    pub open: usize,
    /// The most that were ever open at the same time.
    pub peak: usize,
    /// How many there have been in all.
    pub total: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Counter {
    open: AtomicUsize,
    peak: AtomicUsize,
    total: AtomicUsize,
}

impl Counter {
    pub(crate) fn enter(self: &Arc<Self>) -> Presence {
        self.total.fetch_add(1, Ordering::Relaxed);
        let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
        self.peak.fetch_max(open, Ordering::SeqCst);
        Presence(Arc::clone(self))
    }

    pub(crate) fn count(&self) -> Count {
        Count {
            open: self.open.load(Ordering::SeqCst),
            peak: self.peak.load(Ordering::SeqCst),
            total: self.total.load(Ordering::Relaxed),
        }
    }
}

/// One that is open; dropping it counts it out.
#[derive(Debug)]
pub(crate) struct Presence(Arc<Counter>);

impl Drop for Presence {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}
