//! The body as a request keeps it, for as many hops and attempts as there may be.
//!
//! It knows whether it can be sent once more. It never reads of a stream.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::request_body::RequestBody;
use super::source::Source;

/// The body of a request that may have to be sent again.
#[derive(Clone)]
pub(crate) enum Payload {
    Bytes(Bytes),
    Streamed {
        source: Arc<Source>,
        length: Option<u64>,
    },
}

impl Payload {
    pub(crate) const fn empty() -> Self {
        Self::Bytes(Bytes::new())
    }

    /// The body for one attempt.
    pub(crate) fn body(&self) -> RequestBody {
        match self {
            Self::Bytes(bytes) => bytes.clone().into(),
            Self::Streamed { source, length } => RequestBody::reading(source.clone(), *length),
        }
    }

    /// The bytes, unless it is a stream.
    pub(crate) fn as_bytes(&self) -> Option<&Bytes> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Streamed { .. } => None,
        }
    }

    /// Whether there is certainly nothing to send.
    pub(crate) fn is_empty(&self) -> bool {
        self.length() == Some(0)
    }

    /// How many bytes it has, if that is known.
    pub(crate) fn length(&self) -> Option<u64> {
        match self {
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::Streamed { length, .. } => *length,
        }
    }

    /// Whether all of it can be sent now: not if it is a stream for one time, and was begun.
    pub(crate) fn is_whole(&self) -> bool {
        match self {
            Self::Bytes(_) => true,
            Self::Streamed { source, .. } => source.is_whole(),
        }
    }

    /// Whether all of it can be sent as often as one likes.
    pub(crate) fn is_repeatable(&self) -> bool {
        match self {
            Self::Bytes(_) => true,
            Self::Streamed { source, .. } => source.is_repeatable(),
        }
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

/// Without the bytes, which may hold secrets.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.length() {
            Some(length) => write!(f, "{length} bytes"),
            None => f.write_str("a stream"),
        }
    }
}
