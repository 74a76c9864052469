//! The builder of a WebSocket: a request, and what may be said on it once it is open.
//!
//! It does nothing before [`WebSocketBuilder::connect`], and reports the first thing that is wrong
//! there.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use url::Url;

use super::decoder::Limits;
use super::driver::{Beginning, Terms};
use super::halves::{Agreed, Receiver, Sender};
use super::handshake::{OWN, Offer};
use super::link::{Driven, Link};
use super::patience::Waits;
use super::socket::WebSocket;
use crate::pool::connection::Switch;
use crate::{Client, Error, IntoUrl, Kind, RequestBuilder, Result, Timeouts};

/// How much a server may send at once, unless it is said otherwise.
const LIMIT: usize = 16 << 20;

/// After how long a silence a server is asked for a sign of life, unless it is said otherwise.
const PING_EVERY: Duration = Duration::from_secs(30);

impl Client {
    /// A WebSocket to be, at an address with ws, wss, http or https.
    ///
    /// # Errors
    ///
    /// [`Kind::BadUrl`] if the URL cannot be parsed or has another scheme.
    ///
    /// # Examples
    ///
    /// ```
    /// # use brigade_http::Client;
    /// # async fn talk(client: Client) -> brigade_http::Result<()> {
    /// let mut socket = client.websocket("wss://chat.example/room")?.connect().await?;
    /// socket.send_text("hello").await?;
    /// while let Some(message) = socket.next().await {
    ///     println!("{} bytes", message?.len());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn websocket(&self, url: impl IntoUrl) -> Result<WebSocketBuilder> {
        let mut url = url.into_url(self.inner.defaults.base.as_ref())?;
        let scheme = match url.scheme() {
            "ws" => "http",
            "wss" => "https",
            _ => return Ok(WebSocketBuilder::new(self.get(url)?, self)),
        };
        with_scheme(&mut url, scheme)?;
        Ok(WebSocketBuilder::new(self.get(url)?, self))
    }
}

/// All of these schemes are alike, so that this fails never.
fn with_scheme(url: &mut Url, scheme: &str) -> Result<()> {
    url.set_scheme(scheme)
        .map_err(|()| Error::new(Kind::BadUrl).about(url))
}

/// A WebSocket that is not open yet.
#[derive(Debug)]
#[must_use = "a WebSocket does nothing until it is connected"]
pub struct WebSocketBuilder {
    request: RequestBuilder,
    protocols: Vec<String>,
    limits: Limits,
    ping_every: Option<Duration>,
    /// Whether there are sockets at all.
    has_network: bool,
}

impl WebSocketBuilder {
    fn new(request: RequestBuilder, client: &Client) -> Self {
        Self {
            request,
            protocols: Vec::new(),
            limits: Limits {
                frame: LIMIT,
                message: LIMIT,
            },
            ping_every: Some(PING_EVERY),
            has_network: client.inner.service.is_none(),
        }
    }

    /// Adds a header to the request, as [`RequestBuilder::header`] does. Those of the handshake
    /// itself cannot be set.
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName, Error: Into<http::Error>>,
        V: TryInto<HeaderValue, Error: Into<http::Error>>,
    {
        self.request = self.request.header(name, value);
        self
    }

