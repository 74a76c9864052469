//! The tail of a result line: the time that it took and the body.
//!
//! A body that is valid UTF-8 is `body`, any other is `body_base64`. It is produced in pieces so
//! that the buffer of the line stays small however long the body is.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::json::{content, milliseconds};

/// Bytes of a body encoded at once; a multiple of 3, so that base64 needs no padding in between.
const PIECE: usize = 48 * 1024;

/// A body on its way into a line, piece by piece.
#[derive(Debug)]
pub(crate) enum BodyText<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
    End,
}

/// Appends what comes before the body, and returns the body to be appended with
/// [`BodyText::next`].
pub(crate) fn tail<'a>(elapsed_us: u64, body: &'a [u8], out: &mut Vec<u8>) -> BodyText<'a> {
    out.extend_from_slice(b",\"elapsed_ms\":");
    milliseconds(elapsed_us, out);
    match std::str::from_utf8(body) {
        Ok(text) => {
            out.extend_from_slice(b",\"body\":\"");
            BodyText::Text(text)
        }
        Err(_) => {
            out.extend_from_slice(b",\"body_base64\":\"");
            BodyText::Binary(body)
        }
    }
}

impl BodyText<'_> {
    /// Appends the next piece, the last one with the end of the line; false after that.
    pub(crate) fn next(&mut self, out: &mut Vec<u8>) -> bool {
        let last = match self {
            Self::End => return false,
            Self::Text(text) => {
                let (piece, rest) = text.split_at(text.floor_char_boundary(PIECE));
                content(piece, out);
                *text = rest;
                rest.is_empty()
            }
            Self::Binary(bytes) => {
                let (piece, rest) = bytes.split_at(bytes.len().min(PIECE));
                let at = out.len();
                out.resize(at + piece.len().div_ceil(3) * 4, 0);
                // The room is exactly what the encoding takes.
                let _ = STANDARD.encode_slice(piece, &mut out[at..]);
                *bytes = rest;
                rest.is_empty()
            }
        };
        if last {
            out.extend_from_slice(b"\"}\n");
            *self = Self::End;
        }
        true
    }
}
