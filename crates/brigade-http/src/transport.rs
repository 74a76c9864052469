//! Custom transports: the client's HTTP over a byte stream that somebody else opens.
//!
//! What the client cannot dial itself (an in-memory pipe in a test, a VSOCK, an SSH channel) it can
//! still speak HTTP over. A connector opens the stream and nothing more: TLS, timeouts, limits and
//! the pool stay with the client, and a connector can neither see nor change them.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use url::{Host, Url};

/// A byte stream in both directions, such as [`tokio::io::DuplexStream`]. Every type that can be
/// one is one.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

impl fmt::Debug for dyn Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Io")
    }
}

/// What [`Connect::connect`] returns.
pub type Connecting = Pin<Box<dyn Future<Output = io::Result<Box<dyn Io>>> + Send>>;

/// Opens the byte streams of a client in place of TCP; see
/// [`ClientBuilder::connector`](crate::ClientBuilder::connector).
///
/// Every stream that the client has open, or is having opened, holds a slot of its limits, so each
/// call should open one.
///
/// # Examples
///
/// A test without sockets: the other end of the pipe plays the server.
///
/// ```
/// use brigade_http::transport::{Connect, Connecting, Destination};
/// use brigade_http::Client;
/// use std::sync::Mutex;
/// use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
///
/// #[derive(Debug)]
/// struct Pipe(Mutex<Option<DuplexStream>>);
///
/// impl Connect for Pipe {
///     fn connect(&self, to: Destination) -> Connecting {
///         assert_eq!(to.to_string(), "api.example:80");
///         let end = self.0.lock().expect("nobody panics").take();
///         Box::pin(async { Ok(Box::new(end.ok_or(std::io::ErrorKind::NotConnected)?) as _) })
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let (ours, mut theirs) = tokio::io::duplex(4096);
/// let client = Client::builder().connector(Pipe(Mutex::new(Some(ours)))).build()?;
/// let server = async {
///     let mut request = [0; 4096];
///     let length = theirs.read(&mut request).await?;
///     assert!(request[..length].starts_with(b"GET /greeting HTTP/1.1\r\n"));
///     theirs.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await
/// };
/// let (response, served) = tokio::join!(client.get("http://api.example/greeting")?.send(), server);
/// served?;
/// assert_eq!(response?.text().await?, "hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Connect: fmt::Debug + Send + Sync + 'static {
    /// Opens a stream to a server, or to a proxy if the client has one for that server.
    ///
    /// # Errors
    ///
    /// What is returned becomes the cause of an error of [`Kind::Connect`](crate::Kind::Connect).
    ///
    /// # Panics
    ///
    /// A panic is such an error too, without a cause.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped when the connect timeout runs out. It must then close what it opened.
    fn connect(&self, to: Destination) -> Connecting;
}

impl<T: Connect + ?Sized> Connect for Arc<T> {
    fn connect(&self, to: Destination) -> Connecting {
        (**self).connect(to)
    }
}

/// Where a stream shall lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    pub(crate) https: bool,
    pub(crate) host: Host<String>,
    pub(crate) port: u16,
}

impl Destination {
    /// The server of a URL; `None` if it names none.
    pub(crate) fn of(url: &Url) -> Option<Self> {
        Some(Self {
            https: url.scheme() == "https",
            host: url.host()?.to_owned(),
            port: url.port_or_known_default()?,
        })
    }

    /// Whether the client will speak TLS over the stream.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// The name or the address, the latter of IPv6 without brackets.
    pub fn host(&self) -> String {
        match &self.host {
            Host::Domain(name) => name.clone(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        }
    }

    /// The port, that of the scheme if the URL names none.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}
