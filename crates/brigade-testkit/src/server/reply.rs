//! The script of one answer: what goes on the wire, when, and how it breaks off.
//!
//! Each builder sets one value of the script and the connection plays them all, so faults combine:
//! a late, slow, chunked reply that is reset after 100 bytes is four calls. A script never looks at
//! the client; what it does depends on nothing but itself.

use bytes::Bytes;
use std::borrow::Cow;
use std::time::Duration;

/// What a [`Server`](super::Server) answers to one request, faults included.
///
/// # Examples
///
/// ```
/// use brigade_testkit::server::Reply;
/// use std::time::Duration;
///
/// let fine = Reply::ok("hello");
/// let json = Reply::ok(r#"{"id": 7}"#).header("content-type", "application/json");
/// let busy = Reply::status(429).header("retry-after", "1");
/// let torn = Reply::ok("hello").delay(Duration::from_millis(20)).close_after(2);
/// # let _ = (fine, json, busy, torn);
/// ```
#[derive(Clone, Debug)]
#[must_use = "a reply does nothing until the server's closure returns it"]
pub struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    pub(crate) interim: Vec<Bytes>,
    pub(crate) delay: Duration,
    pub(crate) body: Body,
    pub(crate) pace: Option<Pace>,
    pub(crate) fault: Option<Fault>,
    pub(crate) keep_alive: bool,
    pub(crate) announce_close: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// Sent with a content-length.
    Sized(Bytes),
    /// Sent as one chunk for each piece.
    Chunked(Vec<Bytes>),
    /// Ended by closing the connection.
    UntilClose(Bytes),
    /// Chunks without end.
    Endless,
    /// The whole reply, head included, byte for byte.
    Raw(Bytes),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) piece: usize,
    pub(crate) every: Duration,
}

/// How a reply breaks off, once so many bytes of it have been sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    /// Bytes of the body that go out first; `None` breaks off before the head.
    pub(crate) after: Option<usize>,
    pub(crate) how: End,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Reset,
    Close,
    Hang,
}

impl Reply {
    /// A 200 with this body and a content-length.
    pub fn ok(body: impl Into<Bytes>) -> Self {
        Self::status(200).body(body)
    }

    /// An empty reply with this status.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            interim: Vec::new(),
            delay: Duration::ZERO,
            body: Body::Sized(Bytes::new()),
            pace: None,
            fault: None,
            keep_alive: true,
            announce_close: true,
        }
    }

    /// A redirect with this status to this location.
    pub fn redirect(status: u16, location: impl Into<String>) -> Self {
        Self::status(status).header("location", location.into())
    }

    /// These bytes and nothing else, head included, after which the connection closes
    /// (unless [`keep_alive(true)`](Self::keep_alive) says otherwise).
    ///
    /// For malformed replies, header bombs and whatever else no builder would write.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        let mut reply = Self::status(0).keep_alive(false);
        reply.body = Body::Raw(bytes.into());
        reply
    }

    /// No reply at all: the connection is reset as soon as the request has been read.
    pub fn reset() -> Self {
        Self::status(200).breaking(None, End::Reset)
    }

    /// No reply at all: the connection is closed as soon as the request has been read.
    pub fn close() -> Self {
        Self::status(200).breaking(None, End::Close)
    }

    /// No reply at all: the connection stays open and silent until the client leaves.
    pub fn hang() -> Self {
        Self::status(200).breaking(None, End::Hang)
    }

    /// Adds a header. A `content-length` given here replaces the true one, so that it can lie.
    pub fn header(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The body, sent with its length.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Body::Sized(body.into());
        self
    }

    /// The body as chunks, one for each piece; an empty piece is left out.
    pub fn chunked<P: Into<Bytes>>(mut self, pieces: impl IntoIterator<Item = P>) -> Self {
        self.body = Body::Chunked(pieces.into_iter().map(Into::into).collect());
        self
    }

    /// The body without a length: the end of the connection ends it.
    pub fn until_close(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Body::UntilClose(body.into());
        self
    }

    /// A chunked body that goes on until the client leaves.
    pub fn endless(mut self) -> Self {
        self.body = Body::Endless;
        self
    }

    /// Waits this long before the first byte.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Sends the body (of a raw reply: everything) in pieces of `piece` bytes, with a wait of
    /// `every` before each.
    pub fn slow(mut self, piece: usize, every: Duration) -> Self {
        self.pace = Some(Pace {
            piece: piece.max(1),
            every,
        });
        self
    }

    /// Sends an interim head (100 to 199) with these headers before the reply's own.
    pub fn interim(mut self, status: u16, headers: &[(&str, &str)]) -> Self {
        let mut head = format!("HTTP/1.1 {status} Interim\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        self.interim.push(head.into());
        self
    }

    /// Resets the connection (RST, not FIN) after the head and this many bytes of the body.
    ///
    /// Bytes of a chunked body are counted as they go over the wire, sizes of chunks included; of a
    /// raw reply every byte counts.
    pub fn reset_after(self, bytes: usize) -> Self {
        self.breaking(Some(bytes), End::Reset)
    }

    /// Closes the connection after the head and this many bytes of the body; counted as in
    /// [`reset_after`](Self::reset_after).
    pub fn close_after(self, bytes: usize) -> Self {
        self.breaking(Some(bytes), End::Close)
    }

    /// Falls silent after the head and this many bytes of the body; counted as in
    /// [`reset_after`](Self::reset_after).
    pub fn hang_after(self, bytes: usize) -> Self {
        self.breaking(Some(bytes), End::Hang)
    }

    /// Whether the connection serves another request after this reply; `false` also says so in a
    /// `connection: close` header.
    pub fn keep_alive(mut self, keep_alive: bool) -> Self {
        self.keep_alive = keep_alive;
        self.announce_close = true;
        self
    }

    /// Closes the connection after this reply without a word in its head, as a server does whose
    /// idle timeout ends just then: the client finds a dead connection in its pool.
    pub fn then_close(mut self) -> Self {
        self.keep_alive = false;
        self.announce_close = false;
        self
    }

    fn breaking(mut self, after: Option<usize>, how: End) -> Self {
        self.fault = Some(Fault { after, how });
        self
    }
}
