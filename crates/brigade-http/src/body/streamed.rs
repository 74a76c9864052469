//! A stream on its way to the server.
//!
//! It is taken from its source at the first poll, so a request that never got that far can be sent
//! again. The bytes are counted: a length that was said is kept, or the body fails. The chunk that
//! completes the length is only given out once the stream has ended there, so that nobody ever gets
//! a whole body of a stream that goes on.

use std::fmt;
use std::io::{Error, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::task::coop::poll_proceed;

use super::source::{Chunks, Source};
use crate::answered::BoxError;

/// Is told when the last byte of a body was handed over: only then is a response waited for.
pub(crate) trait Fed: fmt::Debug + Send + Sync {
    /// Nothing is to come any more; `failure` says why, if that is not the end of the body.
    fn fed(&self, failure: Option<BoxError>);
}

/// A source that is being read, at the latest from the first poll on.
pub(super) struct Streamed {
    pub(super) source: Arc<Source>,
    /// How many bytes it was said to have.
    pub(super) length: Option<u64>,
    /// In a lock that is never taken, because what it guards need not be shareable.
    reading: Option<Mutex<Chunks>>,
    /// How many bytes were given out.
    given: u64,
    /// What completes the length, until the stream has ended.
    last: Option<Bytes>,
    is_over: bool,
    pub(super) told: Option<Arc<dyn Fed>>,
}

impl Streamed {
    pub(super) fn new(source: Arc<Source>, length: Option<u64>) -> Self {
        Self {
            source,
            length,
            reading: None,
            given: 0,
            last: None,
            is_over: length == Some(0),
            told: None,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// How many bytes are to be given out, if that was said.
    pub(super) fn left(&self) -> Option<u64> {
        self.length.map(|length| length - self.given)
    }

    /// The next chunk, never empty.
    pub(super) fn poll_chunk(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, BoxError>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let chunk = ready!(self.poll_counted(cx));
        if let Ok(Some(chunk)) = &chunk {
            self.given += chunk.len() as u64;
        }
        let is_complete = self.left() == Some(0);
        if !is_complete && matches!(chunk, Ok(Some(_))) {
            return Poll::Ready(chunk.transpose());
        }
        self.is_over = true;
        self.reading = None;
        Poll::Ready(match (chunk, self.told.take()) {
            (Err(error), Some(told)) => {
                let text = error.to_string();
                told.fed(Some(error));
                Some(Err(Error::other(text).into()))
            }
            (chunk, told) => {
                if let Some(told) = told {
                    told.fed(None);
                }
                chunk.transpose()
            }
        })
    }

    /// The next chunk within the length that was said.
    fn poll_counted(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BoxError>> {
        loop {
            // A stream that is always ready would not let others run.
            ready!(poll_proceed(cx)).made_progress();
            let Some(chunk) = ready!(self.poll_source(cx)).transpose()? else {
                let last = self.last.take();
                return Poll::Ready(match self.left() {
                    Some(left) if last.is_none() && left > 0 => Err(self.too_short()),
                    _ => Ok(last),
                });
            };
            if chunk.is_empty() {
                continue;
            }
            let Some(left) = self.left() else {
                return Poll::Ready(Ok(Some(chunk)));
            };
            if self.last.is_some() || chunk.len() as u64 > left {
                return Poll::Ready(Err(self.too_long()));
            }
            if (chunk.len() as u64) < left {
                return Poll::Ready(Ok(Some(chunk)));
            }
            self.last = Some(chunk);
        }
    }

    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        let next = catch_unwind(AssertUnwindSafe(|| {
            if self.reading.is_none() {
                self.reading = self.source.open().map(Mutex::new);
            }
            let chunks = self.reading.as_mut()?;
            let chunks = chunks.get_mut().unwrap_or_else(PoisonError::into_inner);
            Some(chunks.as_mut().poll_next(cx))
        }));
        let problem = match next {
            Ok(Some(next)) => return next,
            Ok(None) => "the stream of the body was read before, and can be read only once",
            Err(_) => "the stream of the body panicked",
        };
        Poll::Ready(Some(Err(Error::other(problem).into())))
    }

    fn too_long(&self) -> BoxError {
        let said = self.length.unwrap_or_default();
        let detail =
            format!("the stream of the body is longer than the {said} bytes it was said to have");
        Error::new(ErrorKind::InvalidInput, detail).into()
    }

    fn too_short(&self) -> BoxError {
        let (given, said) = (self.given, self.length.unwrap_or_default());
        let detail = format!("the stream of the body ended after {given} of {said} bytes");
        Error::new(ErrorKind::UnexpectedEof, detail).into()
    }
}

/// Who drops a body waits for nothing of it any more.
impl Drop for Streamed {
    fn drop(&mut self) {
        if let Some(told) = self.told.take() {
            told.fed(None);
        }
    }
}

impl fmt::Debug for Streamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streamed")
            .field("source", &self.source)
            .field("length", &self.length)
            .field("given", &self.given)
            .field("is_over", &self.is_over)
            .finish_non_exhaustive()
    }
}
