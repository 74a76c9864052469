//! An item that was received and must be settled.
//!
//! A ticket cannot be lost: whatever drops it, a panic or a cancellation too, settles it as failed.

use std::borrow::Cow;
use std::fmt;
use std::ops::{Deref, DerefMut};

use brigade_core::queue::Settled;

use super::handle::Handle;

/// A received item. Say what became of it: [`done`](Self::done), [`fail`](Self::fail) or
/// [`requeue`](Self::requeue); dropping it is `fail("dropped")`.
///
/// A ticket that is leaked with [`std::mem::forget`] is never settled, and the wait for the end of
/// work waits for it.
#[must_use = "a ticket that is dropped counts as failed"]
pub struct Ticket<T> {
    item: T,
    receipt: Receipt<T>,
}

impl<T> Ticket<T> {
    pub(super) fn new(item: T, queue: Handle<T>) -> Self {
        let queue = Some(queue);
        Self {
            item,
            receipt: Receipt { queue },
        }
    }

    /// The work is done. Gives the item back.
    pub fn done(self) -> T {
        self.receipt.done();
        self.item
    }

    /// The work failed. Gives the item back; the queue keeps the reason of the first failure.
    pub fn fail(self, reason: impl Into<Cow<'static, str>>) -> T {
        self.receipt.fail(reason);
        self.item
    }

    /// Puts the item at the end of the queue again. It still has its slot, so this never waits.
    ///
    /// The queue closes with its last producer. One that wants everything to have a second try
    /// awaits [`wait_idle`](super::Monitor::wait_idle) before it goes.
    ///
    /// # Errors
    ///
    /// If the queue is closed: the ticket, to be settled in another way.
    pub fn requeue(self) -> Result<(), Self> {
        let Self { item, mut receipt } = self;
        let Some(queue) = receipt.queue.take() else {
            return Ok(());
        };
        let requeued = queue.change(|counter| counter.gate.requeue(item));
        requeued.map_err(|item| Self::new(item, queue))
    }

    /// The item, and the receipt that is to be settled for it.
    pub fn into_parts(self) -> (T, Receipt<T>) {
        (self.item, self.receipt)
    }
}

impl<T> Deref for Ticket<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.item
    }
}

impl<T> DerefMut for Ticket<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.item
    }
}

impl<T: fmt::Debug> fmt::Debug for Ticket<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ticket").field(&self.item).finish()
    }
}

/// A [`Ticket`] without its item; dropping it is `fail("dropped")`.
#[must_use = "a receipt that is dropped counts as failed"]
pub struct Receipt<T> {
    queue: Option<Handle<T>>,
}

impl<T> Receipt<T> {
    /// The work is done.
    pub fn done(mut self) {
        // Not by `settle`: in the path of every item this is a handful of instructions less.
        if let Some(queue) = self.queue.take() {
            queue.change(|counter| counter.gate.settle(Settled::Done));
        }
    }

    /// The work failed.
    pub fn fail(mut self, reason: impl Into<Cow<'static, str>>) {
        self.settle(Settled::Failed(reason.into()));
    }

    fn settle(&mut self, settled: Settled) {
        if let Some(queue) = self.queue.take() {
            queue.change(|counter| counter.gate.settle(settled));
        }
    }
}

impl<T> Drop for Receipt<T> {
    fn drop(&mut self) {
        if self.queue.is_some() {
            self.settle(Settled::Failed(Cow::Borrowed("dropped")));
        }
    }
}

impl<T> fmt::Debug for Receipt<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipt").finish_non_exhaustive()
    }
}
