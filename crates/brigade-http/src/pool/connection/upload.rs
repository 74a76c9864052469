//! The body of a request on its way into a stream of HTTP/2.
//!
//! What the server's windows have room for is handed over at once, which is all of most bodies. For
//! the rest there is a task, because a response may come before its request was sent, and its
//! reader must not be what moves the request. It never outlives its exchange.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::Poll;

use brigade::clock;
use brigade_core::time::Moment;
use bytes::Bytes;
use h2::SendStream;
use tokio::task::AbortHandle;

/// A body that is being sent.
#[derive(Debug)]
pub(super) struct Upload {
    stalled: Arc<AtomicU64>,
    task: AbortHandle,
}

impl Upload {
    /// Sends `body`. `None` if it could all be handed over.
    pub(super) fn begin(mut stream: SendStream<Bytes>, body: Bytes) -> Option<Self> {
        stream.reserve_capacity(body.len());
        if stream.capacity() >= body.len() {
            // Fails if the stream is over already, which its response tells.
            let _ = stream.send_data(body, true);
            return None;
        }
        let stalled = Arc::new(AtomicU64::new(0));
        #[expect(
            clippy::disallowed_methods,
            reason = "the exchange that began it ends it, and its connection does"
        )]
        let task = tokio::spawn(send(stream, body, stalled.clone()));
        let task = task.abort_handle();
        Some(Self { stalled, task })
    }

    /// Since when the server has taken nothing.
    pub(super) fn stalled_since(&self) -> Option<Moment> {
        let since = self.stalled.load(Relaxed);
        (since != 0).then(|| Moment::from_nanos(since))
    }

    pub(super) fn is_over(&self) -> bool {
        self.task.is_finished()
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn send(mut stream: SendStream<Bytes>, mut body: Bytes, stalled: Arc<AtomicU64>) {
    while !body.is_empty() {
        stream.reserve_capacity(body.len());
        let capacity = poll_fn(|cx| {
            let capacity = stream.poll_capacity(cx);
            if capacity.is_pending() && stalled.load(Relaxed) == 0 {
                stalled.store(clock::now().as_nanos(), Relaxed);
            }
            if capacity.is_pending() && stream.poll_reset(cx).is_ready() {
                return Poll::Ready(None);
            }
            capacity
        });
        let Some(Ok(capacity)) = capacity.await else {
            return;
        };
        stalled.store(0, Relaxed);
        let part = body.split_to(capacity.min(body.len()));
        let is_last = body.is_empty();
        if stream.send_data(part, is_last).is_err() {
            return;
        }
    }
}
