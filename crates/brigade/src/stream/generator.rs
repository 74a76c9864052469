//! Streams that are written as async closures.
//!
//! The closure is polled in place, inside of whoever asks for an item: no task, no channel, and
//! nothing is produced ahead. It never runs in the scope of its consumer.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_core::stream::FusedStream;

use super::producer::{End, Producer};
use super::slot::Slot;
use super::yielder::{TryYielder, Yielder};
use crate::cancel::context;
use crate::cancel::shield::Shield;
use crate::sync::Arc;

/// Makes a stream of an async closure: what it yields are the items, and the stream ends with it.
///
/// The body begins with the first demand and goes on only while an item is asked for. It may open
/// groups and register finalisers with [`defer`](crate::cancel::defer()); both belong to the
/// stream. When the body has come to its end, its finalisers run before the stream ends.
///
/// # Panics
///
/// A panic of the body continues in the consumer when everything of the stream has ended.
///
/// # Examples
///
/// ```
/// use brigade::stream::generate;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let mut squares = generate(async |yielder| {
///     for n in 1..=3 {
///         yielder.yield_item(n * n).await;
///     }
/// });
/// let mut sum = 0;
/// while let Some(square) = squares.next().await {
///     sum += square;
/// }
/// assert_eq!(sum, 14);
/// # });
/// ```
pub fn generate<T, B>(body: B) -> Generator<T, impl Future<Output = Option<T>>>
where
    B: AsyncFnOnce(&Yielder<T>),
{
    let slot = Slot::new();
    let yielder = Yielder::new(slot.clone());
    let produce = async move {
        body(&yielder).await;
        None
    };
    Generator::new(std::any::type_name::<B>(), slot, produce)
}

/// Makes a stream of results of an async closure that can fail: the error that it returns is the
/// last item.
///
/// # Panics
///
/// As [`generate`].
///
/// # Examples
///
/// ```
/// use brigade::stream::try_generate;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let mut numbers = try_generate(async |yielder| {
///     for word in ["1", "2", "x", "4"] {
///         yielder.yield_item(word.parse::<u32>()?).await;
///     }
///     Ok::<_, std::num::ParseIntError>(())
/// });
/// assert_eq!(numbers.next().await, Some(Ok(1)));
/// assert_eq!(numbers.next().await, Some(Ok(2)));
/// assert!(numbers.next().await.unwrap().is_err());
/// assert_eq!(numbers.next().await, None);
/// # });
/// ```
pub fn try_generate<T, E, B>(
    body: B,
) -> Generator<Result<T, E>, impl Future<Output = Option<Result<T, E>>>>
where
    B: AsyncFnOnce(&TryYielder<T, E>) -> Result<(), E>,
{
    let slot = Slot::new();
    let yielder = TryYielder::new(slot.clone());
    let produce = async move { body(&yielder).await.err().map(Err) };
    Generator::new(std::any::type_name::<B>(), slot, produce)
}

/// A stream that is produced by an async closure; made by [`generate`] and [`try_generate`].
///
/// It is `Unpin` and may move between tasks while it is used. If it has a group open or
/// finalisers registered, it ends with the task that used it last at the latest.
///
/// Dropping it destroys the closure's future at once, and with it the connections and permits that
/// it holds. The group or task around the drop waits for its finalisers and for the children of
/// its groups. Outside [`run`](crate::run()) and outside any group nobody would wait: its
/// finalisers do not run then, and its children are aborted. [`close`](Self::close) waits anywhere.
#[must_use = "a stream does nothing unless it is read"]
pub struct Generator<I, F: Future> {
    slot: Arc<Slot<I>>,
    producer: Option<Producer<F>>,
    /// The end of the producer, which comes behind the items that are left.
    end: Option<End<F::Output>>,
}

/// A stream whose closure has no name in its type; made by [`Generator::boxed`].
pub type BoxGenerator<'b, I> = Generator<I, Pin<Box<dyn Future<Output = Option<I>> + Send + 'b>>>;

impl<I, F: Future> Unpin for Generator<I, F> {}

