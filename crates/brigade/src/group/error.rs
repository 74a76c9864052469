//! How a group fails.
//!
//! A group always reports every failure that happened in it, root cause first: it never unwraps a
//! single one, because code that was tested with one failing child would then break with two. A
//! cancellation is never among the failures.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::cancel::{Failure, FailureCause, Panic, Reason};
use crate::living::readable;
use crate::sync::{Mutex, PoisonError};

/// Why a group returned no value.
#[non_exhaustive]
pub enum Error<E> {
    /// Something in the group failed.
    Failed(ErrorGroup<E>),
    /// Nothing failed, but the group was cancelled before its body came to its end.
    Cancelled(Reason),
}

/// Everything that failed in one group; never empty.
///
/// The first leaf is the root cause: the failure that cancelled the others. The rest follow in
/// the order in which they happened.
///
/// `{}` prints one line, `{:#}` and `{:?}` print a tree with the names of the tasks.
pub struct ErrorGroup<E> {
    first: Leaf<E>,
    rest: Vec<Leaf<E>>,
    cancelled: Option<Reason>,
}

/// One failure of a group.
pub struct Leaf<E> {
    task: Cow<'static, str>,
    cause: Cause<E>,
}

/// What happened to one task of a group.
#[non_exhaustive]
pub enum Cause<E> {
    /// It returned this error.
    Error(E),
    /// It was not finished after this time: the group's deadline, or the grace period of a task
    /// that was cancelled.
    Deadline(Duration),
    /// It panicked, and the group catches panics.
    Panic(Panic),
    /// A task of another group, whose future had been dropped, failed with an error of another
    /// type.
    Adopted(Adopted),
}

/// An error that an adopted task failed with.
pub struct Adopted {
    message: String,
    // The lock only makes the error `Sync`.
    error: Mutex<Box<dyn Any + Send>>,
}

impl Adopted {
    /// The error itself, if it is an `F`.
    ///
    /// # Errors
    ///
    /// The unchanged value, if the error is of another type.
    pub fn downcast<F: 'static>(self) -> Result<F, Self> {
        let Self { message, error } = self;
        let error = error.into_inner().unwrap_or_else(PoisonError::into_inner);
        error.downcast().map(|error| *error).map_err(|error| Self {
            message,
            error: Mutex::new(error),
        })
    }
}

impl<E> Leaf<E> {
    /// The name of the task that failed.
    pub fn task(&self) -> &str {
        &self.task
    }

    /// What happened to it.
    pub fn cause(&self) -> &Cause<E> {
        &self.cause
    }

    /// What happened to it, by value.
    pub fn into_cause(self) -> Cause<E> {
        self.cause
    }

    /// The error that the task returned, if that is what happened.
    pub fn error(&self) -> Option<&E> {
        match &self.cause {
            Cause::Error(error) => Some(error),
            _ => None,
        }
    }
}

impl<E: 'static> Leaf<E> {
    pub(crate) fn new(failure: Failure) -> Self {
        let cause = match failure.cause {
            FailureCause::Deadline(after) => Cause::Deadline(after),
            FailureCause::Panic(panic) => Cause::Panic(panic),
            FailureCause::Error(error) if (*error).as_any().is::<E>() => {
                match error.into_any().downcast() {
                    Ok(error) => Cause::Error(*error),
                    Err(error) => Cause::Adopted(Adopted {
                        message: String::new(),
                        error: Mutex::new(error),
                    }),
                }
            }
            FailureCause::Error(error) => Cause::Adopted(Adopted {
                message: format!("{error:#}"),
                error: Mutex::new(error.into_any()),
            }),
        };
        let task = readable(failure.task);
        Self { task, cause }
    }
}

impl<E> ErrorGroup<E> {
    /// The failure that cancelled the others.
    pub fn first(&self) -> &Leaf<E> {
        &self.first
    }

    /// The number of failures, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        1 + self.rest.len()
    }

    /// All failures, root cause first, then in the order of time.
    pub fn iter(&self) -> impl Iterator<Item = &Leaf<E>> {
        std::iter::once(&self.first).chain(&self.rest)
    }

    /// The errors that tasks returned, in the same order, without deadlines and panics.
    pub fn errors(&self) -> impl Iterator<Item = &E> {
        self.iter().filter_map(Leaf::error)
    }

    /// Why the group was cancelled, if that came from elsewhere before the first failure.
    pub fn cancelled(&self) -> Option<Reason> {
        self.cancelled
    }
}

impl<E: 'static> ErrorGroup<E> {
    /// The group of these failures, unless there are none.
    pub(crate) fn new(failures: Vec<Failure>, reason: Option<Reason>) -> Option<Self> {
        let mut leaves = failures.into_iter().map(Leaf::new);
        Some(Self {
            first: leaves.next()?,
            rest: leaves.collect(),
            cancelled: reason.filter(|reason| *reason != Reason::Sibling),
        })
    }
}

impl<E> IntoIterator for ErrorGroup<E> {
    type Item = Leaf<E>;
    type IntoIter = std::iter::Chain<std::iter::Once<Leaf<E>>, std::vec::IntoIter<Leaf<E>>>;

    fn into_iter(self) -> Self::IntoIter {
        std::iter::once(self.first).chain(self.rest)
    }
}

impl<E: fmt::Display> fmt::Display for Cause<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => error.fmt(f),
            Self::Deadline(after) => write!(f, "not finished after {after:?}"),
            Self::Panic(panic) => panic.fmt(f),
            Self::Adopted(adopted) => adopted.fmt(f),
        }
    }
}

impl fmt::Display for Adopted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Adopted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Adopted").field(&self.message).finish()
    }
}

impl<E: fmt::Display> fmt::Display for Leaf<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.task)?;
        self.cause.fmt(f)
    }
}

impl<E: fmt::Display> fmt::Display for ErrorGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !f.alternate() {
            self.first.fmt(f)?;
            return match self.rest.len() {
                0 => Ok(()),
                more => write!(f, " (and {more} more)"),
            };
        }
        match self.len() {
            1 => f.write_str("a task failed")?,
            many => write!(f, "{many} tasks failed")?,
        }
        for leaf in self.iter() {
            // A leaf may be a tree itself; its lines are moved in under its name.
            let text = format!("{leaf:#}").replace('\n', "\n  ");
            write!(f, "\n- {text}")?;
        }
        Ok(())
    }
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(group) => group.fmt(f),
            Self::Cancelled(reason) => write!(f, "cancelled: {reason}"),
        }
    }
}

/// `Debug` shows the same tree as `{:#}`, since that is what `unwrap` and `main` print.
macro_rules! debug_as_tree {
    ($($name:ident),*) => {$(
        impl<E: fmt::Display> fmt::Debug for $name<E> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self:#}")
            }
        }
    )*};
}

debug_as_tree!(Error, ErrorGroup, Leaf, Cause);

impl<E: fmt::Display> std::error::Error for Error<E> {}
impl<E: fmt::Display> std::error::Error for ErrorGroup<E> {}

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
