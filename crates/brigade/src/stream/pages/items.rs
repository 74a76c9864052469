//! The items of pages, one after the other.
//!
//! It remembers where it stands, so that a job can go on there; it never skips an item.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec::IntoIter;

use futures_core::Stream;

use super::page::Fetched;

/// Makes a stream of items of a stream of pages, a prefetched one for example.
///
/// # Examples
///
/// ```
/// use brigade::stream::{Offset, Page, items, paginate, prefetch};
/// use brigade::task_group;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let count = task_group(async |group| {
///     let pages = paginate(Offset::by_items(), async |offset: u64| {
///         Ok::<_, String>(Page::new((offset..100).take(40).collect::<Vec<_>>()))
///     });
///     // Two pages are fetched while the items of the present one are worked on.
///     let mut numbers = items(prefetch(group, pages.pages(), 2));
///     let mut count = 0;
///     while let Some(number) = numbers.next().await {
///         assert_eq!(number.unwrap(), count);
///         count += 1;
///     }
///     Ok::<_, String>(count)
/// });
/// assert_eq!(count.await.unwrap(), 100);
/// # });
/// ```
pub fn items<P, T, K, X>(pages: P) -> Items<P, T, K>
where
    P: Stream<Item = Result<Fetched<T, K>, X>> + Unpin,
{
    Items {
        pages,
        present: None,
    }
}

/// The items of pages; made by [`items()`] and [`Paginate::items`](super::Paginate::items).
#[must_use = "a stream does nothing unless it is read"]
pub struct Items<P, T, K> {
    pages: P,
    present: Option<Present<T, K>>,
}

/// The page whose items are given.
struct Present<T, K> {
    key: K,
    given: usize,
    items: IntoIter<T>,
    next: Option<K>,
}

/// Where a stream of items stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bookmark<K> {
    /// The key of the page that the next item is on.
    pub key: K,
    /// How many items of that page have been given: a walk that goes on there gives them again.
    pub given: usize,
}

impl<P: Unpin, T, K> Unpin for Items<P, T, K> {}

impl<P, T, K, X> Items<P, T, K>
where
    P: Stream<Item = Result<Fetched<T, K>, X>> + Unpin,
{
    /// The next item, the error that ends the stream, or `None` at its end.
    ///
    /// # Cancel safety
    ///
    /// Safe: an item that was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Result<T, X>> {
        poll_fn(|cx| self.poll_item(cx)).await
    }

    /// Where the next item is; `None` before the first page has arrived, and at the end.
    ///
    /// After an error it is the page that failed, or that was not asked for any more.
    pub fn bookmark(&self) -> Option<Bookmark<K>>
    where
        K: Clone,
    {
        let present = self.present.as_ref()?;
        let (key, given) = if present.items.len() > 0 {
            (present.key.clone(), present.given)
        } else {
            (present.next.clone()?, 0)
        };
        Some(Bookmark { key, given })
    }

    /// The stream of pages, to close it for example. The items of the present page are dropped.
    pub fn into_pages(self) -> P {
        self.pages
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, X>>> {
        loop {
            if let Some(present) = &mut self.present
                && let Some(item) = present.items.next()
            {
                present.given += 1;
                return Poll::Ready(Some(Ok(item)));
            }
            match std::task::ready!(Pin::new(&mut self.pages).poll_next(cx)) {
                Some(Ok(page)) => {
                    self.present = Some(Present {
                        key: page.key,
                        given: 0,
                        items: page.items.into_iter(),
                        next: page.next,
                    });
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl<P, T, K, X> Stream for Items<P, T, K>
where
    P: Stream<Item = Result<Fetched<T, K>, X>> + Unpin,
{
    type Item = Result<T, X>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_item(cx)
    }
}

impl<P, T, K> fmt::Debug for Items<P, T, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Items");
        let waiting = self.present.as_ref().map(|present| present.items.len());
        shown.field("waiting", &waiting);
        shown.finish_non_exhaustive()
    }
}
