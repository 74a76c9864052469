//! Why an item failed, in one word that is the same everywhere.
//!
//! Records, the ledger, the summary, flags and documents name a failure by these names, so a name
//! is never changed and never means two things.

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

    /// Whether it is one of the five timeouts.
    pub const fn is_timeout(self) -> bool {
        matches!(
            self,
            Self::TimeoutPool
                | Self::TimeoutConnect
                | Self::TimeoutWrite
                | Self::TimeoutRead
                | Self::TimeoutTotal
        )
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
