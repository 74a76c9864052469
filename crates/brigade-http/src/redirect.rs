//! Whether and how an answer of class 3xx is followed: a pure decision per RFC 9110, section 15.4,
//! and, where that leaves a choice, the Fetch standard, which is what browsers do.
//!
//! A redirect is an instruction from a stranger to send a request elsewhere. So this is the one
//! place that decides what travels along: [`decide`] names the next address, the method, and
//! whether the body and the credentials may go there; [`Follow::apply`] takes out of the request's
//! headers what may not.
//!
//! It sends nothing. It never lets a credential cross an origin, never leaves `http` and `https`,
//! and never follows more hops than the limit, so a loop ends there.

use std::error;
use std::fmt;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use url::Url;

#[cfg(test)]
mod tests;

/// One answer, and the request that it answers.
#[derive(Clone, Copy, Debug)]
pub struct Hop<'a> {
    /// The status of the answer.
    pub status: StatusCode,
    /// The headers of the answer.
    pub headers: &'a HeaderMap,
    /// The method of the request.
    pub method: &'a Method,
    /// Where the request was sent.
    pub url: &'a Url,
    /// How many redirects this request has followed already.
    pub hops: u32,
    /// How many redirects a request may follow; with 0 none is, and the answer stands as it is.
    pub limit: u32,
}

/// The request to send next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Follow {
    /// Where to.
    pub url: Url,
    /// With which method.
    pub method: Method,
    /// Whether the body, if there was one, is sent again.
    pub keep_body: bool,
    /// Whether the next address has the scheme, host and port of the last one.
    pub same_origin: bool,
}

/// Why a redirect was not followed.
///
/// The message names no part of the address that could be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The request has followed as many redirects as it may.
    TooMany {
        /// The limit that it ran into.
        limit: u32,
    },
    /// The `Location` is no address, or there are several that differ.
    BadLocation(String),
    /// The `Location` leads to another protocol.
    Scheme(String),
    /// The `Location` carries a user name or password, which RFC 9110, section 4.2.4, tells
    /// recipients to treat as an error, since its use is to disguise where an address leads.
    UserInfo,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany { limit } => write!(f, "more than {limit} redirects"),
            Self::BadLocation(why) => write!(f, "the location of the redirect is bad: {why}"),
            Self::Scheme(scheme) => {
                write!(
                    f,
                    "the redirect leads to `{scheme}`, which is neither http nor https"
                )
            }
            Self::UserInfo => {
                f.write_str("the location of the redirect carries a user name or password")
            }
        }
    }
}

impl error::Error for Error {}

/// Decides what follows from an answer: the next request, or `None` if the answer stands.
///
/// Followed are 301, 302, 303, 307 and 308 with a `Location`. A POST becomes a GET after 301 and
/// 302, as in browsers; any method but GET and HEAD becomes a GET after 303; otherwise method and
/// body stay. The address is resolved against the last one and inherits its fragment (RFC 9110,
/// section 10.2.2), and its user name and password within the same origin.
///
/// # Errors
///
/// [`Error`] says why a redirect is not followed.
///
/// # Examples
///
/// ```
/// use brigade_http::redirect::{Hop, decide};
/// use http::{HeaderMap, Method, StatusCode, header::LOCATION};
///
/// let url = "https://example.org/old/page#part".parse()?;
/// let mut headers = HeaderMap::new();
/// headers.insert(LOCATION, "../new".parse()?);
/// let hop = Hop {
///     status: StatusCode::SEE_OTHER,
///     headers: &headers,
///     method: &Method::POST,
///     url: &url,
///     hops: 0,
///     limit: 10,
/// };
/// let next = decide(&hop)?.ok_or("a 303 with a location is followed")?;
/// assert_eq!(next.url.as_str(), "https://example.org/new#part");
/// assert_eq!((next.method, next.keep_body), (Method::GET, false));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn decide(hop: &Hop<'_>) -> Result<Option<Follow>, Error> {
    if hop.limit == 0 || !is_redirect(hop.status) {
        return Ok(None);
    }
    let Some(location) = location(hop.headers)? else {
        return Ok(None);
    };
    if hop.hops >= hop.limit {
        return Err(Error::TooMany { limit: hop.limit });
    }
    let url = resolve(hop.url, location)?;
    let method = next_method(hop.status, hop.method);
    Ok(Some(Follow {
        keep_body: method == *hop.method,
        same_origin: is_same_origin(hop.url, &url),
        url,
        method,
    }))
}

