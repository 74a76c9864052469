//! The claim on an end in the books, which travels with every item.
//!
//! It is settled exactly once, and dropping it is a settlement too: no path through a failure, a
//! panic or a cancellation can leave an item out of the books. An item that became several has one
//! end, which is the worst of theirs.

use std::collections::HashSet;

use super::books::Books;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicU8, Ordering};

/// How an item ended, from the best to the worst. A death is worse than a cancellation, since its
/// letter has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Delivered,
    Cancelled,
    Dead,
}

/// Stands for items of the source, and for shares in such; dropping it says that they were
/// cancelled.
#[derive(Debug)]
pub(super) struct Claim {
    books: Arc<Books>,
    items: u64,
    shares: Vec<Arc<Split>>,
}

/// A claim that several share. It is settled when the last of them is.
#[derive(Debug)]
struct Split {
    whole: Claim,
    /// The worst end so far.
    worst: AtomicU8,
}

impl Claim {
    /// One item of the source.
    pub(super) fn new(books: Arc<Books>) -> Self {
        Self {
            books,
            items: 1,
            shares: Vec::new(),
        }
    }

    /// Takes over the items of another claim.
    pub(super) fn absorb(&mut self, mut other: Self) {
        self.items += std::mem::take(&mut other.items);
        for share in std::mem::take(&mut other.shares) {
            // Outputs of one item that stay together need one share.
            let last = self.shares.last();
            if !last.is_some_and(|last| Arc::ptr_eq(last, &share)) {
                self.shares.push(share);
            }
        }
    }

    /// The same claim, of which more [shares](Self::share) can be had.
    pub(super) fn split(self) -> Self {
        let books = self.books.clone();
        let split = Split {
            whole: self,
            worst: AtomicU8::new(End::Delivered as u8),
        };
        Self {
            books,
            items: 0,
            shares: vec![Arc::new(split)],
        }
    }

    /// Another share of a claim that was split.
    pub(super) fn share(&self) -> Self {
        Self {
            books: self.books.clone(),
            items: 0,
            shares: self.shares.clone(),
        }
    }

    pub(super) fn deliver(mut self) {
        self.end(End::Delivered);
    }

    /// Gives how many items of the source this is about.
    pub(super) fn bury(mut self) -> u64 {
        let items = self.count(&mut HashSet::new());
        self.end(End::Dead);
        items
    }

    fn count(&self, seen: &mut HashSet<*const Split>) -> u64 {
        let mut items = self.items;
        for share in &self.shares {
            if seen.insert(std::ptr::from_ref(&**share)) {
                items += share.whole.count(seen);
            }
        }
        items
    }

    fn end(&mut self, end: End) {
        self.books.add(end, std::mem::take(&mut self.items));
        for share in std::mem::take(&mut self.shares) {
            share.worst.fetch_max(end as u8, Ordering::SeqCst);
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.end(End::Cancelled);
    }
}

impl Drop for Split {
    fn drop(&mut self) {
        let worst = self.worst.load(Ordering::SeqCst);
        let ends = [End::Dead, End::Cancelled];
        let end = ends.into_iter().find(|end| *end as u8 == worst);
        self.whole.end(end.unwrap_or(End::Delivered));
    }
}
