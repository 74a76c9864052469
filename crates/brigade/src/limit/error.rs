//! Why permits were not given.
//!
//! "Not yet" is a value of its own and no error.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// More permits were asked for than there can ever be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany {
    /// How many were asked for.
    pub wanted: u32,
    /// How many there can be at once.
    pub capacity: u32,
}

impl fmt::Display for TooMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wanted, capacity } = self;
        write!(
            f,
            "acquire {wanted} permits of a limit that holds {capacity}"
        )
    }
}

impl Error for TooMany {}

/// The answer of a limit that has no permit at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotYet {
    /// How long to wait at least before asking again; `None` if that depends on a release.
    pub wait: Option<Duration>,
}
