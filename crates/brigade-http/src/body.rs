//! The body of a request, as hyper and a service in place of the network take it.
//!
//! A type of our own, so that streamed bodies can become another case of it without changing
//! the connection's type. It never copies what the caller gave.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// The body of a request, as a [service in place of the network](crate::ClientBuilder::service)
/// gets it: its bytes, at once.
#[derive(Clone, Debug, Default)]
pub struct RequestBody {
    /// What is left to be sent.
    bytes: Bytes,
}

impl RequestBody {
    /// The bytes, all of them as long as the body was not read as a stream.
    pub fn as_bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl From<Bytes> for RequestBody {
    fn from(bytes: Bytes) -> Self {
        Self { bytes }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.bytes.is_empty() {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.bytes)))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.len() as u64)
    }
}
