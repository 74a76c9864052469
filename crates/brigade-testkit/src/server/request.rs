//! What a client asked, as the closure and the log see it.
//!
//! The head is kept as one string and looked up on demand: under load most closures look at the
//! target only, and one allocation for each request is all that this costs.

use bytes::Bytes;
use std::ops::Range;
use std::time::Duration;

/// A request as it came over the wire.
#[derive(Clone, Debug)]
pub struct Request {
    head: String,
    method: Range<usize>,
    target: Range<usize>,
    fields: usize,
    body: Bytes,
    connection: usize,
    at: Duration,
}

impl Request {
    /// Splits a head (without its final empty line); `None` if its first line is not a request's.
    pub(crate) fn parse(head: &[u8], connection: usize, at: Duration) -> Option<Self> {
        let head = String::from_utf8_lossy(head).into_owned();
        let line_end = head.find("\r\n").unwrap_or(head.len());
        let mut words = head[..line_end].split(' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        if method.is_empty() || target.is_empty() || !version.starts_with("HTTP/1.") {
            return None;
        }
        let method = 0..method.len();
        let target = method.end + 1..method.end + 1 + target.len();
        let fields = (line_end + 2).min(head.len());
        Some(Self {
            head,
            method,
            target,
            fields,
            body: Bytes::new(),
            connection,
            at,
        })
    }

    pub(crate) fn set_body(&mut self, body: Bytes) {
        self.body = body;
    }

    /// The method, `GET` for example.
    pub fn method(&self) -> &str {
        &self.head[self.method.clone()]
    }

    /// The target as sent: path and query, or a whole URL when the client speaks to a proxy.
    pub fn target(&self) -> &str {
        &self.head[self.target.clone()]
    }

    /// The target up to its query.
    pub fn path(&self) -> &str {
        self.target().split('?').next().unwrap_or_default()
    }

    /// The value of a parameter of the query, as sent (not percent-decoded).
    pub fn query(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target().split_once('?')?;
        query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (key == name).then_some(value)
        })
    }

    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Every header as sent, in order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.head[self.fields..].split("\r\n").filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name, value.trim()))
        })
    }

    /// The body, with any chunked coding removed.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The number of the connection that the request came on, counted from 0.
    pub fn connection(&self) -> usize {
        self.connection
    }

    /// When the head was complete, since the start of the server.
    pub fn at(&self) -> Duration {
        self.at
    }

    /// Whether the client asked for the connection to be closed after the reply.
    pub(crate) fn asks_to_close(&self) -> bool {
        self.header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"))
            || self.head[..self.fields].trim_end().ends_with("HTTP/1.0")
    }
}
