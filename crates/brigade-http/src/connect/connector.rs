//! The steps to a connection, one after the other.
//!
//! The connect timeout is about all of them together, and is kept by who asks. Nothing here waits for
//! a slot.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use brigade::thread::Pool;
use brigade_core::time::Moment;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::UnixStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use url::Host;

use super::race::race;
use crate::dns::Resolver;
use crate::pool::connection::Stream;
use crate::pool::{DialPlan, Dialer, Dialing, SlotGuard};
use crate::protocol::{Protocol, Versions};
use crate::proxy::{self, Proxies};
use crate::tls::{self, TlsConfig};
use crate::transport::{Connect, Destination};
use crate::{Error, Kind, Result};

/// How a byte stream to a server, or to the proxy before it, comes about.
#[derive(Clone, Debug, Default)]
pub(crate) enum Way {
    #[default]
    Tcp,
    Unix(PathBuf),
    Custom(Arc<dyn Connect>),
}

#[derive(Debug)]
pub(crate) struct Connector {
    resolver: Resolver,
    way: Way,
    pub(crate) proxies: Proxies,
    trust: Arc<TlsConfig>,
    /// Made of `trust` when the first https URL turns up: it may read files.
    tls: OnceCell<Arc<ClientConfig>>,
    protocol: Protocol,
}

impl Dialer for Connector {
    fn dial<'a>(&'a self, plan: &'a DialPlan, slot: &'a SlotGuard, until: Moment) -> Dialing<'a> {
        Box::pin(self.connect(plan, slot, until))
    }

    fn protocol(&self, plan: &DialPlan) -> Protocol {
        // Of HTTP/1.1 alone a connection can be taken over. And a proxy that is asked for plain
        // http is asked in HTTP/1.1, whatever the origin speaks.
        match plan.is_switch || self.proxies.asked_for(&plan.url).is_some() {
            true => Protocol {
                versions: Versions::Http1,
                ..self.protocol
            },
            false => self.protocol,
        }
    }
}

impl Connector {
    pub(crate) fn new(
        resolver: Resolver,
        trust: TlsConfig,
        protocol: Protocol,
        way: Way,
        proxies: Proxies,
    ) -> Self {
        Self {
            resolver,
            way,
            proxies,
            trust: trust.into(),
            tls: OnceCell::new(),
            protocol,
        }
    }

    async fn connect(&self, plan: &DialPlan, slot: &SlotGuard, until: Moment) -> Result<Stream> {
        let no_host = || Error::new(Kind::BadUrl).because("it names no host");
        let to = Destination::of(&plan.url).ok_or_else(no_host)?;
        let stream = match self.proxies.on_way(&to) {
            Some(proxy) => self.open_past(proxy, (&to, plan), slot, until).await?,
            None => self.reach(&to, slot, until).await?,
        };
        match to.https {
            true if plan.is_switch => secure(self.http1_config(), &to.host, stream).await,
            true => secure(self.tls_config(), &to.host, stream).await,
            false => Ok(stream),
        }
    }

    /// A stream that leads to `to` past a proxy.
    async fn open_past(
        &self,
        proxy: &proxy::Server,
        (to, plan): (&Destination, &DialPlan),
        slot: &SlotGuard,
        until: Moment,
    ) -> Result<Stream> {
        let mut to = to.clone();
        if proxy.wants_address() {
            let addresses = self.resolve(&to.host).await?;
            to.host = match addresses.first() {
                Some(IpAddr::V4(address)) => Host::Ipv4(*address),
                Some(IpAddr::V6(address)) => Host::Ipv6(*address),
                None => return Err(Error::new(Kind::Dns).because("the name has no address")),
            };
        }
        let reached = self.reach(&proxy.at, slot, until).await;
        let stream = reached.map_err(|error| error.at(proxy))?;
        let passed = self.pass(proxy, stream, (&to, plan)).await;
        passed.map_err(|error| error.at(proxy))
    }

