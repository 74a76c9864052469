//! What one answer means for its item and for its host: done, again, or a failure of some kind.
//!
//! A bulk job must treat every answer the same way wherever it comes from, and the rule must be
//! readable as one table. So it is a function of the answer and of the attempts made, with no
//! clock and no randomness: how long "again" waits is the backoff's to say.
//!
//! It never turns a status into success because the attempts are used up.

use std::fmt;
use std::str::FromStr;

/// Why an item failed, as records, the ledger and the summary name it.
///
/// # Examples
///
/// ```
/// use brigade_core::verdict::FailureKind;
///
/// assert_eq!(FailureKind::TimeoutRead.as_str(), "timeout.read");
/// assert_eq!("timeout.read".parse(), Ok(FailureKind::TimeoutRead));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// The host name could not be resolved.
    Dns,
    /// No connection could be made.
    Connect,
    /// The TLS handshake failed; the certificate was not accepted, for example.
    Tls,
    /// No connection became free in time.
    TimeoutPool,
    /// Name lookup, connecting and the TLS handshake took too long.
    TimeoutConnect,
    /// Sending the request took too long.
    TimeoutWrite,
    /// The server was silent for too long.
    TimeoutRead,
    /// The whole exchange took too long.
    TimeoutTotal,
    /// The server answered with a status that is not a success.
    HttpStatus,
    /// More redirects than allowed, or a loop.
    TooManyRedirects,
    /// The decoded body is longer than allowed.
    TooLarge,
    /// The body's content encoding is broken.
    Decode,
    /// The input line is not a URL that can be fetched.
    BadUrl,
    /// The connection broke or the peer does not speak HTTP.
    Protocol,
}

impl FailureKind {
    /// Every kind, in the order of the summary.
    pub const ALL: [Self; 14] = [
        Self::Dns,
        Self::Connect,
        Self::Tls,
        Self::TimeoutPool,
        Self::TimeoutConnect,
        Self::TimeoutWrite,
        Self::TimeoutRead,
        Self::TimeoutTotal,
        Self::HttpStatus,
        Self::TooManyRedirects,
        Self::TooLarge,
        Self::Decode,
        Self::BadUrl,
        Self::Protocol,
    ];

    /// The name that records and the ledger use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::TimeoutPool => "timeout.pool",
            Self::TimeoutConnect => "timeout.connect",
            Self::TimeoutWrite => "timeout.write",
            Self::TimeoutRead => "timeout.read",
            Self::TimeoutTotal => "timeout.total",
            Self::HttpStatus => "http_status",
            Self::TooManyRedirects => "too_many_redirects",
            Self::TooLarge => "too_large",
            Self::Decode => "decode",
            Self::BadUrl => "bad_url",
            Self::Protocol => "protocol",
        }
    }

    /// Whether the same request may end differently a little later.
    pub const fn is_transient(self) -> bool {
        match self {
            Self::Dns
            | Self::Connect
            | Self::TimeoutPool
            | Self::TimeoutConnect
            | Self::TimeoutWrite
            | Self::TimeoutRead
            | Self::TimeoutTotal
            | Self::Protocol => true,
            Self::Tls
            | Self::HttpStatus
            | Self::TooManyRedirects
            | Self::TooLarge
            | Self::Decode
            | Self::BadUrl => false,
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for FailureKind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == name)
            .ok_or(UnknownKind)
    }
}

/// A name that no [`FailureKind`] has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownKind;

impl fmt::Display for UnknownKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown kind of failure")
    }
}

impl std::error::Error for UnknownKind {}

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

/// The verdict on an answer after `attempts` attempts (this one included), when `retries` more
/// than the first are allowed.
///
/// Success is a status of 200 to 299. 429 and 503 pause the host; 408, 500, 502 and 504 and the
/// [transient](FailureKind::is_transient) errors are tried again; all else fails at once.
///
/// # Examples
///
/// ```
/// use brigade_core::verdict::{Answer, FailureKind, Verdict, judge};
///
/// assert_eq!(judge(Answer::Status(204), 1, 3), Verdict::Done);
/// assert_eq!(judge(Answer::Status(500), 3, 3), Verdict::Again);
/// assert_eq!(judge(Answer::Status(500), 4, 3), Verdict::Fail(FailureKind::HttpStatus));
/// assert_eq!(judge(Answer::Status(429), 1, 3), Verdict::PauseHost(None));
/// ```
pub fn judge(answer: Answer, attempts: u32, retries: u32) -> Verdict {
    let spent = attempts > retries;
    match answer {
        Answer::Status(200..=299) => Verdict::Done,
        Answer::Status(429 | 503) => Verdict::PauseHost(spent.then_some(FailureKind::HttpStatus)),
        Answer::Status(408 | 500 | 502 | 504) if !spent => Verdict::Again,
        Answer::Status(_) => Verdict::Fail(FailureKind::HttpStatus),
        Answer::Error(kind) if kind.is_transient() && !spent => Verdict::Again,
        Answer::Error(kind) => Verdict::Fail(kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f4a_every_kind_has_its_own_name_and_is_found_by_it() {
        let mut names: Vec<_> = FailureKind::ALL.map(FailureKind::as_str).to_vec();
        for kind in FailureKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FailureKind::ALL.len());
        assert_eq!("timeout".parse::<FailureKind>(), Err(UnknownKind));
    }

    #[test]
    fn f3a_only_429_and_503_pause_the_host() {
        for status in 100..600 {
            let pauses = matches!(judge(Answer::Status(status), 1, 3), Verdict::PauseHost(_));
            assert_eq!(pauses, status == 429 || status == 503, "{status}");
        }
        assert_eq!(
            judge(Answer::Status(503), 4, 3),
            Verdict::PauseHost(Some(FailureKind::HttpStatus)),
        );
    }

    #[test]
    fn success_is_2xx_and_nothing_else_however_many_attempts_were_made() {
        for attempts in [1, 4, 100] {
            for status in 100..600 {
                let done = judge(Answer::Status(status), attempts, 3) == Verdict::Done;
                assert_eq!(done, (200..300).contains(&status), "{status}");
            }
        }
    }

    #[test]
    fn retries_end_after_the_allowed_number() {
        let answer = Answer::Error(FailureKind::TimeoutRead);
        assert_eq!(judge(answer, 1, 0), Verdict::Fail(FailureKind::TimeoutRead));
        assert_eq!(judge(answer, 1, 1), Verdict::Again);
        assert_eq!(judge(answer, 2, 1), Verdict::Fail(FailureKind::TimeoutRead));
        let fatal = Answer::Error(FailureKind::Tls);
        assert_eq!(judge(fatal, 1, 9), Verdict::Fail(FailureKind::Tls));
    }
}