impl Follow {
    /// Takes out of the headers of the last request what must not be sent with the next one.
    ///
    /// Across origins these are `Authorization`, `Cookie`, `Proxy-Authorization`, a `Host` that
    /// was set by hand, and every header whose value is marked
    /// [sensitive](HeaderValue::set_sensitive). Without the body go the headers that describe it.
    pub fn apply(&self, headers: &mut HeaderMap) {
        if !self.keep_body {
            for name in OF_THE_BODY {
                headers.remove(name);
            }
        }
        if !self.same_origin {
            leave_origin(headers);
        }
    }
}

/// Takes out of headers what must not be sent to another origin.
pub(crate) fn leave_origin(headers: &mut HeaderMap) {
    for name in OF_THE_ORIGIN {
        headers.remove(name);
    }
    for name in sensitive(headers) {
        headers.remove(name);
    }
}

const OF_THE_BODY: [HeaderName; 13] = [
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LOCATION,
    header::CONTENT_RANGE,
    header::TRANSFER_ENCODING,
    header::TRAILER,
    header::EXPECT,
    header::LAST_MODIFIED,
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
];

const OF_THE_ORIGIN: [HeaderName; 5] = [
    header::AUTHORIZATION,
    header::COOKIE,
    header::PROXY_AUTHORIZATION,
    header::HOST,
    HeaderName::from_static("cookie2"),
];

fn sensitive(headers: &HeaderMap) -> Vec<HeaderName> {
    headers
        .iter()
        .filter(|(_, value)| value.is_sensitive())
        .map(|(name, _)| name.clone())
        .collect()
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn next_method(status: StatusCode, method: &Method) -> Method {
    let becomes_get = match status.as_u16() {
        301 | 302 => method == Method::POST,
        303 => method != Method::GET && method != Method::HEAD,
        _ => false,
    };
    if becomes_get {
        Method::GET
    } else {
        method.clone()
    }
}

/// The one `Location`. An empty one counts as none, as it does in curl and in browsers.
fn location(headers: &HeaderMap) -> Result<Option<&HeaderValue>, Error> {
    let mut all = headers.get_all(header::LOCATION).iter();
    let Some(first) = all.next() else {
        return Ok(None);
    };
    if all.any(|other| other != first) {
        return Err(Error::BadLocation(
            "there are several that differ".to_owned(),
        ));
    }
    Ok(Some(first).filter(|value| !value.as_bytes().trim_ascii().is_empty()))
}

fn resolve(url: &Url, location: &HeaderValue) -> Result<Url, Error> {
    let mut next = url
        .join(&escaped(location.as_bytes()))
        .map_err(|why| Error::BadLocation(why.to_string()))?;
    if !matches!(next.scheme(), "http" | "https") {
        return Err(Error::Scheme(next.scheme().to_owned()));
    }
    let same_origin = is_same_origin(url, &next);
    if has_user(&next) && !(same_origin && user(&next) == user(url)) {
        return Err(Error::UserInfo);
    }
    if same_origin && has_user(url) {
        let (name, password) = user(url);
        // Both fail only for addresses without a host, which http and https cannot be.
        let _ = next.set_username(name);
        let _ = next.set_password(password);
    }
    if next.fragment().is_none() {
        next.set_fragment(url.fragment());
    }
    Ok(next)
}

fn user(url: &Url) -> (&str, Option<&str>) {
    (url.username(), url.password())
}

fn has_user(url: &Url) -> bool {
    user(url) != ("", None)
}

/// The bytes as an address in ASCII. Servers send raw UTF-8, and older encodings too; escaping
/// each byte gives the path back to the server as it was sent.
fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii() {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// Whether both have the same scheme, host and port (RFC 6454).
pub(crate) fn is_same_origin(a: &Url, b: &Url) -> bool {
    a.scheme() == b.scheme()
        && a.host() == b.host()
        && a.port_or_known_default() == b.port_or_known_default()
}
