//! The byte stream under a connection, and what is noted on the `Wire` as its bytes move.
//!
//! Timeouts and the rules for sending again need to know whether bytes moved, which hyper does not
//! tell, and a recorded exchange the bytes themselves. It never changes a byte, and never ends a
//! connection by itself.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::coop::poll_proceed;
use tokio_rustls::client::TlsStream;

use super::handle::Connection;
use crate::tls;
use crate::transport::Io;

/// A task has 128 turns before others get theirs.
const BYTES_PER_TURN: usize = 16 * 1024;

/// Bytes that one read of HTTP/1.1 takes at most, while answers are short and once several reads of
/// one were full. Hyper doubles the room of a connection after a read that fills it, which one now
/// and then is enough for, and the connection keeps it; one byte less keeps these rooms at 16 and
/// 256 KiB. Longer bodies cost a tenth more where the large one is 64 KiB.
const SHORT_READ: usize = 16 * 1024 - 1;
const LONG_READ: usize = 256 * 1024 - 1;
/// So many full reads without a rest say that a long answer is under way.
const FULL_READS: u8 = 4;

/// A connected byte stream. TLS lies over any other one, over that to a proxy too.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<TlsStream<Stream>>),
    /// Of somebody else's making.
    Custom(Box<dyn Io>),
}

impl Stream {
    /// The other end, if it has an address.
    pub(super) fn peer(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(tcp) => tcp.peer_addr().ok(),
            Self::Tls(tls) => tls.get_ref().0.peer(),
            Self::Unix(_) | Self::Custom(_) => None,
        }
    }

    /// Whether the TLS handshake chose HTTP/2; `None` if nothing was chosen.
    pub(super) fn is_http2(&self) -> Option<bool> {
        match self {
            Self::Tls(tls) => tls.get_ref().1.alpn_protocol().map(|name| name == b"h2"),
            Self::Tcp(_) | Self::Unix(_) | Self::Custom(_) => None,
        }
    }
}

