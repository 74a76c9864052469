//! The proxies of a client: which one a connection goes through, and what it means for a request.
//!
//! The answer follows from scheme, host and port alone, so all connections of an origin take the
//! same way and can be pooled by origin.

use http::HeaderMap;
use http::header::PROXY_AUTHORIZATION;
use url::Url;

use super::{Proxy, Server};
use crate::transport::Destination;

/// The first proxy that is for a URL is used.
#[derive(Debug, Default)]
pub(crate) struct Proxies(Vec<Proxy>);

impl Proxies {
    pub(crate) fn new(proxies: Vec<Proxy>) -> Self {
        Self(proxies)
    }

    /// The proxy on the way to a server.
    pub(crate) fn on_way(&self, to: &Destination) -> Option<&Server> {
        self.0.iter().find_map(|proxy| proxy.server(to))
    }

    /// The proxy that is asked for this URL as a whole.
    pub(crate) fn asked_for(&self, url: &Url) -> Option<&Server> {
        if self.0.is_empty() || url.scheme() == "https" {
            return None;
        }
        self.on_way(&Destination::of(url)?)
            .filter(|server| server.forwards())
    }

    /// Puts into the headers of a request what `asked` wants to know, and takes out what is for
    /// proxies where none is asked: an origin must never see it.
    pub(crate) fn authorize(&self, asked: Option<&Server>, headers: &mut HeaderMap) {
        match asked {
            Some(server) => {
                if let Some(value) = &server.authorization
                    && !headers.contains_key(PROXY_AUTHORIZATION)
                {
                    headers.insert(PROXY_AUTHORIZATION, value.clone());
                }
            }
            None if self.0.is_empty() => {}
            None => {
                headers.remove(PROXY_AUTHORIZATION);
            }
        }
    }
}
