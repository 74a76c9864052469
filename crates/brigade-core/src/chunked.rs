//! The chunked framing of HTTP/1.1 (RFC 9112, section 7.1): what of it is the body, and where it ends.
//!
//! Bytes that are kept as they were sent still have to be told apart, long after a client has
//! unpacked them: where the message ends, and what its payload was. It is as strict as hyper, so
//! that both agree. It never holds a byte.

use std::fmt;

/// Goes through the bytes of a chunked body, however they are cut.
///
/// # Examples
///
/// ```
/// use brigade_core::chunked::Chunked;
///
/// let mut chunked = Chunked::default();
/// let mut payload = Vec::new();
/// let bytes = b"4\r\nwiki\r\n0\r\n\r\nHTTP/1.1 200 OK";
/// let taken = chunked.feed(bytes, |piece| payload.extend_from_slice(piece));
/// assert_eq!((taken, chunked.is_over()), (Ok(14), true));
/// assert_eq!(payload, b"wiki");
/// ```
#[derive(Clone, Debug)]
pub struct Chunked {
    state: State,
    /// What is left of the chunk, or what was read of its size.
    left: u64,
}

impl Default for Chunked {
    fn default() -> Self {
        Self {
            state: State::SizeFirst,
            left: 0,
        }
    }
}

/// The bytes are no chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotChunked;

impl fmt::Display for NotChunked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes are not framed as chunks")
    }
}

impl std::error::Error for NotChunked {}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    SizeFirst,
    Size,
    SizeSpace,
    Extension,
    SizeEnd,
    Payload,
    PayloadCr,
    PayloadLf,
    /// The start of a line of the trailer, which ends the body if it is empty.
    Line,
    Trailer,
    TrailerLf,
    LastLf,
    Over,
}

impl Chunked {
    /// Takes the next bytes and hands the payload among them to `payload`. Returns how many belong
    /// to the body: all, unless it has ended.
    ///
    /// # Errors
    ///
    /// [`NotChunked`], after which nothing more is to be had of it.
    pub fn feed<'a>(
        &mut self,
        bytes: &'a [u8],
        mut payload: impl FnMut(&'a [u8]),
    ) -> Result<usize, NotChunked> {
        let mut at = 0;
        while at < bytes.len() && self.state != State::Over {
            if self.state == State::Payload {
                let most = usize::try_from(self.left).unwrap_or(usize::MAX);
                let end = at.saturating_add(most).min(bytes.len());
                payload(&bytes[at..end]);
                self.left -= (end - at) as u64;
                at = end;
                if self.left == 0 {
                    self.state = State::PayloadCr;
                }
                continue;
            }
            self.state = self.after(bytes[at])?;
            at += 1;
        }
        Ok(at)
    }

    /// Whether the end was there.
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    fn after(&mut self, byte: u8) -> Result<State, NotChunked> {
        Ok(match (self.state, byte) {
            (State::SizeFirst | State::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16).ok_or(NotChunked)?;
                let size = self.left.checked_mul(16).ok_or(NotChunked)?;
                self.left = size + u64::from(digit);
                State::Size
            }
            (State::Size | State::SizeSpace, b'\t' | b' ') => State::SizeSpace,
            (State::Size | State::SizeSpace, b';') => State::Extension,
            (State::Size | State::SizeSpace | State::Extension, b'\r') => State::SizeEnd,
            (State::Extension, byte) if byte != b'\n' => State::Extension,
            (State::SizeEnd, b'\n') if self.left == 0 => State::Line,
            (State::SizeEnd, b'\n') => State::Payload,
            (State::PayloadCr, b'\r') => State::PayloadLf,
            (State::PayloadLf, b'\n') => State::SizeFirst,
            (State::Line, b'\r') => State::LastLf,
            (State::Trailer, b'\r') => State::TrailerLf,
            (State::Line | State::Trailer, _) => State::Trailer,
            (State::TrailerLf, b'\n') => State::Line,
            (State::LastLf, b'\n') => State::Over,
            _ => return Err(NotChunked),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The payload, how many bytes were taken, and whether it has ended.
    fn read(bytes: &[u8], cut: usize) -> Result<(Vec<u8>, usize, bool), NotChunked> {
        let (mut chunked, mut payload, mut taken) = (Chunked::default(), Vec::new(), 0);
        for piece in bytes.chunks(cut) {
            taken += chunked.feed(piece, |part| payload.extend_from_slice(part))?;
        }
        Ok((payload, taken, chunked.is_over()))
    }

    #[test]
    fn a_body_is_found_however_it_is_written_and_cut() {
        let cases: [(&[u8], &[u8], usize); 6] = [
            (b"0\r\n\r\n", b"", 5),
            (b"1\r\na\r\n0\r\n\r\n", b"a", 11),
            (b"00a\r\n0123456789\r\n0000\r\n\r\nrest", b"0123456789", 25),
            (b"2 ;a=\"b\"\r\n\r\n\r\n0;x\r\n\r\n", b"\r\n", 21),
            (b"1\r\n0\r\n0\r\nfoo: bar\r\nx: y\r\n\r\n0", b"0", 27),
            (
                b"A\r\n\r\n\r\n0\r\n\r\n\r\r\n0\r\n\r\n",
                b"\r\n\r\n0\r\n\r\n\r",
                20,
            ),
        ];
        for (bytes, payload, taken) in cases {
            for cut in 1..=bytes.len() {
                assert_eq!(
                    read(bytes, cut),
                    Ok((payload.to_vec(), taken, true)),
                    "{cut}"
                );
            }
        }
    }

    #[test]
    fn what_is_not_framed_is_an_error() {
        let cases: [&[u8]; 9] = [
            b"\r\n",
            b"g\r\n",
            b"1\na",
            b"1\r\nab\r\n",
            b"1\r\na\n0\r\n\r\n",
            b"1 1\r\na",
            b"-1\r\na",
            b"10000000000000000\r\n",
            b"0\r\n\r0",
        ];
        for bytes in cases {
            let shown = String::from_utf8_lossy(bytes);
            assert_eq!(read(bytes, bytes.len()), Err(NotChunked), "{shown:?}");
            assert_eq!(read(bytes, 1), Err(NotChunked), "{shown:?}");
        }
    }

    proptest! {
        #[test]
        fn what_was_framed_is_found_again(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6),
            rest in prop::collection::vec(any::<u8>(), 0..9),
            cut in 1..50_usize,
        ) {
            let mut bytes = Vec::new();
            for chunk in &chunks {
                bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                bytes.extend_from_slice(chunk);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"0\r\n\r\n");
            let end = bytes.len();
            bytes.extend_from_slice(&rest);
            prop_assert_eq!(read(&bytes, cut), Ok((chunks.concat(), end, true)));
        }
    }
}
