//! Batches: many items as one.

use std::fmt;
use std::time::Duration;

use brigade_core::pipeline::{BatchLimits, Filling};

use super::bench::caught;
use super::intake::Intake;
use super::letter::Grave;
use super::parcel::{Outlet, Parcel};
use crate::clock::{instant, now};
use crate::runtime::timeout_at;

/// When a batch is complete: at a number of items, a number of bytes, or after a time, whichever
/// comes first; and at the end of the source.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use brigade::pipeline::Batch;
///
/// let lines = Batch::of(1000)
///     .bytes(1 << 20, |line: &String| line.len())
///     .every(Duration::from_millis(500));
/// # drop(lines);
/// ```
#[must_use = "options do nothing until a pipeline has them"]
pub struct Batch<T> {
    pub(super) limits: BatchLimits,
    size: Option<SizeOf<T>>,
}

type SizeOf<T> = Box<dyn FnMut(&T) -> usize + Send>;

impl<T> Batch<T> {
    /// Batches of `items` items at most.
    ///
    /// # Panics
    ///
    /// If `items` is 0.
    pub fn of(items: usize) -> Self {
        assert!(items > 0, "a batch of at most 0 items is never complete");
        let limits = BatchLimits {
            items,
            bytes: usize::MAX,
            every: None,
        };
        Self { limits, size: None }
    }

    /// Batches of `bytes` bytes at most, by what `size` says of each item. An item that exceeds
    /// them alone is a batch of its own.
    pub fn bytes(mut self, bytes: usize, size: impl FnMut(&T) -> usize + Send + 'static) -> Self {
        self.limits.bytes = bytes;
        self.size = Some(Box::new(size));
        self
    }

    /// Completes a batch after this time from its first item, also when nothing more comes. It
    /// needs a runtime with time enabled.
    pub fn every(mut self, every: Duration) -> Self {
        self.limits.every = Some(every);
        self
    }

    /// How many items may wait to be put into a batch, besides those that are in one.
    pub(super) fn waiting_max(&self) -> usize {
        self.limits.items.min(64)
    }
}

impl<T> fmt::Debug for Batch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Batch").field(&self.limits).finish()
    }
}

/// Fills batches and hands them on.
pub(super) struct Packer<T, E> {
    pub(super) batch: Batch<T>,
    pub(super) intake: Intake<T>,
    pub(super) outlet: Outlet<Vec<T>>,
    pub(super) grave: Grave<E>,
}

impl<T: Send + 'static, E: Send + 'static> Packer<T, E> {
    pub(super) async fn pack(mut self) -> Result<(), E> {
        let mut filling = Filling::new(self.batch.limits);
        let mut held = self.grave.gauge.hold(0);
        loop {
            held.set(filling.len());
            let ticket = match filling.due() {
                None => self.intake.recv().await,
                Some(due) => match timeout_at(instant(due), self.intake.recv()).await {
                    Ok(ticket) => ticket,
                    Err(_) => {
                        self.hand_on(filling.take()).await;
                        continue;
                    }
                },
            };
            let Some(ticket) = ticket else {
                self.hand_on(filling.take()).await;
                return Ok(());
            };
            let parcel = ticket.done();
            let size = self.batch.size.as_mut();
            match caught(|| size.map_or(0, |size| size(&parcel.item))) {
                Ok(size) => self.add(&mut filling, parcel, size).await,
                Err(payload) => {
                    drop(parcel.item);
                    self.grave.bury_panicked(parcel.claim, payload).await?;
                }
            }
        }
    }

    async fn add(&mut self, filling: &mut Filling<Parcel<T>>, parcel: Parcel<T>, size: usize) {
        let now = now();
        self.hand_on(filling.push(parcel, size, now)).await;
        if filling.is_complete(now) {
            self.hand_on(filling.take()).await;
        }
    }

    async fn hand_on(&mut self, batch: Option<Vec<Parcel<T>>>) {
        if let Some(parcel) = batch.and_then(Parcel::merge) {
            self.outlet.put(parcel).await;
            self.grave.gauge.count_done();
        }
    }
}
