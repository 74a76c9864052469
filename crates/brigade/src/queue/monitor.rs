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
    ///
    /// # Examples
    ///
    /// Workers that send what they find keep what the queue has no room for. If they waited for
    /// room instead, each with a ticket in its hands, they would wait for each other for ever.
    ///
    /// ```
    /// use brigade::queue::{Receiver, Sender, bounded};
    ///
    /// async fn crawl(sender: Sender<u32>, receiver: Receiver<u32>) -> u32 {
    ///     let mut visited = 0;
    ///     while let Some(ticket) = receiver.recv().await {
    ///         let mut pages = vec![*ticket];
    ///         while let Some(page) = pages.pop() {
    ///             visited += 1;
    ///             let links = [2 * page, 2 * page + 1];
    ///             for link in links.into_iter().filter(|link| *link < 1000) {
    ///                 if let Err(full) = sender.try_send(link) {
    ///                     pages.push(full.into_inner());
    ///                 }
    ///             }
    ///         }
    ///         ticket.done();
    ///     }
    ///     visited
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let (sender, receiver) = bounded(8);
    /// let monitor = sender.monitor();
    /// sender.send(1).await.unwrap();
    /// let [first, second] = [0, 1].map(|_| crawl(sender.clone(), receiver.clone()));
    /// let end = async {
    ///     monitor.wait_idle().await.unwrap();
    ///     monitor.close();
    /// };
    /// let (first, second, ()) = tokio::join!(first, second, end);
    /// assert_eq!(first + second, 999);
    /// # });
    /// ```
    pub async fn wait_idle(&self) -> Result<Tally, Unfinished> {
        self.queue.wait(Await::Idle).await
    }

    /// Closes the queue for all producers; consumers get what is left, then the end.
    pub fn close(&self) {
        self.queue.change(|counter| counter.gate.close());
    }

    /// Closes the queue and gives back the items that nobody received, oldest first. Tickets that
    /// are out remain to be settled.
    #[must_use = "these are the items that nobody received; drop them to say so"]
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
