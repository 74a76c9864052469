//! The handle of a connection: what the pool keeps and a request uses.
//!
//! The socket belongs to the driver, so a handle can be kept for as long as one likes without
//! keeping anything open. Dropping it never closes the connection.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use brigade::clock;
use brigade_core::pool::Slot;
use brigade_core::time::Moment;
use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http::uri::Authority;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use url::{Position, Url};

use super::switch::Next;
use super::tape::{Recorder, Tape};
use super::wire::{Fault, Terms, Wire};
use crate::answered::BoxError;
use crate::body::{Fed, RequestBody};
use crate::pool::Lease;
use crate::watch::ConnectionMeter;
use crate::{Error, Kind, tls};

/// For how long after it was opened a connection counts as alive.
const FRESH: Duration = Duration::from_millis(100);

/// What becomes of a request that was handed to a connection of HTTP/1.1.
pub(crate) type Answer = hyper::Result<Response<Incoming>>;

/// What requests are handed to.
#[derive(Debug)]
pub(super) enum Sender {
    Http1(http1::SendRequest<RequestBody>),
    Http2(h2::client::SendRequest<Bytes>),
}

/// An open connection to one origin.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) slot: Slot,
    /// The value of the Host header, shared by all requests on the connection.
    pub(crate) host: HeaderValue,
    /// The same as HTTP/2 names it.
    pub(crate) authority: Authority,
    pub(crate) opened: Moment,
    /// When it is too old to be given another request.
    pub(crate) until: Moment,
    pub(crate) is_http2: bool,
    pub(crate) wire: Wire,
    pub(super) recorder: Recorder,
    /// What ended TLS, if it was not its polite end.
    pub(super) alert: OnceLock<tls::Error>,
    /// Why the body of its last request could not be read to its end.
    upload_failure: Mutex<Option<BoxError>>,
    /// The other end of the socket, if that has an address.
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) meter: ConnectionMeter,
    /// Gone once the connection shall take no more requests.
    sender: Mutex<Option<Sender>>,
    pub(super) task: OnceLock<AbortHandle>,
    /// Woken when the connection is to end.
    pub(super) driver: AtomicWaker,
    /// What follows HTTP, if the request that is on it asks for that.
    switch: Mutex<Option<oneshot::Receiver<Box<dyn Next>>>>,
    is_switched: AtomicBool,
}

impl Connection {
    /// A connection to the origin of `url`.
    pub(super) fn new(
        slot: Slot,
        url: &Url,
        (opened, until): (Moment, Moment),
        is_http2: bool,
    ) -> Result<Self, Error> {
        let host = &url[Position::BeforeHost..Position::BeforePath];
        let bad = |error: http::Error| Error::new(Kind::BadUrl).from(error);
        let authority = Authority::try_from(host).map_err(|error| bad(error.into()))?;
        let host = HeaderValue::try_from(host).map_err(|error| bad(error.into()))?;
        let wire = Wire::default();
        wire.set_rested(opened);
        Ok(Self {
            slot,
            host,
            authority,
            opened,
            until,
            is_http2,
            wire,
            recorder: Recorder::default(),
            alert: OnceLock::new(),
            upload_failure: Mutex::new(None),
            peer: None,
            meter: ConnectionMeter::new(url, is_http2),
            sender: Mutex::new(None),
            task: OnceLock::new(),
            driver: AtomicWaker::new(),
            switch: Mutex::new(None),
            is_switched: AtomicBool::new(false),
        })
    }

