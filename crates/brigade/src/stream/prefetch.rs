//! A stream that runs ahead of its consumer.
//!
//! It is a child of a group, so it is never left running, and a place is reserved before an item
//! is asked for, so there are never more items than that.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::sync::mpsc::{self, Receiver};

use crate::group::{Task, TaskGroup};

/// Runs `stream` ahead in a child of `group`: at most `ahead` items have been asked for that the
/// consumer has not taken.
///
/// The items come in the same order. An error that is an item stays one. A panic of the stream
/// fails the group, as that of any child does.
///
/// # Panics
///
/// If `ahead` is 0.
///
/// # Examples
///
/// ```
/// use brigade::stream::{generate, prefetch};
/// use brigade::task_group;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let sum = task_group(async |group| {
///     let numbers = generate(async |yielder| {
///         for n in 1..=4 {
///             yielder.yield_item(n).await;
///         }
///     });
///     let mut numbers = prefetch(group, numbers, 2);
///     let mut sum = 0;
///     while let Some(n) = numbers.next().await {
///         sum += n;
///     }
///     Ok::<_, String>(sum)
/// });
/// assert_eq!(sum.await.unwrap(), 10);
/// # });
/// ```
pub fn prefetch<E, S>(group: &TaskGroup<E>, stream: S, ahead: usize) -> Prefetch<'_, S::Item>
where
    E: fmt::Display + Send + 'static,
    S: Stream + Unpin + Send + 'static,
    S::Item: Send + 'static,
{
    assert!(ahead > 0, "a stream cannot run ahead by no item");
    let (sender, items) = mpsc::channel(ahead);
    let mut stream = stream;
    let task = group.spawn_named("prefetch", async move {
        while let Ok(place) = sender.reserve().await {
            let item = poll_fn(|cx| Pin::new(&mut stream).poll_next(cx));
            let Some(item) = item.await else { break };
            place.send(item);
        }
        Ok(())
    });
    Prefetch {
        items,
        task: Some(task),
    }
}

/// A stream that runs ahead; made by [`prefetch()`].
///
/// It borrows the group and so cannot leave its body. If the child fails or the group is
/// cancelled, the next item never comes: the group drops the body at that await.
///
/// Dropping it cancels the child, and with it the stream; items that were not taken are dropped.
#[must_use = "a stream that is dropped ends"]
pub struct Prefetch<'g, T> {
    items: Receiver<T>,
    task: Option<Task<'g, ()>>,
}

impl<T> Prefetch<'_, T> {
    /// The next item; `None` at the end, and from then on.
    ///
    /// # Cancel safety
    ///
    /// Safe: an item that was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<T> {
        poll_fn(|cx| self.poll_item(cx)).await
    }

    /// Ends the stream and waits until what it had open has ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping it is dropping the stream.
    pub async fn close(mut self) {
        if let Some(task) = self.task.take() {
            // However it ended: a failure is the group's.
            let _ = task.cancel().await;
        }
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        if let Some(item) = std::task::ready!(self.items.poll_recv(cx)) {
            return Poll::Ready(Some(item));
        }
        // It is the end only if the child says so.
        if let Some(task) = &mut self.task {
            std::task::ready!(Pin::new(task).poll(cx));
        }
        self.task = None;
        Poll::Ready(None)
    }
}

impl<T> Stream for Prefetch<'_, T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_item(cx)
    }
}

impl<T> Drop for Prefetch<'_, T> {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            drop(task.cancel());
        }
    }
}

impl<T> fmt::Debug for Prefetch<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Prefetch");
        shown.field("waiting", &self.items.len());
        shown.finish_non_exhaustive()
    }
}