/// Calls the same method of whatever the stream is; plain TCP goes through nothing dynamic.
macro_rules! each {
    ($this:expr, $stream:ident => $call:expr) => {
        match $this.get_mut() {
            Stream::Tcp(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            Stream::Unix(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            Stream::Tls(stream) => {
                let $stream = Pin::new(&mut **stream);
                $call
            }
            Stream::Custom(stream) => {
                let $stream = Pin::new(&mut **stream);
                $call
            }
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_read(cx, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        each!(self, stream => stream.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self, stream => stream.poll_write_vectored(cx, parts))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_write_vectored(),
            Self::Unix(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
            Self::Custom(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_shutdown(cx))
    }
}

/// A stream whose reads and writes are noted.
#[derive(Debug)]
pub(super) struct Noted {
    pub(super) stream: Stream,
    pub(super) connection: Arc<Connection>,
    /// Whether nothing can be written any more, though there may be something to read.
    pub(super) is_mute: bool,
    pub(super) reads: Reads,
}

/// How much is read at once.
#[derive(Debug, Default)]
pub(super) struct Reads {
    /// Reads that were as large as they might be, since the last rest.
    full: u8,
    is_short: bool,
}

impl Reads {
    fn limit(&self) -> usize {
        match self.full {
            0..FULL_READS => SHORT_READ,
            _ => LONG_READ,
        }
    }

    fn note(&mut self, bytes: usize) {
        self.is_short = bytes < SHORT_READ;
        if !self.is_short {
            self.full = (self.full + 1).min(FULL_READS);
        }
    }

    /// Nothing is there, or another request goes out. A short read alone says nothing: over TLS, a
    /// full one leaves a byte of each record.
    fn rest(&mut self) {
        if self.is_short {
            self.full = 0;
        }
    }
}

impl Noted {
    /// Hides from HTTP/2 that nothing can be written any more.
    ///
    /// A server that gives a connection up has often said why, or answered, before that shows in a
    /// write, and h2 reads nothing after a write that failed. The end comes from the next read.
    fn muffle<T>(&mut self, result: Poll<io::Result<T>>, instead: T) -> Poll<io::Result<T>> {
        match result {
            Poll::Ready(Err(_)) if self.connection.is_http2 => {
                self.is_mute = true;
                self.connection.wire.flushed();
                Poll::Ready(Ok(instead))
            }
            result => result,
        }
    }

    fn note_write(&mut self, result: &Poll<io::Result<usize>>, parts: &[IoSlice<'_>]) {
        match result {
            Poll::Ready(Ok(bytes)) => {
                self.reads.rest();
                self.connection.wire.wrote(*bytes);
                self.connection.recorder.wrote(parts, *bytes);
            }
            Poll::Pending => self.connection.wire.write_pending(),
            Poll::Ready(Err(_)) => {}
        }
    }

    /// Keeps what the peer said against TLS, of which h2 hands on nothing but the text. A server
    /// that refuses the client's certificate says so only after the handshake (RFC 8446, 4.4.2.4).
    fn note_alert(&self, result: &Poll<io::Result<()>>) {
        if let Poll::Ready(Err(error)) = result
            && let Some(found) = tls::Error::find(error)
        {
            let _ = self.connection.alert.set(found);
        }
    }
}

/// Takes large reads from the task's budget by their size, so that a server that sends without end
/// holds a worker for no more than some 2 MiB at a time.
fn charge(bytes: usize, cx: &mut Context<'_>) {
    for _ in 0..bytes / BYTES_PER_TURN {
        if let Poll::Ready(turn) = poll_proceed(cx) {
            turn.made_progress();
        }
    }
}

impl AsyncRead for Noted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = match self.connection.is_http2 {
            true => Pin::new(&mut self.stream).poll_read(cx, buffer),
            false => {
                let limit = self.reads.limit() as u64;
                Pin::new(&mut (&mut self.stream).take(limit)).poll_read(cx, buffer)
            }
        };
        let bytes = buffer.filled().len() - before;
        charge(bytes, cx);
        match result {
            Poll::Ready(_) => self.reads.note(bytes),
            Poll::Pending => self.reads.rest(),
        }
        self.note_alert(&result);
        match result {
            Poll::Ready(_) if self.connection.is_http2 && bytes > 0 => {
                self.connection.wire.note_heard();
            }
            Poll::Ready(_) => {
                self.connection.wire.read(bytes);
                self.connection.recorder.read(&buffer.filled()[before..]);
            }
            Poll::Pending if self.connection.is_http2 => {}
            Poll::Pending => self.connection.wire.read_pending(),
        }
        result
    }
}

impl AsyncWrite for Noted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_mute {
            return Poll::Ready(Ok(bytes.len()));
        }
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note_write(&result, &[IoSlice::new(bytes)]);
        self.muffle(result, bytes.len())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = parts.iter().map(|part| part.len()).sum();
        if self.is_mute {
            return Poll::Ready(Ok(length));
        }
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.note_write(&result, parts);
        self.muffle(result, length)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_mute {
            return Poll::Ready(Ok(()));
        }
        let result = Pin::new(&mut self.stream).poll_flush(cx);
        match result {
            Poll::Ready(_) => self.connection.wire.flushed(),
            Poll::Pending => self.connection.wire.write_pending(),
        }
        self.muffle(result, ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_shutdown(cx);
        if result.is_pending() {
            self.connection.wire.shutdown_pending();
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_long_answer_is_read_in_large_pieces() {
        let mut reads = Reads::default();
        // Answers of 40,000 bytes, one after the other, are none.
        for bytes in [SHORT_READ, SHORT_READ, 7_234].repeat(5) {
            assert_eq!(reads.limit(), SHORT_READ);
            reads.note(bytes);
            reads.rest();
        }
        for _ in 0..FULL_READS {
            assert_eq!(reads.limit(), SHORT_READ);
            reads.note(SHORT_READ);
        }
        for bytes in [16 * 1024, 32 * 1024, LONG_READ, 1] {
            assert_eq!(reads.limit(), LONG_READ);
            reads.note(bytes);
            if bytes > 1 {
                reads.rest();
            }
        }
        assert_eq!(reads.limit(), LONG_READ);
        reads.rest();
        assert_eq!(reads.limit(), SHORT_READ);
    }

    #[test]
    fn a_long_answer_over_tls_is_known_too_by_records_of_16_kib() {
        let mut reads = Reads::default();
        for bytes in [SHORT_READ, 1, SHORT_READ, 1, SHORT_READ, 1, SHORT_READ] {
            assert_eq!(reads.limit(), SHORT_READ);
            reads.note(bytes);
        }
        for bytes in [1, 16 * 1024, 16 * 1024] {
            assert_eq!(reads.limit(), LONG_READ);
            reads.note(bytes);
        }
    }
}
