//! A reader as a stream of chunks.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use tokio::io::{AsyncRead, AsyncReadExt};

/// The most that is read at once.
const SIZE: usize = 64 * 1024;
/// With less room than this, reading on would cost more calls than it saves memory.
const ROOM_MIN: usize = 8 * 1024;

/// A reader as a stream of chunks of up to 64 KiB, whose memory is used again.
pub struct Chunks<R> {
    reader: R,
    buffer: BytesMut,
}

impl<R> Chunks<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            buffer: BytesMut::new(),
        }
    }
}

impl<R: AsyncRead + Unpin> Stream for Chunks<R> {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let this = self.get_mut();
        if this.buffer.capacity() < ROOM_MIN {
            this.buffer.reserve(SIZE);
        }
        // It keeps no state between polls, so it is made anew for each.
        let read = pin!(this.reader.read_buf(&mut this.buffer));
        Poll::Ready(match std::task::ready!(read.poll(cx)) {
            Ok(0) => None,
            Ok(_) => Some(Ok(this.buffer.split().freeze())),
            Err(error) => Some(Err(error)),
        })
    }
}

impl<R> fmt::Debug for Chunks<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunks").finish_non_exhaustive()
    }
}
