//! One proxy: where it is, what it speaks, who the client is to it, and how it is passed.
//!
//! Whoever writes its URL puts a password there, so no error repeats any of the text, and the debug
//! output is the address alone.

use std::fmt;
use std::io;

use http::HeaderValue;
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncRead, AsyncWrite};
use url::Url;

use super::{socks, tunnel};
use crate::into_url::basic;
use crate::transport::Destination;
use crate::{Error, Kind, Result};

const FORM: &str = "write it as http://USER:PASSWORD@HOST:PORT, with %XX for what is special";

/// What a proxy speaks. Over TLS or not is said by its [`Destination`].
#[derive(Clone, Debug, PartialEq, Eq)]
enum Protocol {
    Http,
    Socks {
        /// Whether the proxy resolves the names of servers.
        resolves: bool,
    },
}

/// A user name and a password, as bytes.
#[derive(Clone)]
pub(super) struct Login {
    pub(super) user: Vec<u8>,
    pub(super) password: Vec<u8>,
}

#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) at: Destination,
    protocol: Protocol,
    login: Option<Login>,
    /// The same login for HTTP.
    pub(super) authorization: Option<HeaderValue>,
}

/// Why a proxy did not let the client pass: a fragment that fits "proxy HOST:PORT: {why}".
#[derive(Debug)]
pub(super) struct Refusal {
    why: String,
    cause: Option<io::Error>,
}

impl Server {
    /// Reads a proxy's URL; `what` names it in the error.
    pub(super) fn new(what: &str, text: &str) -> Result<Self> {
        Self::parse(text)
            .map_err(|why| Error::new(Kind::Config).because(format!("{what} is unusable: {why}")))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let scheme = scheme.to_ascii_lowercase();
        let (protocol, port) = match scheme.as_str() {
            "http" => (Protocol::Http, 80),
            "https" => (Protocol::Http, 443),
            "socks5" => (Protocol::Socks { resolves: false }, 1080),
            "socks5h" => (Protocol::Socks { resolves: true }, 1080),
            _ => return Err("its scheme must be http, https, socks5 or socks5h".to_owned()),
        };
        // As http whatever it is: of other schemes the parser knows no addresses. And as https,
        // because it leaves out the port that is the default of the scheme.
        let parse = |scheme: &str| {
            let url = Url::parse(&format!("{scheme}://{rest}"));
            url.map_err(|error| format!("{error}: {FORM}"))
        };
        let url = parse("http")?;
        let port = url.port().or(parse("https")?.port()).unwrap_or(port);
        let has_more = url.path() != "/" || url.query().is_some() || url.fragment().is_some();
        if has_more || port == 0 {
            return Err(format!("it must end with the host and the port: {FORM}"));
        }
        let login = login(&url);
        if matches!(protocol, Protocol::Socks { .. }) && !login.as_ref().is_none_or(Login::fits) {
            return Err("SOCKS5 takes a user name and a password of 1 to 255 bytes".to_owned());
        }
        let authorization = match (&login, &protocol) {
            (Some(login), Protocol::Http) => {
                let value = basic(&login.user, &login.password);
                Some(value.map_err(|_| "the user name of an HTTP proxy has no colon")?)
            }
            _ => None,
        };
        Ok(Self {
            at: Destination {
                https: scheme == "https",
                host: url.host().ok_or(FORM)?.to_owned(),
                port,
            },
            protocol,
            login,
            authorization,
        })
    }

    /// Whether it is asked for http URLs as a whole.
    pub(super) fn forwards(&self) -> bool {
        self.protocol == Protocol::Http
    }

    /// Whether the client resolves the names of servers for it.
    pub(crate) fn wants_address(&self) -> bool {
        self.protocol == Protocol::Socks { resolves: false }
    }

    /// Has a connected stream to the proxy led on to `to`, unless it is one that is asked for each
    /// URL instead: never if the connection is to leave HTTP.
    pub(crate) async fn pass<S>(&self, stream: S, to: &Destination, is_switch: bool) -> Result<S>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let passed = match self.protocol {
            Protocol::Http if !to.https && !is_switch => return Ok(stream),
            Protocol::Http => tunnel::open(stream, to, self.authorization.as_ref()).await,
            Protocol::Socks { .. } => socks::connect(stream, to, self.login.as_ref()).await,
        };
        passed.map_err(|refusal| {
            let error = Error::new(Kind::Connect).because(refusal.why);
            match refusal.cause {
                Some(cause) => error.from(cause),
                None => error,
            }
        })
    }
}

fn login(url: &Url) -> Option<Login> {
    let given = !url.username().is_empty() || url.password().is_some();
    given.then(|| Login {
        user: percent_decode_str(url.username()).collect(),
        password: percent_decode_str(url.password().unwrap_or_default()).collect(),
    })
}

impl Login {
    /// Whether RFC 1929 has room for it.
    fn fits(&self) -> bool {
        [&self.user, &self.password]
            .iter()
            .all(|part| (1..=255).contains(&part.len()))
    }
}

impl Refusal {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            cause: None,
        }
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        let why = match error.kind() {
            io::ErrorKind::UnexpectedEof => "it closed the connection instead of answering",
            _ => "the connection to it broke",
        };
        Self {
            why: why.to_owned(),
            cause: Some(error),
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "proxy {}", self.at)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("at", &self.at)
            .field("protocol", &self.protocol)
            .field("has_login", &self.login.is_some())
            .finish()
    }
}
