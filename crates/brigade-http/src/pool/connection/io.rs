//! The byte stream under a connection, which notes on the `Wire` what it sees.
//!
//! Timeouts and the rules for sending again need to know whether bytes moved, which hyper does not
//! tell. It never changes a byte, and never ends a connection by itself.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::handle::Connection;

/// A connected socket, with TLS or without.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Whether the TLS handshake chose HTTP/2; `None` if nothing was chosen.
    pub(super) fn is_http2(&self) -> Option<bool> {
        match self {
            Self::Tcp(_) => None,
            Self::Tls(tls) => tls.get_ref().1.alpn_protocol().map(|name| name == b"h2"),
        }
    }
}

/// A stream whose reads and writes are noted.
#[derive(Debug)]
pub(super) struct Noted {
    pub(super) stream: Stream,
    pub(super) connection: Arc<Connection>,
}

macro_rules! stream {
    ($self:ident, $stream:ident => $call:expr) => {
        match &mut $self.get_mut().stream {
            Stream::Tcp(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            Stream::Tls(stream) => {
                let $stream = Pin::new(&mut **stream);
                $call
            }
        }
    };
}

impl Noted {
    fn note_write(&self, result: &Poll<io::Result<usize>>) {
        match result {
            Poll::Ready(Ok(bytes)) => self.connection.wire.wrote(*bytes),
            Poll::Pending => self.connection.wire.write_pending(),
            Poll::Ready(Err(_)) => {}
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
        let this = self.as_mut();
        let result = stream!(this, stream => stream.poll_read(cx, buffer));
        let bytes = buffer.filled().len() - before;
        match result {
            Poll::Ready(_) if self.connection.is_http2 && bytes > 0 => {
                self.connection.wire.note_heard();
            }
            Poll::Ready(_) => self.connection.wire.read(bytes),
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
        let this = self.as_mut();
        let result = stream!(this, stream => stream.poll_write(cx, bytes));
        self.note_write(&result);
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.as_mut();
        let result = stream!(this, stream => stream.poll_write_vectored(cx, parts));
        self.note_write(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Tcp(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.as_mut();
        let result = stream!(this, stream => stream.poll_flush(cx));
        match result {
            Poll::Ready(_) => self.connection.wire.flushed(),
            Poll::Pending => self.connection.wire.write_pending(),
        }
        result
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.as_mut();
        let result = stream!(this, stream => stream.poll_shutdown(cx));
        if result.is_pending() {
            self.connection.wire.shutdown_pending();
        }
        result
    }
}
