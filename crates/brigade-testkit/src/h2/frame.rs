//! A frame and its numbers (RFC 9113, sections 4, 6 and 7).
//!
//! Nothing is checked but the length of the head, because what is out of order is what tests are
//! about.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// The types of frames.
pub mod kind {
    #![allow(missing_docs, reason = "the names of RFC 9113, section 6")]
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PUSH_PROMISE: u8 = 5;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// The flags of frames; combine them with `|`.
pub mod flag {
    #![allow(missing_docs, reason = "the names of RFC 9113, section 6")]
    pub const NONE: u8 = 0;
    pub const ACK: u8 = 1;
    pub const END_STREAM: u8 = 1;
    pub const END_HEADERS: u8 = 4;
    pub const PADDED: u8 = 8;
    pub const PRIORITY: u8 = 32;
}

/// The identifiers of settings.
pub mod setting {
    #![allow(missing_docs, reason = "the names of RFC 9113, section 6.5.2")]
    pub const HEADER_TABLE_SIZE: u16 = 1;
    pub const ENABLE_PUSH: u16 = 2;
    pub const MAX_CONCURRENT_STREAMS: u16 = 3;
    pub const INITIAL_WINDOW_SIZE: u16 = 4;
    pub const MAX_FRAME_SIZE: u16 = 5;
    pub const MAX_HEADER_LIST_SIZE: u16 = 6;
}

/// The codes of errors.
pub mod code {
    #![allow(missing_docs, reason = "the names of RFC 9113, section 7")]
    pub const NO_ERROR: u32 = 0;
    pub const PROTOCOL_ERROR: u32 = 1;
    pub const INTERNAL_ERROR: u32 = 2;
    pub const FLOW_CONTROL_ERROR: u32 = 3;
    pub const SETTINGS_TIMEOUT: u32 = 4;
    pub const STREAM_CLOSED: u32 = 5;
    pub const FRAME_SIZE_ERROR: u32 = 6;
    pub const REFUSED_STREAM: u32 = 7;
    pub const CANCEL: u32 = 8;
    pub const COMPRESSION_ERROR: u32 = 9;
    pub const CONNECT_ERROR: u32 = 10;
    pub const ENHANCE_YOUR_CALM: u32 = 11;
    pub const INADEQUATE_SECURITY: u32 = 12;
    pub const HTTP_1_1_REQUIRED: u32 = 13;
}

/// The bytes before the payload.
const HEAD: usize = 9;

/// One frame, as it goes over the wire.
///
/// # Examples
///
/// ```
/// use brigade_testkit::h2::{Frame, code, flag, kind};
///
/// let frame = Frame::new(kind::RST_STREAM, flag::NONE, 1, code::CANCEL.to_be_bytes().to_vec());
/// assert_eq!(frame.code(), Some(code::CANCEL));
/// assert_eq!(frame.to_bytes()[..9], [0, 0, 4, 3, 0, 0, 0, 0, 1]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// One of [`kind`], or another number.
    pub kind: u8,
    /// Those of [`flag`], or others.
    pub flags: u8,
    /// The stream that it belongs to; 0 is the connection.
    pub stream: u32,
    /// Everything after the head, padding included.
    pub payload: Bytes,
}

impl Frame {
    /// A frame of these parts.
    pub fn new(kind: u8, flags: u8, stream: u32, payload: impl Into<Bytes>) -> Self {
        Self {
            kind,
            flags,
            stream,
            payload: payload.into(),
        }
    }

    /// Whether all of these flags are set.
    pub fn has(&self, flags: u8) -> bool {
        self.flags & flags == flags
    }

    /// The error code of a RST_STREAM or a GOAWAY.
    pub fn code(&self) -> Option<u32> {
        match self.kind {
            kind::RST_STREAM => self.number(0),
            kind::GOAWAY => self.number(4),
            _ => None,
        }
    }

    /// The settings of a SETTINGS frame, in their order; empty for any other.
    pub fn settings(&self) -> Vec<(u16, u32)> {
        if self.kind != kind::SETTINGS {
            return Vec::new();
        }
        let entries = self.payload.chunks_exact(6);
        let read = entries.map(|mut entry| (entry.get_u16(), entry.get_u32()));
        read.collect()
    }

    /// Four bytes of the payload as a number.
    pub(super) fn number(&self, at: usize) -> Option<u32> {
        Some(self.payload.get(at..at + 4)?.get_u32())
    }

    /// What the frame carries, without padding and priority; `None` if it is shorter than its
    /// flags say.
    pub(super) fn content(&self) -> Option<Bytes> {
        let mut content = self.payload.clone();
        if matches!(self.kind, kind::DATA | kind::HEADERS) && self.has(flag::PADDED) {
            let padding = usize::from(content.try_get_u8().ok()?);
            content.truncate(content.len().checked_sub(padding)?);
        }
        if self.kind == kind::HEADERS && self.has(flag::PRIORITY) {
            content.try_get_u32().ok()?;
            content.try_get_u8().ok()?;
        }
        Some(content)
    }

    /// The bytes of the frame. The length in its head is that of the payload, of which only the
    /// lower 24 bits fit.
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(HEAD + self.payload.len());
        bytes.put_uint(self.payload.len() as u64 & 0xff_ffff, 3);
        bytes.put_u8(self.kind);
        bytes.put_u8(self.flags);
        bytes.put_u32(self.stream);
        bytes.put_slice(&self.payload);
        bytes.freeze()
    }

    /// Takes the first frame out of `input`, if all of it is there.
    pub(super) fn take(input: &mut BytesMut) -> Option<Self> {
        let mut head = input.get(..HEAD)?;
        let length = head.get_uint(3) as usize;
        if input.len() < HEAD + length {
            return None;
        }
        let (kind, flags) = (head.get_u8(), head.get_u8());
        // The first bit is reserved, and to be ignored.
        let stream = head.get_u32() & 0x7fff_ffff;
        input.advance(HEAD);
        let payload = input.split_to(length).freeze();
        Some(Self::new(kind, flags, stream, payload))
    }
}
