//! Everything that failed in a group.
//!
//! It keeps the order (root cause first, then time), and is never empty. It is a tree where the
//! error of a task is the failure of another group.

use std::fmt;

use super::leaf::{Cause, Leaf};
use super::tree;
use crate::cancel::{Failure, Reason};

/// Everything that failed in one group; never empty.
///
/// The first leaf is the root cause: the failure that cancelled the others. The rest follow in
/// the order in which they happened.
///
/// `{}` prints one line, `{:#}` and `{:?}` print a tree with the names of the tasks: an error that
/// is the failure of another group is a branch of it, and a boxed error shows what it was caused
/// by. Deadlines that passed, that of a grace period too, are counted apart from failures.
pub struct ErrorGroup<E> {
    /// Never empty; the vector also lets an error type hold a group of itself.
    leaves: Vec<Leaf<E>>,
    cancelled: Option<Reason>,
}

impl<E> ErrorGroup<E> {
    /// The failure that cancelled the others.
    pub fn first(&self) -> &Leaf<E> {
        &self.leaves[0]
    }

    /// The number of failures, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.leaves.len()
    }

    /// All failures, root cause first, then in the order of time.
    pub fn iter(&self) -> impl Iterator<Item = &Leaf<E>> {
        self.leaves.iter()
    }

    /// The errors that tasks returned, in the same order, without deadlines and panics.
    pub fn errors(&self) -> impl Iterator<Item = &E> {
        self.iter().filter_map(Leaf::error)
    }

    pub(super) fn into_first(mut self) -> Leaf<E> {
        self.leaves.swap_remove(0)
    }

    /// Why the group was cancelled, if it was not the failure of a task that did it: its own
    /// deadline, or the program, for example.
    pub fn cancelled(&self) -> Option<Reason> {
        self.cancelled
    }
}

impl<E> ErrorGroup<E> {
    /// The group of these leaves, unless there are none.
    pub(super) fn of(
        leaves: impl IntoIterator<Item = Leaf<E>>,
        cancelled: Option<Reason>,
    ) -> Option<Self> {
        let leaves: Vec<_> = leaves.into_iter().collect();
        let cancelled = cancelled.filter(|reason| *reason != Reason::Sibling);
        (!leaves.is_empty()).then_some(Self { leaves, cancelled })
    }
}

impl<E: 'static> ErrorGroup<E> {
    /// The group of these failures, unless there are none.
    pub(crate) fn new(failures: Vec<Failure>, reason: Option<Reason>) -> Option<Self> {
        Self::of(failures.into_iter().map(Leaf::new), reason)
    }
}

impl<E> IntoIterator for ErrorGroup<E> {
    type Item = Leaf<E>;
    type IntoIter = std::vec::IntoIter<Leaf<E>>;

    fn into_iter(self) -> Self::IntoIter {
        self.leaves.into_iter()
    }
}

impl<E> ErrorGroup<E> {
    /// What happened, in numbers, the kind of the root cause first. Those that ran out of time are
    /// not among those that failed.
    fn headline(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_late = |leaf: &Leaf<E>| matches!(leaf.cause(), Cause::Deadline(_));
        let late = self.iter().filter(|leaf| is_late(leaf)).count();
        let failed = match self.len() - late {
            0 => None,
            1 => Some("a task failed".to_owned()),
            many => Some(format!("{many} tasks failed")),
        };
        let late = match late {
            0 => None,
            1 => Some("a deadline passed".to_owned()),
            many => Some(format!("{many} deadlines passed")),
        };
        let (first, then) = match is_late(self.first()) {
            true => (late, failed),
            false => (failed, late),
        };
        f.write_str(&first.unwrap_or_default())?;
        then.map_or(Ok(()), |then| write!(f, ", {then}"))
    }
}

impl<E: fmt::Display + 'static> fmt::Display for ErrorGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !f.alternate() {
            self.first().fmt(f)?;
            return match self.len() {
                1 => Ok(()),
                many => write!(f, " (and {} more)", many - 1),
            };
        }
        self.headline(f)?;
        self.iter().try_for_each(|leaf| tree::branch(f, leaf))
    }
}

impl<E: fmt::Display + 'static> std::error::Error for ErrorGroup<E> {}
