//! How a producer hands its items over.
//!
//! A yielder is lent to the producer's body and cannot leave it: a child that is spawned there
//! cannot hold it, so a yield always happens inside of whoever asked for the item.

use std::fmt;

use super::slot::Slot;
use crate::sync::Arc;

/// Hands over the items of [`generate`](super::generate).
pub struct Yielder<T> {
    slot: Arc<Slot<T>>,
}

/// Hands over the items of [`try_generate`](super::try_generate).
pub struct TryYielder<T, E> {
    slot: Arc<Slot<Result<T, E>>>,
}

impl<T> Yielder<T> {
    pub(super) fn new(slot: Arc<Slot<T>>) -> Self {
        Self { slot }
    }

    /// Gives `item` to the consumer and waits until it asks for the next one.
    ///
    /// Several yields may wait at once, side by side in a `join!` for example: their items stand in
    /// a line, in the order of their first polls, and each yield returns after its own item.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped before the consumer has the item, the item is dropped and not given.
    pub async fn yield_item(&self, item: T) {
        self.slot.offer(item).await;
    }
}

impl<T, E> TryYielder<T, E> {
    pub(super) fn new(slot: Arc<Slot<Result<T, E>>>) -> Self {
        Self { slot }
    }

    /// Gives `item` to the consumer and waits until it asks for the next one.
    ///
    /// # Cancel safety
    ///
    /// As [`Yielder::yield_item`].
    pub async fn yield_item(&self, item: T) {
        self.slot.offer(Ok(item)).await;
    }

    /// Gives an error to the consumer that is not the end of the stream, and waits until it asks
    /// for the next item. The error that ends the stream is returned instead.
    ///
    /// # Cancel safety
    ///
    /// As [`Yielder::yield_item`].
    pub async fn yield_error(&self, error: E) {
        self.slot.offer(Err(error)).await;
    }
}

impl<T> fmt::Debug for Yielder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Yielder").finish_non_exhaustive()
    }
}

impl<T, E> fmt::Debug for TryYielder<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryYielder").finish_non_exhaustive()
    }
}
