//! The body as a stream of its chunks.
//!
//! What a stream can be made of, lines for example, is made of this. It never reads ahead.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;

use super::Response;
use crate::Result;

/// The decoded chunks of a body, none of them empty; made by [`Response::chunks`].
///
/// An error is followed by the end. Dropping it gives up the rest of the body and frees the
/// connection.
pub struct Chunks {
    /// Gone at its end, so that its connection is free.
    response: Option<Response>,
}

impl Chunks {
    pub(super) fn new(response: Response) -> Self {
        Self {
            response: Some(response),
        }
    }
}

impl Stream for Chunks {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        let Some(response) = &mut self.response else {
            return Poll::Ready(None);
        };
        let chunk = std::task::ready!(response.poll_chunk(cx)).transpose();
        if !matches!(chunk, Some(Ok(_))) {
            self.response = None;
        }
        Poll::Ready(chunk)
    }
}

impl fmt::Debug for Chunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunks")
            .field("response", &self.response)
            .finish()
    }
}
