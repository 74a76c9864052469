//! The builder of a request: what may be set for it alone, and how it is sent.
//!
//! It keeps the first thing that is wrong and reports it when it is sent, never earlier.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

use crate::body::{Payload, RequestBody};
use crate::draft::{Draft, Hop};
use crate::head::merged;
use crate::into_header::header;
#[cfg(feature = "websocket")]
use crate::pool::connection::Switch;
use crate::redirect::leave_origin;
use crate::retry::RetryPolicy;
use crate::send::send;
use crate::{Client, Error, Kind, Response, Result, Timeouts};

/// A request that is not sent yet.
///
/// # Examples
///
/// ```
/// use brigade_http::Client;
/// use brigade_testkit::server::{Reply, Server};
/// use std::time::Duration;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let server = Server::start(|request| Reply::ok(request.body().clone())).await?;
/// let client = Client::new()?;
/// let request = client.post(server.url("/echo"))?;
/// let request = request.header("content-type", "text/plain").body("bucket");
/// let mut response = request.timeout(Duration::from_secs(10)).send().await?;
/// let mut received = Vec::new();
/// while let Some(chunk) = response.chunk().await? {
///     received.extend_from_slice(&chunk);
/// }
/// assert_eq!(received, b"bucket");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a request does nothing until it is sent"]
pub struct RequestBuilder {
    pub(super) client: Client,
    /// Boxed, because it moves through many hands and is large.
    pub(super) draft: Box<Draft>,
}

impl RequestBuilder {
    pub(crate) fn new(
        client: Client,
        method: Method,
        url: Url,
        authorization: Option<HeaderValue>,
    ) -> Self {
        let mut headers = HeaderMap::new();
        if let Some(value) = authorization {
            headers.insert(AUTHORIZATION, value);
        }
        let draft = Draft {
            hop: Hop {
                method,
                url,
                headers,
                body: Payload::empty(),
                merged: false,
                resent: AtomicU32::new(0),
                switch: None,
                is_recorded: false,
                check: None,
            },
            settings: client.inner.settings.clone(),
            later: None,
            error: None,
        };
        Self {
            client,
            draft: Box::new(draft),
        }
    }

    /// Adds a header. It replaces the client's of the same name, and joins the request's, but for
    /// Host, Authorization and Content-Type, of which there can only be one: the last.
    ///
    /// Content-Length and Transfer-Encoding are the client's business and cannot be set. What
    /// cannot be sent is reported by [`Self::send`].
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName, Error: Into<http::Error>>,
        V: TryInto<HeaderValue, Error: Into<http::Error>>,
    {
        let draft = &mut *self.draft;
        match header(name, value) {
            Ok((name, value)) if [HOST, AUTHORIZATION, CONTENT_TYPE].contains(&name) => {
                draft.hop.headers.insert(name, value);
            }
            Ok((name, value)) => {
                draft.hop.headers.append(name, value);
            }
            Err(error) => {
                draft.error.get_or_insert(error);
            }
        }
        self
    }

    /// What to send: bytes, or a stream of them.
    pub fn body(mut self, body: impl Into<RequestBody>) -> Self {
        match body.into().into_payload() {
            Ok(payload) => {
                self.draft.hop.body = payload;
                self.draft.later = None;
            }
            Err(later) => self.draft.later = Some(later),
        }
        self
    }

