//! Lines that end with LF, CR LF or CR alone, cut out of chunks.
//!
//! A line that lies within one chunk is lent, not copied. A line is given out as soon as its end is
//! there: after a CR it never waits for the LF that may follow.

use bytes::{Bytes, BytesMut};
use memchr::memchr2;

/// The most room in bytes that is kept for lines to come.
const KEPT_MAX: usize = 64 << 10;

/// The line at hand is longer than there is room for.
#[derive(Debug)]
pub(super) struct NoRoom;

/// Cuts chunks into lines.
#[derive(Default)]
pub(super) struct Lines {
    chunk: Bytes,
    /// How far the chunk has been cut.
    at: usize,
    /// The beginning of a line from earlier chunks.
    carry: Vec<u8>,
    /// What was carried has been given out as a line.
    given: bool,
    /// The last line ended with a CR, so that an LF here is a part of that end.
    after_cr: bool,
}

impl Lines {
    /// Adds a chunk, which is copied only if lines of the last one are still to be taken.
    pub(super) fn feed(&mut self, chunk: Bytes) {
        let rest = self.chunk.split_off(self.at);
        self.at = 0;
        self.chunk = match rest.is_empty() {
            true => chunk,
            false => {
                let mut both = BytesMut::from(rest);
                both.extend_from_slice(&chunk);
                both.freeze()
            }
        };
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The next line, of at most `room` bytes without its end; `None` if a chunk is needed.
    ///
    /// After an error the lines are of no use any more.
    pub(super) fn next(&mut self, room: usize) -> Option<Result<&[u8], NoRoom>> {
        if std::mem::take(&mut self.given) {
            self.carry.clear();
            self.carry.shrink_to(KEPT_MAX);
        }
        let mut rest = &self.chunk[self.at..];
        if self.after_cr && !rest.is_empty() {
            self.after_cr = false;
            if rest[0] == b'\n' {
                self.at += 1;
                rest = &rest[1..];
            }
        }
        let end = memchr2(b'\n', b'\r', rest);
        let length = end.unwrap_or(rest.len());
        if self.carry.len() + length > room {
            return Some(Err(NoRoom));
        }
        if end.is_none() {
            self.carry.extend_from_slice(rest);
            (self.chunk, self.at) = (Bytes::new(), 0);
            return None;
        }
        let start = self.at;
        self.after_cr = rest[length] == b'\r';
        self.at += length + 1;
        if self.carry.is_empty() {
            return Some(Ok(&self.chunk[start..start + length]));
        }
        self.carry.extend_from_slice(&rest[..length]);
        self.given = true;
        Some(Ok(&self.carry))
    }
}
