//! The head of a frame, and the mask over what a client sends (RFC 6455, section 5).
//!
//! It knows single frames only: what may follow what is the decoder's business.

use super::violation::Violation;

/// The most bytes of a control frame.
pub(super) const CONTROL_MAX: usize = 125;

/// The longest head that a server sends.
pub(super) const HEAD_MAX: usize = 10;

const FINAL: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    fn read(first: u8) -> Result<Self, Violation> {
        Ok(match first & 0x0f {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            other => return Err(Violation::Opcode(other)),
        })
    }

    const fn number(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xa,
        }
    }

    pub(super) const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// What the first two bytes of a frame say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) is_final: bool,
    pub(super) opcode: Opcode,
    length: u8,
}

impl Start {
    pub(super) fn read(first: u8, second: u8) -> Result<Self, Violation> {
        if first & RESERVED != 0 {
            return Err(Violation::Reserved);
        }
        let start = Self {
            is_final: first & FINAL != 0,
            opcode: Opcode::read(first)?,
            length: second & !MASKED,
        };
        if second & MASKED != 0 {
            return Err(Violation::Masked);
        }
        if start.opcode.is_control() {
            if !start.is_final {
                return Err(Violation::ControlFragment);
            }
            if usize::from(start.length) > CONTROL_MAX {
                return Err(Violation::ControlLength);
            }
        }
        Ok(start)
    }

    /// How many bytes the head has, these two included.
    pub(super) const fn head_len(self) -> usize {
        match self.length {
            126 => 4,
            127 => HEAD_MAX,
            _ => 2,
        }
    }

    /// The length of the payload, read from the whole head.
    pub(super) fn length(self, head: &[u8; HEAD_MAX]) -> Result<u64, Violation> {
        let [_, _, extended @ ..] = head;
        let [high, low, ..] = *extended;
        let (length, least) = match self.length {
            126 => (u16::from_be_bytes([high, low]).into(), 126),
            127 => (u64::from_be_bytes(*extended), 1 << 16),
            short => (short.into(), 0),
        };
        // The shortest form is the only one, and the topmost bit is never set (section 5.2).
        match length < least || length >> 63 != 0 {
            true => Err(Violation::Length),
            false => Ok(length),
        }
    }
}

/// Writes the head of a whole message, or of a control frame, of a client.
pub(super) fn write_head(opcode: Opcode, length: usize, key: [u8; 4], out: &mut Vec<u8>) {
    out.push(FINAL | opcode.number());
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if usize::from(short) <= CONTROL_MAX => out.push(MASKED | short),
        (_, Ok(medium)) => {
            out.push(MASKED | 126);
            out.extend(medium.to_be_bytes());
        }
        _ => {
            out.push(MASKED | 127);
            out.extend((length as u64).to_be_bytes());
        }
    }
    out.extend(key);
}

/// Masks `bytes`, which begin at `at` in their frame.
pub(super) fn mask(bytes: &mut [u8], mut key: [u8; 4], at: usize) {
    key.rotate_left(at % 4);
    let mut wide = [0; 16];
    for part in wide.chunks_exact_mut(4) {
        part.copy_from_slice(&key);
    }
    for part in bytes.chunks_mut(16) {
        for (byte, key) in part.iter_mut().zip(wide) {
            *byte ^= key;
        }
    }
}