    async fn pass(
        &self,
        proxy: &proxy::Server,
        mut stream: Stream,
        (to, plan): (&Destination, &DialPlan),
    ) -> Result<Stream> {
        if proxy.at.https {
            stream = secure(self.http1_config(), &proxy.at.host, stream).await?;
        }
        proxy.pass(stream, to, plan.is_switch).await
    }

    /// A bare stream by whatever way the client has.
    async fn reach(&self, to: &Destination, slot: &SlotGuard, until: Moment) -> Result<Stream> {
        match &self.way {
            Way::Tcp => self.dial(to, slot, until).await,
            Way::Unix(path) => {
                let unix = UnixStream::connect(path).await.map_err(|error| {
                    let detail = format!("the Unix socket {}", path.display());
                    Error::new(Kind::Connect).because(detail).from(error)
                });
                Ok(Stream::Unix(unix?))
            }
            Way::Custom(connector) => {
                let custom = connector.connect(to.clone()).await;
                let custom = custom.map_err(|error| Error::new(Kind::Connect).from(error));
                Ok(Stream::Custom(custom?))
            }
        }
    }

    async fn dial(&self, to: &Destination, slot: &SlotGuard, until: Moment) -> Result<Stream> {
        let addresses = self.resolve(&to.host).await?;
        let addresses = addresses.iter().map(|ip| SocketAddr::new(*ip, to.port));
        let raced = race(addresses.collect(), slot, until).await;
        let tcp = raced.map_err(|error| Error::new(Kind::Connect).from(error))?;
        // Requests are written whole; waiting for more to send would only delay them.
        let _ = tcp.set_nodelay(true);
        Ok(Stream::Tcp(tcp))
    }

    async fn resolve(&self, host: &Host<String>) -> Result<Arc<[IpAddr]>> {
        let host = match host {
            Host::Domain(name) => Host::Domain(name.as_str()),
            Host::Ipv4(address) => Host::Ipv4(*address),
            Host::Ipv6(address) => Host::Ipv6(*address),
        };
        let resolved = self.resolver.resolve(host).await;
        resolved.map_err(|error| Error::new(Kind::Dns).from(error))
    }

    async fn tls_config(&self) -> Result<Arc<ClientConfig>> {
        let config = self.tls.get_or_try_init(|| async {
            let trust = self.trust.clone();
            let alpn = self.protocol.versions.alpn();
            if !trust.reads_files() {
                return trust.build_with(alpn);
            }
            // A class of its own: a closure of `to_thread` may be waiting for this request.
            Pool::new("certificates", 1)
                .call(move || trust.build_with(alpn))
                .name("read certificates")
                .abandon_on_cancel()
                .await
        });
        config.await.map_err(Error::of_tls).cloned()
    }

    /// The same for who must be asked in HTTP/1.1.
    async fn http1_config(&self) -> Result<Arc<ClientConfig>> {
        let mut config = ClientConfig::clone(&*self.tls_config().await?);
        config.alpn_protocols = Versions::Http1.alpn();
        Ok(config.into())
    }
}

/// TLS with `host` over `stream`, which is owned here so that it is closed before its slot is free.
async fn secure(
    config: impl Future<Output = Result<Arc<ClientConfig>>>,
    host: &Host<String>,
    stream: Stream,
) -> Result<Stream> {
    let name = match host {
        Host::Domain(name) => {
            ServerName::try_from(name.clone()).map_err(|error| Error::new(Kind::Tls).from(error))?
        }
        Host::Ipv4(address) => ServerName::from(IpAddr::V4(*address)),
        Host::Ipv6(address) => ServerName::from(IpAddr::V6(*address)),
    };
    let config = config.await?;
    let stream = TlsConnector::from(config).connect(name, stream).await;
    let stream = stream.map_err(|error| match tls::Error::find(&error) {
        Some(found) => Error::of_tls(found),
        None => Error::new(Kind::Tls).from(error),
    });
    Ok(Stream::Tls(Box::new(stream?)))
}
