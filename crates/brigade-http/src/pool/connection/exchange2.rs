//! One exchange of HTTP/2: a stream, and the place on its connection that it holds.
//!
//! Its timeouts end the stream, not the connection, which others use. Dropping it at any time
//! resets the stream if that is not over, and gives its place to the next request.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use brigade::clock;
use brigade_core::time::Moment;
use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::{Reason, RecvStream};
use http::response::Parts;
use http::{Request, Response};
use http_body::Body;

use super::handle::Connection;
use super::timer::Timer;
use super::upload::Upload;
use super::wire::{Terms, Wire};
use crate::body::RequestBody;
use crate::pool::Lease;
use crate::{Error, Kind, Phase, Result};

/// After so many streams the numbers of HTTP/2 are nearly used up.
const STREAMS_MAX: u64 = (1 << 30) - 1_000;

/// An exchange whose response is being read.
#[derive(Debug)]
pub(crate) struct Exchange2 {
    // Fields are dropped in this order: the stream first, its place last.
    stream: RecvStream,
    upload: Option<Upload>,
    watch: Watch,
    /// Whether a part of the body was given out.
    has_begun: bool,
    lease: Lease,
}

/// How an exchange failed before it had a response.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server has certainly done nothing: the request never left, or the server said so (RFC
    /// 9113, sections 6.8 and 8.7).
    Unprocessed {
        error: Error,
        /// Whether the server refused this stream alone, because it has too much to do.
        is_refused: bool,
    },
    /// The connection ended, and nobody knows what the server has done.
    Died(Error),
    /// Sending it again would change nothing, or is not allowed.
    Final(Error),
}

/// A request that was handed over, and whose response is waited for.
#[derive(Debug)]
pub(crate) struct Asked2 {
    // Fields are dropped in this order: the stream first, its place last.
    response: ResponseFuture,
    upload: Option<Upload>,
    watch: Watch,
    connection: Arc<Connection>,
    lease: Lease,
}

impl Asked2 {
    /// Opens a stream and hands a request over. `begun` is the time, if it is known.
    pub(crate) fn new(
        lease: Lease,
        request: Request<()>,
        body: RequestBody,
        (terms, begun): (Terms, Option<Moment>),
    ) -> Result<Self, Failure> {
        let Some(connection) = lease.connection().cloned() else {
            return Err(unsent(Error::new(Kind::Protocol)));
        };
        let Some(mut sender) = connection.http2() else {
            return Err(unsent(broken(&connection, None)));
        };
        if connection.wire.begin_stream() >= STREAMS_MAX {
            lease.drain();
        }
        let sent = sender.send_request(request, body.is_end_stream());
        let (response, stream) = sent.map_err(|error| not_sent(&lease, &connection, error))?;
        let upload = match body.is_end_stream() {
            true => None,
            false => Upload::begin(stream, body),
        };
        let begun = begun.filter(|_| upload.is_none());
        Ok(Self {
            response,
            upload,
            watch: Watch::new(terms, begun),
            connection,
            lease,
        })
    }

    /// Ready with the head of the response.
    pub(crate) fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Head2, Failure>> {
        let Poll::Ready(head) = Pin::new(&mut self.response).poll(cx) else {
            let upload = self.upload.as_ref();
            let phase = ready!(self.watch.poll(&self.connection.wire, upload, cx));
            let error = self.watch.expired(&self.lease, upload, phase);
            return Poll::Ready(Err(Failure::Final(error)));
        };
        self.watch.moved();
        Poll::Ready(head.map_err(
            |error| match self.upload.as_ref().and_then(Upload::failure) {
                Some(failed) => Failure::Final(failed),
                None => failure(&self.lease, &self.connection, error),
            },
        ))
    }

    /// The exchange, once it has the head of its response.
    pub(crate) fn answered(self, head: Head2) -> (Parts, Exchange2) {
        self.connection.wire.note_served();
        let (head, stream) = head.into_parts();
        let exchange = Exchange2 {
            stream,
            upload: self.upload,
            watch: self.watch,
            has_begun: false,
            lease: self.lease,
        };
        (head, exchange)
    }
}

/// The head of a response, with its stream.
type Head2 = Response<RecvStream>;

impl Exchange2 {
    /// The other end of the socket.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.lease.connection()?.peer
    }

    /// Whether there is no body to come.
    pub(crate) fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }

    /// The next part of the body; `None` at its end.
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>>> {
        let Some(connection) = self.lease.connection() else {
            return Poll::Ready(Ok(None));
        };
        let Poll::Ready(data) = self.stream.poll_data(cx) else {
            let upload = self.upload.as_ref();
            let phase = ready!(self.watch.poll(&connection.wire, upload, cx));
            return Poll::Ready(Err(self.watch.expired(&self.lease, upload, phase)));
        };
        Poll::Ready(match data {
            // Nothing else notices it as long as there is more to read.
            // The first part is there in time or not at all; it may be all that there is.
            Some(Ok(_)) if self.has_begun && self.watch.is_late() => {
                Err(self.watch.expired(&self.lease, None, Phase::Total))
            }
            Some(Ok(bytes)) => {
                self.has_begun = true;
                self.watch.moved();
                // What was handed out makes room for more; it fails once the stream is over.
                let _ = self.stream.flow_control().release_capacity(bytes.len());
                Ok(Some(bytes))
            }
            None => Ok(None),
            Some(Err(error)) => Err(match self.upload.as_ref().and_then(Upload::failure) {
                Some(failed) => failed,
                None => broken(connection, Some(error)),
            }),
        })
    }
}

