//! What can go wrong with a line, and with the stream of them.

use std::error::Error;
use std::fmt;

use brigade_core::split::TooLong;

/// What is wrong with one line. The lines behind it can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LineError {
    /// It is longer than the limit; its bytes were thrown away.
    TooLong {
        /// The number of the line, 1 for the first.
        line: u64,
        /// The greatest length of a line in bytes, its end not counted.
        limit: usize,
    },
    /// It is not UTF-8.
    NotUtf8 {
        /// The number of the line, 1 for the first.
        line: u64,
        /// How many bytes of it are UTF-8, from its beginning.
        valid: usize,
    },
}

impl LineError {
    /// The number of the line, 1 for the first.
    pub fn line(&self) -> u64 {
        match self {
            Self::TooLong { line, .. } | Self::NotUtf8 { line, .. } => *line,
        }
    }
}

impl From<TooLong> for LineError {
    fn from(TooLong { line, limit }: TooLong) -> Self {
        Self::TooLong { line, limit }
    }
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { line, limit } => TooLong {
                line: *line,
                limit: *limit,
            }
            .fmt(f),
            Self::NotUtf8 { line, valid } => {
                write!(f, "line {line} is not UTF-8 after its first {valid} bytes")
            }
        }
    }
}

impl Error for LineError {}

/// What is wrong with a line, or with the source of all lines.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinesError<E> {
    /// The source failed. The lines before were given; what was read of the next one is not.
    Source(E),
    /// One line is not what it should be. The lines behind it can be read.
    Line(LineError),
}

impl<E: fmt::Display> fmt::Display for LinesError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(error) => error.fmt(f),
            Self::Line(error) => error.fmt(f),
        }
    }
}

/// The message of the source's error is part of the message; it need not be an `Error` itself, as
/// `Box<dyn Error>` is none.
impl<E: fmt::Display + fmt::Debug> Error for LinesError<E> {}

/// What is wrong with a line that was to be parsed, or with the source of all lines.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseError<P, E> {
    /// The source failed. The lines before were given; what was read of the next one is not.
    Source(E),
    /// One line is not what it should be. The lines behind it can be read.
    Line(LineError),
    /// The parser refused a line. The lines behind it can be read.
    Parse {
        /// The number of the line, 1 for the first.
        line: u64,
        /// What the parser said.
        error: P,
    },
}

impl<P, E> ParseError<P, E> {
    /// The number of the line that is wrong, 1 for the first; `None` if the source failed.
    pub fn line(&self) -> Option<u64> {
        match self {
            Self::Source(_) => None,
            Self::Line(error) => Some(error.line()),
            Self::Parse { line, .. } => Some(*line),
        }
    }
}

impl<P: fmt::Display, E: fmt::Display> fmt::Display for ParseError<P, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(error) => error.fmt(f),
            Self::Line(error) => error.fmt(f),
            Self::Parse { line, error } => write!(f, "line {line}: {error}"),
        }
    }
}

impl<P, E> Error for ParseError<P, E>
where
    P: fmt::Display + fmt::Debug,
    E: fmt::Display + fmt::Debug,
{
}
