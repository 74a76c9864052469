//! The end of a queue that producers hold.
//!
//! It never keeps an item that could not be sent: the item comes back in the error.

use std::fmt;

use brigade_core::queue::QueueState;

use super::handle::{Handle, Reserve, Send};
use super::{Monitor, QueueStats, Receiver, SendError, Tally, TrySendError, Unfinished};
use crate::desk::Desk;

/// A queue with `capacity` slots for items that are not settled, and its two ends.
///
/// # Panics
///
/// If `capacity` is zero or exceeds 2^32 - 1: a queue hands nothing over without a slot, and one that
/// nothing fills is no bound.
#[track_caller]
pub fn bounded<T: std::marker::Send + 'static>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let slots = u32::try_from(capacity).ok().filter(|slots| *slots > 0);
    let Some(slots) = slots else {
        panic!(
            "queue::bounded({capacity}): a queue has 1 to {} slots; give it as many as may wait and \
             be worked on at once",
            u32::MAX
        );
    };
    let queue = Desk::new(QueueState::new(slots));
    let receiver = Receiver::new(queue.clone());
    (Sender { queue }, receiver)
}

/// Sends items into a queue. Clones share it; it closes when the last of them is dropped.
pub struct Sender<T> {
    queue: Handle<T>,
}

impl<T> Sender<T> {
    /// Sends `item`, waiting for a free slot.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready drops the item with it. To lose nothing, wait with
    /// [`reserve`](Self::reserve) and send into the slot.
    ///
    /// # Errors
    ///
    /// If the queue is closed: the item.
    pub async fn send(&self, item: T) -> Result<(), SendError<T>> {
        self.queue.wait(Send(Some(item))).await
    }

    /// Waits for a free slot.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the line; a slot that was promised to it goes to the next.
    ///
    /// # Errors
    ///
    /// If the queue is closed.
    pub async fn reserve(&self) -> Result<Slot<'_, T>, SendError<()>> {
        self.queue.wait(Reserve).await?;
        let queue = Some(&self.queue);
        Ok(Slot { queue })
    }

    /// Sends `item` if a slot is free now and nobody waits for it.
    ///
    /// # Errors
    ///
    /// If not, with the item.
    pub fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
        self.queue
            .change(|counter| match counter.gate.reserve_now() {
                Ok(true) => counter.gate.push(item).map_err(TrySendError::Closed),
                Ok(false) => Err(TrySendError::Full(item)),
                Err(_) => Err(TrySendError::Closed(item)),
            })
    }

    /// Closes the queue for all producers; consumers get what is left, then the end.
    pub fn close(&self) {
        self.queue.change(|counter| counter.gate.close());
    }

    /// Drops this end, then waits as [`Monitor::join`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops this end too; nothing else is lost.
    ///
    /// # Errors
    ///
    /// As [`Monitor::join`].
    pub async fn join(self) -> Result<Tally, Unfinished> {
        let monitor = self.monitor();
        drop(self);
        monitor.join().await
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

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.queue.change(|counter| counter.gate.add_producer());
        let queue = self.queue.clone();
        Self { queue }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.queue.change(|counter| counter.gate.remove_producer());
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sender").field(&self.stats()).finish()
    }
}

/// A slot of a queue that is kept for one item; dropping it gives it back.
#[must_use = "a slot that is dropped sends nothing"]
pub struct Slot<'a, T> {
    queue: Option<&'a Handle<T>>,
}

impl<T> Slot<'_, T> {
    /// Sends `item` without waiting.
    ///
    /// # Errors
    ///
    /// If the queue was closed meanwhile: the item.
    pub fn send(mut self, item: T) -> Result<(), SendError<T>> {
        let Some(queue) = self.queue.take() else {
            return Err(SendError(item));
        };
        queue.change(|counter| counter.gate.push(item).map_err(SendError))
    }
}

impl<T> Drop for Slot<'_, T> {
    fn drop(&mut self) {
        if let Some(queue) = self.queue {
            queue.change(|counter| counter.gate.give_slot());
        }
    }
}

impl<T> fmt::Debug for Slot<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").finish_non_exhaustive()
    }
}
