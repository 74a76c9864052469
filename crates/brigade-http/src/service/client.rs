//! The client as a service of tower.
//!
//! It turns a request of the `http` crate into one of the client and back. It adds no limit, no
//! timeout and no retry of its own: what the client was built with holds.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use brigade::clock;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::collect::collect;
use super::response_body::ResponseBody;
use crate::answered::BoxError;
use crate::deadline::Deadline;
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

/// The URI must be absolute, such as `http://host/path`. A body of several pieces is put together
/// before it is sent, up to 16 MiB; trailers, the version and Content-Length are the client's
/// business and left out. [`ResponseBody`] says what becomes of the response.
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
    B: Body<Error: Into<BoxError>>,
{
    let mut request = client.request(head.method, head.uri.to_string())?;
    for (name, value) in &head.headers {
        if name != CONTENT_LENGTH && name != TRANSFER_ENCODING {
            request = request.header(name, value);
        }
    }
    let body = match body.size_hint().exact() {
        Some(0) => Bytes::new(),
        _ => {
            let total = client.inner.settings.timeouts.total;
            let begun = clock::now();
            let body = Deadline::total(begun, total).bound(collect(body)).await??;
            // The caller's time with the body is a part of the whole.
            let spent = clock::now().since(begun);
            request = request.timeout(total.map(|total| total.saturating_sub(spent)));
            body
        }
    };
    request.body(body).send().await
}
