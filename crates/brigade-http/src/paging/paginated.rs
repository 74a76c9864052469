//! The walk through the pages of a request, before it begins.
//!
//! It ties a template, a style and the caller's reading of a page together, and leaves the walk to
//! [`brigade::stream::paginate`]. It never asks twice for the same page: that is the retry policy's
//! business.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;

use brigade::stream::{Fetched, Generator, Items, Page, PaginateError, Style, items, paginate};
use http::header::LINK;
use url::Url;

use super::template::Template;
use crate::{Error, RequestBuilder, Response, Result};

/// How the pages of an API are asked for: a style that was told its [place](super::Place), or
/// [`NextLink`](super::NextLink). Nothing else can be one.
pub trait Paged {
    /// The rule for what follows a page.
    type Style: Style;
    /// What makes a request of a key.
    type Asks: Asks<<Self::Style as Style>::Key>;

    /// Both of them, for a walk that begins at the URL `first`.
    fn split(self, first: &Url) -> (Self::Style, Self::Asks);
}

/// Makes a request of a key.
pub trait Asks<K> {
    /// The request for the page `key`.
    ///
    /// # Errors
    ///
    /// If there can be none.
    fn request(&self, template: &Template, key: &K) -> Result<RequestBuilder>;

    /// What names the next page, given what was read from the page.
    fn next(&self, said: Option<String>, _answer: Answer) -> Option<String> {
        said
    }
}

/// What a response says about the next page without being read.
#[derive(Debug)]
pub struct Answer {
    pub(super) url: Url,
    pub(super) link: Option<String>,
}

impl Answer {
    fn of(response: &Response) -> Self {
        let mut links = response.headers().get_all(LINK).iter();
        Self {
            url: response.url().clone(),
            link: links.find_map(|value| brigade_core::link::find(value, "next")),
        }
    }
}

impl RequestBuilder {
    /// Walks through the pages of an API with this request, which is sent once for each: `paged` says
    /// how a page is asked for, and `read` makes items of its response. See [`paging`](crate::paging).
    ///
    /// Each page is a request like any other, with its timeouts, retries and limits; its status is
    /// [checked](Response::error_for_status) before `read` gets to see it. An error of `read` that is
    /// none of the client's is made by [`Error::caused_by`].
    ///
    /// A body that is a stream must be [repeatable](crate::RequestBody::repeatable), or the first
    /// page is an error, as it is with a file or a multipart form.
    pub fn paginate<P, T, B>(self, paged: P, read: B) -> Paginated<P, T, B>
    where
        P: Paged,
        B: AsyncFnMut(Response) -> Result<Page<T>>,
    {
        Paginated {
            template: Template::new(self),
            paged,
            read,
            resume: None,
            pages_max: None,
            gives: PhantomData,
        }
    }
}

/// A walk through the pages of a request that has not begun; made by
/// [`RequestBuilder::paginate`].
#[must_use = "a walk does nothing until its pages or items are asked for"]
pub struct Paginated<P: Paged, T, B> {
    template: Template,
    paged: P,
    read: B,
    resume: Option<KeyOf<P>>,
    pages_max: Option<u64>,
    gives: PhantomData<fn() -> T>,
}

type KeyOf<P> = <<P as Paged>::Style as Style>::Key;
type FetchedResult<P, T> = Result<Fetched<T, KeyOf<P>>, PaginateError<Error, KeyOf<P>>>;

impl<P, T, B> Paginated<P, T, B>
where
    P: Paged,
    B: AsyncFnMut(Response) -> Result<Page<T>>,
{
    /// Begins at `key` instead of at the first page: the `next` of a [`Fetched`] page, or the key of
    /// a [`Bookmark`](super::Bookmark), of an earlier walk.
    pub fn resume(mut self, key: KeyOf<P>) -> Self {
        self.resume = Some(key);
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

    /// The stream of pages. An error is its last item, and says which page it was, with the key to
    /// [`resume`](Self::resume) at. As every error of the client it names the URL, and with it what is
    /// in the query; [`Error::without_url`] takes it out.
    ///
    /// A page is asked for when it is wanted, or ahead with
    /// [`prefetch`](brigade::stream::prefetch()). Dropping the stream drops the request that is under
    /// way.
    pub fn pages(
        self,
    ) -> Generator<FetchedResult<P, T>, impl Future<Output = Option<FetchedResult<P, T>>>> {
        let Self {
            mut template,
            paged,
            mut read,
            ..
        } = self;
        let (style, asks) = paged.split(template.url());
        let mut walk = paginate(style, async move |key| {
            template.check()?;
            let request = asks.request(&template, &key)?;
            let response = request.send().await?.error_for_status()?;
            template.heard(&response);
            let answer = Answer::of(&response);
            let page = read(response).await?;
            Ok(page.map_next(|said| asks.next(said, answer)))
        });
        if let Some(key) = self.resume {
            walk = walk.resume(key);
        }
        if let Some(pages) = self.pages_max {
            walk = walk.pages_max(pages);
        }
        walk.pages()
    }

    /// The stream of items. An error is its last item, and comes behind all items before it.
    #[expect(
        clippy::type_complexity,
        reason = "an alias cannot name the future of a closure"
    )]
    pub fn items(
        self,
    ) -> Items<
        Generator<FetchedResult<P, T>, impl Future<Output = Option<FetchedResult<P, T>>>>,
        T,
        KeyOf<P>,
    > {
        items(self.pages())
    }
}

impl<P: Paged, T, B> fmt::Debug for Paginated<P, T, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Paginated")
            .field("template", &self.template)
            .field("pages_max", &self.pages_max)
            .finish_non_exhaustive()
    }
}
