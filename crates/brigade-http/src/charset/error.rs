//! Why a body is not the text that it should be.

use std::error;
use std::fmt;

/// What part of an unknown label is shown.
const LABEL_MAX: usize = 32;

/// Why a body is not the text that it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Error {
    /// The encoding is not one of the web, or not one that is compiled in.
    Unknown(String),
    /// A byte does not fit the encoding.
    Malformed {
        encoding: &'static str,
        /// Where in the body, counted from 0, if it is UTF-8.
        position: Option<usize>,
    },
}

impl Error {
    pub(super) fn unknown(label: &[u8]) -> Self {
        let shown = label[..label.len().min(LABEL_MAX)].escape_ascii();
        Self::Unknown(shown.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(label) if cfg!(feature = "charset") => {
                write!(f, "the charset `{label}` is not known")
            }
            Self::Unknown(label) => write!(
                f,
                "the charset `{label}` is not known without the feature `charset`"
            ),
            Self::Malformed {
                encoding,
                position: Some(position),
            } => write!(f, "not valid {encoding} at byte {position}"),
            Self::Malformed {
                encoding,
                position: None,
            } => write!(f, "not valid {encoding}"),
        }
    }
}

impl error::Error for Error {}
