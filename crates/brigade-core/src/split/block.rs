//! Whole lines that lie side by side in memory.
//!
//! This is the hot loop: one search for each line, no copy, no allocation. It never keeps a line
//! back: what was not walked through stays with the splitter.

use std::fmt;
use std::ops::Range;

use memchr::memchr;

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
    pub(super) bytes: &'s [u8],
    pub(super) at: &'s mut usize,
    pub(super) lines: &'s mut u64,
    /// A line whose bytes are gone is due before the others.
    pub(super) overlong: &'s mut bool,
    pub(super) limit: usize,
    pub(super) skip_blank: bool,
}

impl<'s> Block<'s> {
    /// The bytes that the places of [`next_span`](Self::next_span) refer to.
    pub fn bytes(&self) -> &'s [u8] {
        self.bytes
    }

    /// The number of the line that was given last; 0 before the first.
    pub fn line(&self) -> u64 {
        *self.lines
    }

    /// Where the next line lies in [`bytes`](Self::bytes), its end not included.
    ///
    /// It is what the iterator gives, for callers that have checked the bytes of all lines at
    /// once, as text for example.
    ///
    /// # Errors
    ///
    /// A line that is too long; the next call goes on behind it.
    #[inline]
    pub fn next_span(&mut self) -> Option<Result<Range<usize>, TooLong>> {
        if *self.overlong {
            *self.overlong = false;
            *self.lines += 1;
            return Some(Err(self.too_long()));
        }
        while *self.at < self.bytes.len() {
            let start = *self.at;
            let rest = &self.bytes[start..];
            let length = match memchr(b'\n', rest) {
                Some(length) => {
                    *self.at = start + length + 1;
                    length - usize::from(length > 0 && rest[length - 1] == b'\r')
                }
                None => {
                    *self.at = self.bytes.len();
                    rest.len()
                }
            };
            *self.lines += 1;
            if length > self.limit {
                return Some(Err(self.too_long()));
            }
            if self.skip_blank && is_blank(&rest[..length]) {
                continue;
            }
            return Some(Ok(start..start + length));
        }
        None
    }

    #[cold]
    fn too_long(&self) -> TooLong {
        TooLong {
            line: *self.lines,
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
