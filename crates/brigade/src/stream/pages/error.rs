//! Why a walk through pages broke off.
//!
//! No message shows a key, since tokens and URLs can be secrets; the fields have them.

use std::error::Error;
use std::fmt;

use brigade_core::paging::Stop;

/// Why a walk through pages broke off; it is the last item of its stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PaginateError<E, K> {
    /// A page could not be fetched. A later walk can go on with it.
    Fetch {
        /// Which page of this walk it was, 1 for the first.
        page: u64,
        /// The key that it was asked for with.
        key: K,
        /// What the fetch function returned.
        error: E,
    },
    /// A page arrived, and nothing can follow it.
    Stopped {
        /// Which page of this walk it was, 1 for the first.
        page: u64,
        /// Why.
        stop: Stop<K>,
    },
}

impl<E: fmt::Display, K: fmt::Debug> fmt::Display for PaginateError<E, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetch { page, error, .. } => write!(f, "page {page}: {error}"),
            Self::Stopped { page, stop } => write!(f, "page {page}: {stop}"),
        }
    }
}

/// The message of what the fetch function returned is part of the message, so that is no source;
/// it need not even be an `Error`, as `Box<dyn Error>` is none.
impl<E: fmt::Display + fmt::Debug, K: fmt::Debug> Error for PaginateError<E, K> {}
