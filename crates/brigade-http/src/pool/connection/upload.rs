//! The body of a request on its way into a stream of HTTP/2.
//!
//! What the server's windows have room for is handed over at once, which is all of most bodies. For
//! the rest there is a task, because a response may come before its request was sent, and its
//! reader must not be what moves the request. It never outlives its exchange.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use brigade::clock;
use brigade_core::time::Moment;
use bytes::Bytes;
use futures_util::task::AtomicWaker;
use h2::{Reason, SendStream};
use http_body::{Body, Frame};
use tokio::task::AbortHandle;

use crate::Error;
use crate::answered::BoxError;
use crate::body::RequestBody;

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
    /// Why the body could not be read to its end.
    failure: Mutex<Option<BoxError>>,
    /// Woken when that begins, and when the upload is over.
    watcher: AtomicWaker,
}

impl Progress {
    fn failure(&self) -> MutexGuard<'_, Option<BoxError>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

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
    pub(super) fn begin(mut stream: SendStream<Bytes>, body: RequestBody) -> Option<Self> {
        if let Some(bytes) = body.as_bytes() {
            stream.reserve_capacity(bytes.len());
            if stream.capacity() >= bytes.len() {
                // Fails if the stream is over already, which its response tells.
                let _ = stream.send_data(bytes.clone(), true);
                return None;
            }
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

    /// Why the body could not be read to its end, if that is so.
    pub(super) fn failure(&self) -> Option<Error> {
        let cause = self.progress.failure().take()?;
        Some(Error::of_body(cause))
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn send(mut stream: SendStream<Bytes>, body: RequestBody, ending: Ending) {
    let progress = &ending.0;
    let mut body = pin!(body);
    loop {
        let frame = poll_fn(|cx| match stream.poll_reset(cx).is_ready() {
            true => Poll::Ready(Next::Unwanted),
            false => body.as_mut().poll_frame(cx).map(Next::Frame),
        });
        match frame.await {
            Next::Frame(Some(Ok(frame))) => {
                let Ok(chunk) = frame.into_data() else {
                    continue;
                };
                let is_last = body.is_end_stream();
                if !send_chunk(&mut stream, chunk, is_last, progress).await || is_last {
                    return;
                }
            }
            Next::Frame(Some(Err(error))) => {
                *progress.failure() = Some(error);
                // Nobody can take what was sent for the whole.
                stream.send_reset(Reason::CANCEL);
                return;
            }
            Next::Frame(None) => {
                // Fails if the stream is over already, which its response tells.
                let _ = stream.send_data(Bytes::new(), true);
                return;
            }
            Next::Unwanted => return,
        }
    }
}

/// What becomes of an upload next.
enum Next {
    Frame(Option<Result<Frame<Bytes>, BoxError>>),
    /// The server has reset the stream.
    Unwanted,
}

/// Sends a chunk as the server's windows allow; `false` if the stream is over.
async fn send_chunk(
    stream: &mut SendStream<Bytes>,
    mut chunk: Bytes,
    is_last: bool,
    progress: &Progress,
) -> bool {
    while !chunk.is_empty() {
        stream.reserve_capacity(chunk.len());
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
            return false;
        };
        progress.stalled.store(0, Relaxed);
        let part = chunk.split_to(capacity.min(chunk.len()));
        if stream.send_data(part, is_last && chunk.is_empty()).is_err() {
            return false;
        }
    }
    true
}
