//! The two ends of a connection in memory, which can be reset like a socket.
//!
//! tokio's duplex knows only the orderly end, and a reset is what clients get wrong.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};
use tokio::net::TcpStream;

/// So much may be under way in one direction before a writer waits.
const BUFFER: usize = 64 * 1024;

/// The program's end of a connection to a peer in memory.
///
/// It behaves like a socket: a reset by the peer is [`ErrorKind::ConnectionReset`], and at most
/// 64 KiB are under way before a write waits.
#[derive(Debug)]
pub struct Stream {
    duplex: DuplexStream,
    reset: Arc<AtomicBool>,
}

/// A stream that a script can be played over.
pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Sees to it that dropping the stream resets the connection.
    fn arm_reset(&mut self) -> io::Result<()>;
}

impl Wire for Stream {
    fn arm_reset(&mut self) -> io::Result<()> {
        self.reset.store(true, Ordering::Release);
        Ok(())
    }
}

impl Wire for TcpStream {
    fn arm_reset(&mut self) -> io::Result<()> {
        self.set_zero_linger()
    }
}

pub(super) fn pair() -> (Stream, Stream) {
    let (one, other) = duplex(BUFFER);
    let reset = Arc::new(AtomicBool::new(false));
    let stream = |duplex| Stream {
        duplex,
        reset: Arc::clone(&reset),
    };
    (stream(one), stream(other))
}

impl Stream {
    fn alive(&self) -> io::Result<()> {
        match self.reset.load(Ordering::Acquire) {
            true => Err(ErrorKind::ConnectionReset.into()),
            false => Ok(()),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.alive()?;
        Pin::new(&mut self.duplex).poll_read(context, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.alive()?;
        Pin::new(&mut self.duplex).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.duplex).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.duplex).poll_shutdown(context)
    }
}
