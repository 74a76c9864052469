//! The body of a request as users give it, as hyper sends it, and as a service in place of the
//! network reads it.
//!
//! It never copies what the caller gave.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use http_body::{Body, Frame, SizeHint};

use super::payload::Payload;
use super::streamed::{Chunks, Fed, Origin, Source, Streamed};
use crate::answered::BoxError;

/// The body of a request: bytes, or a stream of them.
///
/// Whatever is bytes becomes one by `into`, and goes to
/// [`RequestBuilder::body`](crate::RequestBuilder::body) as it is: `Bytes`, `Vec<u8>`, `String`,
/// `&'static str`. A [service in place of the network](crate::ClientBuilder::service) gets it to read.
///
/// # Examples
///
/// A stream, whose length is known; without [`length`](Self::length) it is sent in chunks.
///
/// ```
/// use brigade_http::{Client, RequestBody};
/// use brigade_testkit::server::{Reply, Server};
/// use futures_util::stream;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # let server = Server::start(|request| Reply::ok(request.body().clone())).await?;
/// let client = Client::new()?;
/// let parts = stream::iter(["one, ", "two"].map(Ok::<_, std::io::Error>));
/// let body = RequestBody::stream(parts).length(8);
/// let response = client.post(server.url("/echo"))?.body(body).send().await?;
/// assert_eq!(response.text().await?, "one, two");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RequestBody {
    content: Content,
}

enum Content {
    /// What is left to be sent.
    Bytes(Bytes),
    Streamed(Box<Streamed>),
}

impl RequestBody {
    /// A stream that can be read once.
    ///
    /// A request with it is not sent a second time once the stream was begun to be read: not to
    /// another connection, not by a retry policy, not after a redirect that keeps the body, which
    /// is an error then. [`repeatable`](Self::repeatable) has no such limits.
    ///
    /// The server is not to blame for a slow stream: while it is waited for, only the total timeout
    /// runs. An error of the stream ends the request with one of
    /// [`Kind::RequestBody`](crate::Kind::RequestBody).
    pub fn stream<S, B, E>(stream: S) -> Self
    where
        S: Stream<Item = Result<B, E>> + Send + 'static,
        B: Into<Bytes> + 'static,
        E: Into<BoxError> + 'static,
    {
        Self::of(Origin::Once(Mutex::new(Some(boxed(stream)))))
    }

    /// A stream that is made each time that the request is sent, so that this may be several times.
    ///
    /// # Examples
    ///
    /// ```
    /// use brigade_http::RequestBody;
    /// use futures_util::stream;
    ///
    /// let numbers = |_| Ok::<_, std::io::Error>("17\n");
    /// let body = RequestBody::repeatable(move || stream::iter((0..1_000_000).map(numbers)));
    /// # let _ = body;
    /// ```
    pub fn repeatable<F, S, B, E>(make: F) -> Self
    where
        F: Fn() -> S + Send + Sync + 'static,
        S: Stream<Item = Result<B, E>> + Send + 'static,
        B: Into<Bytes> + 'static,
        E: Into<BoxError> + 'static,
    {
        Self::of(Origin::Anew(Box::new(move || boxed(make()))))
    }

    fn of(chunks: Origin) -> Self {
        Self::reading(Arc::new(Source::new(chunks, None)))
    }

    pub(super) fn reading(source: Arc<Source>) -> Self {
        Self {
            content: Content::Streamed(Box::new(Streamed::new(source))),
        }
    }

    /// Says how many bytes the stream has, which the server is told then. A stream that has more or
    /// fewer ends the request with an error. Bytes know their length, and keep it.
    #[must_use]
    pub fn length(self, bytes: u64) -> Self {
        match self.content {
            Content::Streamed(streamed) => match Arc::try_unwrap(streamed.source) {
                Ok(source) => Self::reading(Arc::new(source.with_length(bytes))),
                Err(source) => Self::reading(source),
            },
            content => Self { content },
        }
    }

    /// The bytes, all of them as long as the body was not read as a stream; `None` if it is one.
    pub fn as_bytes(&self) -> Option<&Bytes> {
        match &self.content {
            Content::Bytes(bytes) => Some(bytes),
            Content::Streamed(_) => None,
        }
    }

    /// Has `told` called when nothing is left to be read of a stream.
    pub(crate) fn tell(&mut self, told: Arc<dyn Fed>) {
        if let Content::Streamed(streamed) = &mut self.content {
            streamed.told = Some(told);
        }
    }

    /// Whether it is read while it is sent.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.content, Content::Streamed(_))
    }
}

fn boxed<S, B, E>(stream: S) -> Chunks
where
    S: Stream<Item = Result<B, E>> + Send + 'static,
    B: Into<Bytes> + 'static,
    E: Into<BoxError> + 'static,
{
    Box::pin(stream.map_ok(Into::into).map_err(Into::into))
}

impl Default for RequestBody {
    fn default() -> Self {
        Bytes::new().into()
    }
}

impl From<Bytes> for RequestBody {
    fn from(bytes: Bytes) -> Self {
        Self {
            content: Content::Bytes(bytes),
        }
    }
}

/// The same for all that `Bytes` is made of.
macro_rules! from {
    ($($bytes:ty),*) => {$(
        impl From<$bytes> for RequestBody {
            fn from(bytes: $bytes) -> Self {
                Bytes::from(bytes).into()
            }
        }
    )*};
}

from!(Vec<u8>, String, Box<[u8]>, &'static [u8], &'static str);

impl<const N: usize> From<&'static [u8; N]> for RequestBody {
    fn from(bytes: &'static [u8; N]) -> Self {
        Bytes::from_static(bytes).into()
    }
}

impl From<RequestBody> for Payload {
    fn from(body: RequestBody) -> Self {
        match body.content {
            Content::Bytes(bytes) => Self::Bytes(bytes),
            Content::Streamed(streamed) => Self::Streamed(streamed.source),
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.content {
            Content::Bytes(bytes) if bytes.is_empty() => Poll::Ready(None),
            Content::Bytes(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Content::Streamed(streamed) => {
                let chunk = std::task::ready!(streamed.poll_chunk(cx));
                Poll::Ready(chunk.map(|chunk| chunk.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Bytes(bytes) => bytes.is_empty(),
            Content::Streamed(streamed) => streamed.is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Bytes(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Streamed(streamed) => streamed
                .left()
                .map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}

/// Without the bytes, which may hold secrets.
impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("RequestBody");
        match &self.content {
            Content::Bytes(bytes) => shown.field("bytes", &bytes.len()),
            Content::Streamed(streamed) => shown.field("stream", streamed),
        };
        shown.finish()
    }
}
