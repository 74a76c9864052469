//! A response: its head, and its body as it arrives.
//!
//! The body is read only as fast as it is asked for, so memory is bounded by one chunk. Dropping a
//! response gives up the rest of its body and frees its connection.

use std::pin::Pin;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, Version};
use http_body::Body;
use hyper::body::Incoming;
use url::Url;

use crate::connection::Connection;
use crate::exchange::broken;
use crate::settings::Settings;
use crate::{Error, Kind, Result};

/// The response to a request.
#[derive(Debug)]
pub struct Response {
    status: StatusCode,
    version: Version,
    headers: HeaderMap,
    url: Url,
    body: Incoming,
    connection: Arc<Connection>,
    /// How many bytes of the body may still come.
    left: Option<u64>,
}

impl Response {
    pub(crate) fn new(
        response: http::Response<Incoming>,
        connection: Arc<Connection>,
        url: Url,
        settings: &Settings,
    ) -> Self {
        let (head, body) = response.into_parts();
        Self {
            status: head.status,
            version: head.version,
            headers: head.headers,
            url,
            body,
            connection,
            left: settings.body_max,
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

    /// The headers, as the server sent them.
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
    /// says, [`Kind::Timeout`], [`Kind::Protocol`] if the connection breaks before the end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        loop {
            let frame = std::future::poll_fn(|cx| Pin::new(&mut self.body).poll_frame(cx)).await;
            let data = match frame {
                None => return Ok(None),
                Some(Ok(frame)) => frame.into_data(),
                Some(Err(error)) => {
                    return Err(broken(&self.connection, Some(error)).about(&self.url));
                }
            };
            // Trailers and empty frames say nothing about the body.
            let Ok(data) = data else { continue };
            if data.is_empty() {
                continue;
            }
            if let Some(left) = &mut self.left {
                *left = left
                    .checked_sub(data.len() as u64)
                    .ok_or_else(|| Error::new(Kind::TooLarge).about(&self.url))?;
            }
            return Ok(Some(data));
        }
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
