//! The walk as a stream.
//!
//! A page is fetched when it is asked for, unless the stream is prefetched. It never asks twice
//! for the same page: whoever wants to try again does so in the fetch function.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;

use brigade_core::paging::{Stop, Style, Walk};

use super::error::PaginateError;
use super::items::{Items, items};
use super::page::{Fetched, Page};
use crate::stream::{Generator, try_generate};

/// Walks through the pages of an API: `fetch` is called with the key of a page and returns it.
///
/// The style says what a key is: [`Cursor`](super::super::Cursor) asks with `Option<String>`,
/// [`NextUrl`](super::super::NextUrl) with `String`, [`PageNumber`](super::super::PageNumber) and
/// [`Offset`](super::super::Offset) with `u64`.
///
/// # Examples
///
/// ```
/// use brigade::stream::{Cursor, Page, paginate};
///
/// /// Stands for a request to `/users?limit=2&cursor=...`.
/// async fn users(cursor: Option<String>) -> Result<Page<u32>, std::io::Error> {
///     Ok(match cursor.as_deref() {
///         None => Page::new(vec![1, 2]).next(Some("abc")),
///         Some(_) => Page::new(vec![3]),
///     })
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let mut users = paginate(Cursor, users).items();
/// let mut all = Vec::new();
/// while let Some(user) = users.next().await {
///     all.push(user.unwrap());
/// }
/// assert_eq!(all, [1, 2, 3]);
/// # });
/// ```
pub fn paginate<S, T, E, B>(style: S, fetch: B) -> Paginate<S, T, E, B>
where
    S: Style,
    B: AsyncFnMut(S::Key) -> Result<Page<T>, E>,
{
    Paginate {
        walk: Walk::new(style),
        pages_max: None,
        fetch,
        gives: PhantomData,
    }
}

/// A walk that has not begun; made by [`paginate`].
#[must_use = "a walk does nothing until its pages or items are asked for"]
pub struct Paginate<S: Style, T, E, B> {
    walk: Walk<S>,
    pages_max: Option<u64>,
    fetch: B,
    gives: PhantomData<fn() -> (T, E)>,
}

impl<S, T, E, B> Paginate<S, T, E, B>
where
    S: Style,
    B: AsyncFnMut(S::Key) -> Result<Page<T>, E>,
{
    /// Begins at `key` instead of at the first page: the [`next`](Fetched::next) of a page, or the
    /// key of a [`Bookmark`](super::Bookmark), of an earlier walk.
    pub fn resume(mut self, key: S::Key) -> Self {
        self.walk.resume_at(key);
        self
    }

    /// Stops with an error if there is another page behind this many; at least 1.
    ///
    /// It is a guard against APIs that never end: page numbers cannot repeat, so a server that
    /// ignores them gives the same page for ever.
    pub fn pages_max(mut self, pages: u64) -> Self {
        self.pages_max = Some(pages);
        self
    }

    /// The stream of pages. An error is its last item.
    ///
    /// With [`prefetch`](crate::stream::prefetch()) it runs ahead of its consumer by a number of
    /// pages, and [`items`](super::items()) makes items of them.
    #[expect(
        clippy::type_complexity,
        reason = "an alias cannot name the future of a closure"
    )]
    pub fn pages(
        self,
    ) -> Generator<
        FetchedResult<T, E, S::Key>,
        impl Future<Output = Option<FetchedResult<T, E, S::Key>>>,
    > {
        let Self {
            mut walk,
            pages_max,
            mut fetch,
            ..
        } = self;
        walk.set_pages_max(pages_max.unwrap_or(u64::MAX));
        try_generate(async move |yielder| {
            while let Some(key) = walk.asks().cloned() {
                let page = walk.pages() + 1;
                let (items, facts) = match fetch(key.clone()).await {
                    Ok(page) => page.into_parts(),
                    Err(error) => return Err(PaginateError::Fetch { page, key, error }),
                };
                let total = facts.total;
                let arrived = walk.arrived(facts);
                let next = match &arrived {
                    Err(Stop::TooMany { next, .. }) => Some(next.clone()),
                    _ => walk.asks().cloned(),
                };
                let fetched = Fetched::new(key, items, next, total);
                yielder.yield_item(fetched).await;
                arrived.map_err(|stop| PaginateError::Stopped { page, stop })?;
            }
            Ok(())
        })
    }

    /// The stream of items. An error is its last item, and comes behind all items before it.
    #[expect(
        clippy::type_complexity,
        reason = "an alias cannot name the future of a closure"
    )]
    pub fn items(
        self,
    ) -> Items<
        Generator<
            FetchedResult<T, E, S::Key>,
            impl Future<Output = Option<FetchedResult<T, E, S::Key>>>,
        >,
        T,
        S::Key,
    > {
        items(self.pages())
    }
}

type FetchedResult<T, E, K> = Result<Fetched<T, K>, PaginateError<E, K>>;

impl<S: Style, T, E, B> fmt::Debug for Paginate<S, T, E, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Paginate");
        shown.field("pages_max", &self.pages_max);
        shown.finish_non_exhaustive()
    }
}
