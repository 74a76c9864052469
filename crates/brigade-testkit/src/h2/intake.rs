//! What the frames of a client add up to: requests, bodies, windows.
//!
//! Every frame passes here in the order in which it came, whoever reads it, because a header block
//! can only be read after all before it. It sends nothing.

use super::decoder::Decoder;
use super::frame::{Frame, flag, kind, setting};
use super::request::H2Request;
use bytes::{Buf, Bytes, BytesMut};
use std::collections::{HashMap, VecDeque};
use std::io;

/// The window of a connection, and of a stream where the settings say nothing else.
const WINDOW: i64 = 65_535;

#[derive(Debug)]
pub(super) struct Intake {
    pub(super) decoder: Decoder,
    /// Those that no script has taken yet.
    pub(super) requests: VecDeque<H2Request>,
    pub(super) streams: HashMap<u32, Stream>,
    /// What the client lets the connection as a whole send.
    pub(super) window: i64,
    /// What it lets a new stream send.
    initial: i64,
    /// A header block that is not yet complete, and its HEADERS frame.
    open: Option<(Frame, BytesMut)>,
}

/// One stream, as far as it matters to its body and the body of its response.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// Whether its headers came.
    is_open: bool,
    pub(super) body: BytesMut,
    pub(super) ended: bool,
    pub(super) reset: Option<u32>,
    /// Bytes that came and for which no window was given back.
    pub(super) owed: u32,
    /// What was granted to it beyond the initial window, less what was sent on it.
    pub(super) granted: i64,
}

impl Intake {
    pub(super) fn new() -> Self {
        Self {
            decoder: Decoder::new(),
            requests: VecDeque::new(),
            streams: HashMap::new(),
            window: WINDOW,
            initial: WINDOW,
            open: None,
        }
    }

    pub(super) fn stream(&mut self, stream: u32) -> &mut Stream {
        self.streams.entry(stream).or_default()
    }

    /// How many bytes may be sent on a stream now.
    pub(super) fn room(&mut self, stream: u32) -> usize {
        let of_stream = self.initial + self.stream(stream).granted;
        usize::try_from(of_stream.min(self.window)).unwrap_or(0)
    }

    pub(super) fn sent(&mut self, stream: u32, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.window -= bytes;
        self.stream(stream).granted -= bytes;
    }

    /// Takes a frame into account.
    pub(super) fn note(&mut self, frame: &Frame) -> io::Result<()> {
        if self.open.is_some() && frame.kind != kind::CONTINUATION {
            return Err(wrong("another frame within a header block", frame));
        }
        match frame.kind {
            kind::HEADERS | kind::CONTINUATION => self.note_headers(frame)?,
            kind::DATA => self.note_data(frame)?,
            kind::RST_STREAM => self.stream(frame.stream).reset = frame.code(),
            kind::SETTINGS => {
                for (_, value) in frame.settings().iter().filter(is_window) {
                    self.initial = (*value).into();
                }
            }
            kind::WINDOW_UPDATE => {
                let bytes = frame.number(0).ok_or_else(|| wrong("no size", frame))?;
                match frame.stream {
                    0 => self.window += i64::from(bytes),
                    stream => self.stream(stream).granted += i64::from(bytes),
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn note_headers(&mut self, frame: &Frame) -> io::Result<()> {
        let content = frame.content();
        let content: Bytes = content.ok_or_else(|| wrong("wrong padding", frame))?;
        let (head, block) = match (frame.kind, self.open.take()) {
            (kind::HEADERS, _) => (frame.clone(), BytesMut::from(&*content)),
            (_, Some((head, mut block))) if head.stream == frame.stream => {
                block.extend_from_slice(&content);
                (head, block)
            }
            _ => return Err(wrong("a continuation of nothing", frame)),
        };
        if !frame.has(flag::END_HEADERS) {
            self.open = Some((head, block));
            return Ok(());
        }
        let headers = self.decoder.decode(&block);
        let headers = headers.ok_or_else(|| wrong("a header block that is none", frame))?;
        let end_stream = head.has(flag::END_STREAM);
        let stream = self.stream(head.stream);
        stream.ended |= end_stream;
        // A second block on a stream is its trailers.
        if !std::mem::replace(&mut stream.is_open, true) {
            self.requests.push_back(H2Request {
                stream: head.stream,
                headers,
                end_stream,
            });
        }
        Ok(())
    }

    fn note_data(&mut self, frame: &Frame) -> io::Result<()> {
        let content = frame.content();
        let content = content.ok_or_else(|| wrong("wrong padding", frame))?;
        let stream = self.stream(frame.stream);
        stream.owed += frame.payload.len() as u32;
        stream.ended |= frame.has(flag::END_STREAM);
        stream.body.extend_from_slice(content.chunk());
        Ok(())
    }
}

fn is_window(entry: &&(u16, u32)) -> bool {
    entry.0 == setting::INITIAL_WINDOW_SIZE
}

fn wrong(what: &str, frame: &Frame) -> io::Error {
    let Frame { kind, stream, .. } = frame;
    let text = format!("the client sent {what} (frame of type {kind} on stream {stream})");
    io::Error::new(io::ErrorKind::InvalidData, text)
}
