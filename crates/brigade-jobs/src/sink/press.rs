//! Encodes batches on threads beside the writer, and gives the blocks back in order.
//!
//! What is under way is bounded: a press that is full makes the writer wait, which makes the
//! workers wait. A body keeps its bytes of the budget until its block is written.

use std::collections::VecDeque;
use std::future::Future;
use std::num::NonZeroUsize;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use brigade::thread::{Call, Pool};

use crate::error::Error;
use crate::format::{Block, Encode};
use crate::record::Success;

/// Most threads that encode for one job.
const THREADS_MAX: usize = 8;

type Encoding = Call<'static, Result<Block, Error>>;

/// Encoders at work, and what the writer keeps beside each batch (`T`).
#[derive(Debug)]
pub(super) struct Press<T> {
    encoder: Arc<dyn Encode>,
    pool: Pool,
    under_way: VecDeque<(Encoding, T)>,
    capacity: usize,
}

impl<T> Press<T> {
    pub(super) fn new(encoder: Arc<dyn Encode>) -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let threads = cores.min(THREADS_MAX);
        Self {
            encoder,
            pool: Pool::new("brigade-encode", threads),
            under_way: VecDeque::new(),
            capacity: 2 * threads,
        }
    }

    pub(super) fn encoder(&self) -> &dyn Encode {
        &*self.encoder
    }

    /// Begins to encode a batch. Take blocks first while it [is full](Self::is_full).
    pub(super) fn push(&mut self, results: Vec<Success>, kept: T) {
        let encoder = self.encoder.clone();
        let mut encoding = self.pool.call(move || encoder.encode(&results));
        // The first poll hands it to a thread; its waker is replaced by that of `take`.
        let first = Pin::new(&mut encoding).poll(&mut Context::from_waker(Waker::noop()));
        debug_assert!(first.is_pending(), "a call is never ready at once");
        self.under_way.push_back((encoding, kept));
    }

    pub(super) fn is_full(&self) -> bool {
        self.under_way.len() >= self.capacity
    }

    pub(super) fn is_idle(&self) -> bool {
        self.under_way.is_empty()
    }

    /// The block of the oldest batch, waiting for it; none if nothing is under way.
    pub(super) fn take(&mut self) -> Option<(Result<Block, Error>, T)> {
        let (encoding, kept) = self.under_way.pop_front()?;
        Some((wait(encoding), kept))
    }

    /// Waits for all that is under way and drops it.
    pub(super) fn abandon(&mut self) {
        while self.take().is_some() {}
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Blocks this thread until `future` is ready.
fn wait<F: Future>(future: F) -> F::Output {
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        thread::park();
    }
}
