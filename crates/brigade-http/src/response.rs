//! A response: its head, and its body as it arrives.
//!
//! The body is read only as fast as it is asked for, so memory is bounded by one chunk. Dropping a
//! response gives up the rest of its body and frees its connection.

use std::fmt;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, Version};
use url::Url;

use crate::incoming::{Body, Source};
use crate::settings::Settings;
use crate::{Error, Kind, Result};

/// The response to a request.
pub struct Response {
    status: StatusCode,
    version: Version,
    headers: HeaderMap,
    url: Url,
    body: Body,
}

/// Without the headers, which may hold secrets.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("version", &self.version)
            .field("url", &self.url.as_str())
            .finish_non_exhaustive()
    }
}

impl Response {
    pub(crate) fn new(response: http::Response<Source>, url: Url, settings: &Settings) -> Self {
        let (head, source) = response.into_parts();
        let body = Body::new(source, &head.headers, settings);
        Self {
            status: head.status,
            version: head.version,
            headers: head.headers,
            url,
            body,
        }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The version of HTTP that the server spoke.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The headers, as the server sent them: those about the body's encoding and length hold for
    /// the body before it was decoded.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Takes the headers out, to keep them without a copy.
    pub fn take_headers(&mut self) -> HeaderMap {
        std::mem::take(&mut self.headers)
    }

    /// The URL that answered: the last one, if there were redirects.
    pub fn url(&self) -> &Url {
        &self.url
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
        self.body
            .chunk()
            .await
            .map_err(|error| error.about(&self.url))
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

    /// The whole decoded body as text.
    ///
    /// # Cancel safety
    ///
    /// As [`Self::bytes`].
    ///
    /// # Errors
    ///
    /// As [`Self::chunk`], and [`Kind::Decode`] if the body is not UTF-8.
    pub async fn text(self) -> Result<String> {
        let url = self.url.clone();
        let bytes = Vec::from(self.bytes().await?);
        String::from_utf8(bytes).map_err(|error| Error::new(Kind::Decode).about(&url).from(error))
    }
}
