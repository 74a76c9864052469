//! The end of a queue that consumers hold.
//!
//! It never hands out an item without a ticket for it.

use std::fmt;

use brigade_core::queue::Received;

use super::handle::{Handle, Receive};
use super::ticket::Ticket;
use super::{Monitor, QueueStats, TryRecvError};

/// Receives items from a queue, each by exactly one of its clones. When the last of them is
/// dropped the queue is closed, and what is left in it is unfinished.
pub struct Receiver<T> {
    queue: Handle<T>,
}

impl<T> Receiver<T> {
    pub(super) fn new(queue: Handle<T>) -> Self {
        Self { queue }
    }

    /// The next item, waiting for one; `None` if the queue is closed and has nothing left.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: an item leaves the queue only when the future is ready.
    #[must_use = "an item that is received and dropped counts as failed"]
    pub async fn recv(&self) -> Option<Ticket<T>> {
        match self.queue.wait(Receive).await {
            Received::Item(item) => Some(Ticket::new(item, self.queue.clone())),
            Received::End => None,
        }
    }

    /// The next item, if one is there and nobody waits for it.
    ///
    /// # Errors
    ///
    /// If not.
    pub fn try_recv(&self) -> Result<Ticket<T>, TryRecvError> {
        match self.queue.change(|counter| counter.gate.receive_now()) {
            Some(Received::Item(item)) => Ok(Ticket::new(item, self.queue.clone())),
            Some(Received::End) => Err(TryRecvError::Ended),
            None => Err(TryRecvError::Empty),
        }
    }

    /// Closes the queue for all producers; what is inside can still be received.
    pub fn close(&self) {
        self.queue.change(|counter| counter.gate.close());
    }

    /// A handle that watches the queue and does not keep it open.
    pub fn monitor(&self) -> Monitor<T> {
        Monitor::new(self.queue.clone())
    }

    /// What the queue is doing at this moment.
    pub fn stats(&self) -> QueueStats {
        QueueStats::of(&self.queue)
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.queue.change(|counter| counter.gate.add_consumer());
        let queue = self.queue.clone();
        Self { queue }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.queue.change(|counter| counter.gate.remove_consumer());
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Receiver").field(&self.stats()).finish()
    }
}
