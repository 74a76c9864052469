//! The one error of the client, and the only place where foreign errors are mapped to it.
//!
//! Callers decide by [`Error::kind`] what to do and print the error to say what happened, so the
//! kinds are few and stable while the causes stay free to change. No error ever contains
//! credentials.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use brigade::limit::Overloaded;
use http::StatusCode;
use url::Url;

use crate::disk::FileError;
use crate::{decode, redirect, tls};

/// The result of everything that the client does.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Cause = Box<dyn StdError + Send + Sync>;

/// The limit that ran out in a [`Kind::Timeout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// No connection became free in time.
    Pool,
    /// The name, the connection, the way past a proxy and the TLS handshake together took too long.
    Connect,
    /// The server did not take the next bytes of the request in time.
    Write,
    /// The server did not send the next bytes of the response in time.
    Read,
    /// The request as a whole, body included, took too long.
    Total,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The URL cannot be parsed, or the client does not speak its scheme.
    BadUrl,
    /// The request has a header or a method that cannot be sent.
    BadRequest,
    /// The body of the request is a stream that failed, has another length than was said, or would
    /// have to be read a second time and cannot.
    RequestBody,
    /// The file of a download cannot be written, or is being downloaded already.
    File,
    /// The client cannot be built with these settings.
    Config,
    /// The host name could not be resolved.
    Dns,
    /// No connection could be opened, or a proxy did not let it through.
    Connect,
    /// The TLS handshake failed, for example because the certificate is not valid.
    Tls,
    /// One of the five timeouts ran out.
    Timeout(Phase),
    /// The status of the response says that it failed, and somebody asked for that to be an error;
    /// or it is not the one that [events](crate::events) come with or a WebSocket opens with.
    Status(StatusCode),
    /// The limit on redirects was reached.
    TooManyRedirects,
    /// The body is larger than its limit.
    TooLarge,
    /// The body is not what its content encoding or its type says.
    Decode,
    /// The connection broke, or the peer broke the rules of HTTP.
    Protocol,
    /// As many requests wait for the [limit](crate::ClientBuilder::limit) of the client as may:
    /// [`Error::wait`] says when to come back.
    Overloaded,
    /// The client was closed.
    Closed,
    /// The [check](crate::RequestBuilder::only_if) of the request said no, so it was not sent, or
    /// not once more: an earlier hop, or what was sent on a connection that died, may have arrived.
    Withheld,
}

impl Kind {
    /// The name of the kind in logs and records, such as `connect` or `timeout.read`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadUrl => "bad_url",
            Self::BadRequest => "bad_request",
            Self::RequestBody => "request_body",
            Self::File => "file",
            Self::Config => "config",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout(Phase::Pool) => "timeout.pool",
            Self::Timeout(Phase::Connect) => "timeout.connect",
            Self::Timeout(Phase::Write) => "timeout.write",
            Self::Timeout(Phase::Read) => "timeout.read",
            Self::Timeout(Phase::Total) => "timeout.total",
            Self::Status(_) => "http_status",
            Self::TooManyRedirects => "too_many_redirects",
            Self::TooLarge => "too_large",
            Self::Decode => "decode",
            Self::Protocol => "protocol",
            Self::Overloaded => "overloaded",
            Self::Closed => "closed",
            Self::Withheld => "withheld",
        }
    }

    const fn phrase(self) -> &'static str {
        match self {
            Self::BadUrl => "the URL cannot be used",
            Self::BadRequest => "the request cannot be sent",
            Self::RequestBody => "the body of the request cannot be sent",
            Self::File => "the file cannot be written",
            Self::Config => "the client cannot be built",
            Self::Dns => "the host name cannot be resolved",
            Self::Connect => "cannot connect",
            Self::Tls => "the TLS handshake failed",
            Self::Timeout(Phase::Pool) => "no connection became free in time (pool timeout)",
            Self::Timeout(Phase::Connect) => "cannot connect in time (connect timeout)",
            Self::Timeout(Phase::Write) => "the server stopped reading (write timeout)",
            Self::Timeout(Phase::Read) => "the server stopped sending (read timeout)",
            Self::Timeout(Phase::Total) => "it took too long (total timeout)",
            Self::Status(_) => "the server answered",
            Self::TooManyRedirects => "too many redirects",
            Self::TooLarge => "the body is larger than its limit",
            Self::Decode => "the body cannot be decoded",
            Self::Protocol => "the connection broke",
            Self::Overloaded => "too many requests wait already",
            Self::Closed => "the client was closed",
            Self::Withheld => "the request is not to be sent any more",
        }
    }
}

/// An error of the client: a [`Kind`], the URL it was about, and the cause beneath it.
///
/// Its text completes "failed to". It names the URL, which [`Self::without_url`] takes out; a
/// user name or password is never in it. The cause is not in the text but in
/// [`source`](StdError::source).
pub struct Error {
    inner: Box<Inner>,
}

struct Inner {
    kind: Kind,
    url: Option<Url>,
    detail: Option<String>,
    cause: Option<Cause>,
}

impl Error {
    pub(crate) fn new(kind: Kind) -> Self {
        let inner = Inner {
            kind,
            url: None,
            detail: None,
            cause: None,
        };
        Self {
            inner: Box::new(inner),
        }
    }

    pub(crate) fn timeout(phase: Phase) -> Self {
        Self::new(Kind::Timeout(phase))
    }

    /// Says more in the text. It must not contain secrets.
    pub(crate) fn because(mut self, detail: impl Into<String>) -> Self {
        self.inner.detail = Some(detail.into());
        self
    }

