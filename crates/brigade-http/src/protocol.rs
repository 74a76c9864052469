//! Which versions of HTTP a client speaks, and how.
//!
//! A plain value that never changes while a client uses it. What is not said here is decided by the
//! server, by ALPN (RFC 7301).

use brigade_core::pool::Sharing;
use url::Url;

/// Which versions of HTTP a client speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Versions {
    /// HTTP/2 where a server chooses it in the TLS handshake (ALPN, RFC 7301), HTTP/1.1 otherwise.
    #[default]
    Negotiated,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 only: over TLS, and without asking over plain TCP, for servers that are known to speak
    /// it (RFC 9113, section 3.3). A server that does not is an error of
    /// [`Kind::Protocol`](crate::Kind::Protocol).
    Http2,
}

impl Versions {
    /// The names that are offered in a TLS handshake, the preferred one first.
    pub(crate) fn alpn(self) -> Vec<Vec<u8>> {
        let names: &[&[u8]] = match self {
            Self::Negotiated => &[b"h2", b"http/1.1"],
            Self::Http1 => &[b"http/1.1"],
            Self::Http2 => &[b"h2"],
        };
        names.iter().map(|name| name.to_vec()).collect()
    }

    /// Whether requests may turn out to share a connection to the origin of `url`.
    pub(crate) fn sharing(self, url: &Url) -> Sharing {
        match self {
            Self::Http2 => Sharing::Expected,
            Self::Negotiated if url.scheme() == "https" => Sharing::Expected,
            Self::Negotiated | Self::Http1 => Sharing::Never,
        }
    }
}

/// How HTTP/2 is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Http2 {
    /// The bytes of one response that may be under way or unread.
    pub(crate) window: u32,
}

impl Default for Http2 {
    /// What keeps 1 Gbit/s busy over 16 ms with one response.
    fn default() -> Self {
        Self { window: 2 << 20 }
    }
}

/// What a client's connections speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Protocol {
    pub(crate) versions: Versions,
    pub(crate) http2: Http2,
}
