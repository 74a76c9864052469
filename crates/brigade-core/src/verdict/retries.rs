//! How often which failure is tried again.
//!
//! One number for whatever may pass is right for most jobs. Who knows a server better overrides
//! it for some failures, in both directions. It never allows what no repetition can change.

use std::fmt;

use super::judge::Answer;
use super::kind::FailureKind;
use super::set::FailureSet;

/// The attempts beyond the first that an item gets, by how the last one failed.
///
/// # Examples
///
/// ```
/// use brigade_core::verdict::{Answer, FailureKind, FailureSet, Retries};
///
/// let mut retries = Retries::new(3);
/// retries.set(FailureSet::Status(404), 1)?;
/// retries.set(FailureSet::Kind(FailureKind::Dns), 0)?;
/// assert_eq!(retries.after(Answer::Status(500)), 3);
/// assert_eq!(retries.after(Answer::Status(404)), 1);
/// assert_eq!(retries.after(Answer::Error(FailureKind::Dns)), 0);
/// # Ok::<(), brigade_core::verdict::Unretriable>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retries {
    default: u32,
    rules: Vec<(FailureSet, u32)>,
}

impl Retries {
    /// So many for whatever may pass: the [transient](FailureKind::is_transient) errors and the
    /// statuses 408, 429, 500, 502, 503 and 504; none for the others.
    pub const fn new(default: u32) -> Self {
        Self {
            default,
            rules: Vec::new(),
        }
    }

    /// So many for these failures, whether they may pass or not. Where several rules hold a
    /// failure the narrowest counts, and of equals the last.
    ///
    /// # Errors
    ///
    /// [`Unretriable`] for kinds that end the same way every time.
    pub fn set(&mut self, failures: FailureSet, retries: u32) -> Result<(), Unretriable> {
        match failures {
            FailureSet::Kind(kind @ (FailureKind::BadUrl | FailureKind::TooLarge)) => {
                Err(Unretriable(kind))
            }
            _ => {
                self.rules.push((failures, retries));
                Ok(())
            }
        }
    }

    /// How many there are when an attempt ended like this; none after a success.
    pub fn after(&self, answer: Answer) -> u32 {
        let (kind, status, may_pass) = match answer {
            Answer::Status(200..=299) => return 0,
            Answer::Status(status) => {
                let may_pass = matches!(status, 408 | 429 | 500 | 502 | 503 | 504);
                (FailureKind::HttpStatus, Some(status), may_pass)
            }
            Answer::Error(kind) => (kind, None, kind.is_transient()),
        };
        let rules = self.rules.iter();
        let holding = rules.filter(|(failures, _)| failures.contains(kind, status));
        match holding.max_by_key(|(failures, _)| failures.narrowness()) {
            Some((_, retries)) => *retries,
            None if may_pass => self.default,
            None => 0,
        }
    }
}

/// A kind of failure that no repetition changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unretriable(pub FailureKind);

impl fmt::Display for Unretriable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be tried again: ", self.0)?;
        f.write_str(match self.0 {
            FailureKind::TooLarge => "the body is as large the next time",
            _ => "the line is the same the next time",
        })
    }
}

impl std::error::Error for Unretriable {}
