//! The verdict: one table from an answer and the attempts made to what follows.
//!
//! It never turns a status into success because the attempts are used up.

use super::kind::FailureKind;
use super::retries::Retries;

/// How one attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A final status, with the whole body where it is a success.
    Status(u16),
    /// No usable answer.
    Error(FailureKind),
}

/// What follows from an [`Answer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The item has its result.
    Done,
    /// The item is to be asked for again after a backoff; its host is fine.
    Again,
    /// The host asked for patience: nothing goes to it for a while. The item is asked for again
    /// afterwards, or fails with the kind if its attempts are used up.
    PauseHost(Option<FailureKind>),
    /// The item failed for good.
    Fail(FailureKind),
}

/// The verdict on an answer after `attempts` attempts (this one included).
///
/// Success is a status of 200 to 299. 429 and 503 pause the host, whatever `retries` says; all else
/// is tried again as often as `retries` says for it, and fails then.
///
/// # Examples
///
/// ```
/// use brigade_core::verdict::{Answer, FailureKind, Retries, Verdict, judge};
///
/// let retries = Retries::new(3);
/// assert_eq!(judge(Answer::Status(204), 1, &retries), Verdict::Done);
/// assert_eq!(judge(Answer::Status(500), 3, &retries), Verdict::Again);
/// assert_eq!(judge(Answer::Status(500), 4, &retries), Verdict::Fail(FailureKind::HttpStatus));
/// assert_eq!(judge(Answer::Status(404), 1, &retries), Verdict::Fail(FailureKind::HttpStatus));
/// assert_eq!(judge(Answer::Status(429), 1, &retries), Verdict::PauseHost(None));
/// ```
pub fn judge(answer: Answer, attempts: u32, retries: &Retries) -> Verdict {
    if let Answer::Status(200..=299) = answer {
        return Verdict::Done;
    }
    let spent = attempts > retries.after(answer);
    match answer {
        Answer::Status(429 | 503) => Verdict::PauseHost(spent.then_some(FailureKind::HttpStatus)),
        _ if !spent => Verdict::Again,
        Answer::Status(_) => Verdict::Fail(FailureKind::HttpStatus),
        Answer::Error(kind) => Verdict::Fail(kind),
    }
}
