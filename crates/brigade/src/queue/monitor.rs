//! A view of a queue for whoever neither sends nor receives.
//!
//! It keeps the queue neither open nor served.

use std::fmt;
use std::time::Duration;

use super::handle::{Await, Handle};
use super::{Tally, Unfinished};

/// Watches a queue, and can end it.
pub struct Monitor<T> {
    queue: Handle<T>,
}

/// What a queue is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueStats {
    /// How many slots there are.
    pub capacity: usize,
    /// How many items wait to be received.
    pub depth: usize,
    /// How many were received and are not settled.
    pub outstanding: usize,
    /// How many producers wait for a slot: the consumers are the bottleneck.
    pub producers_waiting: usize,
    /// How many consumers wait for an item: the producers are the bottleneck.
    pub consumers_waiting: usize,
    /// How many senders there are.
    pub producers: usize,
    /// How many receivers there are.
    pub consumers: usize,
    /// How many items were done.
    pub done: u64,
    /// How many failed.
    pub failed: u64,
    /// Whether the queue is closed.
    pub closed: bool,
}

impl QueueStats {
    pub(super) fn of<T>(queue: &Handle<T>) -> Self {
        let counter = queue.lock();
        let state = &counter.gate;
        let (producers_waiting, consumers_waiting) = state.waiting();
        let (producers, consumers) = state.ends();
        Self {
            capacity: state.capacity() as usize,
            depth: state.depth(),
            outstanding: state.outstanding(),
            producers_waiting,
            consumers_waiting,
            producers,
            consumers,
            done: state.tally().done,
            failed: state.tally().failed,
            closed: state.is_closed(),
        }
    }
}

impl<T> Monitor<T> {
    pub(super) fn new(queue: Handle<T>) -> Self {
        Self { queue }
    }

    /// Waits for the end of all work: the queue is closed, with its last sender if not before,
    /// and every item is settled.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// If the last receiver is gone and items are left that nobody will take: their number.
    pub async fn join(&self) -> Result<Tally, Unfinished> {
        self.queue.wait(Await::End).await
    }

    /// Waits for a moment at which nothing is unsettled, whether or not more may be sent. A
    /// consumer that sends what it finds, as a crawler does, settles its ticket after sending; then
    /// such a moment is the end of the work, and the time to close the queue.
    ///
    /// A queue into which nothing was sent yet has such a moment at once.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// As [`join`](Self::join).
    pub async fn wait_idle(&self) -> Result<Tally, Unfinished> {
        self.queue.wait(Await::Idle).await
    }

    /// Closes the queue for all producers; consumers get what is left, then the end.
    pub fn close(&self) {
        self.queue.change(|counter| counter.gate.close());
    }

    /// Closes the queue and gives back the items that nobody received, oldest first. Tickets that
    /// are out remain to be settled.
    pub fn abort(&self) -> Vec<T> {
        self.queue.change(|counter| counter.gate.abort())
    }

    /// Sets how long a waiter whose turn has come may stay away before it may be overtaken
    /// (10 ms unless set).
    pub fn set_patience(&self, patience: Duration) {
        self.queue.change(|counter| counter.patience = patience);
    }

    /// What the queue is doing at this moment.
    pub fn stats(&self) -> QueueStats {
        QueueStats::of(&self.queue)
    }
}

impl<T> Clone for Monitor<T> {
    fn clone(&self) -> Self {
        let queue = self.queue.clone();
        Self { queue }
    }
}

impl<T> fmt::Debug for Monitor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Monitor").field(&self.stats()).finish()
    }
}
