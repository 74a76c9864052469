//! The body of a request as users give it, as hyper sends it, and as a service in place of the
//! network reads it.
//!
//! It never copies what the caller gave.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use futures_util::stream::try_unfold;
use http_body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::file;
use super::later::Later;
use super::payload::Payload;
use super::source::{Source, boxed};
use super::streamed::{Fed, Streamed};
use crate::answered::BoxError;

/// The most that is read of a reader at once.
const READ_MAX: usize = 64 << 10;

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
    Later(Later),
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
        Self::reading(Arc::new(Source::once(boxed(stream))), None)
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
        let source = Source::Anew(Box::new(move || boxed(make())));
        Self::reading(Arc::new(source), None)
    }

    /// What a reader gives until its end, which can be read once: see [`stream`](Self::stream).
    ///
    /// It is read in chunks of up to 64 KiB, where the request is driven: a reader that blocks, as a
    /// file of the standard library would, holds up everything else. For files there is
    /// [`file`](Self::file).
    ///
    /// # Examples
    ///
    /// ```
    /// use brigade_http::RequestBody;
    ///
    /// let (reader, writer) = tokio::io::simplex(4096);
    /// let body = RequestBody::reader(reader);
    /// # let _ = (body, writer);
    /// ```
    pub fn reader(reader: impl AsyncRead + Send + 'static) -> Self {
        let begin = (Box::pin(reader), BytesMut::new());
        Self::stream(try_unfold(begin, |(mut reader, mut buffer)| async move {
            buffer.reserve(READ_MAX);
            let read = reader.read_buf(&mut buffer).await?;
            let chunk = buffer.split().freeze();
            Ok::<_, std::io::Error>((read > 0).then_some((chunk, (reader, buffer))))
        }))
    }

    /// The file at `path`, which is looked at when the request is sent, and opened anew each time
    /// that it is sent.
    ///
    /// It is read in chunks of 128 KiB on threads of the client, not where the request is driven. A
    /// file that cannot be read, is none (a folder, a pipe), or changes its length while it is sent
    /// ends the request with an error of [`Kind::RequestBody`](crate::Kind::RequestBody) that names it.
    ///
    /// # Examples
    ///
    /// ```
    /// use brigade_http::{Client, Kind, Method, RequestBody};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// let request = Client::new()?.request(Method::PUT, "http://127.0.0.1:9/")?;
    /// let error = request.body(RequestBody::file("/no/file")).send().await.expect_err("there is no such file");
    /// assert_eq!(error.kind(), Kind::RequestBody);
    /// assert!(error.to_string().ends_with("read the file /no/file"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn file(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self::later(async move {
            let length = file::length(path.clone()).await?;
            let chunks = move || file::chunks(path.clone(), length);
            Ok(Self::repeatable(chunks).length(length))
        })
    }

    /// A body that is known once `looking` is ready, which the request waits for when it is sent.
    pub(crate) fn later(
        looking: impl Future<Output = Result<Self, BoxError>> + Send + 'static,
    ) -> Self {
        Later::new(looking).into()
    }

    pub(super) fn reading(source: Arc<Source>, length: Option<u64>) -> Self {
        Self {
            content: Content::Streamed(Box::new(Streamed::new(source, length))),
        }
    }

    /// Says how many bytes the stream has, which the server is told then. A stream that has more or
    /// fewer ends the request with an error, before the server has all of the length; one of length 0
    /// is not read at all. Bytes and files know their length, and keep it.
    #[must_use]
    pub fn length(self, bytes: u64) -> Self {
        match self.content {
            Content::Streamed(streamed) => Self::reading(streamed.source.clone(), Some(bytes)),
            content => Self { content },
        }
    }

    /// The bytes, all of them as long as the body was not read as a stream; `None` if it is one.
    pub fn as_bytes(&self) -> Option<&Bytes> {
        match &self.content {
            Content::Bytes(bytes) => Some(bytes),
            Content::Streamed(_) | Content::Later(_) => None,
        }
    }

    /// What a request can keep, or what is to be waited for before.
    pub(crate) fn into_payload(self) -> Result<Payload, Later> {
        match self.content {
            Content::Bytes(bytes) => Ok(Payload::Bytes(bytes)),
            Content::Streamed(streamed) => Ok(Payload::Streamed {
                source: streamed.source.clone(),
                length: streamed.length,
            }),
            Content::Later(later) => Err(later),
        }
    }

    /// What a request can keep, once everything about it is known.
    pub(crate) async fn settle(mut self) -> Result<Payload, BoxError> {
        loop {
            match self.into_payload() {
                Ok(payload) => return Ok(payload),
                Err(later) => self = later.await?,
            }
        }
    }

    /// Has `told` called when nothing is left to be read of a stream.
    pub(crate) fn tell(&mut self, told: Arc<dyn Fed>) {
        if let Content::Streamed(streamed) = &mut self.content {
            streamed.told = Some(told);
        }
    }

    /// Whether something of it is still to be read of a stream.
    pub(crate) fn is_fed(&self) -> bool {
        match &self.content {
            Content::Bytes(_) => false,
            Content::Streamed(streamed) => !streamed.is_over(),
            Content::Later(_) => true,
        }
    }
}

impl Default for RequestBody {
    fn default() -> Self {
        Bytes::new().into()
    }
}

impl From<Later> for RequestBody {
    fn from(later: Later) -> Self {
        Self {
            content: Content::Later(later),
        }
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
                let chunk = ready!(streamed.poll_chunk(cx));
                Poll::Ready(chunk.map(|chunk| chunk.map(Frame::data)))
            }
            Content::Later(later) => match ready!(Pin::new(later).poll(cx)) {
                Ok(body) => {
                    *self = body;
                    self.poll_frame(cx)
                }
                Err(error) => {
                    *self = Self::default();
                    Poll::Ready(Some(Err(error)))
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Bytes(bytes) => bytes.is_empty(),
            Content::Streamed(streamed) => streamed.is_over(),
            Content::Later(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Bytes(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Streamed(streamed) => streamed
                .left()
                .map_or_else(SizeHint::default, SizeHint::with_exact),
            Content::Later(_) => SizeHint::default(),
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
            Content::Later(later) => shown.field("stream", later),
        };
        shown.finish()
    }
}
