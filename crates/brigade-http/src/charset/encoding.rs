//! What a label means: the encodings of the web, as <https://encoding.spec.whatwg.org> names them.
//!
//! UTF-8 is the standard library's, and windows-1252, which is also what the web means by US-ASCII
//! and Latin-1, is a table of 32 characters. All others come with the feature `charset`. One that
//! is only there to be refused, since it hides text from filters, is not known.

use bytes::Bytes;

use super::Error;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Utf8,
    Windows1252,
    #[cfg(feature = "charset")]
    Other(&'static encoding_rs::Encoding),
}

pub(super) const UTF8: [&[u8]; 6] = [
    b"utf-8",
    b"utf8",
    b"unicode-1-1-utf-8",
    b"unicode11utf8",
    b"unicode20utf8",
    b"x-unicode20utf8",
];

pub(super) const WINDOWS_1252: [&[u8]; 17] = [
    b"ansi_x3.4-1968",
    b"ascii",
    b"cp1252",
    b"cp819",
    b"csisolatin1",
    b"ibm819",
    b"iso-8859-1",
    b"iso-ir-100",
    b"iso8859-1",
    b"iso88591",
    b"iso_8859-1",
    b"iso_8859-1:1987",
    b"l1",
    b"latin1",
    b"us-ascii",
    b"windows-1252",
    b"x-cp1252",
];

/// From 0x80 to 0x9f; every other byte is the character of its number.
const HIGH: [char; 32] = [
    '\u{20ac}', '\u{81}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}',
    '\u{2c6}', '\u{2030}', '\u{160}', '\u{2039}', '\u{152}', '\u{8d}', '\u{17d}', '\u{8f}',
    '\u{90}', '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}',
    '\u{2dc}', '\u{2122}', '\u{161}', '\u{203a}', '\u{153}', '\u{9d}', '\u{17e}', '\u{178}',
];

/// The label of the encoding whose mark the bytes begin with, and how long that is.
pub(super) fn mark(bytes: &[u8]) -> Option<(&'static str, usize)> {
    match bytes {
        [0xef, 0xbb, 0xbf, ..] => Some(("utf-8", 3)),
        [0xff, 0xfe, ..] => Some(("utf-16le", 2)),
        [0xfe, 0xff, ..] => Some(("utf-16be", 2)),
        _ => None,
    }
}

impl Encoding {
    pub(super) fn for_label(label: &[u8]) -> Result<Self, Error> {
        let name = label.trim_ascii().to_ascii_lowercase();
        if UTF8.contains(&name.as_slice()) {
            return Ok(Self::Utf8);
        }
        if WINDOWS_1252.contains(&name.as_slice()) {
            return Ok(Self::Windows1252);
        }
        #[cfg(feature = "charset")]
        if let Some(other) = encoding_rs::Encoding::for_label_no_replacement(&name) {
            return Ok(Self::Other(other));
        }
        Err(Error::unknown(label))
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Windows1252 => "windows-1252",
            #[cfg(feature = "charset")]
            Self::Other(other) => other.name(),
        }
    }

    /// The text, or how many of the bytes are fine if the encoding can tell.
    pub(super) fn decode(self, bytes: Bytes) -> Result<String, Option<usize>> {
        match self {
            Self::Utf8 => String::from_utf8(bytes.into())
                .map_err(|error| Some(error.utf8_error().valid_up_to())),
            Self::Windows1252 => Ok(windows_1252(&bytes)),
            #[cfg(feature = "charset")]
            Self::Other(other) => other
                .decode_without_bom_handling_and_without_replacement(&bytes)
                .map(Into::into)
                .ok_or(None),
        }
    }

    /// The text with U+FFFD for what does not fit.
    pub(super) fn decode_lossy(self, bytes: Bytes) -> String {
        match self {
            Self::Utf8 => String::from_utf8(bytes.into())
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into()),
            Self::Windows1252 => windows_1252(&bytes),
            #[cfg(feature = "charset")]
            Self::Other(other) => other.decode_without_bom_handling(&bytes).0.into(),
        }
    }
}

/// Every byte is a character.
fn windows_1252(bytes: &[u8]) -> String {
    let characters = bytes.iter().map(|&byte| match byte {
        0x80..=0x9f => HIGH[usize::from(byte - 0x80)],
        _ => char::from(byte),
    });
    characters.collect()
}
