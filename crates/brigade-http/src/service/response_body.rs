//! A response of the client as one of the `http` crate.
//!
//! The body stays what it was: decoded, limited, read only as fast as it is asked for, and dropping
//! it frees its connection.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http_body::{Body, Frame};
use url::Url;

use crate::{Error, Response, Result, incoming};

/// The decoded body of an [`http::Response`].
///
/// Where it was decoded, Content-Encoding and Content-Length are taken out of the headers, because
/// they were about the body as it was sent. The URL that answered is a [`Url`] among the
/// extensions of the response.
pub struct ResponseBody {
    body: incoming::Body,
    url: Url,
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody")
            .field("url", &self.url.as_str())
            .finish_non_exhaustive()
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>>>> {
        let chunk = ready!(self.body.poll_chunk(cx));
        let chunk = chunk.map_err(|error| error.about(&self.url));
        Poll::Ready(chunk.map(|chunk| chunk.map(Frame::data)).transpose())
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_over()
    }
}

impl From<Response> for http::Response<ResponseBody> {
    fn from(response: Response) -> Self {
        let (mut head, body, url) = response.into_parts();
        if body.is_decoded() {
            head.headers.remove(CONTENT_ENCODING);
            head.headers.remove(CONTENT_LENGTH);
        }
        head.extensions.insert(url.clone());
        Self::from_parts(head, ResponseBody { body, url })
    }
}
