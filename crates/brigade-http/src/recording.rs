//! What a recorded exchange was, byte by byte, for archives and for looking closely.
//!
//! Of HTTP/1.1 it is what was written and read. HTTP/2 has no such bytes: its headers are
//! compressed between others, so they are put down as HTTP/1.1 would have said them, which is what
//! readers of archives understand. It never tells what the bytes are in its debug output.

use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use brigade_core::chunked::Chunked;
use bytes::{BufMut, Bytes, BytesMut};
use http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use http::response::Parts;
use http::{HeaderMap, Request};
use http_body::Body;
use hyper::body::Incoming;

use crate::Result;
use crate::draft::Hop;
use crate::pool::connection::{Exchange, Tape};

/// An exchange as it went over the wire; made by [`Response::recording`](crate::Response::recording).
///
/// The request has in it whatever was sent, credentials and cookies too: whoever keeps it takes
/// them out.
#[derive(Clone)]
#[non_exhaustive]
pub struct Recording {
    /// The head of the request and its body, as far as they were written by now: all of it, unless
    /// the server has answered before.
    pub request: Bytes,
    /// The head of the response, from the status line to the empty line, with the headers as the
    /// server has written and ordered them. Interim responses (1xx) before it are left out.
    pub head: Bytes,
    /// The other end of the socket, if it has an address; that of the proxy, if there is one.
    pub peer: Option<SocketAddr>,
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording")
            .field("request", &self.request.len())
            .field("head", &self.head.len())
            .field("peer", &self.peer)
            .finish()
    }
}

/// What a response keeps of its recording.
#[derive(Debug)]
pub(crate) struct Reel {
    pub(crate) tape: Arc<Tape>,
    pub(crate) peer: Option<SocketAddr>,
}

impl Reel {
    pub(crate) fn recording(&self) -> Recording {
        Recording {
            request: self.tape.request(),
            head: self.tape.head(),
            peer: self.peer,
        }
    }
}

/// The tape for the next attempt at `hop` over HTTP/1.1, if it is recorded.
pub(crate) fn tape(hop: &Hop) -> Option<Arc<Tape>> {
    hop.is_recorded.then(Arc::default)
}

/// The request of `hop` as HTTP/1.1 would have said it, if it is recorded.
pub(crate) fn written<T>(request: &Request<T>, hop: &Hop) -> Option<Arc<Tape>> {
    if !hop.is_recorded {
        return None;
    }
    let mut out = BytesMut::with_capacity(512);
    let target = request.uri().path_and_query();
    let target = target.map_or("/", |target| target.as_str());
    out.put_slice(request.method().as_str().as_bytes());
    out.put_slice(format!(" {target} HTTP/1.1\r\n").as_bytes());
    if !request.headers().contains_key(HOST)
        && let Some(authority) = request.uri().authority()
    {
        out.put_slice(format!("host: {authority}\r\n").as_bytes());
    }
    put_headers(request.headers(), &mut out);
    out.put_slice(hop.body.as_bytes().map_or(&[], |bytes| bytes));
    Some(Arc::new(Tape::of_request(out)))
}

/// The head of a response as HTTP/1.1 would have said it.
pub(crate) fn head(head: &Parts) -> Bytes {
    let mut out = BytesMut::with_capacity(512);
    let reason = head.status.canonical_reason().unwrap_or_default();
    let status = head.status.as_u16();
    out.put_slice(format!("HTTP/1.1 {status} {reason}\r\n").as_bytes());
    put_headers(&head.headers, &mut out);
    out.freeze()
}

/// The headers and the empty line, without those that would be wrong about the bytes that follow.
fn put_headers(headers: &HeaderMap, out: &mut BytesMut) {
    for (name, value) in headers {
        if name == TRANSFER_ENCODING || name == CONNECTION {
            continue;
        }
        out.put_slice(name.as_str().as_bytes());
        out.put_slice(b": ");
        out.put_slice(value.as_bytes());
        out.put_slice(b"\r\n");
    }
    out.put_slice(b"\r\n");
}

/// A body of HTTP/1.1 that is handed out as it came over the wire.
#[derive(Debug)]
pub(crate) struct Recorded {
    incoming: Incoming,
    exchange: Exchange,
    tape: Arc<Tape>,
    framing: Framing,
}

/// Where a body ends; what was read beyond it is none of it.
#[derive(Debug)]
enum Framing {
    /// After so many bytes more.
    Length(u64),
    Chunked(Chunked),
    /// With the connection.
    Close,
}

impl Recorded {
    pub(crate) fn new(
        incoming: Incoming,
        exchange: Exchange,
        tape: Arc<Tape>,
        headers: &HeaderMap,
    ) -> Self {
        let framing = match incoming.size_hint().exact() {
            _ if incoming.is_end_stream() => Framing::Length(0),
            _ if headers.contains_key(TRANSFER_ENCODING) => Framing::Chunked(Chunked::default()),
            Some(length) => Framing::Length(length),
            None => Framing::Close,
        };
        Self {
            incoming,
            exchange,
            tape,
            framing,
        }
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    /// The length of the body as far as it is known, at least.
    pub(crate) fn length_min(&self) -> u64 {
        self.incoming.size_hint().lower()
    }

    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.exchange.connection.peer
    }

    /// The next bytes, framing and trailers included; `None` at the end.
    ///
    /// hyper says when there are any, whether they are sound, and when the last of them was read.
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>>> {
        loop {
            let frame = ready!(Pin::new(&mut self.incoming).poll_frame(cx));
            let is_over = frame.is_none();
            if let Some(Err(error)) = frame {
                return Poll::Ready(Err(self.exchange.connection.broken(Some(error))));
            }
            let bytes = self.framing.within(self.tape.take());
            if !bytes.is_empty() {
                return Poll::Ready(Ok(Some(bytes)));
            }
            if is_over {
                return Poll::Ready(Ok(None));
            }
        }
    }
}

/// Nothing is kept that nobody takes.
impl Drop for Recorded {
    fn drop(&mut self) {
        self.tape.stop();
    }
}

impl Framing {
    /// What of the next bytes belongs to the body.
    fn within(&mut self, mut bytes: Bytes) -> Bytes {
        let length = match self {
            Self::Length(left) => usize::try_from(*left).unwrap_or(usize::MAX),
            // hyper has gone through them before, and hands out none that are not framed.
            Self::Chunked(chunked) => chunked.feed(&bytes, |_| ()).unwrap_or(bytes.len()),
            Self::Close => bytes.len(),
        };
        bytes.truncate(length);
        if let Self::Length(left) = self {
            *left -= bytes.len() as u64;
        }
        bytes
    }
}
