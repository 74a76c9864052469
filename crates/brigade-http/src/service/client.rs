//! The client as a service of tower.
//!
//! It turns a request of the `http` crate into one of the client and back. It adds no limit, no
//! timeout and no retry of its own: what the client was built with holds.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::given::given;
use super::response_body::ResponseBody;
use crate::answered::BoxError;
use crate::{Client, Error, Result};

/// The response to come of a client that is used as a service.
///
/// # Cancel safety
///
/// As [`RequestBuilder::send`](crate::RequestBuilder::send).
#[must_use = "a request is only sent while its future is polled"]
pub struct ResponseFuture {
    response: Pin<Box<dyn Future<Output = Result<Response<ResponseBody>>> + Send>>,
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response<ResponseBody>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.response.as_mut().poll(cx)
    }
}

/// The URI must be absolute, such as `http://host/path`. A body is streamed as it comes, with the
/// length that it says it has; one that is there at once (in one piece, or in up to 64 of together
/// 64 KiB) can be sent again where the rules allow that, any other one as
/// [`RequestBody::stream`](crate::RequestBody::stream) says. A [`RequestBody`](crate::RequestBody) is
/// sent as what it is. Trailers, the version and Content-Length are the client's business and left
/// out. [`ResponseBody`] says what becomes of the response.
impl<B> Service<Request<B>> for &Client
where
    B: Body<Error: Into<BoxError>> + Send + 'static,
    B::Data: Send,
{
    type Response = Response<ResponseBody>;
    type Error = Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        let client = Client::clone(self);
        ResponseFuture {
            response: Box::pin(async move {
                let (head, body) = request.into_parts();
                send(&client, head, body).await.map(Into::into)
            }),
        }
    }
}

/// As that for a reference to a client.
impl<B> Service<Request<B>> for Client
where
    B: Body<Error: Into<BoxError>> + Send + 'static,
    B::Data: Send,
{
    type Response = Response<ResponseBody>;
    type Error = Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        (&mut &*self).call(request)
    }
}

async fn send<B>(client: &Client, head: Parts, body: B) -> Result<crate::Response>
where
    B: Body<Error: Into<BoxError>, Data: Send> + Send + 'static,
{
    let mut request = client.request(head.method, head.uri.to_string())?;
    for (name, value) in &head.headers {
        if name != CONTENT_LENGTH && name != TRANSFER_ENCODING {
            request = request.header(name, value);
        }
    }
    request.body(given(body).await?).send().await
}
