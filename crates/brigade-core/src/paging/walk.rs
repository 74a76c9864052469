//! One walk from page to page.
//!
//! It says what to ask for, hears what arrived, and stops what would never end. It never asks
//! itself, and it never takes an end for granted: a walk that is cut short says so.

use std::fmt;

use super::seen::Seen;
use super::style::{Facts, Following, Style};

/// A walk through pages.
///
/// A key that comes a second time is an error before its page is asked for: at once if fewer than
/// 4096 pages lie between, and else by the time that three times the pages before and in the
/// circle have been asked for. The memory for that is bounded by 4096 hashes and one key.
///
/// # Examples
///
/// ```
/// use brigade_core::paging::{Cursor, Facts, Walk};
///
/// let mut walk = Walk::new(Cursor);
/// assert_eq!(walk.asks(), Some(&None));
/// let page = Facts { items: 100, next: Some("abc".into()), ..Facts::default() };
/// walk.arrived(page).unwrap();
/// assert_eq!(walk.asks(), Some(&Some("abc".into())));
/// walk.arrived(Facts::default()).unwrap();
/// assert_eq!(walk.asks(), None);
/// ```
#[derive(Debug)]
pub struct Walk<S: Style> {
    style: S,
    asks: Option<S::Key>,
    seen: Seen<S::Key>,
    pages: u64,
    pages_max: u64,
    /// Unknown after a start in the middle.
    items: Option<u64>,
}

/// Why a walk stops before its end. The page that arrived last is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop<K> {
    /// The next page is one that was asked for before.
    Repeated(K),
    /// So many pages were allowed, and this would be one more.
    TooMany {
        /// How many pages were allowed.
        pages_max: u64,
        /// The page that was not asked for.
        next: K,
    },
    /// The page of this key says that there is more, but not where.
    NoNext(K),
}

/// Without the keys, which can be secrets.
impl<K> fmt::Display for Stop<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repeated(_) => f.write_str("the page that follows was asked for before"),
            Self::TooMany { pages_max, .. } => write!(f, "there are more than {pages_max} pages"),
            Self::NoNext(_) => f.write_str("it says that there is more, but not where"),
        }
    }
}

impl<K: fmt::Debug> std::error::Error for Stop<K> {}

impl<S: Style> Walk<S> {
    /// A walk from the first page.
    pub fn new(style: S) -> Self {
        let first = style.first();
        let mut seen = Seen::new();
        seen.add(&first);
        Self {
            style,
            asks: Some(first),
            seen,
            pages: 0,
            pages_max: u64::MAX,
            items: Some(0),
        }
    }

    /// Begins at `key` instead, which an earlier walk would have asked for.
    pub fn resume_at(&mut self, key: S::Key) {
        self.seen = Seen::new();
        self.seen.add(&key);
        (self.asks, self.items) = (Some(key), None);
    }

    /// Stops the walk when there is another page behind this many; at least 1.
    pub fn set_pages_max(&mut self, pages: u64) {
        self.pages_max = pages.max(1);
    }

    /// The page to ask for; `None` at the end.
    pub fn asks(&self) -> Option<&S::Key> {
        self.asks.as_ref()
    }

    /// How many pages have arrived.
    pub fn pages(&self) -> u64 {
        self.pages
    }

    /// Takes in the page that was asked for; `items_so_far` is filled in here.
    ///
    /// # Errors
    ///
    /// Why the walk cannot go on behind this page. It has ended then.
    pub fn arrived(&mut self, mut page: Facts) -> Result<(), Stop<S::Key>> {
        let Some(asked) = self.asks.take() else {
            return Ok(());
        };
        self.pages += 1;
        self.items = self.items.map(|items| items.saturating_add(page.items));
        page.items_so_far = self.items;
        let next = match self.style.following(&asked, &page) {
            Following::Page(next) => next,
            Following::End => return Ok(()),
            Following::Unknown => return Err(Stop::NoNext(asked)),
        };
        if !self.seen.add(&next) {
            return Err(Stop::Repeated(next));
        }
        if self.pages >= self.pages_max {
            let pages_max = self.pages_max;
            return Err(Stop::TooMany { pages_max, next });
        }
        self.asks = Some(next);
        Ok(())
    }
}
