//! The head of a request, as each version of HTTP and each next hop wants it.
//!
//! What a request does not say itself comes from its client and from the connection that it is on.
//! Nothing here decides whether a request is sent, and no origin ever sees what is for a proxy.

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, HOST, RANGE, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use url::{Position, Url};

use crate::body::RequestBody;
use crate::client::Inner;
use crate::draft::Hop;
use crate::pool::connection::Connection;
use crate::proxy::Server;
use crate::{Error, Kind, Result};

/// What the request line names: to a proxy that is asked for it the whole URL (RFC 9112, 3.2.2).
pub(crate) fn target(url: &Url, whole: bool) -> Result<Uri> {
    let target = match whole {
        true => &url[..Position::AfterQuery],
        false => &url[Position::BeforePath..Position::AfterQuery],
    };
    let target = Bytes::copy_from_slice(target.as_bytes());
    Uri::from_maybe_shared(target).map_err(|error| Error::new(Kind::BadUrl).from(error))
}

pub(crate) fn request1(
    client: &Inner,
    hop: &Hop,
    target: Uri,
    host: &HeaderValue,
    proxy: Option<&Server>,
) -> Request<RequestBody> {
    let mut headers = complete(client, hop, Some(host));
    client.proxies().authorize(proxy, &mut headers);
    if has_no_expected_body(hop) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    if hop.body.length().is_none() {
        // Hyper would leave out the body of a GET.
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    let mut request = Request::new(hop.body.body());
    *request.method_mut() = hop.method.clone();
    *request.uri_mut() = target;
    *request.headers_mut() = headers;
    request
}

/// Whether some servers refuse the request without a length (RFC 9110, section 8.6).
fn has_no_expected_body(hop: &Hop) -> bool {
    hop.body.is_empty() && [Method::POST, Method::PUT, Method::PATCH].contains(&hop.method)
}

/// The same for HTTP/2, which has no headers about the connection (RFC 9113, section 8.2.2), and
/// names the host in the target.
pub(crate) fn request2(
    client: &Inner,
    hop: &Hop,
    target: Uri,
    connection: &Connection,
) -> Result<Request<()>> {
    let mut headers = complete(client, hop, None);
    client.proxies().authorize(None, &mut headers);
    let bad = |error: http::Error| Error::new(Kind::BadRequest).from(error);
    let authority = match hop.headers.contains_key(HOST) {
        true => headers.remove(HOST),
        false => None,
    };
    let authority = match authority {
        Some(own) => Authority::try_from(own.as_bytes()).map_err(|error| bad(error.into()))?,
        None => connection.authority.clone(),
    };
    let mut parts = target.into_parts();
    parts.authority = Some(authority);
    parts.scheme = Some(match hop.url.scheme() {
        "https" => Scheme::HTTPS,
        _ => Scheme::HTTP,
    });
    if headers.keys().any(is_of_connection) {
        for name in &CONNECTION_HEADERS {
            headers.remove(name);
        }
    }
    match hop.body.length() {
        Some(0) if !has_no_expected_body(hop) => {}
        Some(length) => _ = headers.insert(CONTENT_LENGTH, HeaderValue::from(length)),
        None => {}
    }
    let mut request = Request::new(());
    *request.method_mut() = hop.method.clone();
    *request.uri_mut() = Uri::from_parts(parts).map_err(|error| bad(error.into()))?;
    *request.headers_mut() = headers;
    Ok(request)
}

static CONNECTION_HEADERS: [HeaderName; 6] = [
    CONNECTION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

fn is_of_connection(name: &HeaderName) -> bool {
    CONNECTION_HEADERS.contains(name)
}

/// What [`merged`] gives, and the cookies, which belong to this hop alone.
fn complete(client: &Inner, hop: &Hop, host: Option<&HeaderValue>) -> HeaderMap {
    #[cfg_attr(
        not(feature = "cookies"),
        expect(unused_mut, reason = "there is nothing to add")
    )]
    let mut headers = merged(client, hop, host);
    #[cfg(feature = "cookies")]
    if let Some(jar) = &client.cookies {
        jar.attach(&hop.url, &mut headers);
    }
    headers
}

/// The headers of `hop` with those of the client that it does not set itself, and with `host` if
/// there is one to name.
pub(crate) fn merged(client: &Inner, hop: &Hop, host: Option<&HeaderValue>) -> HeaderMap {
    let mut headers = match (hop.merged, host) {
        (true, _) => hop.headers.clone(),
        (false, Some(_)) => client.headers.clone(),
        (false, None) => client.nameless_headers.clone(),
    };
    if !hop.merged {
        client.defaults.withhold(&hop.url, &mut headers);
    }
    if !hop.merged && !hop.headers.is_empty() {
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
    }
    if let Some(host) = host {
        // The client's own map has a place for it, so that its copies need not grow.
        match headers.get_mut(HOST) {
            Some(place) if place.is_empty() => *place = host.clone(),
            Some(_) => {}
            None => {
                headers.insert(HOST, host.clone());
            }
        }
    }
    headers
}
