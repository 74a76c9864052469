//! What every request of a client says and may do, unless it says otherwise itself.
//!
//! Plain setters, one for each setting. Nothing here is checked against another setting: that is the
//! business of [`build`](ClientBuilder::build).

use http::header::USER_AGENT;
use http::{HeaderName, HeaderValue};
use serde::Serialize;

use super::ClientBuilder;
#[cfg(feature = "cookies")]
use crate::cookies::CookieJar;
use crate::into_url::{basic, bearer};
use crate::request::encoded;
use crate::retry::RetryPolicy;
use crate::{Error, HostLimit, IntoUrl, Result, Timeouts};
#[cfg(doc)]
use {crate::Kind, brigade::limit::KeyedLimit};

impl ClientBuilder {
    /// What relative URLs of requests are resolved against (RFC 3986, section 5).
    ///
    /// It ends with `/`, because what follows the last `/` is replaced: with the base
    /// `https://api.example/v1/`, `users` is `https://api.example/v1/users`, and `/users`, which
    /// begins at the root, is `https://api.example/users`. [`build`](Self::build) fails otherwise.
    ///
    /// The client's [query](Self::query) and credentials are for the origin of the base URL then; a
    /// request to another one goes without them. A user name and password in it are such
    /// credentials.
    ///
    /// # Examples
    ///
    /// ```
    /// use brigade_http::Client;
    /// # use brigade_testkit::server::{Reply, Server};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let server = Server::start(|request| Reply::ok(request.target().to_owned())).await?;
    /// # let base = server.url("/v1/");
    /// let client = Client::builder()
    ///     .base_url(base)
    ///     .bearer_auth("secret")
    ///     .query(&[("format", "json")])
    ///     .build()?;
    /// let response = client.get("users")?.query(&[("limit", 100)]).send().await?;
    /// assert_eq!(response.text().await?, "/v1/users?format=json&limit=100");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn base_url(mut self, url: impl IntoUrl) -> Self {
        if let Err(error) = url
            .into_url(None)
            .and_then(|url| self.defaults.set_base(url))
        {
            self.fail(error);
        }
        self
    }

    /// Parameters in the query of every request, before its own: whatever
    /// [`RequestBuilder::query`](crate::RequestBuilder::query) takes. Redirects have their own
    /// query.
    pub fn query(mut self, query: &(impl Serialize + ?Sized)) -> Self {
        match encoded(query, "the query") {
            Ok(query) if !self.defaults.query.is_empty() && !query.is_empty() => {
                self.defaults.query.push('&');
                self.defaults.query.push_str(&query);
            }
            Ok(query) => self.defaults.query.push_str(&query),
            Err(error) => self.fail(error),
        }
        self
    }

    /// Says who one is by user name and password (RFC 7617), to the origin of the
    /// [base URL](Self::base_url) alone; [`build`](Self::build) fails without one.
    pub fn basic_auth<'a>(mut self, user: &str, password: impl Into<Option<&'a str>>) -> Self {
        let password = password.into().unwrap_or_default();
        self.authorize(basic(user.as_bytes(), password.as_bytes()));
        self
    }

    /// Says who one is by a token (RFC 6750), to the origin of the [base URL](Self::base_url)
    /// alone; [`build`](Self::build) fails without one.
    pub fn bearer_auth(mut self, token: &str) -> Self {
        self.authorize(bearer(token));
        self
    }

    fn authorize(&mut self, value: Result<HeaderValue>) {
        match value {
            Ok(value) => self.defaults.authorize(value),
            Err(error) => self.fail(error),
        }
    }

    /// Keeps the first thing that is wrong.
    fn fail(&mut self, error: Error) {
        self.error.get_or_insert(error);
    }

    /// A header of every request that does not set its own of that name. A second value for the
    /// same name replaces the first.
    ///
    /// Authorization, Cookie and values that are marked as sensitive are not sent to another origin
    /// after a redirect, nor at all to another one than that of the [base URL](Self::base_url), if
    /// there is one.
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName, Error: Into<http::Error>>,
        V: TryInto<HeaderValue, Error: Into<http::Error>>,
    {
        match crate::request::header(name, value) {
            Ok((name, value)) => {
                self.headers.insert(name, value);
            }
            Err(error) => self.fail(error),
        }
        self
    }

    /// Keeps cookies in `jar`, and sends them where they belong; by default none are kept. See
    /// [`cookies`](crate::cookies).
    ///
    /// A request with a Cookie header of its own, or of [`header`](Self::header), is sent with that
    /// one, and none of the jar.
    #[cfg(feature = "cookies")]
    pub fn cookies(mut self, jar: CookieJar) -> Self {
        self.cookies = Some(jar);
        self
    }

    /// The value of the User-Agent header.
    pub fn user_agent(self, agent: &str) -> Self {
        self.header(USER_AGENT.as_str(), agent)
    }

    /// Has `limit` admit each request: a [`KeyedLimit`] of the library, or one that
    /// [bounds](KeyedLimit::max_waiters) those who wait. Other clients and a program's own code may
    /// share it, by clones.
    ///
    /// Its keys are hosts as they stand in a URL: the name, with the port unless it is the scheme's.
    /// So http and https of a name are one host, and two servers on one machine are two.
    ///
    /// Each attempt of a retry and each hop of a redirect is one admission to its host. It is waited
    /// for with nothing in hand, neither a connection nor another admission, and is held until the
    /// response has ended or is dropped: one that is kept unread keeps its place. A request that moves
    /// to another connection because its first was dead keeps its admission. Of a WebSocket the
    /// handshake is admitted; how many are open is bounded by the [limits](Self::limits) on
    /// connections.
    ///
    /// The total timeout runs while a request waits, the pool timeout begins behind that. An answer 429
    /// or 503 with `Retry-After` pauses its host for all who use the limit, for as long as it says, but
    /// no longer than the [`retry_after_max`](RetryPolicy::retry_after_max) of the request's policy,
    /// which is two minutes without one. Where too many wait the error is one of
    /// [`Kind::Overloaded`].
    ///
    /// # Examples
    ///
    /// ```
    /// use brigade::limit::{KeyedLimit, Limits, Rate};
    /// use brigade_http::Client;
    ///
    /// let limits = Limits::default()
    ///     .concurrency(64)
    ///     .key_concurrency(4)
    ///     .key_rate(Rate::per_second(5));
    /// let limit = KeyedLimit::new(limits);
    /// let client = Client::builder().limit(&limit).build()?;
    /// assert_eq!(limit.stats().active, 0);
    /// # let _ = client;
    /// # Ok::<(), brigade_http::Error>(())
    /// ```
    pub fn limit(mut self, limit: impl Into<HostLimit>) -> Self {
        self.limit = Some(limit.into());
        self
    }

    /// The timeouts of every request that does not set its own.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.settings.timeouts = timeouts;
        self
    }

    /// How many redirects are followed, by default 10; with 0 the redirect is the response.
    pub fn redirects(mut self, redirects: u32) -> Self {
        self.settings.redirects = redirects;
        self
    }

    /// The most bytes of a decoded body, by default 1 GiB; `None` for no limit.
    pub fn max_body(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.settings.body_max = bytes.into();
        self
    }

    /// Whether compressed bodies are asked for and unpacked, as they are by default. Without, a body
    /// is handed out as it was sent.
    pub fn compression(mut self, compression: bool) -> Self {
        self.settings.compression = compression;
        self
    }

    /// When a request is sent again; by default never.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.settings.retry = Some(policy.into());
        self
    }
}
