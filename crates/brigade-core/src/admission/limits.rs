//! What an admission is told and what it answers.
//!
//! These are plain values without rules of their own.

use crate::gcra::Rate;
use crate::line::Place;
use crate::time::Moment;

/// The limits of an admission; `None` means no limit of that sort. Also `brigade::limit::Limits`.
///
/// # Examples
///
/// ```
/// use brigade_core::admission::Limits;
/// use brigade_core::gcra::Rate;
///
/// let limits = Limits::default()
///     .concurrency(64)
///     .key_rate(Rate::per_second(5));
/// assert_eq!((limits.concurrency, limits.key_concurrency), (Some(64), None));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// How many items may be active at once. Zero admits nothing until it is raised.
    pub concurrency: Option<usize>,
    /// How often an item may be admitted.
    pub rate: Option<Rate>,
    /// How many items of one key may be active at once. Zero admits nothing until it is raised.
    pub key_concurrency: Option<usize>,
    /// How often an item of one key may be admitted.
    pub key_rate: Option<Rate>,
}

impl Limits {
    /// Sets how many items may be active at once; zero admits nothing until it is raised.
    #[must_use]
    pub const fn concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = Some(concurrency);
        self
    }

    /// Sets how often an item may be admitted.
    #[must_use]
    pub const fn rate(mut self, rate: Rate) -> Self {
        self.rate = Some(rate);
        self
    }

    /// Sets how many items of one key may be active at once; zero admits nothing until it is
    /// raised.
    #[must_use]
    pub const fn key_concurrency(mut self, concurrency: usize) -> Self {
        self.key_concurrency = Some(concurrency);
        self
    }

    /// Sets how often an item of one key may be admitted.
    #[must_use]
    pub const fn key_rate(mut self, rate: Rate) -> Self {
        self.key_rate = Some(rate);
        self
    }
}

/// The name of one item, never given out twice by the same admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Id(pub(super) Place);

/// What [`Admission::poll`](super::Admission::poll) did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next<K, T> {
    /// The item was admitted: it is active until its key is released.
    Granted {
        /// The key that the item waited under.
        key: K,
        /// The name that the item had while it waited.
        id: Id,
        /// The item itself.
        item: T,
    },
    /// Nothing can be admitted before this moment, unless something changes.
    At(Moment),
    /// Nothing can be admitted before a release, whatever the time.
    Blocked,
    /// Nothing waits.
    Empty,
}

/// What could be admitted now; as [`Next`], but nothing has been taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Candidate {
    /// This item is the next to go.
    Ready(Id),
    /// Nothing can be admitted before this moment, unless something changes.
    At(Moment),
    /// Nothing can be admitted before a release, whatever the time.
    Blocked,
    /// Nothing waits.
    Empty,
}
