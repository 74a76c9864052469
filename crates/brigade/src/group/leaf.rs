//! One failure in a group: which task it was, and what happened to it.
//!
//! What a task returned keeps its type, so it can be matched on and taken out. A cancellation is
//! never a leaf.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use super::tree;
use crate::cancel::{Failure, FailureCause, NOT_READY, Panic};
use crate::living::readable;
use crate::sync::{Mutex, PoisonError};

/// One failure of a group.
pub struct Leaf<E> {
    pub(super) task: Cow<'static, str>,
    pub(super) cause: Cause<E>,
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
    /// It was [started](super::TaskGroup::start) and ended without saying that it is ready.
    NotReady,
    /// There was nothing to run in a [race](super::race_ok()).
    NoCandidates,
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
    fn new(message: String, error: Box<dyn Any + Send>) -> Self {
        let error = Mutex::new(error);
        Self { message, error }
    }

    /// Whether the error is an `F`.
    pub fn is<F: 'static>(&self) -> bool {
        let error = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        error.is::<F>()
    }

    /// The error itself, if it is an `F`.
    ///
    /// # Errors
    ///
    /// The unchanged value, if the error is of another type.
    pub fn downcast<F: 'static>(self) -> Result<F, Self> {
        let Self { message, error } = self;
        let error = error.into_inner().unwrap_or_else(PoisonError::into_inner);
        let error = error.downcast().map(|error| *error);
        error.map_err(|error| Self::new(message, error))
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
            FailureCause::NotReady => Cause::NotReady,
            FailureCause::Error(error) if (*error).as_any().is::<E>() => {
                match error.into_any().downcast() {
                    Ok(error) => Cause::Error(*error),
                    Err(error) => Cause::Adopted(Adopted::new(String::new(), error)),
                }
            }
            FailureCause::Error(error) => {
                Cause::Adopted(Adopted::new(format!("{error:#}"), error.into_any()))
            }
        };
        let task = readable(failure.task);
        Self { task, cause }
    }
}

impl<E: fmt::Display + 'static> fmt::Display for Cause<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) if f.alternate() => tree::error(f, error),
            Self::Error(error) => error.fmt(f),
            Self::Deadline(after) => write!(f, "not finished after {after:?}"),
            Self::Panic(panic) => panic.fmt(f),
            Self::NotReady => f.write_str(NOT_READY),
            Self::NoCandidates => f.write_str("there were no candidates"),
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

impl<E: fmt::Display + 'static> fmt::Display for Leaf<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.task)?;
        self.cause.fmt(f)
    }
}
