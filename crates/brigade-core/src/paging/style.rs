//! The ways in which an API tells where its next page is.
//!
//! A style looks at nothing but the page that arrived; it never knows of circles or of limits.

use std::fmt::Debug;
use std::hash::Hash;

/// What is known about a page that arrived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// How many items are on it.
    pub items: u64,
    /// How many items the pages up to this one have, if the walk began at the first.
    pub items_so_far: Option<u64>,
    /// The token or URL of the next page, if the page gave one.
    pub next: Option<String>,
    /// Whether there are more pages, if the page said so.
    pub more: Option<bool>,
    /// How many items there are in all, if the page said so.
    pub total: Option<u64>,
    /// How many pages there are in all, if the page said so.
    pub pages: Option<u64>,
}

impl Facts {
    fn says_last(&self) -> bool {
        self.more == Some(false)
    }

    fn says_more(&self) -> bool {
        self.more == Some(true)
    }
}

/// What follows a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Following<K> {
    /// The page of this key.
    Page(K),
    /// Nothing.
    End,
    /// The page says that there is more, but not where.
    Unknown,
}

/// How an API tells where its next page is.
pub trait Style {
    /// What a page is asked for with.
    type Key: Clone + Debug + Eq + Hash;

    /// The key of the first page.
    fn first(&self) -> Self::Key;

    /// What follows the page that was `asked` for, from what is known about it.
    fn following(&self, asked: &Self::Key, page: &Facts) -> Following<Self::Key>;
}

/// Each page gives the token that the next one is asked for with; the first is asked for with
/// none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor;

impl Style for Cursor {
    type Key = Option<String>;

    fn first(&self) -> Option<String> {
        None
    }

    fn following(&self, _asked: &Option<String>, page: &Facts) -> Following<Option<String>> {
        match given(page) {
            Following::Page(token) => Following::Page(Some(token)),
            Following::End => Following::End,
            Following::Unknown => Following::Unknown,
        }
    }
}

/// Each page gives the URL of the next one, in its body or in its `Link` header. The field is the
/// URL of the first.
///
/// A relative URL stays as it is: who asks for the page resolves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextUrl(pub String);

impl NextUrl {
    /// Begins at `first`.
    pub fn new(first: impl Into<String>) -> Self {
        Self(first.into())
    }
}

impl Style for NextUrl {
    type Key = String;

    fn first(&self) -> String {
        self.0.clone()
    }

    fn following(&self, _asked: &String, page: &Facts) -> Following<String> {
        given(page)
    }
}

fn given(page: &Facts) -> Following<String> {
    match page.next.as_deref() {
        _ if page.says_last() => Following::End,
        Some(next) if !next.is_empty() => Following::Page(next.to_owned()),
        _ if page.says_more() => Following::Unknown,
        _ => Following::End,
    }
}

/// The pages are numbered. The field is the number of the first, 0 or 1 as a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageNumber(pub u64);

impl Style for PageNumber {
    type Key = u64;

    fn first(&self) -> u64 {
        self.0
    }

    fn following(&self, asked: &u64, page: &Facts) -> Following<u64> {
        let next = asked.saturating_add(1);
        let is_last_number = page
            .pages
            .is_some_and(|pages| next.saturating_sub(self.0) >= pages);
        let has_all = match (page.items_so_far, page.total) {
            (Some(so_far), Some(total)) => so_far >= total,
            _ => false,
        };
        match page.more {
            Some(true) => Following::Page(next),
            Some(false) => Following::End,
            None if page.items == 0 || is_last_number || has_all => Following::End,
            None => Following::Page(next),
        }
    }
}

/// Pages begin at the number of an item, 0 for the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offset {
    step: Option<u64>,
}

impl Offset {
    /// The next page begins behind the last item of this one, however many the server gave.
    pub const fn by_items() -> Self {
        Self { step: None }
    }

    /// The next page begins `step` further, for servers that leave out items of a page.
    ///
    /// # Panics
    ///
    /// If `step` is 0.
    pub const fn by(step: u64) -> Self {
        assert!(step > 0, "the step between two pages must not be 0");
        Self { step: Some(step) }
    }
}

impl Style for Offset {
    type Key = u64;

    fn first(&self) -> u64 {
        0
    }

    fn following(&self, asked: &u64, page: &Facts) -> Following<u64> {
        let next = asked.saturating_add(self.step.unwrap_or(page.items));
        match (page.more, page.total) {
            (Some(false), _) => Following::End,
            // Without a step an empty page leads nowhere.
            (Some(true), _) if next == *asked => Following::Unknown,
            (Some(true), _) => Following::Page(next),
            (None, Some(total)) if next >= total => Following::End,
            (None, Some(_)) if self.step.is_some() => Following::Page(next),
            (None, _) if page.items == 0 => Following::End,
            (None, _) => Following::Page(next),
        }
    }
}
