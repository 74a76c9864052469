//! The settings of a client to be.
//!
//! Every setting has a default that is safe towards strangers: limited, verified, without
//! credentials across origins. A builder does nothing before [`ClientBuilder::build`].

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, ACCEPT_ENCODING, HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::answered::BoxError;
use crate::body::RequestBody;
use crate::client::Inner;
use crate::connect::{Connector, Way};
use crate::dns::{self, Resolve};
use crate::draft::Names;
use crate::fake::{Answer, Fake};
use crate::pool::ClientPool;
use crate::protocol::{Http2, Protocol, Versions};
use crate::proxy::{self, Proxies, Proxy};
use crate::retry::RetryPolicy;
use crate::settings::Settings;
use crate::tls::TlsConfig;
use crate::transport::Connect;
use crate::watch;
use crate::{Client, Error, Kind, PoolLimits, Result, Timeouts};

/// The settings of a client that is not built yet.
///
/// # Examples
///
/// ```
/// use brigade_http::{Client, PoolLimits, Timeouts};
/// use std::time::Duration;
///
/// let client = Client::builder()
///     .limits(PoolLimits::default().total(32).per_host(4))
///     .timeouts(Timeouts::default().connect(Duration::from_secs(3)))
///     .user_agent("collector/1.0")
///     .max_body(16 << 20)
///     .build()?;
/// # let _ = client;
/// # Ok::<(), brigade_http::Error>(())
/// ```
#[must_use = "a builder does nothing until it builds"]
pub struct ClientBuilder {
    limits: PoolLimits,
    headers: HeaderMap,
    settings: Settings,
    tls: TlsConfig,
    protocol: Protocol,
    way: Way,
    /// Those of the environment where nothing was said.
    proxies: Option<Vec<Proxy>>,
    names: dns::Names,
    service: Option<Arc<dyn Answer>>,
    error: Option<Error>,
}

impl Default for ClientBuilder {
    fn default() -> Self {
        let mut headers = HeaderMap::new();
        // Its place; what it says is the connection's business.
        headers.insert(HOST, HeaderValue::from_static(""));
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        let agent = concat!("brigade/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        Self {
            limits: PoolLimits::default(),
            headers,
            settings: Settings::default(),
            tls: TlsConfig::new(),
            protocol: Protocol::default(),
            way: Way::default(),
            proxies: None,
            names: dns::Names::default(),
            service: None,
            error: None,
        }
    }
}

impl ClientBuilder {
    /// How many connections there may be.
    pub fn limits(mut self, limits: PoolLimits) -> Self {
        self.limits = limits;
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

    /// Whom the client trusts and which certificate it presents; by default it trusts the
    /// authorities of the operating system.
    pub fn tls(mut self, tls: TlsConfig) -> Self {
        self.tls = tls;
        self
    }

    /// Which versions of HTTP are spoken; by default what the server chooses in the TLS handshake,
    /// and HTTP/1.1 where there is no TLS.
    pub fn versions(mut self, versions: Versions) -> Self {
        self.protocol.versions = versions;
        self
    }

    /// Speaks HTTP/1.1 only: [`Versions::Http1`].
    pub fn http1_only(self) -> Self {
        self.versions(Versions::Http1)
    }

    /// Speaks HTTP/2 only, over plain TCP without asking (h2c): [`Versions::Http2`].
    ///
    /// An HTTP proxy that is asked for an http URL is asked in HTTP/1.1 all the same.
    pub fn http2_prior_knowledge(self) -> Self {
        self.versions(Versions::Http2)
    }

    /// How many bytes of one response may be under way or unread with HTTP/2; by default 2 MiB,
    /// between 65,535 and 2^31 - 1. A larger window is faster over long distances, and costs memory
    /// where bodies are read slowly: of each connection up to this times the requests on it.
    pub fn http2_window(mut self, bytes: u32) -> Self {
        self.protocol.http2 = Http2 { window: bytes };
        self
    }

    /// Opens every connection to this Unix socket, whatever host and port its URL names. All else
    /// goes by the URL: the Host header, TLS and its certificates, which connection is used again.
    ///
    /// Proxies of the environment are not used then. The last of this and
    /// [`connector`](Self::connector) counts.
    pub fn unix_socket(mut self, path: impl Into<PathBuf>) -> Self {
        self.way = Way::Unix(path.into());
        self
    }

    /// Has every connection opened by `connector` instead of dialing host and port: see
    /// [`transport`](crate::transport).
    ///
    /// Proxies of the environment are not used then. The last of this and
    /// [`unix_socket`](Self::unix_socket) counts.
    pub fn connector(mut self, connector: impl Connect) -> Self {
        self.way = Way::Custom(Arc::new(connector));
        self
    }

    /// Has every request answered by `service` instead of a server: a fake one in a test, an axum
    /// `Router`, another client with layers around it; see [`service`](crate::service).
    ///
    /// It gets each request with its absolute URL and all headers, once for each hop of a redirect
    /// and each attempt. Redirects, retries, decoding, limits on bodies, the read and the total
    /// timeout are the client's as ever; limits on connections, the other timeouts, TLS and proxies
    /// do not apply, because there are no connections. Its error is one of [`Kind::Protocol`],
    /// unless it is an [`Error`] of a client: that is handed on, so `Error::from(kind)` fails in any
    /// way. Where HTTP has no body (HEAD, 204, 304), its body is dropped.
    ///
    /// [`Client::close`] ends requests that wait for it, and no new one gets to it.
    pub fn service<S, B>(mut self, service: S) -> Self
    where
        S: Service<Request<RequestBody>, Response = Response<B>, Error: Into<BoxError>>,
        S: Clone + Send + Sync + 'static,
        S::Future: Send,
        B: Body<Error: Into<BoxError>> + Send + 'static,
    {
        self.service = Some(Arc::new(Fake(service)));
        self
    }

    /// Sends what `proxy` is for through it, and nothing through the proxies of the environment.
    /// May be called several times; the first that is for a URL is used.
    ///
    /// The connection to the proxy itself is opened as any other: by [`Self::unix_socket`] or
    /// [`Self::connector`] if one was given.
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxies.get_or_insert_default().push(proxy);
        self
    }

