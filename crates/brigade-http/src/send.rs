//! From a request to its response: each hop of the redirects and each attempt of the retries.
//!
//! What is sent again, and why, is decided here and in [`crate::exchange`], nowhere else. Neither
//! ever sends anything twice that no rule allows.

use brigade::clock;
use http::Method;

use crate::deadline::Deadline;
use crate::exchange::{Hop, exchange};
use crate::request::RequestBuilder;
use crate::response::Response;
use crate::{Error, Kind, Result};

/// See [`RequestBuilder::send`].
pub(crate) async fn send(request: RequestBuilder) -> Result<Response> {
    if let Some(error) = request.error {
        return Err(error.about(&request.url));
    }
    if request.method == Method::CONNECT {
        let error = Error::new(Kind::BadRequest).about(&request.url);
        return Err(error.because("the method CONNECT opens a tunnel and has no response"));
    }
    let total = Deadline::total(clock::now(), request.settings.timeouts.total);
    let hop = Hop {
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: request.body,
        same_origin: true,
    };
    let client = &request.client.inner;
    let answer = exchange(client, &hop, &request.settings.timeouts, total).await;
    let (connection, head) = answer.map_err(|error| error.about(&hop.url))?;
    Ok(Response::new(head, connection, hop.url, &request.settings))
}