impl<I, F> Generator<I, F>
where
    F: Future<Output = Option<I>>,
{
    fn new(name: &'static str, slot: Arc<Slot<I>>, produce: F) -> Self {
        Self {
            slot,
            producer: Some(Producer::new(name, produce)),
            end: None,
        }
    }

    /// The next item; `None` at the end, and from then on.
    ///
    /// A [`shield`](crate::cancel::shield()) of the body holds for the caller while this waits.
    ///
    /// # Cancel safety
    ///
    /// Safe: an item that was not returned is returned by the next call.
    ///
    /// # Panics
    ///
    /// Continues a panic of the body. It also panics if the body had a group open or finalisers
    /// registered, and the task that used the stream last has ended since: what was open is gone,
    /// and there is no next item.
    pub async fn next(&mut self) -> Option<I> {
        let mut shield = None;
        poll_fn(|cx| {
            let polled = self.poll_item(cx);
            let is_shielded = |producer: &Producer<F>| producer.is_shielded();
            if polled.is_ready() || !self.producer.as_ref().is_some_and(is_shielded) {
                shield = None;
            } else if shield.is_none() {
                shield = Some(Shield::raise(context::scope()));
            }
            polled
        })
        .await
    }

    /// Ends the producer and waits until its finalisers have run and its groups have ended.
    ///
    /// Its future is destroyed at its await unless it is shielded. Items that nobody asked for are
    /// dropped.
    ///
    /// # Cancel safety
    ///
    /// Dropping it is dropping the stream.
    ///
    /// # Panics
    ///
    /// Continues a panic of the body.
    pub async fn close(mut self) {
        self.slot.close();
        let end = match (self.end.take(), &mut self.producer) {
            (Some(end), _) => Some(end),
            (None, Some(producer)) => {
                producer.close();
                Some(poll_fn(|cx| producer.poll(cx)).await)
            }
            (None, None) => None,
        };
        self.producer = None;
        if let Some(End::Panicked(panic)) = end {
            panic.resume();
        }
    }

    /// The same stream as a type that can be named, for a field or the return type of a trait's
    /// function. It may have given items already.
    ///
    /// # Examples
    ///
    /// ```
    /// use brigade::stream::{BoxGenerator, generate};
    ///
    /// struct Countdown {
    ///     left: BoxGenerator<'static, u32>,
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let left = generate(async |yielder| {
    ///     for n in (0..3).rev() {
    ///         yielder.yield_item(n).await;
    ///     }
    /// });
    /// let mut countdown = Countdown { left: left.boxed() };
    /// assert_eq!(countdown.left.next().await, Some(2));
    /// countdown.left.close().await;
    /// # });
    /// ```
    pub fn boxed<'b>(self) -> BoxGenerator<'b, I>
    where
        F: Send + 'b,
    {
        Generator {
            slot: self.slot,
            producer: self.producer.map(Producer::boxed),
            end: self.end,
        }
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<I>> {
        self.slot.release(cx);
        if let Some(item) = self.slot.take() {
            return Poll::Ready(Some(item));
        }
        if self.end.is_none() {
            let Some(producer) = &mut self.producer else {
                return Poll::Ready(None);
            };
            let end = producer.poll(cx);
            if let Poll::Ready(end) = end {
                self.end = Some(end);
            }
            if let Some(item) = self.slot.take() {
                return Poll::Ready(Some(item));
            }
        }
        let Some(end) = self.end.take() else {
            return Poll::Pending;
        };
        self.producer = None;
        match end {
            End::Output(last) => Poll::Ready(last),
            End::Closed => Poll::Ready(None),
            End::Panicked(panic) => panic.resume(),
            End::Lost if context::is_cancelled() => {
                // The consumer is dropped after this poll.
                self.end = Some(End::Lost);
                Poll::Pending
            }
            End::Lost => panic!(
                "a stream with an open group or finalisers was used after its task had ended"
            ),
        }
    }
}

impl<I, F> Stream for Generator<I, F>
where
    F: Future<Output = Option<I>>,
{
    type Item = I;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<I>> {
        self.poll_item(cx)
    }
}

impl<I, F> FusedStream for Generator<I, F>
where
    F: Future<Output = Option<I>>,
{
    fn is_terminated(&self) -> bool {
        self.producer.is_none() && self.end.is_none()
    }
}

impl<I, F: Future> fmt::Debug for Generator<I, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Generator");
        shown.field("ended", &self.producer.is_none());
        shown.finish_non_exhaustive()
    }
}
