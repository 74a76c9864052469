//! A page: what the fetch function says of it, and what the stream gives.

use brigade_core::link;
use brigade_core::paging::Facts;

/// What a fetch function returns: the items, and what the response says about the next page.
///
/// # Examples
///
/// ```
/// use brigade::stream::Page;
///
/// let by_token = Page::new(vec!["a", "b"]).next(Some("token"));
/// let by_header = Page::new(vec!["a", "b"]).link("</users?page=2>; rel=next");
/// let numbered = Page::new(vec!["a", "b"]).total(17);
/// # let _ = (by_token, by_header, numbered);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "a page does nothing until the fetch function returns it"]
pub struct Page<T> {
    items: Vec<T>,
    facts: Facts,
}

impl<T> Page<T> {
    /// A page with these items that says nothing about the next one.
    pub fn new(items: Vec<T>) -> Self {
        let facts = Facts {
            items: items.len() as u64,
            ..Facts::default()
        };
        Self { items, facts }
    }

    /// The token or the URL of the next page; none, or an empty one, on the last.
    pub fn next(mut self, next: Option<impl Into<String>>) -> Self {
        self.facts.next = next.map(Into::into);
        self
    }

    /// The value of a `Link` header, whose `next` relation is the URL of the next page.
    ///
    /// If the response has several, call it for each: the first that names a next page counts. A
    /// relative URL stays as it is.
    pub fn link(mut self, header: impl AsRef<[u8]>) -> Self {
        if self.facts.next.is_none() {
            self.facts.next = link::find(header, "next");
        }
        self
    }

    /// Puts something else in the place of the token or URL of the next page: an absolute URL for a
    /// relative one, or what else the response says where the page itself says nothing.
    pub fn map_next(mut self, change: impl FnOnce(Option<String>) -> Option<String>) -> Self {
        self.facts.next = change(self.facts.next.take());
        self
    }

    /// Whether the response says that there are more pages (`has_more`). It overrules the other
    /// signs of an end; if there is no key to go on with although there are more, that is an error.
    pub fn more(mut self, more: bool) -> Self {
        self.facts.more = Some(more);
        self
    }

    /// How many items there are in all. It counts for page numbers and offsets only.
    pub fn total(mut self, items: u64) -> Self {
        self.facts.total = Some(items);
        self
    }

    /// How many pages there are in all. It counts for page numbers only.
    pub fn total_pages(mut self, pages: u64) -> Self {
        self.facts.pages = Some(pages);
        self
    }

    pub(super) fn into_parts(self) -> (Vec<T>, Facts) {
        (self.items, self.facts)
    }
}

/// A page that was fetched, as the stream of pages gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fetched<T, K> {
    /// The key that it was asked for with.
    pub key: K,
    /// Its items.
    pub items: Vec<T>,
    /// The key of the page behind it, with which a later walk can go on; `None` at the end.
    pub next: Option<K>,
    /// How many items there are in all, if the page said so.
    pub total: Option<u64>,
}

impl<T, K> Fetched<T, K> {
    pub(super) fn new(key: K, items: Vec<T>, next: Option<K>, total: Option<u64>) -> Self {
        Self {
            key,
            items,
            next,
            total,
        }
    }
}
