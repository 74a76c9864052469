//! Dead letters: what a stage could not do, handed to somebody who decides what that means.
//!
//! A letter never replaces the failure of what is beside the work: a source that fails, or a
//! finaliser, fails the pipeline.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

use super::claim::Claim;
use super::stats::Gauge;
use crate::cancel::Panic;
use crate::group::Cause;
use crate::sync::{Arc, Mutex, PoisonError};

/// An item that a stage failed with; see [`Pipeline::dead_letters`](super::Pipeline::dead_letters).
pub struct Letter<E> {
    stage: Cow<'static, str>,
    cause: Cause<E>,
    items: u64,
    // The lock only makes the letter `Sync`, so that its owner may be shared between threads.
    item: Mutex<Option<Kept>>,
}

/// An item that was kept for its letter.
pub(super) type Kept = Box<dyn Any + Send>;

impl<E> Letter<E> {
    /// The name of the stage that failed.
    pub fn stage(&self) -> &str {
        &self.stage
    }

    /// What happened: [`Cause::Error`] or [`Cause::Panic`].
    pub fn cause(&self) -> &Cause<E> {
        &self.cause
    }

    /// What happened, by value.
    pub fn into_cause(self) -> Cause<E> {
        self.cause
    }

    /// How many items of the source this is, or came of: 1, or those of a batch.
    pub fn items(&self) -> u64 {
        self.items
    }

    /// What the stage was given, if it [keeps](super::Stage::keep_items) that and it is a `T`.
    pub fn take_item<T: 'static>(&mut self) -> Option<T> {
        let kept = self.item.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !kept.as_ref()?.is::<T>() {
            return None;
        }
        let item = kept.take()?.downcast().ok()?;
        Some(*item)
    }
}

impl<E: fmt::Display + 'static> fmt::Display for Letter<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.stage, self.cause)
    }
}

impl<E: fmt::Display + 'static> fmt::Debug for Letter<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Letter({self})")
    }
}

/// What is done with dead letters; boxed, since only failures pay for it.
pub(super) type Handler<E> =
    Arc<dyn Fn(Letter<E>) -> Pin<Box<dyn Future<Output = Result<(), E>> + Send>> + Send + Sync>;

/// Where the items go that one stage failed with.
pub(super) struct Grave<E> {
    pub(super) gauge: Arc<Gauge>,
    pub(super) handler: Option<Handler<E>>,
}

impl<E> Grave<E> {
    /// Accounts for a dead item, and has its letter handled.
    ///
    /// # Errors
    ///
    /// If the failure is fatal, because there is no handler or it says so.
    ///
    /// # Panics
    ///
    /// Continues a panic for which there is no handler.
    pub(super) async fn bury(
        &self,
        claim: Claim,
        cause: Cause<E>,
        item: Option<Kept>,
    ) -> Result<(), E> {
        let items = claim.bury();
        self.gauge.count_dead();
        match (&self.handler, cause) {
            (None, Cause::Error(error)) => Err(error),
            (None, Cause::Panic(panic)) => panic.resume(),
            (None, _) => Ok(()),
            (Some(handler), cause) => {
                handler(Letter {
                    stage: self.gauge.name.clone(),
                    cause,
                    items,
                    item: Mutex::new(item),
                })
                .await
            }
        }
    }

    /// As [`bury`](Self::bury), for a closure of the caller that panicked with this payload.
    pub(super) async fn bury_panicked(
        &self,
        claim: Claim,
        payload: Box<dyn Any + Send>,
    ) -> Result<(), E> {
        self.bury(claim, Cause::Panic(Panic::new(payload)), None)
            .await
    }
}
