//! The names of one client: what its builder was told, and the one question that a connection asks.
//!
//! It exists so that whoever connects need not know where addresses come from. It never sends an
//! address to a resolver.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use url::Host;

use super::cache::Cache;
use super::kept::Addresses;
use super::{Resolve, System};
use crate::{Error, Kind, Result};

const ADDRESS: &str = "it is an address, which is never looked up";
const NOT_ALONE: &str = "give the host alone, without scheme and port";

/// How the client that is being built finds addresses.
#[derive(Debug)]
pub(crate) struct Names {
    resolver: Option<Arc<dyn Resolve>>,
    ttl: Duration,
    /// By name without a dot at its end.
    fixed: HashMap<String, Addresses>,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            resolver: None,
            ttl: Duration::from_secs(30),
            fixed: HashMap::new(),
        }
    }
}

impl Names {
    pub(crate) fn ask(&mut self, resolver: impl Resolve) {
        self.resolver = Some(Arc::new(resolver));
    }

    pub(crate) fn set_ttl(&mut self, ttl: Duration) {
        self.ttl = ttl;
    }

    pub(crate) fn fix(
        &mut self,
        name: &str,
        addresses: impl IntoIterator<Item = IpAddr>,
    ) -> Result<()> {
        let bad = |why: &str| {
            // Who gave a URL may have given a password.
            let shown = name.rsplit('@').next().unwrap_or_default();
            let detail = format!("the fixed addresses of `{shown}` cannot be used: {why}");
            Error::new(Kind::Config).because(detail)
        };
        let host = match Host::parse(name) {
            Ok(Host::Domain(host)) => host,
            Ok(_) => return Err(bad(ADDRESS)),
            Err(_) if name.parse::<IpAddr>().is_ok() => return Err(bad(ADDRESS)),
            Err(_) if name.contains(':') => return Err(bad(NOT_ALONE)),
            Err(error) => return Err(bad(&error.to_string())),
        };
        let addresses: Addresses = addresses.into_iter().collect();
        if addresses.is_empty() {
            return Err(bad("there is none, give at least one"));
        }
        self.fixed.insert(whole(&host).to_owned(), addresses);
        Ok(())
    }
}

/// A name without the dot that says that it is whole.
fn whole(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

/// What a client asks for addresses.
#[derive(Debug)]
pub(crate) struct Resolver {
    fixed: HashMap<String, Addresses>,
    cache: Cache,
}

impl Resolver {
    pub(crate) fn new(names: Names) -> Self {
        let resolver = names.resolver.unwrap_or_else(|| Arc::new(System::new()));
        Self {
            fixed: names.fixed,
            cache: Cache::new(resolver, names.ttl),
        }
    }

    /// The addresses of a host, never empty.
    pub(crate) async fn resolve(&self, host: Host<&str>) -> io::Result<Arc<[IpAddr]>> {
        let name = match host {
            Host::Ipv4(address) => return Ok([IpAddr::V4(address)].into()),
            Host::Ipv6(address) => return Ok([IpAddr::V6(address)].into()),
            Host::Domain(name) => name,
        };
        match self.fixed.get(whole(name)) {
            Some(addresses) => Ok(addresses.clone()),
            None => self.cache.resolve(name).await,
        }
    }
}
