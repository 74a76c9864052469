//! A stream on its way to the server.
//!
//! It is taken from its source at the first poll, so a request that never got that far can be sent
//! again. The bytes are counted: a length that was said is kept, or the body fails.

use std::fmt;
use std::io::{Error, ErrorKind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;

use crate::answered::BoxError;

pub(super) type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes, BoxError>> + Send>>;

/// Where the chunks of a body come from, each time that it is sent.
pub(crate) struct Source {
    chunks: Origin,
    pub(super) length: Option<u64>,
}

pub(super) enum Origin {
    /// Gone once it was begun to be read.
    Once(Mutex<Option<Chunks>>),
    Anew(Box<dyn Fn() -> Chunks + Send + Sync>),
}

impl Source {
    pub(super) fn new(chunks: Origin, length: Option<u64>) -> Self {
        Self { chunks, length }
    }

    pub(super) fn with_length(self, length: u64) -> Self {
        Self {
            length: Some(length),
            ..self
        }
    }

    /// Whether it can be read from its beginning.
    pub(super) fn is_whole(&self) -> bool {
        match &self.chunks {
            Origin::Once(chunks) => lock(chunks).is_some(),
            Origin::Anew(_) => true,
        }
    }

    /// Whether it can be read any number of times.
    pub(super) fn is_repeatable(&self) -> bool {
        matches!(self.chunks, Origin::Anew(_))
    }

    fn open(&self) -> Option<Chunks> {
        match &self.chunks {
            Origin::Once(chunks) => lock(chunks).take(),
            Origin::Anew(make) => Some(make()),
        }
    }
}

fn lock(chunks: &Mutex<Option<Chunks>>) -> std::sync::MutexGuard<'_, Option<Chunks>> {
    chunks.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

/// Is told when the last byte of a body was handed over: only then is a response waited for.
pub(crate) trait Fed: fmt::Debug + Send + Sync {
    /// Nothing is to come any more.
    fn fed(&self);
}

/// A source that is being read, at the latest from the first poll on.
pub(super) struct Streamed {
    pub(super) source: Arc<Source>,
    /// In a lock that is never taken, because what it guards need not be shareable.
    reading: Option<Mutex<Chunks>>,
    sent: u64,
    is_over: bool,
    pub(super) told: Option<Arc<dyn Fed>>,
}

impl Streamed {
    pub(super) fn new(source: Arc<Source>) -> Self {
        let is_over = source.length == Some(0);
        Self {
            source,
            reading: None,
            sent: 0,
            is_over,
            told: None,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// How many bytes are to come, if that was said.
    pub(super) fn left(&self) -> Option<u64> {
        self.source.length.map(|length| length - self.sent)
    }

    /// The next chunk, never empty.
    pub(super) fn poll_chunk(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, BoxError>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let chunk = match ready!(self.poll_source(cx)) {
            Some(Ok(chunk)) => self.count(chunk).map(Some),
            Some(Err(error)) => Err(error),
            None => self.finish().map(|()| None),
        };
        let is_complete = self.left() == Some(0);
        if is_complete || !matches!(chunk, Ok(Some(_))) {
            self.is_over = true;
            self.reading = None;
            if let Some(told) = self.told.take() {
                told.fed();
            }
        }
        Poll::Ready(chunk.transpose())
    }

    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        if self.reading.is_none() {
            let Some(chunks) = self.source.open() else {
                let again = "the stream of the body was read before, and can be read only once";
                return Poll::Ready(Some(Err(Error::other(again).into())));
            };
            self.reading = Some(Mutex::new(chunks));
        }
        let Some(reading) = &mut self.reading else {
            return Poll::Ready(None);
        };
        let chunks = reading.get_mut().unwrap_or_else(PoisonError::into_inner);
        loop {
            match ready!(chunks.as_mut().poll_next(cx)) {
                Some(Ok(chunk)) if chunk.is_empty() => {}
                other => return Poll::Ready(other),
            }
        }
    }

    fn count(&mut self, chunk: Bytes) -> Result<Bytes, BoxError> {
        let length = chunk.len() as u64;
        if let Some(left) = self.left()
            && length > left
        {
            let said = self.sent + left;
            let detail = format!(
                "the stream of the body is longer than the {said} bytes it was said to have"
            );
            return Err(Error::new(ErrorKind::InvalidInput, detail).into());
        }
        self.sent += length;
        Ok(chunk)
    }

    fn finish(&self) -> Result<(), BoxError> {
        match self.left() {
            None | Some(0) => Ok(()),
            Some(left) => {
                let (sent, said) = (self.sent, self.sent + left);
                let detail = format!("the stream of the body ended after {sent} of {said} bytes");
                Err(Error::new(ErrorKind::UnexpectedEof, detail).into())
            }
        }
    }
}

impl fmt::Debug for Streamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streamed")
            .field("source", &self.source)
            .field("sent", &self.sent)
            .field("is_over", &self.is_over)
            .finish_non_exhaustive()
    }
}