    pub(crate) fn from(mut self, cause: impl Into<Cause>) -> Self {
        self.inner.cause = Some(cause.into());
        self
    }

    /// Says that it happened on the way to `place`, not to the server of the URL.
    pub(crate) fn at(mut self, place: &impl fmt::Display) -> Self {
        self.inner.detail = Some(match self.inner.detail {
            Some(detail) => format!("{place}: {detail}"),
            None => place.to_string(),
        });
        self
    }

    pub(crate) fn of_tls(error: tls::Error) -> Self {
        Self::new(Kind::Tls).from(error)
    }

    /// The body of the request could not be had.
    pub(crate) fn of_body(cause: Cause) -> Self {
        let error = Self::new(Kind::RequestBody);
        match cause.downcast::<FileError>() {
            Ok(file) => error.with_file(*file),
            Err(cause) => error.from(cause),
        }
    }

    /// The file of a download could not be written.
    pub(crate) fn of_file(file: FileError) -> Self {
        Self::new(Kind::File).with_file(file)
    }

    fn with_file(self, file: FileError) -> Self {
        let (detail, cause) = file.into_parts();
        self.because(detail).from(cause)
    }

    pub(crate) fn of_decode(error: decode::Error) -> Self {
        let kind = match error {
            decode::Error::TooLarge { .. } => Kind::TooLarge,
            _ => Kind::Decode,
        };
        Self::new(kind).from(error)
    }

    pub(crate) fn of_overload(error: Overloaded) -> Self {
        let bound = error.max_waiters;
        let whose = if error.of_key { " for a host" } else { "" };
        let when = match error.wait {
            Some(wait) => format!("come back in {wait:?}"),
            None => "come back when others are done".to_owned(),
        };
        let detail = format!("the limit lets {bound} wait{whose}; {when}");
        Self::new(Kind::Overloaded).because(detail).from(error)
    }

    pub(crate) fn of_redirect(error: redirect::Error) -> Self {
        let kind = match error {
            redirect::Error::TooMany { .. } => Kind::TooManyRedirects,
            _ => Kind::BadUrl,
        };
        Self::new(kind).from(error)
    }

    /// Names the URL, without its credentials, unless one is named already.
    pub(crate) fn about(mut self, url: &Url) -> Self {
        if self.inner.url.is_none() {
            let mut url = url.clone();
            // Both fail only for URLs that cannot have credentials.
            let _ = url.set_username("");
            let _ = url.set_password(None);
            self.inner.url = Some(url);
        }
        self
    }

    /// Says what caused it, for an [error of one's own making](Self#impl-From<Kind>-for-Error): a
    /// text or another error. It must not contain secrets.
    ///
    /// # Examples
    ///
    /// ```
    /// use brigade_http::{Error, Kind};
    ///
    /// let error = Error::from(Kind::Decode).caused_by("the page has no users");
    /// assert_eq!(error.kind(), Kind::Decode);
    /// ```
    #[must_use]
    pub fn caused_by(self, cause: impl Into<Cause>) -> Self {
        self.from(cause)
    }

    /// What went wrong.
    pub fn kind(&self) -> Kind {
        self.inner.kind
    }

    /// Whether one of the five timeouts ran out.
    pub fn is_timeout(&self) -> bool {
        matches!(self.inner.kind, Kind::Timeout(_))
    }

    /// Whether no connection to the server came about, so that no request was sent.
    pub fn is_connect(&self) -> bool {
        use Kind::{Connect, Dns, Tls};
        matches!(
            self.inner.kind,
            Dns | Connect | Tls | Kind::Timeout(Phase::Connect)
        )
    }

    /// The status of the response, if that is what went wrong.
    pub fn status(&self) -> Option<StatusCode> {
        match self.inner.kind {
            Kind::Status(status) => Some(status),
            _ => None,
        }
    }

    /// How long to wait at least before asking again, if the client is
    /// [overloaded](Kind::Overloaded) and its limit can tell.
    pub fn wait(&self) -> Option<Duration> {
        self.inner
            .cause
            .as_ref()?
            .downcast_ref::<Overloaded>()?
            .wait
    }

    /// The URL, without user name and password. After redirects it is the one that failed.
    pub fn url(&self) -> Option<&Url> {
        self.inner.url.as_ref()
    }

    /// The same error without the URL, whose query may hold secrets.
    #[must_use]
    pub fn without_url(mut self) -> Self {
        self.inner.url = None;
        self
    }
}

/// Why a redirect was not followed, for who follows them by [the rule](crate::redirect::decide).
impl From<redirect::Error> for Error {
    fn from(error: redirect::Error) -> Self {
        Self::of_redirect(error)
    }
}

/// An error of one's own making, for a [service in place of the
/// network](crate::ClientBuilder::service) that shall fail in a certain way.
impl From<Kind> for Error {
    fn from(kind: Kind) -> Self {
        Self::new(kind)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.inner.url {
            Some(url) => write!(f, "fetch {url}: {}", self.inner.kind.phrase())?,
            None => write!(f, "fetch: {}", self.inner.kind.phrase())?,
        }
        if let Kind::Status(status) = self.inner.kind {
            write!(f, " {status}")?;
        }
        match &self.inner.detail {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Error");
        debug.field("kind", &self.inner.kind);
        if let Some(url) = &self.inner.url {
            debug.field("url", &url.as_str());
        }
        if let Some(detail) = &self.inner.detail {
            debug.field("detail", detail);
        }
        if let Some(cause) = &self.inner.cause {
            debug.field("cause", cause);
        }
        debug.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner.cause.as_deref().map(|cause| cause as _)
    }
}
