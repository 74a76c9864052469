//! The two ends of a connection: the server's, which can be cut, and in memory the client's, which
//! is counted.
//!
//! A cut in memory looks as a reset does on a socket. A client's end counts from the moment that it
//! is asked for until it is dropped, never shorter.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};
use tokio::net::TcpStream;

use super::stage::Stage;
use super::watch::lock;

/// The bytes that an in-memory stream of HTTP/2 holds: more than there are ever to send.
const PIPE_HTTP2: usize = 1 << 20;

/// Turns the end of a connection into a reset.
#[derive(Clone, Debug, Default)]
pub(super) struct Cut(Arc<AtomicBool>);

impl Cut {
    pub(super) fn set(&self) {
        self.0.store(true, SeqCst);
    }

    fn is_set(&self) -> bool {
        self.0.load(SeqCst)
    }
}

/// The server's end.
#[derive(Debug)]
pub(super) struct End {
    stream: Stream,
    cut: Cut,
}

#[derive(Debug)]
enum Stream {
    Memory(DuplexStream),
    Socket(TcpStream),
}

impl End {
    pub(super) fn of_socket(socket: TcpStream) -> Self {
        Self {
            stream: Stream::Socket(socket),
            cut: Cut::default(),
        }
    }

    pub(super) fn cut(&self) -> Cut {
        self.cut.clone()
    }
}

impl Drop for End {
    fn drop(&mut self) {
        if let Stream::Socket(socket) = &self.stream
            && self.cut.is_set()
        {
            // If it cannot be reset it is closed, which is a fault as well.
            let _ = socket.set_zero_linger();
        }
    }
}

impl AsyncRead for End {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Memory(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Socket(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for End {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Memory(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Socket(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Memory(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Socket(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// A place among the client's sockets.
#[derive(Debug)]
pub(super) struct Counted {
    stage: Arc<Stage>,
    host: usize,
}

impl Counted {
    pub(super) fn new(stage: &Arc<Stage>, host: usize) -> Self {
        let counted = Self {
            stage: stage.clone(),
            host,
        };
        counted.change(1);
        counted
    }

    fn change(&self, by: isize) {
        if let Some(sockets) = &self.stage.sockets {
            let count = &mut lock(sockets)[self.host];
            *count = count.saturating_add_signed(by);
        }
        self.stage.check();
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        // Up to here its place must be taken.
        self.stage.check();
        self.change(-1);
    }
}

/// The client's end in memory.
#[derive(Debug)]
pub(super) struct Line {
    stream: DuplexStream,
    cut: Cut,
    counted: Counted,
}

impl Line {
    /// The client's end and the server's.
    pub(super) fn new(counted: Counted) -> (Self, End) {
        let plan = &counted.stage.plan;
        // The server of HTTP/2 does not read while it writes.
        let is_http2 = plan.hosts[counted.host].is_http2;
        let (ours, theirs) = duplex(if is_http2 { PIPE_HTTP2 } else { plan.pipe });
        let cut = Cut::default();
        let end = End {
            stream: Stream::Memory(theirs),
            cut: cut.clone(),
        };
        let line = Self {
            stream: ours,
            cut,
            counted,
        };
        (line, end)
    }

    fn uncut(&self) -> io::Result<()> {
        match self.cut.is_set() {
            true => Err(io::ErrorKind::ConnectionReset.into()),
            false => Ok(()),
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.counted.stage.check();
        self.uncut()?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.uncut()?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
