//! The handle of a connection: what the pool keeps and a request uses.
//!
//! The socket belongs to the driver, so a handle can be kept for as long as one likes without
//! keeping anything open. Dropping it never closes the connection.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use brigade_core::pool::Slot;
use brigade_core::time::Moment;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::SendRequest;
use tokio::task::AbortHandle;

use super::wire::{Terms, Wire};
use crate::body::RequestBody;

/// What becomes of a request that was handed to a connection.
pub(crate) type Answer = Result<Response<Incoming>, TrySendError<Request<RequestBody>>>;

/// An open connection to one origin.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) slot: Slot,
    /// The value of the Host header, shared by all requests on the connection.
    pub(crate) host: HeaderValue,
    pub(crate) opened: Moment,
    pub(crate) wire: Wire,
    /// Gone once the connection shall take no more requests.
    sender: Mutex<Option<SendRequest<RequestBody>>>,
    pub(super) task: OnceLock<AbortHandle>,
}

impl Connection {
    pub(super) fn new(slot: Slot, host: HeaderValue, opened: Moment) -> Self {
        Self {
            slot,
            host,
            opened,
            wire: Wire::default(),
            sender: Mutex::new(None),
            task: OnceLock::new(),
        }
    }

    fn sender(&self) -> MutexGuard<'_, Option<SendRequest<RequestBody>>> {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn attach(&self, sender: SendRequest<RequestBody>) {
        *self.sender() = Some(sender);
    }

    /// Whether hyper waits for the next request.
    pub(super) fn is_ready(&self) -> bool {
        self.sender().as_ref().is_some_and(SendRequest::is_ready)
    }

    /// Whether no request can be sent any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.sender().as_ref().is_none_or(SendRequest::is_closed)
    }

    /// Hands a request over; `None` if the connection takes no more.
    ///
    /// Dropping the returned future before it is ready closes the connection.
    pub(crate) fn send(
        self: &Arc<Self>,
        request: Request<RequestBody>,
        terms: Terms,
    ) -> Option<(Exchange, impl Future<Output = Answer> + use<>)> {
        let mut sender = self.sender();
        let sender = sender.as_mut().filter(|sender| !sender.is_closed())?;
        let exchange = Exchange {
            number: self.wire.begin(terms),
            connection: self.clone(),
        };
        Some((exchange, sender.try_send_request(request)))
    }

    /// Takes no more requests: an idle connection says goodbye and closes, or closes at once.
    pub(crate) fn retire(&self, urgent: bool) {
        drop(self.sender().take());
        if urgent && let Some(task) = self.task.get() {
            task.abort();
        }
    }
}

/// A caller's share in one exchange. Dropping it says that the caller is through with the response,
/// whether it has read it or not.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) connection: Arc<Connection>,
    number: u64,
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let wire = &self.connection.wire;
        wire.set_heard(self.number);
        if wire.is_stuck() {
            self.connection.retire(true);
        }
    }
}
