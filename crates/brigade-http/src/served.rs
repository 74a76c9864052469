//! One hop that a service answers in place of the network.
//!
//! Redirects, retries, decoding, limits and the total timeout are the client's, above it. It never
//! touches the pool.

use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Method, Request, StatusCode};
use url::Position;

use crate::answered::{Answered, BoxBody, Erased, foreign};
use crate::body::RequestBody;
use crate::client::Inner;
use crate::deadline::Deadline;
use crate::draft::Hop;
use crate::fake::Answer;
use crate::head::{request1, target};
use crate::incoming::Source;
use crate::{Error, Kind, Phase, Response, Result, Timeouts};

/// Has `service` answer one hop.
pub(crate) async fn served(
    service: &dyn Answer,
    client: &Inner,
    hop: &Hop,
    timeouts: &Timeouts,
    total: Deadline,
) -> Result<Response> {
    let answer = service.answer(request(client, hop)?);
    // All of the request is there, so what is waited for is the response.
    let answer = total.nearer(Phase::Read, timeouts.read).bound(answer);
    let answer = tokio::select! {
        biased;
        // Before the service is called, which its first poll does.
        () = client.pool.closing() => return Err(Error::new(Kind::Closed)),
        answer = answer => answer?.map_err(foreign)?,
    };
    let (head, body) = answer.into_parts();
    let is_empty = hop.method == Method::HEAD
        || head.status.is_informational()
        || matches!(
            head.status,
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
        );
    let body: BoxBody = match is_empty {
        // Over a network it would not arrive either.
        true => Box::pin(Erased {
            body: RequestBody::default(),
        }),
        false => body,
    };
    let source = Source::Service(Answered::new(body, timeouts.read, total).into());
    Ok(Response::new(head, source))
}

/// The request as a server would see it, but for the whole URL in place of its path.
fn request(client: &Inner, hop: &Hop) -> Result<Request<RequestBody>> {
    let host = &hop.url[Position::BeforeHost..Position::BeforePath];
    let host = HeaderValue::try_from(host);
    let host = host.map_err(|error| Error::new(Kind::BadUrl).from(error))?;
    let mut request = request1(client, hop, target(&hop.url, true)?, &host, None);
    if let Some(length) = hop.body.length().filter(|length| *length > 0) {
        let length = HeaderValue::from(length);
        request.headers_mut().insert(CONTENT_LENGTH, length);
    }
    Ok(request)
}
