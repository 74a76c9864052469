//! The end of a pipeline that is read as a stream.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use tokio::sync::mpsc::Receiver;

use super::handle::Handle;
use super::parcel::Parcel;
use super::stats::Stats;
use crate::group::Error;

/// What comes out of a pipeline, one item after the other; see
/// [`Pipeline::into_stream`](super::Pipeline::into_stream).
///
/// The last thing that it gives is the error with which the pipeline failed, if it did.
///
/// # Panics
///
/// When it is polled, it continues a panic that no handler of dead letters contained.
///
/// # Examples
///
/// ```
/// use brigade::pipeline::{Pipeline, Stage};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let numbers = Pipeline::<_, String>::from_iter(1..=3);
/// let squares = numbers.stage("square", Stage::new(), |n: u32| async move { Ok(n * n) });
/// let mut squares = squares.into_stream();
/// let mut sum = 0;
/// while let Some(square) = squares.next().await {
///     sum += square.unwrap();
/// }
/// assert_eq!(sum, 14);
/// # });
/// ```
#[must_use = "a stream does nothing unless it is read"]
pub struct Output<T, E> {
    handle: Handle,
    // Declared before the items, and so dropped before them: the workers are cancelled first. Gone
    // when it has ended.
    run: Option<Run<E>>,
    items: Receiver<Parcel<T>>,
    failed: Option<Error<E>>,
}

pub(super) type Run<E> = Pin<Box<dyn Future<Output = Result<Stats, Error<E>>> + Send>>;

impl<T, E> Output<T, E> {
    pub(super) fn new(handle: Handle, items: Receiver<Parcel<T>>, run: Run<E>) -> Self {
        Self {
            handle,
            run: Some(run),
            items,
            failed: None,
        }
    }

    /// The next item, or at last the error of the pipeline; `None` when it has ended.
    ///
    /// # Errors
    ///
    /// As [`Pipeline::run`](super::Pipeline::run), once, when everything has ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing; the pipeline goes on when the next one is awaited.
    pub async fn next(&mut self) -> Option<Result<T, Error<E>>> {
        poll_fn(|cx| self.poll_item(cx)).await
    }

    /// A handle that drains, cancels and watches the pipeline.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, Error<E>>>> {
        // Taken out for the poll, since a run that panics has ended.
        if let Some(mut run) = self.run.take() {
            match run.as_mut().poll(cx) {
                Poll::Ready(result) => self.failed = result.err(),
                Poll::Pending => self.run = Some(run),
            }
        }
        if self.run.is_none() {
            // Somebody may have kept a sender.
            self.items.close();
        }
        if let Some(Parcel { item, claim }) = ready!(self.items.poll_recv(cx)) {
            claim.deliver();
            return Poll::Ready(Some(Ok(item)));
        }
        match (&self.run, self.failed.take()) {
            // The workers are done, and what is left of the group ends.
            (Some(_), _) => Poll::Pending,
            (None, failed) => Poll::Ready(failed.map(Err)),
        }
    }
}

impl<T, E> Stream for Output<T, E> {
    type Item = Result<T, Error<E>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_item(cx)
    }
}

impl<T, E> Unpin for Output<T, E> {}

impl<T, E> fmt::Debug for Output<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Output").field(&self.handle).finish()
    }
}
