//! A service in place of the network, as the client keeps and calls it.
//!
//! The types of services are many and the client is one, so they are hidden behind a trait of our
//! own. It never knows what a request is for.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::answered::{BoxBody, BoxError, Erased};
use crate::body::RequestBody;

type Answering = Pin<Box<dyn Future<Output = Result<Response<BoxBody>, BoxError>> + Send>>;

/// Whoever answers requests.
pub(crate) trait Answer: fmt::Debug + Send + Sync {
    fn answer(&self, request: Request<RequestBody>) -> Answering;
}

/// Any service that can be one.
pub(crate) struct Fake<S>(pub(crate) S);

impl<S> fmt::Debug for Fake<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::any::type_name::<S>())
    }
}

impl<S, B> Answer for Fake<S>
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error: Into<BoxError>>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send,
    B: Body<Error: Into<BoxError>> + Send + 'static,
{
    fn answer(&self, request: Request<RequestBody>) -> Answering {
        let mut service = self.0.clone();
        Box::pin(async move {
            poll_fn(|cx| service.poll_ready(cx))
                .await
                .map_err(Into::into)?;
            let response = service.call(request).await.map_err(Into::into)?;
            Ok(response.map(|body| Box::pin(Erased { body }) as _))
        })
    }
}
