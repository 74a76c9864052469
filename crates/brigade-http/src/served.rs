//! One hop that a service answers in place of the network.
//!
//! Redirects, retries, decoding, limits and the total timeout are the client's, above it. It never
//! touches the pool.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderValue, Method, Request, StatusCode};
use tokio::sync::Notify;
use url::Position;

use crate::answered::{Answered, BoxBody, BoxError, Erased, foreign};
use crate::body::{Fed, RequestBody};
use crate::client::Inner;
use crate::deadline::Deadline;
use crate::draft::Hop;
use crate::fake::Answer;
use crate::head::{request1, target};
use crate::incoming::Source;
use crate::recording;
use crate::{Error, Kind, Phase, Response, Result, Timeouts};

/// Has `service` answer one hop.
pub(crate) async fn served(
    service: &dyn Answer,
    client: &Inner,
    hop: &Hop,
    timeouts: &Timeouts,
    total: Deadline,
) -> Result<Response> {
    hop.may_leave()?;
    let mut request = request(client, hop)?;
    let tape = recording::written(&request, hop);
    let feed = Arc::new(Feed::default());
    if request.body().is_fed() {
        request.body_mut().tell(feed.clone());
    } else {
        feed.fed(None);
    }
    let answer = answered(service.answer(request), &feed, timeouts, total);
    let answer = tokio::select! {
        biased;
        // Before the service is called, which its first poll does.
        () = client.pool.closing() => return Err(Error::new(Kind::Closed)),
        answer = answer => answer?.map_err(|error| match feed.failure().take() {
            // Whatever the service made of it, the stream is to blame.
            Some(failure) => Error::of_body(failure),
            None => foreign(error),
        })?,
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
    if let Some(tape) = &tape {
        tape.set_head(recording::head(&head));
    }
    let source = Source::Service(Answered::new(body, timeouts.read, total).into());
    Ok(Response::new(head, source).keep(tape))
}

/// Tells whether the request is over, and how.
#[derive(Debug, Default)]
struct Feed {
    over: Notify,
    failure: Mutex<Option<BoxError>>,
}

impl Feed {
    fn failure(&self) -> MutexGuard<'_, Option<BoxError>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fed for Feed {
    fn fed(&self, failure: Option<BoxError>) {
        *self.failure() = failure;
        self.over.notify_one();
    }
}

/// The answer to come. Once the request is over, it is what is waited for.
async fn answered<T>(
    answer: impl Future<Output = T>,
    feed: &Feed,
    timeouts: &Timeouts,
    total: Deadline,
) -> Result<T> {
    let mut answer = pin!(answer);
    let before = async {
        tokio::select! {
            biased;
            answer = &mut answer => Some(answer),
            () = feed.over.notified() => None,
        }
    };
    match total.bound(before).await? {
        Some(answer) => Ok(answer),
        None => total.nearer(Phase::Read, timeouts.read).bound(answer).await,
    }
}

/// The request as a server would see it, but for the whole URL in place of its path.
fn request(client: &Inner, hop: &Hop) -> Result<Request<RequestBody>> {
    let host = &hop.url[Position::BeforeHost..Position::BeforePath];
    let host = HeaderValue::try_from(host);
    let host = host.map_err(|error| Error::new(Kind::BadUrl).from(error))?;
    let mut request = request1(client, hop, target(&hop.url, true)?, &host, None);
    // That is about a connection.
    request.headers_mut().remove(TRANSFER_ENCODING);
    if let Some(length) = hop.body.length().filter(|length| *length > 0) {
        let length = HeaderValue::from(length);
        request.headers_mut().insert(CONTENT_LENGTH, length);
    }
    Ok(request)
}
