//! One request on one connection, and the one case in which it moves to another.
//!
//! A server may close an idle connection at the moment a request is sent on it. Then, and only
//! then, the request is sent again: if no byte of it left, or, once, if it is idempotent and no
//! byte of the response arrived. A fresh connection that breaks is an error.

use std::sync::Arc;
use std::time::Duration;

use brigade_core::time::Moment;
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, HOST, RANGE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use hyper::body::Incoming;
use url::{Position, Url};

use crate::body::RequestBody;
use crate::client::Inner;
use crate::deadline::Deadline;
use crate::pool::connection::{self, Connection, Exchange, Fault, Terms};
use crate::pool::{Checkout, Lease, SlotGuard};
use crate::proxy::Server;
use crate::{Error, Kind, Phase, Result, Timeouts, tls};

/// One step on the way from the first URL to the last.
#[derive(Debug)]
pub(crate) struct Hop {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Whether the client's headers are among `headers` already.
    pub(crate) merged: bool,
}

/// Sends `hop` and waits for the head of its response.
pub(crate) async fn exchange(
    client: &Inner,
    hop: &Hop,
    timeouts: &Timeouts,
    total: Deadline,
) -> Result<(Exchange, Response<Incoming>)> {
    let terms = Terms {
        read: timeouts.read,
        write: timeouts.write,
        total: total.at,
    };
    let key = &hop.url[..Position::BeforePath];
    // Before anything is opened, so that what cannot be sent costs no connection.
    let proxy = client.connector.proxies.asked_for(&hop.url);
    let target = target(&hop.url, proxy.is_some())?;
    let mut stale = None;
    loop {
        let pool_deadline = || total.nearer(Phase::Pool, timeouts.pool);
        let checkout = client.pool.checkout(key, pool_deadline).await?;
        let (connection, lease) = match checkout {
            Checkout::Reuse(lease) => match lease.connection().cloned() {
                Some(connection) if !connection.is_closed() && is_fresher(&connection, stale) => {
                    (connection, Some(lease))
                }
                _ => {
                    lease.dead();
                    continue;
                }
            },
            Checkout::Dial(slot) => {
                let deadline = total.nearer(Phase::Connect, timeouts.connect);
                // Boxed, because a dial is rare and its state is large.
                let connection = Box::pin(dial(client, &hop.url, slot, deadline)).await?;
                (connection, None)
            }
        };
        let request = request(client, hop, target.clone(), &connection.host, proxy);
        let reused = lease.is_some();
        let Some((exchange, sent)) = connection.send(request, terms) else {
            if let Some(lease) = lease {
                lease.dead();
                continue;
            }
            return Err(broken(&connection, None));
        };
        lease.map(Lease::used);
        match sent.await {
            Ok(head) => {
                check_framing(&connection, head.headers())?;
                if let Some(keep) = keep_alive(head.headers()) {
                    client.pool.keep(&connection, keep);
                }
                return Ok((exchange, head));
            }
            Err(mut error) => {
                let unsent = error.take_message().is_some() && !connection.wire.is_written();
                let replayable = hop.method.is_idempotent() && !connection.wire.is_answered();
                let died = reused && connection.wire.fault().is_none() && !client.pool.is_shut();
                if died && unsent {
                    continue;
                }
                if died && replayable && stale.is_none() {
                    stale = Some(connection.wire.rested());
                    continue;
                }
                return Err(broken(&connection, Some(error.into_error())));
            }
        }
    }
}

/// Whether a connection is no more suspect of being dead than a new one: after one that was last
/// used at `stale` turned out dead, those that have been idle for longer are not tried.
fn is_fresher(connection: &Connection, stale: Option<Moment>) -> bool {
    stale.is_none_or(|stale| connection.wire.rested() > stale)
}

/// The error for a connection that ended before its exchange did.
pub(crate) fn broken(connection: &Connection, cause: Option<hyper::Error>) -> Error {
    let error = match connection.wire.fault() {
        Some(Fault::Timeout(phase)) => return Error::timeout(phase),
        Some(Fault::Closed) => return Error::new(Kind::Closed),
        None => Error::new(Kind::Protocol),
    };
    let Some(cause) = cause else { return error };
    match tls::Error::find(&cause) {
        // A server that refuses the client's certificate says so only now.
        Some(found) => Error::of_tls(found),
        None => error.from(cause),
    }
}

