//! Which URLs go through which proxy, as the caller says it.
//!
//! A value to be handed to a builder: it connects to nothing.

use std::sync::Arc;

use super::bypass::Bypass;
use super::server::Server;
use crate::Result;
use crate::transport::Destination;

const WHAT: &str = "the URL of the proxy";

/// A proxy, and the URLs that go through it.
///
/// Its URL is `SCHEME://USER:PASSWORD@HOST:PORT`, where the scheme is one of
/// * `http`, an HTTP proxy, which is what a URL without a scheme means too;
/// * `https`, the same over TLS with the proxy itself;
/// * `socks5`, to which the client names servers by address, having resolved their names;
/// * `socks5h`, to which it names them by name.
///
/// User name and password are optional. The port is by default 80, 443 and 1080.
///
/// # Examples
///
/// ```
/// use brigade_http::Client;
/// use brigade_http::proxy::Proxy;
///
/// let proxy = Proxy::all("http://user:secret@proxy.example:3128")?;
/// let client = Client::builder()
///     .proxy(proxy.no_proxy("intranet.example, 10.0.0.0/8"))
///     .build()?;
/// assert!(!format!("{client:?}").contains("secret"));
/// # Ok::<(), brigade_http::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Proxy {
    http: bool,
    https: bool,
    server: Arc<Server>,
    bypass: Bypass,
}

impl Proxy {
    /// A proxy for http URLs.
    ///
    /// # Errors
    ///
    /// [`Kind::Config`](crate::Kind::Config) if the URL is not that of a proxy.
    pub fn http(url: impl AsRef<str>) -> Result<Self> {
        let server = Server::new(WHAT, url.as_ref())?;
        Ok(Self::new(server.into(), true, false))
    }

    /// A proxy for https URLs.
    ///
    /// # Errors
    ///
    /// As [`Self::http`].
    pub fn https(url: impl AsRef<str>) -> Result<Self> {
        let server = Server::new(WHAT, url.as_ref())?;
        Ok(Self::new(server.into(), false, true))
    }

    /// A proxy for all URLs.
    ///
    /// # Errors
    ///
    /// As [`Self::http`].
    pub fn all(url: impl AsRef<str>) -> Result<Self> {
        let server = Server::new(WHAT, url.as_ref())?;
        Ok(Self::new(server.into(), true, true))
    }

    /// The hosts that are reached without it, separated by commas or blanks: a name, which stands
    /// for all names below it too; an address; a network such as `10.0.0.0/8`; or `*` for all.
    /// With `:PORT` after it, only that port is meant. What is none of these matches nothing. A
    /// second list replaces the first.
    #[must_use]
    pub fn no_proxy(mut self, hosts: &str) -> Self {
        self.bypass = Bypass::new(hosts);
        self
    }

    pub(super) fn new(server: Arc<Server>, http: bool, https: bool) -> Self {
        Self {
            http,
            https,
            server,
            bypass: Bypass::default(),
        }
    }

    pub(super) fn with_bypass(mut self, bypass: Bypass) -> Self {
        self.bypass = bypass;
        self
    }

    /// The proxy, if it is for `to`.
    pub(super) fn server(&self, to: &Destination) -> Option<&Server> {
        let is_meant = if to.https { self.https } else { self.http };
        (is_meant && !self.bypass.concerns(to)).then_some(&self.server)
    }
}
