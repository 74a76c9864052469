//! The body of a request on its way into a stream of HTTP/2.
//!
//! What the server's windows have room for is handed over at once, which is all of most bodies. For
//! the rest there is a task, because a response may come before its request was sent, and its
//! reader must not be what moves the request. It never outlives its exchange.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::task::{Context, Poll};

use brigade::clock;
use brigade_core::time::Moment;
use bytes::Bytes;
use futures_util::task::AtomicWaker;
use h2::SendStream;
use tokio::task::AbortHandle;

/// A body that is being sent.
#[derive(Debug)]
pub(super) struct Upload {
    progress: Arc<Progress>,
    task: AbortHandle,
}

/// What the task tells the exchange, which has to time what it waits for.
#[derive(Debug, Default)]
struct Progress {
    /// Since when the server has taken nothing, or 0.
    stalled: AtomicU64,
    is_over: AtomicBool,
    /// Woken when that begins, and when the upload is over.
    watcher: AtomicWaker,
}

impl Progress {
    fn begin_stall(&self) {
        if self.stalled.load(Relaxed) == 0 {
            self.stalled.store(clock::now().as_nanos(), Relaxed);
            self.watcher.wake();
        }
    }
}

/// Tells that an upload is over, whatever ends it.
struct Ending(Arc<Progress>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.stalled.store(0, Relaxed);
        self.0.is_over.store(true, Release);
        self.0.watcher.wake();
    }
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
        let progress = Arc::new(Progress::default());
        let ending = Ending(progress.clone());
        #[expect(
            clippy::disallowed_methods,
            reason = "the exchange that began it ends it, and its connection does"
        )]
        let task = tokio::spawn(send(stream, body, ending));
        let task = task.abort_handle();
        Some(Self { progress, task })
    }

    /// Since when the server has taken nothing.
    pub(super) fn stalled_since(&self) -> Option<Moment> {
        let since = self.progress.stalled.load(Relaxed);
        (since != 0).then(|| Moment::from_nanos(since))
    }

    /// Whether nothing is left to be sent. The exchange is woken when that changes, or a stall
    /// begins.
    pub(super) fn poll_over(&self, cx: &mut Context<'_>) -> bool {
        self.progress.watcher.register(cx.waker());
        self.progress.is_over.load(Acquire)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn send(mut stream: SendStream<Bytes>, mut body: Bytes, ending: Ending) {
    let progress = &ending.0;
    while !body.is_empty() {
        stream.reserve_capacity(body.len());
        let capacity = poll_fn(|cx| {
            let capacity = stream.poll_capacity(cx);
            if capacity.is_pending() {
                progress.begin_stall();
                if stream.poll_reset(cx).is_ready() {
                    return Poll::Ready(None);
                }
            }
            capacity
        });
        let Some(Ok(capacity)) = capacity.await else {
            return;
        };
        progress.stalled.store(0, Relaxed);
        let part = body.split_to(capacity.min(body.len()));
        let is_last = body.is_empty();
        if stream.send_data(part, is_last).is_err() {
            return;
        }
    }
}