    fn sender(&self) -> MutexGuard<'_, Option<Sender>> {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn upload_failure(&self) -> MutexGuard<'_, Option<BoxError>> {
        let failure = self.upload_failure.lock();
        failure.unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn attach(&self, sender: Sender) {
        *self.sender() = Some(sender);
    }

    /// Whether hyper waits for the next request.
    pub(super) fn is_ready(&self) -> bool {
        matches!(&*self.sender(), Some(Sender::Http1(sender)) if sender.is_ready())
    }

    /// Whether a request on it shows that it was alive a moment ago: it has just been opened, and
    /// has had no request before.
    pub(crate) fn is_fresh(&self) -> bool {
        self.wire.exchanges() == 0 && clock::now().since(self.opened) < FRESH
    }

    /// What a stream of HTTP/2 is opened with; `None` if the connection takes no more.
    pub(super) fn http2(&self) -> Option<h2::client::SendRequest<Bytes>> {
        match &*self.sender() {
            Some(Sender::Http2(sender)) => Some(sender.clone()),
            _ => None,
        }
    }

    /// The error for a connection that ended before its exchange did.
    pub(crate) fn broken(&self, cause: Option<hyper::Error>) -> Error {
        if let Some(failure) = self.upload_failure().take() {
            return Error::of_body(failure);
        }
        let Some(cause) = cause else {
            return self
                .wire
                .fault()
                .map_or(Error::new(Kind::Protocol), Fault::error);
        };
        match (self.wire.fault(), tls::Error::find(&cause)) {
            (Some(fault), _) => fault.error(),
            // A server that refuses the client's certificate says so only now.
            (None, Some(found)) => Error::of_tls(found),
            (None, None) => Error::new(Kind::Protocol).from(cause),
        }
    }

    /// The next request asks for the connection itself.
    pub(super) fn expect_switch(&self, asked: oneshot::Receiver<Box<dyn Next>>) {
        let before = self.switch().replace(asked);
        drop(before);
    }

    fn switch(&self) -> MutexGuard<'_, Option<oneshot::Receiver<Box<dyn Next>>>> {
        self.switch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take_switch(&self) -> Option<oneshot::Receiver<Box<dyn Next>>> {
        self.switch().take()
    }

    pub(super) fn note_switched(&self) {
        self.is_switched.store(true, Relaxed);
    }

    /// Whether it has left HTTP.
    pub(crate) fn is_switched(&self) -> bool {
        self.is_switched.load(Relaxed)
    }

    /// Takes no more requests: an idle connection says goodbye and closes, or closes at once.
    pub(crate) fn retire(&self, urgent: bool) {
        if self.is_http2 {
            // Nothing is on it any more, and its peer may never take what is left to be written.
            self.wire.shutdown_pending();
        }
        drop(self.sender().take());
        // While its socket takes nothing, h2 wakes nobody.
        self.driver.wake();
        if urgent && let Some(task) = self.task.get() {
            task.abort();
        }
    }
}

impl Fed for Connection {
    fn fed(&self, failure: Option<BoxError>) {
        if let Some(failure) = failure {
            *self.upload_failure() = Some(failure);
        }
        self.wire.fed();
    }
}

/// Hands a request over to HTTP/1.1; gives the place back if its connection takes no more. What is
/// written and read of the exchange is kept on `tape`, if there is one.
///
/// Dropping the returned future before it is ready closes the connection.
pub(crate) fn send(
    lease: Lease,
    mut request: Request<RequestBody>,
    terms: Terms,
    tape: Option<&Arc<Tape>>,
) -> Result<(Exchange, impl Future<Output = Answer> + use<>), Lease> {
    let Some(connection) = lease.connection() else {
        return Err(lease);
    };
    let is_fed = request.body().is_fed();
    if is_fed {
        request.body_mut().tell(connection.clone());
    }
    let mut sender = connection.sender();
    let (number, sent) = match sender.as_mut() {
        Some(Sender::Http1(sender)) if !sender.is_closed() => {
            connection.recorder.begin(tape);
            let number = connection.wire.begin(terms, is_fed);
            (number, sender.send_request(request))
        }
        _ => {
            drop(sender);
            return Err(lease);
        }
    };
    drop(sender);
    match lease.used() {
        Some(connection) => Ok((Exchange { connection, number }, sent)),
        None => unreachable!("its connection was there a moment ago"),
    }
}

/// A caller's share in one exchange of HTTP/1.1. Dropping it says that the caller is through with
/// the response, whether it has read it or not.
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
