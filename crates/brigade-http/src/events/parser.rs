//! From bytes to events: the grammar of the HTML standard, section 9.2.6.
//!
//! It does no I/O and reads no clock. Whatever the bytes are it never panics, never keeps more of
//! them than its limit, and gives the same events however they are cut into chunks.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::event::Event;
use super::lines::{Lines, NoRoom};

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// An event, or a line of it, is larger than the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge {
    /// The most bytes of an event.
    pub limit: usize,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an event is larger than {} bytes", self.limit)
    }
}

impl std::error::Error for TooLarge {}

/// Cuts bytes into events.
///
/// Feed it, take events until there are none, feed it again. An event that is cut off at the end
/// of the bytes is not one.
///
/// # Examples
///
/// ```
/// use brigade_http::events::Parser;
///
/// let mut parser = Parser::new(1024);
/// parser.feed("id: 7\nevent: tick\ndata: o");
/// assert_eq!(parser.next_event(), None);
/// parser.feed("ne\ndata: two\n\ndata: three");
/// let event = parser.next_event().unwrap()?;
/// assert_eq!((event.kind(), event.data(), event.id()), ("tick", "one\ntwo", "7"));
/// assert_eq!(parser.next_event(), None);
/// assert_eq!(parser.last_event_id(), "7");
/// # Ok::<(), brigade_http::events::TooLarge>(())
/// ```
pub struct Parser {
    lines: Lines,
    limit: usize,
    /// Nothing was read yet, so a byte order mark may come.
    is_start: bool,
    failed: bool,
    block: Block,
    /// Of the last event that is complete.
    last_event_id: Arc<str>,
    retry: Option<Duration>,
}

/// The event that is being read.
#[derive(Default)]
struct Block {
    kind: String,
    data: String,
    has_data: bool,
    id: Option<Arc<str>>,
}

impl Parser {
    /// A parser for events of at most `limit` bytes, kind and data together. No line may be longer
    /// either, a comment for example.
    ///
    /// Of an event that is not complete it keeps a small multiple of the limit at most.
    pub fn new(limit: usize) -> Self {
        Self {
            lines: Lines::default(),
            limit,
            is_start: true,
            failed: false,
            block: Block::default(),
            last_event_id: Arc::from(""),
            retry: None,
        }
    }

    /// Sets the most bytes of an event, from the next line on.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Sets the id that events have which come before the first that names its own.
    pub fn set_last_event_id(&mut self, id: &str) {
        self.last_event_id = Arc::from(id);
    }

    /// The id of the last event, or of a block without data behind it; empty if there was none.
    pub fn last_event_id(&self) -> &str {
        &self.last_event_id
    }

    /// How long the server wants to be left alone after the stream has ended, if it has said so.
    pub fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// Adds a chunk. It is copied only if events of the last one are still to be taken.
    pub fn feed(&mut self, chunk: impl Into<Bytes>) {
        self.lines.feed(chunk.into());
    }

    /// Begins a new stream: what is not a complete event is forgotten, the last id stays.
    pub fn restart(&mut self) {
        self.lines.clear();
        self.block = Block::default();
        (self.is_start, self.failed) = (true, false);
    }

    /// The next event; `None` if a chunk is needed.
    ///
    /// # Errors
    ///
    /// An event that is too large. Nothing follows until [`Self::restart`].
    pub fn next_event(&mut self) -> Option<Result<Event, TooLarge>> {
        while !self.failed {
            let room = self.limit.saturating_sub(self.block.size());
            let line = match self.lines.next(room)? {
                Ok(line) if self.is_start => line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line),
                Ok(line) => line,
                Err(NoRoom) => return Some(Err(self.fail())),
            };
            self.is_start = false;
            if !line.is_empty() {
                if let Some(retry) = self.block.read(line) {
                    self.retry = Some(retry);
                }
                // Text that was not UTF-8 has grown.
                if self.block.size() > self.limit {
                    return Some(Err(self.fail()));
                }
            } else if let Some(event) = self.dispatch() {
                return Some(Ok(event));
            }
        }
        None
    }

    fn dispatch(&mut self) -> Option<Event> {
        let block = std::mem::take(&mut self.block);
        if let Some(id) = block.id {
            self.last_event_id = id;
        }
        block.has_data.then(|| Event {
            kind: block.kind,
            data: block.data,
            id: self.last_event_id.clone(),
        })
    }

    fn fail(&mut self) -> TooLarge {
        self.restart();
        self.failed = true;
        TooLarge { limit: self.limit }
    }
}

impl Block {
    fn size(&self) -> usize {
        self.kind.len() + self.data.len()
    }

    /// Reads a line; what it returns is the field `retry`.
    fn read(&mut self, line: &[u8]) -> Option<Duration> {
        let (name, value) = match memchr::memchr(b':', line) {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.data.push('\n');
                }
                append(&mut self.data, value);
            }
            b"event" => {
                self.kind.clear();
                append(&mut self.kind, value);
            }
            b"id" if !value.contains(&0) => self.id = Some(String::from_utf8_lossy(value).into()),
            b"retry" => return milliseconds(value),
            // A comment, whose name is empty, or a field of another time.
            _ => {}
        }
        None
    }
}

/// Adds text, with a replacement character for each sequence that is not UTF-8, as the Encoding
/// standard decodes it. Lines can be decoded apart, since their ends are never part of a sequence.
fn append(text: &mut String, bytes: &[u8]) {
    for part in bytes.utf8_chunks() {
        text.push_str(part.valid());
        if !part.invalid().is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
}

fn milliseconds(value: &[u8]) -> Option<Duration> {
    let digits = std::str::from_utf8(value).ok()?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // What does not fit is too long for anybody to wait.
    Some(Duration::from_millis(digits.parse().unwrap_or(u64::MAX)))
}

/// Without what it has read.
impl fmt::Debug for Parser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parser")
            .field("limit", &self.limit)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}
