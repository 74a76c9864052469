//! The client: one pool of connections and the settings of its requests.
//!
//! Cloning shares the pool. Nothing that a client starts outlives its [`close`](Client::close).

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, Method};

use crate::admission::HostLimit;
use crate::connect::Connector;
#[cfg(feature = "cookies")]
use crate::cookies::CookieJar;
use crate::defaults::Defaults;
use crate::draft::Names;
use crate::fake::Answer;
use crate::into_url::check;
use crate::pool::ClientPool;
use crate::proxy::Proxies;
use crate::retry::Spent;
use crate::settings::Settings;
use crate::{ClientBuilder, IntoUrl, RequestBuilder, Result, Stats};

/// An HTTP client whose limits and timeouts hold.
///
/// It is cheap to clone, and clones share everything. Make one and keep it: every new client
/// starts without connections.
///
/// # Examples
///
/// ```
/// use brigade_http::Client;
/// use brigade_testkit::server::{Reply, Server};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let server = Server::start(|_| Reply::ok("hello")).await?;
/// let client = Client::new()?;
/// let response = client.get(server.url("/greeting"))?.send().await?;
/// assert_eq!(response.status(), 200);
/// assert_eq!(response.text().await?, "hello");
/// client.close().await;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) pool: Arc<ClientPool>,
    pub(crate) connector: Arc<Connector>,
    /// The headers of every request, with an empty Host in its place.
    pub(crate) headers: HeaderMap,
    /// The same without Host.
    pub(crate) nameless_headers: HeaderMap,
    pub(crate) defaults: Defaults,
    pub(crate) settings: Settings,
    /// Whoever answers in place of the network.
    pub(crate) service: Option<Arc<dyn Answer>>,
    /// What admits each attempt.
    pub(crate) limit: Option<HostLimit>,
    pub(crate) spent: Spent,
    #[cfg(feature = "cookies")]
    pub(crate) cookies: Option<CookieJar>,
}

impl Client {
    /// A client with the default settings.
    ///
    /// # Errors
    ///
    /// As [`ClientBuilder::build`].
    pub fn new() -> Result<Self> {
        Self::builder().build()
    }

    /// The settings of a client to be.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// A GET request.
    ///
    /// # Errors
    ///
    /// [`Kind::BadUrl`](crate::Kind::BadUrl) if the URL cannot be parsed or is neither http nor
    /// https.
    pub fn get(&self, url: impl IntoUrl) -> Result<RequestBuilder> {
        self.request(Method::GET, url)
    }

    /// A POST request.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub fn post(&self, url: impl IntoUrl) -> Result<RequestBuilder> {
        self.request(Method::POST, url)
    }

    /// A PUT request.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub fn put(&self, url: impl IntoUrl) -> Result<RequestBuilder> {
        self.request(Method::PUT, url)
    }

    /// A PATCH request.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub fn patch(&self, url: impl IntoUrl) -> Result<RequestBuilder> {
        self.request(Method::PATCH, url)
    }

    /// A DELETE request.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub fn delete(&self, url: impl IntoUrl) -> Result<RequestBuilder> {
        self.request(Method::DELETE, url)
    }

    /// A HEAD request.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub fn head(&self, url: impl IntoUrl) -> Result<RequestBuilder> {
        self.request(Method::HEAD, url)
    }

    /// A request with any method but CONNECT.
    ///
    /// A user name and password in the URL become an Authorization header. A relative URL is
    /// resolved against the client's [base URL](ClientBuilder::base_url).
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub fn request(&self, method: Method, url: impl IntoUrl) -> Result<RequestBuilder> {
        let defaults = &self.inner.defaults;
        let mut url = url.into_url(defaults.base.as_ref())?;
        let authorization = check(&mut url)?.or_else(|| defaults.authorization(&url));
        defaults.extend(&mut url);
        Ok(RequestBuilder::new(
            self.clone(),
            method,
            url,
            authorization,
        ))
    }

    /// A snapshot of the client's connections.
    pub fn stats(&self) -> Stats {
        Stats::of(&self.inner.pool)
    }

    /// Closes the client and waits until its last connection is gone.
    ///
    /// Idle connections say goodbye, which takes a second at most. Requests that wait, connect or
    /// are being answered fail with [`Kind::Closed`](crate::Kind::Closed), here and in clones of
    /// the client. Dropping the last clone instead closes idle connections as well, but lets
    /// responses that are being read go on.
    ///
    /// # Cancel safety
    ///
    /// The client is closed as soon as the future is first polled; dropping it later only stops
    /// waiting.
    pub async fn close(&self) {
        self.inner.pool.shut();
        self.inner.pool.abort();
        self.inner.pool.gone().await;
    }
}

impl Inner {
    pub(crate) fn proxies(&self) -> &Proxies {
        &self.connector.proxies
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner")
            // The pool shows the connector.
            .field("pool", &self.pool)
            .field("headers", &Names(&self.headers))
            .field("defaults", &self.defaults)
            .field("settings", &self.settings)
            .field("service", &self.service)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.pool.shut();
    }
}
