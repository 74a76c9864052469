//! How a client gets to its servers: limits, versions, TLS, names, proxies, and ways around TCP.
//!
//! Plain setters, one for each setting. Nothing here opens anything.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::ClientBuilder;
use crate::PoolLimits;
use crate::answered::BoxError;
use crate::body::RequestBody;
use crate::connect::Way;
use crate::dns::Resolve;
use crate::fake::Fake;
use crate::protocol::{Http2, Versions};
use crate::proxy::Proxy;
use crate::tls::TlsConfig;
use crate::transport::Connect;
#[cfg(doc)]
use crate::{Client, Error, Kind, dns};

impl ClientBuilder {
    /// How many connections there may be.
    pub fn limits(mut self, limits: PoolLimits) -> Self {
        self.limits = limits;
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
}
