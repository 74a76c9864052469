//! A body that is only known when it is sent, because files have to be looked at for it.
//!
//! So building a request waits for nothing, and what is wrong with a file is an error of the request.
//! It never looks twice: how long the body is holds for all attempts.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use super::request_body::RequestBody;
use crate::answered::BoxError;

type Looking = Pin<Box<dyn Future<Output = Result<RequestBody, BoxError>> + Send>>;

/// The body to come. The lock is never taken, because what it guards need not be shareable.
pub(crate) struct Later(Mutex<Looking>);

impl Later {
    pub(super) fn new(
        looking: impl Future<Output = Result<RequestBody, BoxError>> + Send + 'static,
    ) -> Self {
        Self(Mutex::new(Box::pin(looking)))
    }
}

impl Future for Later {
    type Output = Result<RequestBody, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let looking = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        looking.as_mut().poll(cx)
    }
}

impl fmt::Debug for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Later").finish_non_exhaustive()
    }
}
