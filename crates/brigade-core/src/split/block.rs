//! Whole lines that lie side by side in memory.
//!
//! This is the hot loop: one search for each line, no copy, no allocation. It never keeps a line
//! back: what was not walked through stays with the splitter.

use std::fmt;
use std::ops::Range;

use bytes::Bytes;

use super::scan::line_end;

/// A line was longer than the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong {
    /// The number of the line; the first one is 1.
    pub line: u64,
    /// The greatest length of a line in bytes, its end not counted.
    pub limit: usize,
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, limit } = self;
        write!(f, "line {line} is longer than {limit} bytes")
    }
}

impl std::error::Error for TooLong {}

/// Lines that are here now; see [`Splitter::block`](super::Splitter::block).
///
/// What is not walked through is in the next block.
#[derive(Debug)]
pub struct Block<'s> {
    shared: &'s Bytes,
    /// The same, so that the walk need not look through the handle.
    bytes: &'s [u8],
    limit: usize,
    skip_blank: bool,
    /// Where the walk is: a copy to read, for speed, of what is written for the next block.
    place: Place,
    written: &'s mut Place,
}

/// How far the lines have been walked through.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    /// The beginning of the next line in the bytes of the block.
    pub(super) at: usize,
    /// How many lines have been given out or left out, errors included.
    pub(super) lines: u64,
    /// A line whose bytes are gone is due before the others. There are no others in its block.
    pub(super) overlong: bool,
}

impl<'s> Block<'s> {
    pub(super) fn new(
        shared: &'s Bytes,
        limit: usize,
        skip_blank: bool,
        written: &'s mut Place,
    ) -> Self {
        Self {
            shared,
            bytes: shared,
            limit,
            skip_blank,
            place: *written,
            written,
        }
    }

    /// The bytes that the places of [`next_span`](Self::next_span) refer to.
    #[inline]
    pub fn bytes(&self) -> &'s [u8] {
        self.bytes
    }

    /// The same bytes, to share their memory with a line that is kept.
    #[inline]
    pub fn shared(&self) -> &'s Bytes {
        self.shared
    }

    /// The number of the line that was given last; 0 before the first.
    #[inline]
    pub fn line(&self) -> u64 {
        self.place.lines
    }

    /// Where the next line lies in [`bytes`](Self::bytes), its end not included.
    ///
    /// It is what the iterator gives, for callers that have checked the bytes of all lines at
    /// once, as text for example.
    ///
    /// # Errors
    ///
    /// A line that is too long; the next call goes on behind it.
    #[inline(always)]
    pub fn next_span(&mut self) -> Option<Result<Range<usize>, TooLong>> {
        loop {
            let start = self.place.at;
            let rest = &self.bytes[start..];
            let length = match line_end(rest) {
                Some(length) => {
                    self.place.at = start + length + 1;
                    let is_crlf = length > 0 && rest[length - 1] == b'\r';
                    length - usize::from(is_crlf)
                }
                // No line end at all is the end of the block, or the last line of the input.
                None if rest.is_empty() => return self.overdue().map(Err),
                None => {
                    self.place.at = self.bytes.len();
                    rest.len()
                }
            };
            self.place.lines += 1;
            *self.written = self.place;
            if length > self.limit {
                return Some(Err(self.too_long()));
            }
            if !self.skip_blank || !is_blank(&rest[..length]) {
                return Some(Ok(start..start + length));
            }
        }
    }

    /// The error about a line whose bytes are gone.
    fn overdue(&mut self) -> Option<TooLong> {
        if !self.place.overlong {
            return None;
        }
        self.place.overlong = false;
        self.place.lines += 1;
        *self.written = self.place;
        Some(self.too_long())
    }

    fn too_long(&self) -> TooLong {
        TooLong {
            line: self.place.lines,
            limit: self.limit,
        }
    }
}

#[inline]
fn is_blank(line: &[u8]) -> bool {
    line.first().is_none_or(u8::is_ascii_whitespace) && line.trim_ascii().is_empty()
}

impl<'s> Iterator for Block<'s> {
    type Item = Result<&'s [u8], TooLong>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let span = self.next_span()?;
        Some(span.map(|span| &self.bytes[span]))
    }
}
