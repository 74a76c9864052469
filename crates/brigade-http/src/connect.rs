//! Opening a connection: the host name, TCP, TLS.
//!
//! One slot stands for one socket, so addresses are tried one after the other. Everything here
//! happens in the future of the request that needs the connection, and ends when that is dropped.

use std::net::{IpAddr, SocketAddr};

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use crate::connection::Stream;
use crate::deadline::Deadline;
use crate::resolve::Resolver;
use crate::{Error, Kind, Result};

pub(crate) struct Connector {
    pub(crate) resolver: Resolver,
    pub(crate) tls: Option<TlsConnector>,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector")
            .field("resolver", &self.resolver)
            .finish_non_exhaustive()
    }
}

impl Connector {
    /// A connected stream to the origin of `url`, ready for HTTP.
    pub(crate) async fn connect(&self, url: &Url, deadline: Deadline) -> Result<Stream> {
        let opened = deadline.bound(async {
            let tcp = self.open(url).await?;
            match url.scheme() {
                "https" => self.secure(url, tcp).await,
                _ => Ok(Stream::Tcp(tcp)),
            }
        });
        opened.await?
    }

    async fn open(&self, url: &Url) -> Result<TcpStream> {
        let bad = || Error::new(Kind::BadUrl).because("it names no host");
        let host = url.host().ok_or_else(bad)?;
        let port = url.port_or_known_default().ok_or_else(bad)?;
        let resolved = self.resolver.resolve(host).await;
        let addresses = resolved.map_err(|error| Error::new(Kind::Dns).from(error))?;
        let mut last = Error::new(Kind::Connect);
        for address in addresses.iter() {
            match TcpStream::connect(SocketAddr::new(*address, port)).await {
                Ok(tcp) => {
                    // Requests are written whole; waiting for more to send would only delay them.
                    let _ = tcp.set_nodelay(true);
                    return Ok(tcp);
                }
                Err(error) => last = Error::new(Kind::Connect).from(error),
            }
        }
        Err(last)
    }

    async fn secure(&self, url: &Url, tcp: TcpStream) -> Result<Stream> {
        let Some(tls) = &self.tls else {
            return Err(Error::new(Kind::Tls).because("the client has no TLS settings"));
        };
        let failed = || Error::new(Kind::Tls);
        let name = match url.host() {
            Some(Host::Domain(name)) => {
                ServerName::try_from(name.to_owned()).map_err(|error| failed().from(error))?
            }
            Some(Host::Ipv4(address)) => ServerName::from(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => ServerName::from(IpAddr::V6(address)),
            None => return Err(failed()),
        };
        let stream = tls.connect(name, tcp).await;
        Ok(Stream::Tls(Box::new(
            stream.map_err(|error| failed().from(error))?,
        )))
    }
}
