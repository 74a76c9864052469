//! From a host name to addresses.
//!
//! The system's resolver is slow and gives no time to live, so answers are kept for a while, and
//! concurrent requests for one name share one look-up. A failure is never kept.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use brigade::clock;
use brigade::thread::Pool;
use brigade_core::time::Moment;
use tokio::sync::OnceCell;
use url::Host;

/// The most names that are kept.
const NAMES_MAX: usize = 10_000;

/// How long the addresses of a name are used.
const KEPT: Duration = Duration::from_secs(30);

type Answer = Arc<OnceCell<Arc<[IpAddr]>>>;

/// The most names that are looked up at once.
const LOOK_UPS_MAX: usize = 32;

#[derive(Debug)]
pub(crate) struct Resolver {
    /// Threads of its own, so that dead name servers do not keep files from being written.
    threads: Pool,
    names: Mutex<HashMap<String, (Moment, Answer)>>,
}

impl Default for Resolver {
    fn default() -> Self {
        Self {
            threads: Pool::new("resolve", LOOK_UPS_MAX),
            names: Mutex::default(),
        }
    }
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
        let answer = answer.get_or_try_init(|| {
            let name = name.to_owned();
            let call = self.threads.call(move || look_up(&name));
            call.name("resolve").abandon_on_cancel()
        });
        answer.await.cloned()
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

fn look_up(name: &str) -> io::Result<Arc<[IpAddr]>> {
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in (name, 0).to_socket_addrs()? {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_is_kept_and_a_failure_is_not() {
        let resolver = Resolver::default();
        let localhost = || Host::Domain("localhost");
        let (first, second) =
            tokio::join!(resolver.resolve(localhost()), resolver.resolve(localhost()));
        let first = first.unwrap();
        assert!(first.iter().all(IpAddr::is_loopback));
        assert!(
            Arc::ptr_eq(&first, &second.unwrap()),
            "one look-up for both"
        );
        assert!(Arc::ptr_eq(
            &first,
            &resolver.resolve(localhost()).await.unwrap()
        ));
        for _ in 0..2 {
            let missing = resolver.resolve(Host::Domain("no-such-host.invalid")).await;
            assert!(missing.is_err());
        }
        let literal = resolver
            .resolve(Host::Ipv4([127, 0, 0, 9].into()))
            .await
            .unwrap();
        assert_eq!(*literal, [IpAddr::from([127, 0, 0, 9])]);
    }
}
