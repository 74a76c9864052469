//! From the bytes of a server to its messages, pings and farewells.
//!
//! A state machine without a socket: it takes bytes however they are cut, and says what they mean. It
//! keeps no more than the message that is under way, within its limits, and it finds what is wrong
//! as early as it can be known.

use super::frame::{HEAD_MAX, Opcode, Start};
use super::message::{CloseReason, Message, is_sayable};
use super::violation::Violation;

/// The most empty fragments of one message: a few mean something to some servers, endless ones are an
/// attack.
const EMPTY_MAX: usize = 1024;

/// The most room that is made for bytes because a frame announces them.
const AHEAD_MAX: u64 = 64 * 1024;

/// How much a server may send.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The most bytes of one frame.
    pub(super) frame: usize,
    /// The most bytes of one message.
    pub(super) message: usize,
}

/// Something that a server has said, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Message(Message),
    Ping(Vec<u8>),
    Pong,
    Close(CloseReason),
}

/// A frame of which the head is known.
#[derive(Clone, Copy, Debug)]
struct Frame {
    opcode: Opcode,
    is_final: bool,
    left: u64,
}

/// A message of which a part is known.
#[derive(Debug)]
struct Partial {
    is_text: bool,
    bytes: Vec<u8>,
    /// How many of the bytes are whole characters.
    checked: usize,
    empty: usize,
}

#[derive(Debug)]
pub(super) struct Decoder {
    limits: Limits,
    head: [u8; HEAD_MAX],
    /// How many bytes of the head are there.
    filled: usize,
    frame: Option<Frame>,
    message: Option<Partial>,
    control: Vec<u8>,
}

impl Decoder {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            head: [0; HEAD_MAX],
            filled: 0,
            frame: None,
            message: None,
            control: Vec::new(),
        }
    }

    /// The next thing that the server said; `None` if `input` is used up first. After a violation
    /// nothing that follows means anything.
    pub(super) fn decode(&mut self, input: &mut &[u8]) -> Result<Option<Event>, Violation> {
        loop {
            let mut frame = match self.frame.take() {
                Some(frame) => frame,
                None => match self.head(input)? {
                    Some(frame) => frame,
                    None => return Ok(None),
                },
            };
            let taken = usize::try_from(frame.left).unwrap_or(usize::MAX);
            let (part, rest) = input.split_at(taken.min(input.len()));
            *input = rest;
            frame.left -= part.len() as u64;
            self.take(frame, part)?;
            if frame.left > 0 {
                self.frame = Some(frame);
                return Ok(None);
            }
            if let Some(event) = self.finish(frame)? {
                return Ok(Some(event));
            }
        }
    }

    /// How much room there is for the message that is under way.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        let message = self.message.as_ref();
        message.map_or(0, |message| message.bytes.capacity())
    }

    /// Reads on in the head of a frame.
    fn head(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, Violation> {
        loop {
            let start = match self.filled {
                0 | 1 => None,
                _ => Some(self.start()?),
            };
            let needed = start.map_or(2, Start::head_len) - self.filled;
            if let Some(start) = start
                && needed == 0
            {
                self.filled = 0;
                return self.begin(start).map(Some);
            }
            let (part, rest) = input.split_at(needed.min(input.len()));
            if part.is_empty() {
                return Ok(None);
            }
            *input = rest;
            self.head[self.filled..][..part.len()].copy_from_slice(part);
            self.filled += part.len();
        }
    }

    /// What the first two bytes say, if it may be said now.
    fn start(&self) -> Result<Start, Violation> {
        let [first, second, ..] = self.head;
        let start = Start::read(first, second)?;
        match (start.opcode, &self.message) {
            (Opcode::Continuation, None) => Err(Violation::Orphan),
            (Opcode::Text | Opcode::Binary, Some(_)) => Err(Violation::Interleaved),
            _ => Ok(start),
        }
    }

    /// A frame begins.
    fn begin(&mut self, start: Start) -> Result<Frame, Violation> {
        let length = start.length(&self.head)?;
        let frame = Frame {
            opcode: start.opcode,
            is_final: start.is_final,
            left: length,
        };
        if frame.opcode.is_control() {
            return Ok(frame);
        }
        if length > self.limits.frame as u64 {
            return Err(Violation::FrameTooLarge(self.limits.frame));
        }
        let message = self.message.get_or_insert_with(|| Partial {
            is_text: frame.opcode == Opcode::Text,
            bytes: Vec::new(),
            checked: 0,
            empty: 0,
        });
        if message.bytes.len() as u64 + length > self.limits.message as u64 {
            return Err(Violation::MessageTooLarge(self.limits.message));
        }
        message.empty += usize::from(length == 0);
        if message.empty > EMPTY_MAX {
            return Err(Violation::Empty(EMPTY_MAX));
        }
        // What is announced is not yet there, so a large announcement costs nothing.
        message.bytes.reserve(length.min(AHEAD_MAX) as usize);
        Ok(frame)
    }

    /// Takes a part of the payload.
    fn take(&mut self, frame: Frame, part: &[u8]) -> Result<(), Violation> {
        if frame.opcode.is_control() {
            self.control.extend_from_slice(part);
            return Ok(());
        }
        let Some(message) = &mut self.message else {
            return Ok(());
        };
        message.bytes.extend_from_slice(part);
        // The end of a message looks at all of it.
        let is_complete = frame.is_final && frame.left == 0;
        match message.is_text && !is_complete {
            true => message.check(),
            false => Ok(()),
        }
    }

    /// A frame is over.
    fn finish(&mut self, frame: Frame) -> Result<Option<Event>, Violation> {
        match frame.opcode {
            Opcode::Ping => Ok(Some(Event::Ping(std::mem::take(&mut self.control)))),
            Opcode::Pong => {
                self.control.clear();
                Ok(Some(Event::Pong))
            }
            Opcode::Close => farewell(&std::mem::take(&mut self.control)).map(Some),
            _ if !frame.is_final => Ok(None),
            _ => self.message.take().map(Partial::whole).transpose(),
        }
    }
}

impl Partial {
    /// Whether the text so far can be the beginning of one.
    fn check(&mut self) -> Result<(), Violation> {
        match std::str::from_utf8(&self.bytes[self.checked..]) {
            Ok(_) => self.checked = self.bytes.len(),
            Err(error) if error.error_len().is_none() => self.checked += error.valid_up_to(),
            Err(_) => return Err(Violation::Text),
        }
        Ok(())
    }

    fn whole(self) -> Result<Event, Violation> {
        Ok(Event::Message(match self.is_text {
            true => Message::Text(String::from_utf8(self.bytes).map_err(|_| Violation::Text)?),
            false => Message::Binary(self.bytes.into()),
        }))
    }
}

fn farewell(payload: &[u8]) -> Result<Event, Violation> {
    let reason = match payload {
        [] => CloseReason::default(),
        [_] => return Err(Violation::CloseLength),
        [high, low, text @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !is_sayable(code) {
                return Err(Violation::CloseCode(code));
            }
            let text = std::str::from_utf8(text).map_err(|_| Violation::CloseText)?;
            CloseReason {
                code: Some(code),
                text: text.to_owned(),
            }
        }
    };
    Ok(Event::Close(reason))
}
