//! Splits blocks of bytes into lines with their numbers and offsets.
//!
//! LF ends a line and a final line needs none; CR before it is the business of whoever trims. The
//! memory for a line is bounded: of one that is longer only the beginning is kept.

use memchr::memchr;

/// Longest line in bytes; of a longer one only this much is kept. No server takes a URL this long.
pub(crate) const LINE_MAX: usize = 64 * 1024;

/// One line without its LF.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// Number of the line, from 0.
    pub(crate) index: u64,
    /// Where it starts in the list.
    pub(crate) offset: u64,
    /// Its bytes, or their beginning if it is longer than [`LINE_MAX`].
    pub(crate) bytes: &'a [u8],
    /// Its full length without the LF.
    pub(crate) length: u64,
}

/// What is between two blocks: the line that has begun.
#[derive(Debug)]
pub(crate) struct Splitter {
    index: u64,
    offset: u64,
    /// The beginning of the unfinished line, up to [`LINE_MAX`].
    partial: Vec<u8>,
    /// The length of the unfinished line so far.
    length: u64,
}

impl Splitter {
    /// A splitter whose next byte is the first one of line `index`.
    pub(crate) fn new(index: u64, offset: u64) -> Self {
        Self {
            index,
            offset,
            partial: Vec::new(),
            length: 0,
        }
    }

    /// The number of the line that comes next, or has begun.
    pub(crate) fn index(&self) -> u64 {
        self.index
    }

    /// Where that line starts.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Takes a block and calls `emit` with each line that ends in it.
    pub(crate) fn feed(&mut self, mut block: &[u8], mut emit: impl FnMut(Line<'_>)) {
        while let Some(end) = memchr(b'\n', block) {
            let (line, rest) = block.split_at(end);
            self.end_line(line, 1, &mut emit);
            block = &rest[1..];
        }
        self.keep(block);
    }

    /// Ends the list: a line without LF is a line too.
    pub(crate) fn finish(&mut self, mut emit: impl FnMut(Line<'_>)) {
        if self.length > 0 {
            self.end_line(&[], 0, &mut emit);
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LINE_MAX - self.partial.len();
        self.partial
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.length += bytes.len() as u64;
    }

    fn end_line(&mut self, tail: &[u8], terminator: u64, emit: &mut impl FnMut(Line<'_>)) {
        let whole = self.length == 0;
        if !whole {
            self.keep(tail);
        }
        let (bytes, length) = if whole {
            (&tail[..tail.len().min(LINE_MAX)], tail.len() as u64)
        } else {
            (self.partial.as_slice(), self.length)
        };
        emit(Line {
            index: self.index,
            offset: self.offset,
            bytes,
            length,
        });
        self.index += 1;
        self.offset += length + terminator;
        self.partial.clear();
        self.length = 0;
    }
}
