//! The bytes of a server that were read and not yet understood.
//!
//! What came with the head of the response is first. It never holds more than that, or one read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, ReadBuf};

/// The most bytes of one read.
const READ: usize = 16 * 1024;

#[derive(Debug)]
pub(super) struct Intake {
    /// What came with the response, as long as that lasts.
    rest: Bytes,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Intake {
    pub(super) const fn new(rest: Bytes) -> Self {
        Self {
            rest,
            bytes: Vec::new(),
            start: 0,
            end: 0,
        }
    }

    /// The bytes that are there.
    pub(super) fn bytes(&self) -> &[u8] {
        match self.rest.is_empty() {
            true => &self.bytes[self.start..self.end],
            false => &self.rest,
        }
    }

    /// All but the last `left` of them are understood.
    pub(super) fn keep(&mut self, left: usize) {
        match self.rest.is_empty() {
            true => self.start = self.end - left,
            false => self.rest = self.rest.split_off(self.rest.len() - left),
        }
    }

    /// Reads more, once nothing is there. Ready with how much; 0 at the end.
    pub(super) fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.bytes.resize(READ, 0);
        let mut buffer = ReadBuf::new(&mut self.bytes);
        ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
        (self.start, self.end) = (0, buffer.filled().len());
        Poll::Ready(Ok(self.end))
    }
}
