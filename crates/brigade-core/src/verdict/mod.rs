//! What one answer means for its item and for its host: done, again, or a failure of some kind.
//!
//! A bulk job must treat every answer the same way wherever it comes from, and the rule must be
//! readable as one table. So it is a function of the answer and of the attempts made ([`judge`]),
//! with no clock and no randomness: how long "again" waits is the backoff's to say.
//!
//! A failure has a [`FailureKind`]; a [`FailureSet`] names some of them in one word, as people do
//! (`timeout`, `404`, `5xx`); [`Retries`] says how often each is tried again, and [`FailureLimit`]
//! when so many failed that going on is pointless.
//!
//! It never turns a status into success because the attempts are used up.

mod judge;
mod kind;
mod limit;
mod retries;
mod set;
#[cfg(test)]
mod tests;

pub use judge::{Answer, Verdict, judge};
pub use kind::{FailureKind, UnknownKind};
pub use limit::FailureLimit;
pub use retries::{Retries, Unretriable};
pub use set::{FailureSet, UnknownFailures};
