//! How a group fails.
//!
//! A group always reports every failure that happened in it, root cause first: it never unwraps a
//! single one, because code that was tested with one failing child would then break with two. A
//! cancellation is never among the failures.

use std::fmt;

use super::error_group::ErrorGroup;
use super::leaf::{Cause, Leaf};
use crate::cancel::Reason;

/// Why a group returned no value.
#[non_exhaustive]
pub enum Error<E> {
    /// Something in the group failed.
    Failed(ErrorGroup<E>),
    /// Nothing failed, but the group was cancelled before its body came to its end.
    Cancelled(Reason),
}

impl<E> Error<E> {
    /// What failed, unless the group was only cancelled.
    pub fn group(&self) -> Option<&ErrorGroup<E>> {
        match self {
            Self::Failed(group) => Some(group),
            Self::Cancelled(_) => None,
        }
    }

    /// Whether the time of this very group or [`timeout`](super::timeout()) was over. A deadline of
    /// one further in is an error of that one, and one further out only cancels this one.
    ///
    /// What failed while the group ended is in the same error: see [`group`](Self::group).
    pub fn is_deadline(&self) -> bool {
        self.group().is_some_and(|group| {
            let first = matches!(group.first().cause(), Cause::Deadline(_));
            first && group.cancelled() == Some(Reason::Deadline)
        })
    }
}

impl<E: fmt::Display + 'static> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(group) => group.fmt(f),
            Self::Cancelled(reason) => write!(f, "cancelled: {reason}"),
        }
    }
}

impl<E> From<ErrorGroup<E>> for Error<E> {
    fn from(group: ErrorGroup<E>) -> Self {
        Self::Failed(group)
    }
}

/// `Debug` shows the same tree as `{:#}`, since that is what `unwrap` and `main` print.
macro_rules! debug_as_tree {
    ($($name:ident),*) => {$(
        impl<E: fmt::Display + 'static> fmt::Debug for $name<E> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self:#}")
            }
        }
    )*};
}

debug_as_tree!(Error, ErrorGroup, Leaf, Cause);

impl<E: fmt::Display + 'static> std::error::Error for Error<E> {}

/// Why a task has no value for the holder of its handle; what happened is in the group's error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// It returned an error.
    Failed,
    /// It panicked.
    Panicked,
    /// It was cancelled.
    Cancelled(Reason),
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed => f.write_str("the task failed"),
            Self::Panicked => f.write_str("the task panicked"),
            Self::Cancelled(reason) => write!(f, "the task was cancelled: {reason}"),
        }
    }
}

impl std::error::Error for Ended {}

/// The group has finished, so the future comes back unpolled.
pub struct Finished<F>(pub F);

impl<F> fmt::Debug for Finished<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Finished")
    }
}

impl<F> fmt::Display for Finished<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the group has finished")
    }
}

impl<F> std::error::Error for Finished<F> {}

/// Why there is no child that is ready; see [`Spawner::start`](super::Spawner::start).
pub enum NotStarted<F> {
    /// The group has finished, so the future comes back unpolled.
    Finished(F),
    /// The child ended before it was ready. What happened is in the group's error.
    Ended(Ended),
}

impl<F> fmt::Debug for NotStarted<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finished(_) => f.write_str("Finished"),
            Self::Ended(ended) => f.debug_tuple("Ended").field(ended).finish(),
        }
    }
}

impl<F> fmt::Display for NotStarted<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finished(_) => f.write_str("the group has finished"),
            Self::Ended(ended) => write!(f, "not ready: {ended}"),
        }
    }
}

impl<F> std::error::Error for NotStarted<F> {}
