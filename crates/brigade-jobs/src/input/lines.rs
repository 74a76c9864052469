//! Splits blocks of bytes into lines with their numbers and offsets.
//!
//! A line is what a list has for each of its URLs: text up to LF, or a row of a table, which may
//! have line breaks inside of quotes. The final one needs no end; CR before LF is the business of
//! whoever trims. The memory for a line is bounded: of one that is longer only the beginning is kept.

use memchr::memchr;

use super::rows::RowEnds;

/// Longest plain line in bytes. No server takes a URL this long.
pub(crate) const LINE_MAX: usize = 64 * 1024;
/// Longest row of a table or object in bytes: it carries other columns too.
pub(crate) const RECORD_MAX: usize = 1024 * 1024;

/// One line without its LF.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// Number of the line, from 0.
    pub(crate) index: u64,
    /// Where it starts in the list.
    pub(crate) offset: u64,
    /// Its bytes, or their beginning if it is longer than its form allows.
    pub(crate) bytes: &'a [u8],
    /// Its full length without the LF.
    pub(crate) length: u64,
}

/// What is between two blocks: the line that has begun.
#[derive(Debug)]
pub(crate) struct Splitter {
    index: u64,
    offset: u64,
    /// The beginning of the unfinished line, up to `max`.
    partial: Vec<u8>,
    /// The length of the unfinished line so far.
    length: u64,
    /// Bytes of a line that are kept at most.
    max: usize,
    /// Where rows end, if lines are rows of a table.
    rows: Option<RowEnds>,
}

impl Splitter {
    /// A splitter of plain lines whose next byte is the first one of line `index`; of each the
    /// first `max` bytes are kept.
    pub(crate) fn new(index: u64, offset: u64, max: usize) -> Self {
        Self {
            index,
            offset,
            partial: Vec::new(),
            length: 0,
            max,
            rows: None,
        }
    }

    /// A splitter of the rows of a table.
    pub(crate) fn rows(index: u64, offset: u64, delimiter: u8) -> Self {
        Self {
            rows: Some(RowEnds::new(delimiter, offset == 0)),
            ..Self::new(index, offset, RECORD_MAX)
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

    /// Whether no line has begun, or what has begun has ended for sure.
    pub(crate) fn is_between(&self) -> bool {
        self.length == 0 || self.rows.as_ref().is_some_and(RowEnds::has_ended)
    }

    /// Takes a block and calls `emit` with each line that ends in it.
    pub(crate) fn feed(&mut self, mut block: &[u8], mut emit: impl FnMut(Line<'_>)) {
        while let Some((end, terminator)) = self.find(block) {
            let (line, rest) = block.split_at(end);
            self.end_line(line, terminator, &mut emit);
            block = &rest[terminator..];
        }
        self.keep(block);
    }

    /// Ends the list: a line without LF is a line too.
    pub(crate) fn finish(&mut self, mut emit: impl FnMut(Line<'_>)) {
        if self.length > 0 {
            self.end_line(&[], 0, &mut emit);
        }
    }

    /// How much of the block belongs to the line that ends first, and how many bytes end it.
    fn find(&mut self, block: &[u8]) -> Option<(usize, usize)> {
        match &mut self.rows {
            None => memchr(b'\n', block).map(|end| (end, 1)),
            Some(rows) => rows.find(block),
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = self.max - self.partial.len();
        self.partial
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.length += bytes.len() as u64;
    }

    fn end_line(&mut self, tail: &[u8], terminator: usize, emit: &mut impl FnMut(Line<'_>)) {
        let whole = self.length == 0;
        if !whole {
            self.keep(tail);
        }
        let (bytes, length) = if whole {
            (&tail[..tail.len().min(self.max)], tail.len() as u64)
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
        self.offset += length + terminator as u64;
        self.partial.clear();
        self.length = 0;
    }
}