    /// The timeouts of this request, instead of the client's.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.draft.settings.timeouts = timeouts;
        self
    }

    /// The total timeout of this request, instead of the client's.
    pub fn timeout(mut self, total: impl Into<Option<Duration>>) -> Self {
        self.draft.settings.timeouts.total = total.into();
        self
    }

    /// How many redirects are followed; with 0 the redirect is the response.
    pub fn redirects(mut self, redirects: u32) -> Self {
        self.draft.settings.redirects = redirects;
        self
    }

    /// Leaves out what the client and this request would say to one origin alone: the headers that
    /// [a redirect](crate::redirect::Follow::apply) to another origin leaves behind.
    ///
    /// It is for who follows redirects, or other addresses that strangers named, by requests of
    /// one's own. Headers that are set later are added to the client's and do not replace them.
    pub fn without_credentials(mut self) -> Self {
        let hop = &mut self.draft.hop;
        hop.headers = merged(&self.client.inner, hop, None);
        hop.merged = true;
        leave_origin(&mut hop.headers);
        self
    }

    /// The most bytes of the decoded body; `None` for no limit.
    pub fn max_body(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.draft.settings.body_max = bytes.into();
        self
    }

    /// When this request is sent again, instead of the client's policy.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.draft.settings.retry = Some(policy.into());
        self
    }

    /// Has the exchange kept as it goes over the wire: [`Response::recording`] has the request and
    /// the head of the response, and [`Response::chunk`] gives the bytes that follow the head as
    /// they come, chunked framing, trailers and compression included, so that memory follows the
    /// reader. What reads a body as something (text, lines, events, pages, a download) has no use
    /// for that.
    ///
    /// What is recorded is one exchange, the one that was answered: redirects are not followed,
    /// unless [`redirects`](Self::redirects) says so after this, and then it is the last one. The
    /// limit on the body counts what comes over the wire.
    ///
    /// An exchange of HTTP/2, or with a [service](crate::ClientBuilder::service) in place of the
    /// network, is put down as HTTP/1.1 would have said it, with `HTTP/1.1` in its first lines; its
    /// body is given as it was sent, and trailers are left out.
    ///
    /// The body of the request has to be bytes: a stream would have to be held in memory whole, and
    /// is refused when it is sent.
    ///
    /// # Examples
    ///
    /// ```
    /// use brigade_http::Client;
    /// # use brigade_testkit::server::{Reply, Server};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let server = Server::start(|_| Reply::ok("hello")).await?;
    /// let client = Client::new()?;
    /// let mut response = client.get(server.url("/page"))?.recorded().send().await?;
    /// let mut bytes = Vec::new();
    /// while let Some(chunk) = response.chunk().await? {
    ///     bytes.extend_from_slice(&chunk);
    /// }
    /// let recording = response.recording().expect("it was asked for");
    /// assert!(recording.request.starts_with(b"GET /page HTTP/1.1\r\n"));
    /// assert!(recording.head.starts_with(b"HTTP/1.1 200 OK\r\n"));
    /// assert_eq!(bytes, b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recorded(mut self) -> Self {
        self.draft.hop.is_recorded = true;
        self.draft.settings.redirects = 0;
        self
    }

    /// Sends the request only if `check` says so at the last moment: when it has a connection, which
    /// it may have waited for, and nothing comes before its first byte any more. It is asked again
    /// before each time that the request is sent again, for whatever reason, also to where a redirect
    /// leads; and before a [service](crate::ClientBuilder::service) is called. A second check takes
    /// the place of the first.
    ///
    /// If it says no, the request fails with [`Kind::Withheld`], no
    /// [retry policy](Self::retry) sends it again, and the connection stays for others. What came
    /// before is not undone: an earlier sending or hop may have reached its server, and what the
    /// [limit](crate::ClientBuilder::limit) of the client counted stays counted by its rate, but not
    /// by its concurrency.
    ///
    /// It is called between two awaits on the task of the request, so it must not block. A request
    /// that is dropped while it waits may not have asked at all.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicBool, Ordering};
    ///
    /// use brigade_http::{Client, Kind};
    /// # use brigade_testkit::server::{Reply, Server};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let server = Server::start(|_| Reply::ok("hello")).await?;
    /// let client = Client::new()?;
    /// let is_open = Arc::new(AtomicBool::new(false));
    /// let check = is_open.clone();
    /// let request = client.get(server.url("/"))?;
    /// let request = request.only_if(move || check.load(Ordering::Relaxed));
    /// assert_eq!(request.send().await.unwrap_err().kind(), Kind::Withheld);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn only_if(mut self, check: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.draft.hop.check = Some(Arc::new(check));
        self
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn draft(&self) -> &Draft {
        &self.draft
    }

    pub(crate) fn draft_mut(&mut self) -> &mut Draft {
        &mut self.draft
    }

    /// The same request once more, if it can be sent more than once.
    pub(crate) fn again(&self) -> Option<Self> {
        let draft = Box::new(self.draft.again()?);
        let client = self.client.clone();
        Some(Self { client, draft })
    }

    /// Asks for the connection itself.
    #[cfg(feature = "websocket")]
    pub(crate) fn switching(mut self, switch: Arc<Switch>) -> Self {
        self.draft.hop.switch = Some(switch);
        self
    }

    /// The timeouts that are set so far.
    #[cfg(feature = "websocket")]
    pub(crate) fn timeouts_set(&self) -> Timeouts {
        self.draft.settings.timeouts
    }

    /// Sends the request and waits for the head of the response. Any status is a response.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the request at once and closes the connection that it was on, if
    /// the server had been sent a part of it. The server may have acted on it all the same.
    ///
    /// # Errors
    ///
    /// [`Kind`] lists what can go wrong. The body may still fail later.
    pub async fn send(self) -> Result<Response> {
        let Self { client, mut draft } = self;
        if let Some(error) = draft.error.take() {
            return Err(error.about(&draft.hop.url));
        }
        let is_stream = draft.later.is_some() || draft.hop.body.as_bytes().is_none();
        if draft.hop.is_recorded && is_stream {
            let error = Error::new(Kind::BadRequest).about(&draft.hop.url);
            return Err(error.because("a request that is recorded has a body of bytes, no stream"));
        }
        if draft.hop.method == Method::CONNECT {
            let error = Error::new(Kind::BadRequest).about(&draft.hop.url);
            return Err(error.because("the method CONNECT opens a tunnel and has no response"));
        }
        send(&client.inner, draft).await
    }
}
