//! Some of the failures, named in one word as people do.
//!
//! A kind alone is often too narrow (any timeout) or too wide (a 404 is not a 500). Whatever takes
//! a choice of failures takes these words, so that they mean the same everywhere. It never matches
//! a success.

use std::fmt;
use std::str::FromStr;

use super::kind::FailureKind;

/// The failures that one word means: a kind, `timeout` for all five of them, a status such as
/// `404`, or `4xx` and the like.
///
/// # Examples
///
/// ```
/// use brigade_core::verdict::{FailureKind, FailureSet};
///
/// let set: FailureSet = "5xx".parse()?;
/// assert!(set.contains(FailureKind::HttpStatus, Some(503)));
/// assert!(!set.contains(FailureKind::HttpStatus, Some(404)));
/// # Ok::<(), brigade_core::verdict::UnknownFailures>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureSet {
    /// The failures of one kind.
    Kind(FailureKind),
    /// Every kind whose name begins with `timeout.`.
    Timeouts,
    /// Answers with this status, 300 to 999.
    Status(u16),
    /// Answers whose status has this first digit, 3 to 9.
    StatusClass(u16),
}

impl FailureSet {
    /// Whether a failure of this kind, with this status if the server answered, is one of them.
    pub fn contains(self, kind: FailureKind, status: Option<u16>) -> bool {
        match self {
            Self::Kind(own) => kind == own,
            Self::Timeouts => kind.is_timeout(),
            Self::Status(own) => kind == FailureKind::HttpStatus && status == Some(own),
            Self::StatusClass(own) => {
                kind == FailureKind::HttpStatus && status.map(|status| status / 100) == Some(own)
            }
        }
    }

    /// How narrow it is: of two sets that hold the same failure the narrower has the larger number.
    pub(super) const fn narrowness(self) -> u8 {
        match self {
            Self::Timeouts | Self::Kind(FailureKind::HttpStatus) => 0,
            Self::StatusClass(_) => 1,
            Self::Kind(_) | Self::Status(_) => 2,
        }
    }
}

impl fmt::Display for FailureSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(kind) => kind.fmt(f),
            Self::Timeouts => f.write_str("timeout"),
            Self::Status(status) => write!(f, "{status}"),
            Self::StatusClass(class) => write!(f, "{class}xx"),
        }
    }
}

impl FromStr for FailureSet {
    type Err = UnknownFailures;

    fn from_str(name: &str) -> Result<Self, UnknownFailures> {
        if name == "timeout" {
            return Ok(Self::Timeouts);
        }
        if let Ok(kind) = name.parse() {
            return Ok(Self::Kind(kind));
        }
        let digits = name.len() == 3 && name.starts_with(|c: char| ('3'..='9').contains(&c));
        let class = name.strip_suffix("xx");
        let number = class.unwrap_or(name).parse().ok().filter(|_| digits);
        match (number, class) {
            (Some(class), Some(_)) => Ok(Self::StatusClass(class)),
            (Some(status), None) => Ok(Self::Status(status)),
            (None, _) => Err(UnknownFailures),
        }
    }
}

/// A word that means no failures. It prints as the words that do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownFailures;

impl fmt::Display for UnknownFailures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no failures are called that; known are timeout")?;
        for kind in FailureKind::ALL {
            write!(f, ", {kind}")?;
        }
        f.write_str(", and statuses like 404 or 5xx")
    }
}

impl std::error::Error for UnknownFailures {}
