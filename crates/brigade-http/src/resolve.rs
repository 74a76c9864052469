//! From a host name to addresses.
//!
//! The system's resolver is slow and gives no time to live, so answers are kept for a while, and
//! concurrent requests for one name share one look-up. A failure is never kept.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use brigade::clock;
use brigade_core::time::Moment;
use tokio::sync::OnceCell;
use url::Host;

/// The most names that are kept.
const NAMES_MAX: usize = 10_000;

/// How long the addresses of a name are used.
const KEPT: Duration = Duration::from_secs(30);

type Answer = Arc<OnceCell<Arc<[IpAddr]>>>;

#[derive(Debug, Default)]
pub(crate) struct Resolver {
    names: Mutex<HashMap<String, (Moment, Answer)>>,
}

impl Resolver {
    /// The addresses of a host, never empty.
    pub(crate) async fn resolve(&self, host: Host<&str>) -> io::Result<Arc<[IpAddr]>> {
        let name = match host {
            Host::Ipv4(address) => return Ok([IpAddr::V4(address)].into()),
            Host::Ipv6(address) => return Ok([IpAddr::V6(address)].into()),
            Host::Domain(name) => name,
        };
        // Who comes second waits here for the first, and takes over if the first fails or leaves.
        let answer = self.answer(name);
        answer.get_or_try_init(|| look_up(name)).await.cloned()
    }

    fn answer(&self, name: &str) -> Answer {
        let now = clock::now();
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((until, answer)) = names.get(name)
            && *until > now
        {
            return answer.clone();
        }
        if names.len() >= NAMES_MAX {
            names.retain(|_, (until, _)| *until > now);
        }
        if names.len() >= NAMES_MAX {
            names.clear();
        }
        let answer = Answer::default();
        names.insert(name.to_owned(), (now + KEPT, answer.clone()));
        answer
    }
}

async fn look_up(name: &str) -> io::Result<Arc<[IpAddr]>> {
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in tokio::net::lookup_host((name, 0)).await? {
        if !addresses.contains(&address.ip()) {
            addresses.push(address.ip());
        }
    }
    if addresses.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "the name has no address",
        ));
    }
    Ok(addresses.into())
}
