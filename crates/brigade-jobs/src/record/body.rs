//! The tail of a result line: the time that it took and the body.
//!
//! A body that is valid UTF-8 is `body`, any other is `body_base64`, and one that is JSON can be a
//! value, `body_json`. It is produced in pieces so that the buffer of the line stays small however
//! long the body is.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use memchr::memchr2;

use super::escape::content;
use super::number::milliseconds;
use super::valid::value;

/// Bytes of a body encoded at once; a multiple of 3, so that base64 needs no padding in between.
const PIECE: usize = 12 * 1024;

/// A body on its way into a line, piece by piece.
#[derive(Debug)]
pub(crate) enum BodyText<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
    Value { bytes: &'a [u8], has_breaks: bool },
    End,
}

/// Appends what comes before the body, and returns the body to be appended with
/// [`BodyText::next`].
///
/// With `values`, a body that is JSON (RFC 8259) becomes a value.
pub(crate) fn tail<'a>(
    elapsed_us: u64,
    body: &'a [u8],
    values: bool,
    out: &mut Vec<u8>,
) -> BodyText<'a> {
    elapsed(elapsed_us, out);
    let Ok(text) = simdutf8::basic::from_utf8(body) else {
        out.extend_from_slice(b",\"body_base64\":\"");
        return BodyText::Binary(body);
    };
    match values.then(|| value(text)).flatten() {
        Some(value) => {
            out.extend_from_slice(b",\"body_json\":");
            BodyText::Value {
                bytes: body,
                has_breaks: value.has_breaks,
            }
        }
        None => {
            out.extend_from_slice(b",\"body\":\"");
            BodyText::Text(text)
        }
    }
}

/// Appends how long the exchange took.
pub(crate) fn elapsed(elapsed_us: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"elapsed_ms\":");
    milliseconds(elapsed_us, out);
}

impl BodyText<'_> {
    /// Appends the next piece, the last one with the end of the line; false after that.
    pub(crate) fn next(&mut self, out: &mut Vec<u8>) -> bool {
        let quoted = !matches!(self, Self::Value { .. });
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
            Self::Value { bytes, has_breaks } => {
                let (piece, rest) = bytes.split_at(bytes.len().min(PIECE));
                let from = out.len();
                out.extend_from_slice(piece);
                if *has_breaks {
                    join(&mut out[from..]);
                }
                *bytes = rest;
                rest.is_empty()
            }
        };
        if last {
            out.extend_from_slice(if quoted { b"\"}\n" } else { b"}\n" });
            *self = Self::End;
        }
        true
    }
}

/// Makes one line of JSON that has more than one.
///
/// Within a string a line break is always escaped: those that are found are white space.
fn join(mut json: &mut [u8]) {
    while let Some(found) = memchr2(b'\n', b'\r', json) {
        json[found] = b' ';
        json = &mut json[found + 1..];
    }
}