    /// Uses no proxies: neither those that were given so far nor those of the environment.
    pub fn no_proxy(mut self) -> Self {
        self.proxies = Some(Vec::new());
        self
    }

    /// Who finds the addresses of host names, by default the operating system; see [`dns`].
    pub fn resolver(mut self, resolver: impl Resolve) -> Self {
        self.names.ask(resolver);
        self
    }

    /// How long the addresses of a name are used if whoever found them does not say so, as the
    /// operating system does not; at most one day, by default 30 s. With zero they are not kept,
    /// and only shared by those who ask while a look-up is under way.
    ///
    /// Names are looked up again up to a tenth of that time earlier, so that those of one moment do
    /// not come together. Connections that are open are used whatever happened to their name.
    pub fn dns_ttl(mut self, ttl: Duration) -> Self {
        self.names.set_ttl(ttl);
        self
    }

    /// Fixes the addresses of a host name, for every port, so that it is never looked up; like
    /// curl's `--resolve`. A second list for the same name replaces the first.
    ///
    /// Only where to connect is changed: the request and the certificate are still about the name.
    /// [`build`](Self::build) fails if `host` is not a host name, or without addresses.
    ///
    /// # Examples
    ///
    /// ```
    /// use brigade_http::Client;
    /// # use brigade_testkit::server::{Reply, Server};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let server = Server::start(|_| Reply::ok("staged")).await?;
    /// # let port = server.address().port();
    /// let client = Client::builder().resolve("shop.example", [[127, 0, 0, 1].into()]).build()?;
    /// let url = format!("http://shop.example:{port}/");
    /// assert_eq!(client.get(&url)?.send().await?.text().await?, "staged");
    /// client.close().await;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn resolve(mut self, host: &str, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        if let Err(error) = self.names.fix(host, addresses) {
            self.error = Some(self.error.unwrap_or(error));
        }
        self
    }

    /// The value of the User-Agent header.
    pub fn user_agent(self, agent: &str) -> Self {
        self.header(USER_AGENT.as_str(), agent)
    }

    /// A header of every request that does not set its own of that name. A second value for the
    /// same name replaces the first.
    ///
    /// Authorization, Cookie and values that are marked as sensitive are not sent to another origin
    /// after a redirect.
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName, Error: Into<http::Error>>,
        V: TryInto<HeaderValue, Error: Into<http::Error>>,
    {
        match crate::request::header(name, value) {
            Ok((name, value)) => {
                self.headers.insert(name, value);
            }
            Err(error) => self.error = Some(self.error.unwrap_or(error)),
        }
        self
    }

    /// Builds the client.
    ///
    /// # Errors
    ///
    /// [`Kind::BadRequest`] if a header cannot be sent, [`Kind::Config`] if a setting cannot be
    /// met, or a proxy that the environment names cannot be used.
    pub fn build(self) -> Result<Client> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let PoolLimits {
            total,
            per_host,
            streams,
            ..
        } = self.limits;
        if total == 0 || per_host == 0 || streams == 0 {
            let detail = "with a limit of 0 connections or streams nothing can be sent";
            return Err(Error::new(Kind::Config).because(detail));
        }
        if !(65_535..=(1 << 31) - 1).contains(&self.protocol.http2.window) {
            let detail = "the window of HTTP/2 must be between 65535 and 2147483647 bytes";
            return Err(Error::new(Kind::Config).because(detail));
        }
        let mut headers = self.headers;
        if self.settings.compression && !headers.contains_key(ACCEPT_ENCODING) {
            let encodings = HeaderValue::from_static(crate::decode::ACCEPT_ENCODING);
            headers.insert(ACCEPT_ENCODING, encodings);
        }
        let proxies = match (self.proxies, &self.way) {
            (Some(proxies), _) => proxies,
            (None, Way::Tcp) if self.service.is_none() => {
                proxy::from_environment(|name| std::env::var_os(name))?
            }
            (None, _) => Vec::new(),
        };
        let proxies = Proxies::new(proxies);
        let resolver = dns::Resolver::new(self.names);
        let connector = Connector::new(resolver, self.tls, self.protocol, self.way, proxies);
        let connector = Arc::new(connector);
        let inner = Inner {
            pool: ClientPool::new(self.limits, connector.clone()),
            connector,
            nameless_headers: nameless(&headers),
            headers,
            settings: self.settings,
            service: self.service,
        };
        watch::describe();
        Ok(Client {
            inner: inner.into(),
        })
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("limits", &self.limits)
            .field("headers", &Names(&self.headers))
            .field("settings", &self.settings)
            .field("tls", &self.tls)
            .field("protocol", &self.protocol)
            .field("way", &self.way)
            .field("proxies", &self.proxies)
            .field("names", &self.names)
            .field("service", &self.service)
            .field("error", &self.error)
            .finish()
    }
}

/// The headers without Host, in a map with a place for one more.
fn nameless(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    headers.remove(HOST);
    headers
}
