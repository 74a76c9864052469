//! Bytes to text, by what a response says about its own encoding.
//!
//! Text that was decoded by guessing looks right until it is not, so nothing is guessed: a byte
//! order mark decides, else the `charset` of `Content-Type`, else it is UTF-8. What does not fit is
//! an error, and never a replacement character; [`text_lossy`] is for those who would rather have
//! something than nothing. It never looks into the text for a declaration, as browsers do in HTML.
//!
//! * `content_type` finds the label in the header.
//! * `encoding` knows what it means, and decodes.
//! * [`Error`] says what was wrong.

mod content_type;
mod encoding;
mod error;

#[cfg(test)]
mod tests;

use bytes::{Buf, Bytes};
use http::HeaderMap;

use encoding::Encoding;
pub(crate) use error::Error;

/// The text that a body with these headers is.
///
/// Memory that nobody else holds becomes the text without a copy if it is UTF-8.
///
/// # Errors
///
/// [`Error::Unknown`] if the headers or the mark name an encoding that is not known,
/// [`Error::Malformed`] if a byte does not fit the encoding.
pub(crate) fn text(headers: &HeaderMap, mut bytes: Bytes) -> Result<String, Error> {
    let (encoding, mark) = choose(headers, &bytes)?;
    bytes.advance(mark);
    encoding.decode(bytes).map_err(|valid| Error::Malformed {
        encoding: encoding.name(),
        position: valid.map(|valid| mark + valid),
    })
}

/// The same with U+FFFD for what does not fit; an encoding that is not known is taken for UTF-8.
pub(crate) fn text_lossy(headers: &HeaderMap, mut bytes: Bytes) -> String {
    let (encoding, mark) = choose(headers, &bytes).unwrap_or((Encoding::Utf8, 0));
    bytes.advance(mark);
    encoding.decode_lossy(bytes)
}

/// The encoding, and how many bytes of mark are no text.
fn choose(headers: &HeaderMap, bytes: &[u8]) -> Result<(Encoding, usize), Error> {
    if let Some((label, mark)) = encoding::mark(bytes) {
        return Ok((Encoding::for_label(label.as_bytes())?, mark));
    }
    let label = content_type::charset(headers);
    let encoding = label.map_or(Ok(Encoding::Utf8), |label| Encoding::for_label(&label))?;
    Ok((encoding, 0))
}
