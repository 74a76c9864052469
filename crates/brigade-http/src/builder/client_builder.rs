//! The builder itself: what it starts with, and how a client is made of it.
//!
//! The only place where settings are checked against each other. It opens nothing.

use std::fmt;
use std::sync::Arc;

use http::header::{ACCEPT, ACCEPT_ENCODING, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue};

use crate::admission::HostLimit;
use crate::client::Inner;
use crate::connect::{Connector, Way};
#[cfg(feature = "cookies")]
use crate::cookies::CookieJar;
use crate::defaults::Defaults;
use crate::dns;
use crate::draft::Names;
use crate::fake::Answer;
use crate::pool::ClientPool;
use crate::protocol::Protocol;
use crate::proxy::{self, Proxies, Proxy};
use crate::retry::Spent;
use crate::settings::Settings;
use crate::tls::TlsConfig;
use crate::watch;
use crate::{Client, Error, Kind, PoolLimits, Result};

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
    pub(super) limits: PoolLimits,
    pub(super) headers: HeaderMap,
    pub(super) defaults: Defaults,
    pub(super) settings: Settings,
    pub(super) tls: TlsConfig,
    pub(super) protocol: Protocol,
    pub(super) way: Way,
    /// Those of the environment where nothing was said.
    pub(super) proxies: Option<Vec<Proxy>>,
    pub(super) names: dns::Names,
    pub(super) service: Option<Arc<dyn Answer>>,
    pub(super) limit: Option<HostLimit>,
    #[cfg(feature = "cookies")]
    pub(super) cookies: Option<CookieJar>,
    pub(super) error: Option<Error>,
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
            defaults: Defaults::default(),
            settings: Settings::default(),
            tls: TlsConfig::new(),
            protocol: Protocol::default(),
            way: Way::default(),
            proxies: None,
            names: dns::Names::default(),
            service: None,
            limit: None,
            #[cfg(feature = "cookies")]
            cookies: None,
            error: None,
        }
    }
}

impl ClientBuilder {
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
        self.defaults.check()?;
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
            defaults: self.defaults,
            settings: self.settings,
            service: self.service,
            limit: self.limit,
            spent: Spent::default(),
            #[cfg(feature = "cookies")]
            cookies: self.cookies,
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
            .field("defaults", &self.defaults)
            .field("settings", &self.settings)
            .field("tls", &self.tls)
            .field("protocol", &self.protocol)
            .field("way", &self.way)
            .field("proxies", &self.proxies)
            .field("names", &self.names)
            .field("service", &self.service)
            .field("limit", &self.limit)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

/// The headers without Host, in a map with a place for one more.
fn nameless(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    headers.remove(HOST);
    headers
}
