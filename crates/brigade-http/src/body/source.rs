//! Where the chunks of a body come from.
//!
//! A source is shared by all attempts of a request. It never gives out twice what can be read only
//! once.

use std::fmt;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};

use crate::answered::BoxError;

pub(super) type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes, BoxError>> + Send>>;

/// Any stream of bytes as one of chunks.
pub(super) fn boxed<S, B, E>(stream: S) -> Chunks
where
    S: Stream<Item = Result<B, E>> + Send + 'static,
    B: Into<Bytes> + 'static,
    E: Into<BoxError> + 'static,
{
    Box::pin(stream.map_ok(Into::into).map_err(Into::into))
}

pub(crate) enum Source {
    /// Gone once it was begun to be read.
    Once(Mutex<Option<Chunks>>),
    Anew(Box<dyn Fn() -> Chunks + Send + Sync>),
}

impl Source {
    pub(super) fn once(chunks: Chunks) -> Self {
        Self::Once(Mutex::new(Some(chunks)))
    }

    /// Whether it can be read from its beginning.
    pub(super) fn is_whole(&self) -> bool {
        match self {
            Self::Once(chunks) => lock(chunks).is_some(),
            Self::Anew(_) => true,
        }
    }

    /// Whether it can be read from its beginning as often as one likes.
    pub(super) fn is_repeatable(&self) -> bool {
        matches!(self, Self::Anew(_))
    }

    pub(super) fn open(&self) -> Option<Chunks> {
        match self {
            Self::Once(chunks) => lock(chunks).take(),
            Self::Anew(make) => Some(make()),
        }
    }
}

fn lock(chunks: &Mutex<Option<Chunks>>) -> MutexGuard<'_, Option<Chunks>> {
    chunks.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Once(_) => "Once",
            Self::Anew(_) => "Anew",
        })
    }
}
