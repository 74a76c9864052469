//! The body of a response that came from a service in place of the network.
//!
//! It keeps the timeouts that a connection would keep: the read timeout runs only while the body is
//! waited for. Dropping it drops the service's body, and nothing else is held.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use brigade::clock;
use bytes::{Buf, Bytes};
use http_body::{Body, Frame};
use pin_project_lite::pin_project;
use tokio::task::coop::poll_proceed;
use tokio::time::{Sleep, sleep_until};

use crate::deadline::Deadline;
use crate::{Error, Kind, Phase, Result};

pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// Any body, as bytes.
pub(crate) type BoxBody = Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>;

/// An error of somebody else's code, which may have been one of a client all along.
pub(crate) fn foreign(error: BoxError) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => *error,
        Err(error) => Error::new(Kind::Protocol).from(error),
    }
}

/// What is left of a body.
pub(crate) struct Answered {
    body: BoxBody,
    read: Option<Duration>,
    total: Deadline,
    /// The end of the wait that is going on.
    wait: Option<(Pin<Box<Sleep>>, Phase)>,
}

impl fmt::Debug for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answered").finish_non_exhaustive()
    }
}

impl Answered {
    pub(crate) fn new(body: BoxBody, read: Option<Duration>, total: Deadline) -> Self {
        Self {
            body,
            read,
            total,
            wait: None,
        }
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    /// The length of the body as far as it is known, at least.
    pub(crate) fn length_min(&self) -> u64 {
        self.body.size_hint().lower()
    }

    /// The next part of the body, which may be empty; `None` at its end.
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>>> {
        // A body that is always ready would neither let others run nor come to a timer.
        ready!(poll_proceed(cx)).made_progress();
        if !self.is_end_stream() && clock::now() >= self.total.at {
            return Poll::Ready(Err(Error::timeout(self.total.phase)));
        }
        let Poll::Ready(frame) = self.body.as_mut().poll_frame(cx) else {
            return self.poll_timeouts(cx).map(Err);
        };
        self.wait = None;
        Poll::Ready(match frame {
            // Trailers say nothing about the body.
            Some(Ok(frame)) => Ok(Some(frame.into_data().unwrap_or_default())),
            Some(Err(error)) => Err(foreign(error)),
            None => Ok(None),
        })
    }

    /// Ready when a timeout has run out.
    fn poll_timeouts(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        let (total, read) = (self.total, self.read);
        let (sleep, phase) = self.wait.get_or_insert_with(|| {
            let limit = total.nearer(Phase::Read, read);
            let end = clock::instant(limit.at);
            (Box::pin(sleep_until(end)), limit.phase)
        });
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(Error::timeout(*phase))
    }
}

pin_project! {
    /// A body of any data as one of bytes.
    pub(crate) struct Erased<B> {
        #[pin]
        pub(crate) body: B,
    }
}

impl<B: Body<Error: Into<BoxError>>> Body for Erased<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(self.project().body.poll_frame(cx));
        Poll::Ready(frame.map(|frame| {
            let frame = frame.map_err(Into::into)?;
            Ok(frame.map_data(|mut data| data.copy_to_bytes(data.remaining())))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
