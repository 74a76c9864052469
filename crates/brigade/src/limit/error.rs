//! Why permits were not given.
//!
//! "Not yet" is a value of its own and no error.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// More permits were asked for than there can ever be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany {
    /// How many were asked for.
    pub wanted: u32,
    /// How many there can be at once.
    pub capacity: u32,
}

impl fmt::Display for TooMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wanted, capacity } = self;
        write!(
            f,
            "acquire {wanted} permits of a limit that holds {capacity}"
        )
    }
}

impl Error for TooMany {}

/// The answer of a limit that has no permit at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotYet {
    /// How long to wait at least before asking again; `None` if that depends on a release.
    pub wait: Option<Duration>,
}

/// The answer of a [`Bounded`](super::Bounded) limit before which as many wait as may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overloaded {
    /// The bound that was reached: how many may wait.
    pub max_waiters: usize,
    /// Whether it is the bound of one key, not that of the whole limit.
    pub of_key: bool,
    /// How long it takes at least until the permit could be had, if those who wait get theirs
    /// first: come back then. `None` if only a release decides.
    ///
    /// For a [`RateLimit`](super::RateLimit) it is exact, as long as nobody who waits leaves or
    /// comes late. For a [`KeyedLimit`](super::KeyedLimit) it is what rates and pauses tell.
    pub wait: Option<Duration>,
}

impl fmt::Display for Overloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = if self.of_key { " for the key" } else { "" };
        write!(f, "wait where {} wait already{whose}", self.max_waiters)?;
        match self.wait {
            Some(wait) => write!(f, "; come back in {wait:?}"),
            None => Ok(()),
        }
    }
}

impl Error for Overloaded {}

/// Why a [`Bounded`](super::Bounded) limit did not give several permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcquireError {
    /// There can never be so many at once.
    TooMany(TooMany),
    /// As many wait as may.
    Overloaded(Overloaded),
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany(error) => error.fmt(f),
            Self::Overloaded(error) => error.fmt(f),
        }
    }
}

impl Error for AcquireError {}
