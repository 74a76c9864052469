//! Opening a connection: the host name, TCP, TLS.
//!
//! One slot stands for one socket, so the race of a host's addresses needs further ones. Everything
//! here happens in the future of the request that needs the connection, and ends when that is dropped.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use brigade::thread::Pool;
use brigade_core::time::Moment;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use crate::deadline::Deadline;
use crate::dns::Resolver;
use crate::pool::SlotGuard;
use crate::pool::connection::Stream;
use crate::race::race;
use crate::tls::{self, TlsConfig};
use crate::{Error, Kind, Result};

#[derive(Debug)]
pub(crate) struct Connector {
    resolver: Resolver,
    trust: Arc<TlsConfig>,
    /// Made of `trust` when the first https URL turns up: it may read files.
    tls: OnceCell<Arc<ClientConfig>>,
}

impl Connector {
    pub(crate) fn new(resolver: Resolver, trust: TlsConfig) -> Self {
        Self {
            resolver,
            trust: trust.into(),
            tls: OnceCell::new(),
        }
    }

    /// A connected stream to the origin of `url`, ready for HTTP, with the slot that it holds.
    pub(crate) async fn connect(
        &self,
        url: &Url,
        slot: SlotGuard,
        deadline: Deadline,
    ) -> Result<(Stream, SlotGuard)> {
        let opened = deadline.bound(async {
            let (tcp, slot) = self.open(url, slot, deadline.at).await?;
            let stream = match url.scheme() {
                "https" => self.secure(url, tcp).await?,
                _ => Stream::Tcp(tcp),
            };
            Ok((stream, slot))
        });
        opened.await?
    }

    async fn open(
        &self,
        url: &Url,
        slot: SlotGuard,
        until: Moment,
    ) -> Result<(TcpStream, SlotGuard)> {
        let bad = || Error::new(Kind::BadUrl).because("it names no host");
        let host = url.host().ok_or_else(bad)?;
        let port = url.port_or_known_default().ok_or_else(bad)?;
        let resolved = self.resolver.resolve(host).await;
        let addresses = resolved.map_err(|error| Error::new(Kind::Dns).from(error))?;
        let addresses = addresses.iter().map(|ip| SocketAddr::new(*ip, port));
        let raced = race(addresses.collect(), slot, until).await;
        let (tcp, slot) = raced.map_err(|error| Error::new(Kind::Connect).from(error))?;
        // Requests are written whole; waiting for more to send would only delay them.
        let _ = tcp.set_nodelay(true);
        Ok((tcp, slot))
    }

    async fn secure(&self, url: &Url, tcp: TcpStream) -> Result<Stream> {
        let name = match url.host() {
            Some(Host::Domain(name)) => ServerName::try_from(name.to_owned())
                .map_err(|error| Error::new(Kind::Tls).from(error))?,
            Some(Host::Ipv4(address)) => ServerName::from(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => ServerName::from(IpAddr::V6(address)),
            None => return Err(Error::new(Kind::BadUrl)),
        };
        let config = self.tls.get_or_try_init(|| {
            let trust = self.trust.clone();
            // A class of its own: a closure of `to_thread` may be waiting for this request.
            Pool::new("certificates", 1)
                .call(move || trust.build())
                .name("read certificates")
                .abandon_on_cancel()
        });
        let config = config.await.map_err(Error::of_tls)?.clone();
        let stream = TlsConnector::from(config).connect(name, tcp).await;
        let stream = stream.map_err(|error| match tls::Error::find(&error) {
            Some(found) => Error::of_tls(found),
            None => Error::new(Kind::Tls).from(error),
        });
        Ok(Stream::Tls(Box::new(stream?)))
    }
}
