//! The state between chunks.
//!
//! It never searches a byte twice for a line end, so a long line in a thousand pieces costs what
//! it costs in one.

use bytes::{Buf, Bytes, BytesMut};
use memchr::{memchr, memrchr};

use super::block::{Block, Place, TooLong};

/// Cuts chunks of bytes into lines.
///
/// Feed it, take lines until there are none, feed it again; say [`finish`](Self::finish) at the
/// end of the input.
///
/// # Examples
///
/// ```
/// use brigade_core::split::Splitter;
///
/// let mut splitter = Splitter::new(80);
/// splitter.feed("one\r\ntw");
/// assert_eq!(splitter.next_line().unwrap().unwrap(), "one");
/// assert!(splitter.next_line().is_none());
/// splitter.feed("o\nthree");
/// splitter.finish();
/// let rest: Vec<_> = std::iter::from_fn(|| splitter.next_line()).flatten().collect();
/// assert_eq!(rest, ["two", "three"]);
/// ```
#[derive(Debug)]
pub struct Splitter {
    limit: usize,
    skip_blank: bool,
    /// What has been fed and not been cut.
    unread: Bytes,
    /// Whole lines; those before its place have been given out.
    block: Bytes,
    place: Place,
    /// The beginning of a line, without a line end in it.
    carry: BytesMut,
    /// The line at hand was too long: its rest is thrown away.
    skipping: bool,
    finished: bool,
}

impl Splitter {
    /// A splitter for lines of at most `limit` bytes, their ends not counted.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            skip_blank: false,
            unread: Bytes::new(),
            block: Bytes::new(),
            place: Place::default(),
            carry: BytesMut::new(),
            skipping: false,
            finished: false,
        }
    }

    /// Sets the greatest length of a line in bytes; for lines that are not cut yet.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Leaves out lines of white space only. They still count in the numbers of lines.
    pub fn set_skip_blank(&mut self, skip: bool) {
        self.skip_blank = skip;
    }

    /// How many lines have been given out or left out, errors included.
    pub fn lines(&self) -> u64 {
        self.place.lines
    }

    /// Adds a chunk. It is copied only if lines of the last one are still to be taken.
    pub fn feed(&mut self, chunk: impl Into<Bytes>) {
        let chunk = chunk.into();
        if self.unread.is_empty() {
            self.unread = chunk;
        } else {
            let mut both = BytesMut::from(std::mem::take(&mut self.unread));
            both.extend_from_slice(&chunk);
            self.unread = both.freeze();
        }
    }

    /// Says that no further chunk will come, so that what is left is the last line.
    pub fn finish(&mut self) {
        self.finished = true;
    }

    /// Forgets what has been fed and not been given out.
    pub fn clear(&mut self) {
        self.unread.clear();
        self.block.clear();
        self.carry.clear();
        (self.place.at, self.place.overlong) = (0, false);
    }

    /// The next line, which shares the memory of its chunk; `None` if a chunk is needed.
    ///
    /// # Errors
    ///
    /// A line that is too long; the next call goes on behind it.
    pub fn next_line(&mut self) -> Option<Result<Bytes, TooLong>> {
        loop {
            let span = self.block()?.next_span();
            if let Some(span) = span {
                return Some(span.map(|span| self.block.slice(span)));
            }
        }
    }

    /// The lines that lie together at the front; `None` if a chunk is needed.
    ///
    /// It may turn out empty if blank lines are left out.
    #[inline]
    pub fn block(&mut self) -> Option<Block<'_>> {
        if !self.cut() {
            return None;
        }
        let Self {
            limit, skip_blank, ..
        } = *self;
        Some(Block::new(&self.block, limit, skip_blank, &mut self.place))
    }

    /// Whether [`block`](Self::block) would give something.
    #[inline]
    pub fn has_line(&mut self) -> bool {
        self.cut()
    }

    /// Makes sure that there is something to give out; false if a chunk is needed.
    #[inline]
    fn cut(&mut self) -> bool {
        self.place.overlong || self.place.at < self.block.len() || self.cut_anew()
    }

    fn cut_anew(&mut self) -> bool {
        while !self.place.overlong && self.place.at >= self.block.len() {
            // Frees the chunk before the next one is asked for.
            (self.block, self.place.at) = (Bytes::new(), 0);
            if self.unread.is_empty() {
                if !self.finished || self.carry.is_empty() {
                    return false;
                }
                self.block = self.carry.split().freeze();
            } else if self.skipping {
                self.skip();
            } else if !self.carry.is_empty() {
                self.complete();
            } else if let Some(end) = memrchr(b'\n', &self.unread) {
                self.block = self.unread.split_to(end + 1);
            } else {
                self.keep();
            }
        }
        true
    }

    /// Throws away the rest of a line that was too long.
    fn skip(&mut self) {
        match memchr(b'\n', &self.unread) {
            Some(end) => {
                self.unread.advance(end + 1);
                self.skipping = false;
            }
            None => self.unread.clear(),
        }
    }

    /// Ends the line that has begun in an earlier chunk.
    fn complete(&mut self) {
        let Some(end) = memchr(b'\n', &self.unread) else {
            return self.keep();
        };
        if self.is_too_long(end) {
            self.carry.clear();
            self.place.overlong = true;
            self.unread.advance(end + 1);
        } else {
            self.carry.extend_from_slice(&self.unread[..=end]);
            self.unread.advance(end + 1);
            self.block = self.carry.split().freeze();
        }
    }

    /// Keeps a chunk without a line end.
    fn keep(&mut self) {
        if self.is_too_long(self.unread.len()) {
            self.carry.clear();
            (self.skipping, self.place.overlong) = (true, true);
        } else {
            self.carry.extend_from_slice(&self.unread);
        }
        self.unread.clear();
    }

    /// Whether the line at hand is too long with so many bytes more. A CR at its end may turn out
    /// to belong to the line end.
    fn is_too_long(&self, more: usize) -> bool {
        let last = self.unread[..more].last().or(self.carry.last());
        let length = self.carry.len() + more;
        length - usize::from(last == Some(&b'\r')) > self.limit
    }
}
