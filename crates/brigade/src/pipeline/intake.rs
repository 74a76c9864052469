//! The entrance of a stage: the queue that its workers share.
//!
//! When the last worker is gone, what is left in the queue is dropped. The queue itself lives on
//! in the handles that watch it, and nothing in it would ever be accounted for.

use super::parcel::Parcel;
use crate::queue::{Receiver, Ticket};

pub(super) struct Intake<T> {
    receiver: Receiver<Parcel<T>>,
}

impl<T> Intake<T> {
    pub(super) fn new(receiver: Receiver<Parcel<T>>) -> Self {
        Self { receiver }
    }

    pub(super) async fn recv(&self) -> Option<Ticket<Parcel<T>>> {
        self.receiver.recv().await
    }
}

impl<T> Drop for Intake<T> {
    fn drop(&mut self) {
        drop(self.receiver.monitor().abort());
    }
}
