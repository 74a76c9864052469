//! What a server can do wrong on a WebSocket.
//!
//! Each case has the code with which the server is told (RFC 6455, section 7.4.1), and the error that
//! the caller gets. Neither ever repeats what the server sent.

use std::fmt;

use crate::{Error, Kind};

/// How a server broke the rules of the protocol, or a limit of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Violation {
    /// A reserved bit is set, which means an extension that was not agreed on.
    Reserved,
    Opcode(u8),
    /// What a server sends is never masked.
    Masked,
    /// A ping, a pong or a close with more than 125 bytes.
    ControlLength,
    /// The same in several frames.
    ControlFragment,
    /// A length that has a shorter form, or one of 2^63 and more.
    Length,
    /// A message begins before the last one has ended.
    Interleaved,
    /// A continuation of nothing.
    Orphan,
    CloseLength,
    CloseCode(u16),
    CloseText,
    /// A text that is not UTF-8.
    Text,
    FrameTooLarge(usize),
    MessageTooLarge(usize),
    /// Fragments without end that bring nothing.
    Empty(usize),
}

impl Violation {
    /// What the server is told.
    pub(super) const fn code(self) -> u16 {
        match self {
            Self::Text | Self::CloseText => 1007,
            Self::Empty(_) => 1008,
            Self::FrameTooLarge(_) | Self::MessageTooLarge(_) => 1009,
            _ => 1002,
        }
    }

    pub(super) fn error(self) -> Error {
        let kind = match self {
            Self::Text => Kind::Decode,
            Self::FrameTooLarge(_) | Self::MessageTooLarge(_) => Kind::TooLarge,
            _ => Kind::Protocol,
        };
        Error::new(kind).because(self.to_string())
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reserved => f.write_str("the server used an extension that was not offered"),
            Self::Opcode(opcode) => {
                write!(f, "the server sent a frame of the unknown type {opcode}")
            }
            Self::Masked => f.write_str("the server masked a frame"),
            Self::ControlLength => f.write_str("the server sent a control frame that is too long"),
            Self::ControlFragment => f.write_str("the server sent a control frame in fragments"),
            Self::Length => f.write_str("the server sent a length in the wrong form"),
            Self::Interleaved => f.write_str("the server began a message within another one"),
            Self::Orphan => f.write_str("the server continued a message that it had not begun"),
            Self::CloseLength => f.write_str("the server sent half a reason for closing"),
            Self::CloseCode(code) => write!(f, "the server closed with the unusable code {code}"),
            Self::CloseText => f.write_str("the server's reason for closing is not UTF-8"),
            Self::Text => f.write_str("a text message is not UTF-8"),
            Self::FrameTooLarge(limit) => write!(f, "a frame has more than {limit} bytes"),
            Self::MessageTooLarge(limit) => write!(f, "a message has more than {limit} bytes"),
            Self::Empty(limit) => write!(f, "a message has more than {limit} empty fragments"),
        }
    }
}