    /// Changes whatever else can be set for a request: redirects, retries, credentials. It has no
    /// body.
    ///
    /// # Examples
    ///
    /// ```
    /// # use brigade_http::Client;
    /// let client = Client::new()?;
    /// let socket = client.websocket("wss://chat.example/room")?;
    /// let socket = socket.with(|request| request.redirects(0));
    /// # let _ = socket;
    /// # Ok::<(), brigade_http::Error>(())
    /// ```
    pub fn with(mut self, change: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Self {
        self.request = change(self.request);
        self
    }

    /// Offers protocols (Sec-WebSocket-Protocol), the preferred one first; the server may choose one
    /// of them: [`WebSocket::protocol`].
    pub fn protocols<P: Into<String>>(mut self, protocols: impl IntoIterator<Item = P>) -> Self {
        self.protocols = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// The most bytes of a message of the server; by default 16 MiB. A larger one is an error, before
    /// it is read.
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.limits.message = bytes;
        self
    }

    /// The most bytes of one of the frames that a message of the server comes in; by default 16 MiB.
    pub fn max_frame(mut self, bytes: usize) -> Self {
        self.limits.frame = bytes;
        self
    }

    /// After how long a silence of the server it is asked for a sign of life (a ping), by default 30
    /// seconds; `None` for never. One that then says nothing within the read timeout is an error of
    /// that timeout. A silent server is not noticed without. A ping waits for the message that is
    /// under way, and its answer is waited for from when it has left.
    pub fn ping_every(mut self, silence: impl Into<Option<Duration>>) -> Self {
        self.ping_every = silence.into();
        self
    }

    /// The timeouts, instead of the client's. All five bound [`Self::connect`]; the write timeout goes
    /// on to bound how long the server takes nothing, and the read timeout how long it takes
    /// to answer a ping.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.request = self.request.timeouts(timeouts);
        self
    }

    /// Opens the WebSocket.
    ///
    /// It is a request like any other until the server agrees, and counts against the client's limits
    /// until its socket is closed: those of a host apart from the connections of its requests. It
    /// always has a connection of HTTP/1.1 of its own, and goes through an HTTP proxy in a tunnel.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection that it has opened.
    ///
    /// # Errors
    ///
    /// As [`RequestBuilder::send`]; [`Kind::Status`] if the server answers anything else than that it
    /// agrees, and [`Kind::Protocol`] if it does so in the wrong way.
    pub async fn connect(self) -> Result<WebSocket> {
        self.check()?;
        let offer = Offer::new(self.protocols)?;
        let timeouts = self.request.timeouts_set();
        let terms = Terms {
            limits: self.limits,
            waits: Waits {
                ping_every: self.ping_every,
                read: timeouts.read,
                write: timeouts.write,
            },
        };
        let switch = Arc::new(Switch::default());
        let request = offer.make(self.request).switching(switch.clone());
        let mut response = request.send().await?;
        let url = response.url().clone();
        let protocol = offer.check(&response).map_err(|error| error.about(&url))?;
        let headers = response.take_headers();
        let socket = begin(
            &switch,
            terms,
            Agreed {
                url,
                protocol,
                headers,
            },
        );
        drop(response);
        socket
    }

    /// Whether it can be asked for at all.
    fn check(&self) -> Result<()> {
        let bad = |detail: String| Err(Error::new(Kind::BadRequest).because(detail));
        if !self.has_network {
            return bad("a service in place of the network cannot become a WebSocket".to_owned());
        }
        let hop = &self.request.draft().hop;
        if let Some(name) = OWN.iter().find(|name| hop.headers.contains_key(*name)) {
            return bad(format!(
                "the header {name} belongs to the handshake of a WebSocket"
            ));
        }
        match hop.body.is_empty() {
            true => Ok(()),
            false => bad("the request for a WebSocket has no body".to_owned()),
        }
    }
}

/// Takes the connection over.
fn begin(switch: &Switch, terms: Terms, agreed: Agreed) -> Result<WebSocket> {
    let (link, agreed) = (Link::new(), Arc::new(agreed));
    let driven = link.clone();
    let begun = switch.go_on(|connection| {
        let driven = Driven {
            link: driven,
            connection,
        };
        Box::new(Beginning { driven, terms })
    });
    if !begun {
        let detail = "it ended as soon as it was open";
        return Err(Error::new(Kind::Protocol)
            .because(detail)
            .about(&agreed.url));
    }
    Ok(WebSocket {
        sender: Sender {
            link: link.clone(),
            agreed: agreed.clone(),
        },
        receiver: Receiver { link, agreed },
    })
}
