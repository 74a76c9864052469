//! The way from the event loop to the writer: outcomes gather in a batch, batches go through a
//! bounded channel.
//!
//! A worker that finds the channel full waits, so a slow disk slows the fetching. Dropping a
//! waiting worker loses nothing: what it handed over stays in the batch.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc};

use crate::error::Error;
use crate::sink::{Batch, Outcome};

/// Outcomes of a full batch.
const OUTCOMES: usize = 64;
/// Bytes of a full batch; the last record of one may lie beyond them.
pub(super) const BYTES: usize = 128 * 1024;
/// The same where a batch becomes a block: the shorter a block is, the less it can be compressed.
pub(super) const BLOCK_BYTES: usize = 256 * 1024;
/// Batches that may wait for the writer.
pub(super) const BATCHES: usize = 4;

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
    /// Tells that what was noted is not to wait for the next commit that is due.
    pub(super) pressing: Notify,
    bytes_max: usize,
}

impl Handover {
    /// A way for batches of so many bytes.
    pub(super) fn new(batches: mpsc::Sender<Batch>, bytes_max: usize) -> Self {
        Self {
            pending: Mutex::default(),
            batches,
            pressing: Notify::new(),
            bytes_max,
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
            pending.bytes >= self.bytes_max || pending.batch.outcomes.len() >= OUTCOMES
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
        // Sent under the lock: batches must arrive in the order in which they were gathered.
        let mut pending = self.lock();
        pending.bytes = 0;
        let mut batch = std::mem::take(&mut pending.batch);
        batch.commit |= commit;
        if batch.commit || !batch.is_empty() {
            place.send(batch);
        }
        Ok(())
    }

    /// Waits until the writer takes no more batches, and says so.
    pub(super) async fn gone(&self) -> Error {
        self.batches.closed().await;
        Error::Stopped("the writer")
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;
    use crate::record::Success;

    #[test]
    fn f5c_workers_wait_for_a_writer_that_does_not_keep_up_and_lose_nothing() {
        let (batches, mut written) = mpsc::channel(2);
        let handover = Handover::new(batches, BYTES);
        let mut context = Context::from_waker(Waker::noop());
        let mut put = 0;
        let mut one = |index: u64| {
            let outcome = Outcome::Skipped(index..=index);
            pin!(handover.put(outcome)).poll(&mut context).is_ready()
        };
        while one(put) {
            put += 1;
        }
        // Two batches lie in the channel, and a third waits with the one that filled it.
        assert_eq!(put + 1, 3 * OUTCOMES as u64);
        // The one that waited was dropped, but not what it had handed over.
        written.close();
        let mut seen = 0;
        while let Ok(batch) = written.try_recv() {
            seen += batch.outcomes.len();
        }
        seen += handover.lock().batch.outcomes.len();
        assert_eq!(seen as u64, put + 1);
    }

    #[test]
    fn f6j_what_waits_for_a_writer_is_bounded_in_bytes_whatever_the_records_are_like() {
        const WORKERS: usize = 16;
        for record in [200, 10_000, BYTES + 1] {
            let (batches, mut written) = mpsc::channel(BATCHES);
            let handover = Handover::new(batches, BYTES);
            let mut context = Context::from_waker(Waker::noop());
            let mut waiting = Vec::new();
            while waiting.len() < WORKERS {
                let mut put = Box::pin(handover.put(Outcome::Success(Success {
                    index: 0,
                    status: 200,
                    data: vec![0; record],
                    body_at: 0,
                    place: None,
                    elapsed_us: 0,
                    budget: 0,
                })));
                if put.as_mut().poll(&mut context).is_pending() {
                    waiting.push(put);
                }
            }
            drop(waiting);
            let bytes = |batch: &Batch| {
                let data = batch.outcomes.iter().map(|outcome| match outcome {
                    Outcome::Success(success) => success.data.len(),
                    _ => 0,
                });
                data.sum::<usize>()
            };
            let full = BYTES.min(OUTCOMES * record);
            for _ in 0..BATCHES {
                let held = bytes(&written.try_recv().unwrap());
                assert!((full..full + record).contains(&held), "{held} of {record}");
            }
            assert!(written.try_recv().is_err());
            // Beyond the batches there is no more than each worker has in its hands.
            let held = bytes(&handover.lock().batch);
            assert!(held < full + WORKERS * record, "{held} of {record}");
        }
    }

    #[test]
    fn a_writer_that_is_gone_is_reported() {
        let (batches, written) = mpsc::channel(1);
        drop(written);
        let handover = Handover::new(batches, BYTES);
        let mut context = Context::from_waker(Waker::noop());
        let sent = pin!(handover.send(true)).poll(&mut context);
        assert!(matches!(
            sent,
            std::task::Poll::Ready(Err(Error::Stopped(_)))
        ));
    }

    #[test]
    fn batches_arrive_in_the_order_in_which_they_were_gathered() {
        const EACH: u64 = 2000;
        let (batches, mut written) = mpsc::channel(8);
        let handover = Handover::new(batches, BYTES);
        let next = std::sync::atomic::AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread().build();
                    let runtime = runtime.unwrap();
                    for _ in 0..EACH {
                        handover.note(|batch| {
                            let index = next.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                            batch.outcomes.push(Outcome::Skipped(index..=index));
                        });
                        runtime.block_on(handover.send(false)).unwrap();
                    }
                });
            }
            let mut expected = 0;
            while expected < 4 * EACH {
                for outcome in written.blocking_recv().unwrap().outcomes {
                    let Outcome::Skipped(range) = outcome else {
                        panic!("{outcome:?}")
                    };
                    assert_eq!(*range.start(), expected);
                    expected += 1;
                }
            }
        });
    }
}
