//! The source of a pipeline, and how a drain stops it.
//!
//! A source is stopped where it waits for something of its own, never between having an item and
//! handing it on: an item that was ready together with the drain flows to the end. From the moment
//! at which it is stopped nothing is taken from anybody, so the books are closed when the run ends.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::books::Books;
use super::parcel::{Outlet, Parcel};
use crate::cancel::{Token, context};
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Arc, Mutex, PoisonError};

/// Nothing is taken any more.
const STOPPED: usize = 1 << (usize::BITS - 1);
/// The source waits for the emissions of others, and then stops.
const STOPPING: usize = STOPPED >> 1;

/// Where a source puts its items; see [`Pipeline::source`](super::Pipeline::source).
pub struct Emit<T> {
    outlet: Outlet<T>,
    tap: Arc<Tap>,
}

/// What the source and its watcher share.
pub(super) struct Tap {
    drain: Token,
    books: Arc<Books>,
    /// Emissions that have not handed their items on, and the marks above.
    emitting: AtomicUsize,
    /// Of the source, once it is stopping.
    waker: Mutex<Option<Waker>>,
}

impl<T> Emit<T> {
    pub(super) fn new(outlet: Outlet<T>, tap: Arc<Tap>) -> Self {
        Self { outlet, tap }
    }

    /// Hands an item to the first stage, waiting for room.
    ///
    /// It never returns in a pipeline that is draining or cancelled: the source is dropped there.
    /// When it is draining, the item is handed on first, so a source that emits each item before
    /// it fetches the next one loses none.
    ///
    /// Tasks of the source may share it in an [`Arc`](std::sync::Arc): a drain waits for what they
    /// are emitting. From the end of the source on nothing is taken from anybody, and it never
    /// returns.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready drops the item, which counts as cancelled. (A drain
    /// does not do that.)
    pub async fn emit(&self, item: T) {
        let Some(emission) = Emission::begin(&self.tap) else {
            return context::stuck().await;
        };
        let claim = self.tap.books.claim();
        let sent = self.outlet.put(Parcel { item, claim }).await;
        drop(emission);
        if !sent || self.is_draining() {
            context::stuck().await
        }
    }

    /// Whether the pipeline is being drained. A source that is never waiting can end by itself.
    pub fn is_draining(&self) -> bool {
        self.tap.drain.is_cancelled()
    }
}

impl<T> fmt::Debug for Emit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emit")
            .field("draining", &self.is_draining())
            .finish_non_exhaustive()
    }
}

struct Emission<'a>(&'a Tap);

impl<'a> Emission<'a> {
    /// `None` if the source has ended.
    fn begin(tap: &'a Tap) -> Option<Self> {
        let one_more = |count: usize| (count & STOPPED == 0).then_some(count + 1);
        let began = tap
            .emitting
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more);
        began.is_ok().then_some(Self(tap))
    }
}

impl Drop for Emission<'_> {
    fn drop(&mut self) {
        let before = self.0.emitting.fetch_sub(1, Ordering::SeqCst);
        if before == STOPPING + 1 {
            let waker = self.0.set_waker(None);
            waker.into_iter().for_each(Waker::wake);
        }
    }
}

/// Whatever ends the source.
struct Ended<'a>(&'a Tap);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.emitting.fetch_or(STOPPED, Ordering::SeqCst);
        drop(self.0.set_waker(None));
    }
}

impl Tap {
    pub(super) fn new(drain: Token, books: Arc<Books>) -> Arc<Self> {
        Arc::new(Self {
            drain,
            books,
            emitting: AtomicUsize::new(0),
            waker: Mutex::new(None),
        })
    }

    fn set_waker(&self, waker: Option<Waker>) -> Option<Waker> {
        let mut place = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *place, waker)
    }

    /// Runs the source until it ends or a drain stops it.
    pub(super) async fn run<E>(
        &self,
        source: impl Future<Output = Result<(), E>>,
    ) -> Result<(), E> {
        // Declared before the source and so dropped after it.
        let _ended = Ended(self);
        let mut source = pin!(source);
        let mut drained = pin!(self.drain.cancelled());
        poll_fn(|cx| {
            if let Poll::Ready(result) = source.as_mut().poll(cx) {
                if result.is_ok() && !self.drain.is_cancelled() {
                    self.books.set_complete();
                }
                return Poll::Ready(result);
            }
            if !self.drain.is_cancelled() {
                std::task::ready!(drained.as_mut().poll(cx));
            }
            self.poll_stop(cx).map(Ok)
        })
        .await
    }

    /// Ready when the source is stopped: it waits for something of its own, and so does everybody
    /// else who emits.
    fn poll_stop(&self, cx: &mut Context<'_>) -> Poll<()> {
        if context::scope().is_some_and(|scope| scope.is_shielded()) {
            return Poll::Pending;
        }
        drop(self.set_waker(Some(cx.waker().clone())));
        // Marked in one step with the count: whoever is the last sees it and wakes the source.
        self.emitting.fetch_or(STOPPING, Ordering::SeqCst);
        let stopped = self.emitting.compare_exchange(
            STOPPING,
            STOPPING | STOPPED,
            Ordering::SeqCst,
            Ordering::SeqCst,
        );
        match stopped {
            Ok(_) => Poll::Ready(()),
            Err(_) => Poll::Pending,
        }
    }
}