/// The timeouts of an exchange. Only what is being waited for is timed.
#[derive(Debug)]
struct Watch {
    terms: Terms,
    /// Since when bytes of the response have been waited for.
    since: Option<Moment>,
    /// When it began, as long as that is now.
    begun: Option<Moment>,
    timer: Pin<Box<Timer>>,
}

impl Watch {
    fn new(terms: Terms, begun: Option<Moment>) -> Self {
        Self {
            terms,
            begun,
            since: None,
            timer: Box::pin(Timer::new()),
        }
    }

    /// Something came, so the next wait is another one.
    fn moved(&mut self) {
        self.since = None;
        self.begun = None;
    }

    /// Whether the total timeout has run out.
    fn is_late(&self) -> bool {
        let total = self.terms.total;
        total != Moment::MAX && clock::now() >= total
    }

    /// Ready when a timeout has run out.
    fn poll(&mut self, wire: &Wire, upload: Option<&Upload>, cx: &mut Context<'_>) -> Poll<Phase> {
        let is_sent = upload.is_none_or(|upload| upload.poll_over(cx));
        if self.since.is_none() && is_sent {
            self.since = Some(self.begun.take().unwrap_or_else(clock::now));
        }
        // Nobody is woken when the socket takes no more, so that is looked for within its limit.
        let mut look = self
            .since
            .map_or(Moment::MAX, |since| self.look_after(since));
        loop {
            let stalled = stalled_since(wire, upload);
            let (at, phase) = self.due(stalled);
            if self.timer.as_mut().poll(at.min(look), cx).is_pending() {
                return Poll::Pending;
            }
            let now = clock::now();
            if at <= now && self.due(stalled_since(wire, upload)) == (at, phase) {
                return Poll::Ready(phase);
            }
            look = self.look_after(now);
        }
    }

    fn look_after(&self, since: Moment) -> Moment {
        self.terms.write.map_or(Moment::MAX, |limit| since + limit)
    }

    fn due(&self, stalled: Option<Moment>) -> (Moment, Phase) {
        let after = |since: Option<Moment>, limit: Option<_>| match (since, limit) {
            (Some(since), Some(limit)) => since + limit,
            _ => Moment::MAX,
        };
        let (at, phase) = match stalled {
            Some(_) => (after(stalled, self.terms.write), Phase::Write),
            None => (after(self.since, self.terms.read), Phase::Read),
        };
        match at < self.terms.total {
            true => (at, phase),
            false => (self.terms.total, Phase::Total),
        }
    }

    /// The error of a timeout. A connection of which nothing at all was heard during the wait gets
    /// no more requests: it may be dead.
    fn expired(&self, lease: &Lease, upload: Option<&Upload>, phase: Phase) -> Error {
        let connection = lease.connection();
        let heard = connection.and_then(|connection| connection.wire.heard_at());
        let since = upload.and_then(Upload::stalled_since).or(self.since);
        let is_silent = match (heard, since) {
            (Some(heard), Some(since)) => heard < since,
            _ => true,
        };
        if phase != Phase::Total && is_silent {
            lease.drain();
        }
        Error::timeout(phase)
    }
}

/// Since when the server has taken no bytes of the request, or none of any on its connection.
fn stalled_since(wire: &Wire, upload: Option<&Upload>) -> Option<Moment> {
    upload
        .and_then(Upload::stalled_since)
        .or(wire.write_since())
}

fn unsent(error: Error) -> Failure {
    Failure::Unprocessed {
        error,
        is_refused: false,
    }
}

/// Why h2 did not take a request.
fn not_sent(lease: &Lease, connection: &Connection, error: h2::Error) -> Failure {
    if error.is_go_away() || error.is_io() || error.is_reset() {
        lease.drain();
        return unsent(broken(connection, Some(error)));
    }
    Failure::Final(Error::new(Kind::BadRequest).from(error))
}

/// Why there is no response.
fn failure(lease: &Lease, connection: &Connection, error: h2::Error) -> Failure {
    let is_remote = error.is_remote();
    if is_remote && error.is_go_away() {
        lease.drain();
        return unsent(broken(connection, Some(error)));
    }
    if is_remote && error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM) {
        return Failure::Unprocessed {
            error: broken(connection, Some(error)),
            is_refused: true,
        };
    }
    let died = error.is_io() && connection.wire.fault().is_none();
    let error = broken(connection, Some(error));
    match died {
        true => Failure::Died(error),
        false => Failure::Final(error),
    }
}

/// The error for a stream that ended before its exchange did.
fn broken(connection: &Connection, cause: Option<h2::Error>) -> Error {
    if let Some(fault) = connection.wire.fault() {
        return fault.error();
    }
    let Some(cause) = cause else {
        return Error::new(Kind::Protocol);
    };
    match connection.alert.get() {
        Some(alert) => Error::of_tls(alert.clone()),
        None => Error::new(Kind::Protocol).from(cause),
    }
}
