//! Why a body could not be decoded.

use std::error;
use std::fmt;

/// Why a body could not be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The body has an encoding that was not asked for and is not understood.
    Unsupported(String),
    /// More encodings are stacked than any honest server uses.
    TooManyCodings {
        /// How many are followed.
        limit: usize,
    },
    /// The bytes are not in the format that the header names, or a checksum is wrong.
    Malformed {
        /// The coding as the header names it.
        coding: &'static str,
        /// What the decompressor says about it.
        why: String,
    },
    /// The body ended in the middle of a stream.
    Truncated {
        /// The coding as the header names it.
        coding: &'static str,
    },
    /// Something that is no further stream follows the end of a stream.
    TrailingData {
        /// The coding as the header names it.
        coding: &'static str,
    },
    /// A stream says that it can only be unpacked with more memory than its coding may ask for.
    WindowTooLarge {
        /// The coding as the header names it.
        coding: &'static str,
        /// The largest window of the coding in bytes.
        limit: u64,
    },
    /// The decoded body is larger than the limit.
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
}

impl Error {
    pub(super) const fn malformed(coding: &'static str, why: String) -> Self {
        Self::Malformed { coding, why }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported(name) => {
                write!(
                    f,
                    "the encoding `{name}` was not asked for and is not understood"
                )
            }
            Self::TooManyCodings { limit } => {
                write!(f, "more than {limit} encodings are stacked")
            }
            Self::Malformed { coding, why } => write!(f, "not valid {coding}: {why}"),
            Self::Truncated { coding } => write!(f, "the {coding} stream ends too early"),
            Self::TrailingData { coding } => {
                write!(f, "data follows the end of the {coding} stream")
            }
            Self::WindowTooLarge { coding, limit } => {
                write!(
                    f,
                    "the {coding} stream asks for a window of more than {limit} bytes"
                )
            }
            Self::TooLarge { limit } => write!(f, "the decoded body exceeds {limit} bytes"),
        }
    }
}

impl error::Error for Error {}
