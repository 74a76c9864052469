//! The source of a pipeline, and how a drain stops it.
//!
//! A source is stopped where it waits for something of its own, never between having an item and
//! handing it on: an item that was ready together with the drain flows to the end.

use std::fmt;
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::task::Poll;

use super::books::Books;
use super::parcel::{Outlet, Parcel};
use crate::cancel::{Token, context};
use crate::sync::Arc;
use crate::sync::atomic::{AtomicUsize, Ordering};

/// Where a source puts its items; see [`Pipeline::source`](super::Pipeline::source).
pub struct Emit<T> {
    outlet: Outlet<T>,
    tap: Arc<Tap>,
}

/// What the source and its watcher share.
pub(super) struct Tap {
    drain: Token,
    books: Arc<Books>,
    /// Emissions that have not handed their items on.
    emitting: AtomicUsize,
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
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready drops the item, which counts as cancelled. (A drain
    /// does not do that.)
    pub async fn emit(&self, item: T) {
        let emission = Emission::begin(&self.tap);
        let claim = self.tap.books.claim();
        let sent = self.outlet.put(Parcel { item, claim }).await;
        drop(emission);
        if !sent || self.is_draining() {
            context::set_stuck();
            pending().await
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
    fn begin(tap: &'a Tap) -> Self {
        tap.emitting.fetch_add(1, Ordering::SeqCst);
        Self(tap)
    }
}

impl Drop for Emission<'_> {
    fn drop(&mut self) {
        self.0.emitting.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Tap {
    pub(super) fn new(drain: Token, books: Arc<Books>) -> Arc<Self> {
        Arc::new(Self {
            drain,
            books,
            emitting: AtomicUsize::new(0),
        })
    }

    /// Runs the source until it ends or a drain stops it.
    pub(super) async fn run<E>(
        &self,
        source: impl Future<Output = Result<(), E>>,
    ) -> Result<(), E> {
        let mut source = pin!(source);
        let mut drained = pin!(self.drain.cancelled());
        poll_fn(|cx| {
            if let Poll::Ready(result) = source.as_mut().poll(cx) {
                if result.is_ok() {
                    self.books.set_complete();
                }
                return Poll::Ready(result);
            }
            if !self.drain.is_cancelled() {
                std::task::ready!(drained.as_mut().poll(cx));
            }
            let shielded = || context::scope().is_some_and(|scope| scope.is_shielded());
            if self.emitting.load(Ordering::SeqCst) > 0 || shielded() {
                return Poll::Pending;
            }
            Poll::Ready(Ok(()))
        })
        .await
    }
}
