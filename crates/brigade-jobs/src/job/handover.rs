//! The way from the event loop to the writer: outcomes gather in a batch, batches go through a
//! bounded channel.
//!
//! A worker that finds the channel full waits, so a slow disk slows the fetching. Dropping a
//! waiting worker loses nothing: what it handed over stays in the batch.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use crate::error::Error;
use crate::sink::{Batch, Outcome};

/// Outcomes of a full batch.
const OUTCOMES: usize = 64;
/// Bytes of a full batch.
const BYTES: usize = 256 * 1024;

#[derive(Debug, Default)]
struct Pending {
    batch: Batch,
    bytes: usize,
}

/// Gathers outcomes and sends them to the writer.
#[derive(Debug)]
pub(super) struct Handover {
    pending: Mutex<Pending>,
    batches: mpsc::Sender<Batch>,
}

impl Handover {
    pub(super) fn new(batches: mpsc::Sender<Batch>) -> Self {
        Self {
            pending: Mutex::default(),
            batches,
        }
    }

    /// Hands over one outcome; sends the batch if it is full.
    pub(super) async fn put(&self, outcome: Outcome) -> Result<(), Error> {
        let full = {
            let mut pending = self.lock();
            if let Outcome::Success(success) = &outcome {
                pending.bytes += success.data.len();
            }
            pending.batch.outcomes.push(outcome);
            pending.bytes >= BYTES || pending.batch.outcomes.len() >= OUTCOMES
        };
        if full { self.send(false).await } else { Ok(()) }
    }

    /// Changes the batch that is being gathered.
    pub(super) fn note(&self, change: impl FnOnce(&mut Batch)) {
        change(&mut self.lock().batch);
    }

    /// Sends what has gathered, if anything has, or if a commit is due.
    pub(super) async fn send(&self, commit: bool) -> Result<(), Error> {
        let gone = |_| Error::Stopped("the writer");
        // The place is taken first and the batch after it: nothing is lost if this is dropped.
        let place = self.batches.reserve().await.map_err(gone)?;
        let mut batch = {
            let mut pending = self.lock();
            pending.bytes = 0;
            std::mem::take(&mut pending.batch)
        };
        batch.commit |= commit;
        if batch.commit || !batch.is_empty() {
            place.send(batch);
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
