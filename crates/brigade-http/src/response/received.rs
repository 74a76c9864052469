//! The response itself: its head, and its body chunk by chunk.
//!
//! Everything else that can be made of a body is made of its chunks. It never reads ahead.

use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::response::Parts;
use http::{HeaderMap, StatusCode, Version};
use url::Url;

use crate::admission::Admitted;
use crate::incoming::{Body, Source};
use crate::pool::connection::Tape;
use crate::recording::{Recording, Reel};
use crate::settings::Settings;
use crate::{Error, Kind, Result, charset};

/// The response to a request.
pub struct Response {
    /// Boxed, because it moves through many hands and is large.
    inner: Box<Inner>,
}

struct Inner {
    head: Parts,
    body: Body,
    /// Gone only until the request that asks for it hands it over.
    url: Option<Url>,
    reel: Option<Reel>,
}

/// Without the headers, which may hold secrets.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status())
            .field("version", &self.version())
            .field("url", &self.inner.url.as_ref().map(Url::as_str))
            .finish_non_exhaustive()
    }
}

impl Response {
    /// The response to one hop.
    pub(crate) fn new(head: Parts, source: Source) -> Self {
        let body = Body::new(source);
        let inner = Inner {
            head,
            body,
            url: None,
            reel: None,
        };
        Self {
            inner: Box::new(inner),
        }
    }

    /// Keeps the recording of the exchange, if there is one.
    pub(crate) fn keep(mut self, tape: Option<Arc<Tape>>) -> Self {
        let peer = self.peer();
        self.inner.reel = tape.map(|tape| Reel { tape, peer });
        self
    }

    /// Keeps the admission of the request until the body has ended.
    pub(crate) fn hold(&mut self, admitted: Admitted) {
        self.inner.body.hold(admitted);
    }

    /// Makes it the response that the caller gets.
    pub(crate) fn finish(mut self, url: Url, settings: &Settings) -> Self {
        let Inner {
            head, body, reel, ..
        } = &mut *self.inner;
        body.decode(&head.headers, settings, reel.is_some());
        self.inner.url = Some(url);
        self
    }

    /// The parts that it is made of.
    pub(crate) fn into_parts(self) -> (Parts, Body, Url) {
        let Inner {
            head, body, url, ..
        } = *self.inner;
        let url =
            url.unwrap_or_else(|| unreachable!("every response that is given out has its URL"));
        (head, body, url)
    }

    /// The other end of the socket that it came from.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.inner.body.peer()
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.inner.head.status
    }

    /// The version of HTTP that the server spoke.
    pub fn version(&self) -> Version {
        self.inner.head.version
    }

    /// The headers, as the server sent them: those about the body's encoding and length hold for
    /// the body before it was decoded.
    pub fn headers(&self) -> &HeaderMap {
        &self.inner.head.headers
    }

    /// Takes the headers out, to keep them without a copy.
    pub fn take_headers(&mut self) -> HeaderMap {
        std::mem::take(&mut self.inner.head.headers)
    }

    /// The URL that answered: the last one, if there were redirects.
    pub fn url(&self) -> &Url {
        let url = self.inner.url.as_ref();
        url.unwrap_or_else(|| unreachable!("every response that is given out has its URL"))
    }

    /// The exchange as it went over the wire up to now, if
    /// [that was asked for](crate::RequestBuilder::recorded).
    pub fn recording(&self) -> Option<Recording> {
        self.inner.reel.as_ref().map(Reel::recording)
    }

    /// The next part of the decoded body, never empty; `None` at its end.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    ///
    /// # Errors
    ///
    /// [`Kind::TooLarge`] beyond the limit, [`Kind::Decode`] if the body is not what its encoding
    /// says, [`Kind::Timeout`], [`Kind::Protocol`] if the connection breaks before the end. After
    /// an error every further call fails.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    pub(super) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>>> {
        let Inner { body, url, .. } = &mut *self.inner;
        let chunk = ready!(body.poll_chunk(cx));
        Poll::Ready(chunk.map_err(|error| match url {
            Some(url) => error.about(url),
            None => error,
        }))
    }

    /// The whole decoded body.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the rest of the body and frees the connection.
    ///
    /// # Errors
    ///
    /// As [`Self::chunk`].
    pub async fn bytes(mut self) -> Result<Bytes> {
        let Some(first) = self.chunk().await? else {
            return Ok(Bytes::new());
        };
        let Some(second) = self.chunk().await? else {
            return Ok(first);
        };
        let mut bytes = BytesMut::from(first);
        bytes.extend_from_slice(&second);
        while let Some(chunk) = self.chunk().await? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes.freeze())
    }

    /// The whole decoded body as text: in the encoding of its byte order mark, else in that which
    /// the `charset` of `Content-Type` names, else in UTF-8.
    ///
    /// # Cancel safety
    ///
    /// As [`Self::bytes`].
    ///
    /// # Errors
    ///
    /// As [`Self::chunk`], and [`Kind::Decode`] if the charset is not known or the body does not
    /// fit it.
    pub async fn text(mut self) -> Result<String> {
        let (url, headers) = (self.url().clone(), self.take_headers());
        let bytes = self.bytes().await?;
        charset::text(&headers, bytes)
            .map_err(|error| Error::new(Kind::Decode).about(&url).from(error))
    }

    /// The same with U+FFFD for every part that does not fit its encoding; a charset that is not
    /// known is taken for UTF-8.
    ///
    /// # Cancel safety
    ///
    /// As [`Self::bytes`].
    ///
    /// # Errors
    ///
    /// As [`Self::chunk`].
    pub async fn text_lossy(mut self) -> Result<String> {
        let headers = self.take_headers();
        let bytes = self.bytes().await?;
        Ok(charset::text_lossy(&headers, bytes))
    }
}