async fn dial(
    client: &Inner,
    url: &Url,
    slot: SlotGuard,
    deadline: Deadline,
) -> Result<Arc<Connection>> {
    let host = url[Position::BeforeHost..Position::BeforePath].to_owned();
    let host = HeaderValue::try_from(host);
    let host = host.map_err(|error| Error::new(Kind::BadUrl).from(error))?;
    let (stream, slot) = tokio::select! {
        biased;
        () = client.pool.closing() => return Err(Error::new(Kind::Closed)),
        stream = client.connector.connect(url, slot, deadline) => stream?,
    };
    tracing::debug!(host = ?host, "connected");
    connection::start(stream, slot, host).await
}

/// What the request line names: to a proxy that is asked for it the whole URL (RFC 9112, 3.2.2).
fn target(url: &Url, whole: bool) -> Result<Uri> {
    let target = match whole {
        true => &url[..Position::AfterQuery],
        false => &url[Position::BeforePath..Position::AfterQuery],
    };
    let target = Bytes::copy_from_slice(target.as_bytes());
    Uri::from_maybe_shared(target).map_err(|error| Error::new(Kind::BadUrl).from(error))
}

fn request(
    client: &Inner,
    hop: &Hop,
    target: Uri,
    host: &HeaderValue,
    proxy: Option<&Server>,
) -> Request<RequestBody> {
    let mut request = Request::new(hop.body.clone().into());
    *request.method_mut() = hop.method.clone();
    *request.uri_mut() = target;
    let mut headers = merged(client, hop);
    if !headers.contains_key(HOST) {
        headers.insert(HOST, host.clone());
    }
    client.connector.proxies.authorize(proxy, &mut headers);
    if hop.body.is_empty() && [Method::POST, Method::PUT, Method::PATCH].contains(&hop.method) {
        // RFC 9110, section 8.6: some servers refuse these without a length.
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    *request.headers_mut() = headers;
    request
}

/// Whether everybody on the way agrees on where the response ends (RFC 9112, section 6).
fn check_framing(connection: &Connection, headers: &HeaderMap) -> Result<()> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else {
        return Ok(());
    };
    let is_chunked = coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    if !is_chunked || codings.next().is_some() {
        connection.retire(false);
        let detail = "the response has a transfer encoding that was not asked for";
        return Err(Error::new(Kind::Protocol).because(detail));
    }
    if headers.contains_key(CONTENT_LENGTH) {
        // What follows may have been meant as a part of this response.
        connection.retire(false);
    }
    Ok(())
}

/// The headers of `hop` with those of the client that it does not set itself.
pub(crate) fn merged(client: &Inner, hop: &Hop) -> HeaderMap {
    if hop.merged {
        return hop.headers.clone();
    }
    let mut headers = client.headers.clone();
    for name in hop.headers.keys() {
        headers.remove(name);
    }
    for (name, value) in &hop.headers {
        headers.append(name, value.clone());
    }
    if hop.headers.contains_key(RANGE) && !hop.headers.contains_key(ACCEPT_ENCODING) {
        // A part of something compressed cannot be unpacked.
        headers.remove(ACCEPT_ENCODING);
    }
    headers
}

/// How long the server keeps the connection, less a margin for what is under way.
///
/// The margin is two seconds, or half of what the server gives if that is less.
fn keep_alive(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get("keep-alive")?.to_str().ok()?;
    let seconds = value.split(',').find_map(|part| {
        let (name, value) = part.split_once('=')?;
        let is_timeout = name.trim().eq_ignore_ascii_case("timeout");
        is_timeout
            .then(|| value.trim().parse::<u32>().ok())
            .flatten()
    })?;
    let given = Duration::from_secs(seconds.into());
    Some(given - (given / 2).min(Duration::from_secs(2)))
}
