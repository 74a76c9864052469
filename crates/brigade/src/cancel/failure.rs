//! What went wrong in a task, with its type erased.
//!
//! A failure may have to travel to a group that knows nothing of the error's type: an adopted
//! child reports to its ancestor. The group that does know the type takes it back by downcast. A
//! cancellation is never a failure.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use super::scope::Scope;
use crate::sync::{Mutex, PoisonError};

/// An error that can be shown now and taken back by type later.
pub(crate) trait Fault: Any + fmt::Display + Send {
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send>;
    fn as_any(&self) -> &dyn Any;
}

impl<E: fmt::Display + Send + 'static> Fault for E {
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// One failure and the task that it happened in.
pub(crate) struct Failure {
    pub(crate) task: Cow<'static, str>,
    pub(crate) cause: FailureCause,
}

pub(crate) enum FailureCause {
    Error(Box<dyn Fault>),
    Deadline(Duration),
    Panic(Panic),
    NotReady,
}

/// What is said of a child that was to say that it is ready, and did not.
pub(crate) const NOT_READY: &str = "ended without saying that it is ready";

impl Failure {
    pub(crate) fn error(scope: &Scope, error: impl Fault) -> Self {
        Self::new(scope, FailureCause::Error(Box::new(error)))
    }

    pub(crate) fn panicked(scope: &Scope, panic: Panic) -> Self {
        Self::new(scope, FailureCause::Panic(panic))
    }

    pub(crate) fn late(scope: &Scope, after: Duration) -> Self {
        Self::new(scope, FailureCause::Deadline(after))
    }

    pub(crate) fn not_ready(scope: &Scope) -> Self {
        Self::new(scope, FailureCause::NotReady)
    }

    fn new(scope: &Scope, cause: FailureCause) -> Self {
        let task = scope.name.clone().into_text();
        Self { task, cause }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.task)?;
        match &self.cause {
            FailureCause::Error(error) => write!(f, "{error:#}"),
            FailureCause::Deadline(after) => write!(f, "not finished after {after:?}"),
            FailureCause::Panic(panic) => panic.fmt(f),
            FailureCause::NotReady => f.write_str(NOT_READY),
        }
    }
}

/// A panic that was caught, with its payload.
///
/// It prints as `panicked: MESSAGE`.
pub struct Panic {
    message: Cow<'static, str>,
    // The lock only makes the payload `Sync`, so that errors which hold a panic are.
    payload: Mutex<Box<dyn Any + Send>>,
}

impl Panic {
    pub(crate) fn new(payload: Box<dyn Any + Send>) -> Self {
        let message = if let Some(text) = payload.downcast_ref::<&'static str>() {
            Cow::Borrowed(*text)
        } else if let Some(text) = payload.downcast_ref::<String>() {
            Cow::Owned(text.clone())
        } else {
            Cow::Borrowed("a payload that is not text")
        };
        Self {
            message,
            payload: Mutex::new(payload),
        }
    }

    /// The panic's message, or a note that its payload is not text.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The payload that the panic was raised with.
    pub fn into_payload(self) -> Box<dyn Any + Send> {
        self.payload
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Continues the panic in the caller, without calling the panic hook a second time.
    pub fn resume(self) -> ! {
        std::panic::resume_unwind(self.into_payload())
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "panicked: {}", self.message)
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Panic").field(&self.message).finish()
    }
}
