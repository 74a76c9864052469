//! Which hosts are reached without the proxy: the rules of `NO_PROXY`.
//!
//! There is no standard for it, so this reads what curl, Go and Python agree on. An entry that is
//! neither an address nor a name matches nothing.

use std::net::IpAddr;

use url::Host;

use crate::transport::Destination;

/// The hosts that a proxy does not concern.
#[derive(Clone, Debug, Default)]
pub(super) struct Bypass {
    rules: Vec<Rule>,
    /// Whether loopback addresses and `localhost` are among them.
    loopback: bool,
}

#[derive(Clone, Debug)]
struct Rule {
    hosts: Hosts,
    /// None for every port.
    port: Option<u16>,
}

#[derive(Clone, Debug)]
enum Hosts {
    All,
    /// An address, and how many of its first bits count.
    Network(IpAddr, u32),
    /// A name and all names below it.
    Domain(String),
}

impl Bypass {
    /// Reads entries that are separated by commas or blanks.
    pub(super) fn new(list: &str) -> Self {
        let entries = list.split(|c: char| c == ',' || c.is_whitespace());
        Self {
            rules: entries.filter(|e| !e.is_empty()).map(Rule::new).collect(),
            loopback: false,
        }
    }

    pub(super) fn with_loopback(mut self) -> Self {
        self.loopback = true;
        self
    }

    pub(super) fn concerns(&self, to: &Destination) -> bool {
        (self.loopback && is_loopback(&to.host)) || self.rules.iter().any(|rule| rule.concerns(to))
    }
}

impl Rule {
    fn new(entry: &str) -> Self {
        if let Some(hosts) = Hosts::new(entry) {
            return Self { hosts, port: None };
        }
        let (host, port) = entry.rsplit_once(':').unwrap_or((entry, ""));
        match (Hosts::new(host), port.parse()) {
            (Some(hosts), Ok(port)) => Self {
                hosts,
                port: Some(port),
            },
            _ => Self {
                hosts: Hosts::Domain(entry.to_ascii_lowercase()),
                port: None,
            },
        }
    }

    fn concerns(&self, to: &Destination) -> bool {
        self.port.is_none_or(|port| port == to.port) && self.hosts.contain(&to.host)
    }
}

impl Hosts {
    fn new(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::All);
        }
        let (address, bits) = text.split_once('/').unwrap_or((text, ""));
        let address = address.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = address.parse::<IpAddr>() {
            let most = if address.is_ipv4() { 32 } else { 128 };
            let bits = if bits.is_empty() {
                most
            } else {
                bits.parse().ok()?
            };
            return (bits <= most).then_some(Self::Network(address, bits));
        }
        let name = text.strip_prefix('*').unwrap_or(text).trim_matches('.');
        match Host::parse(name) {
            Ok(Host::Domain(name)) => Some(Self::Domain(name)),
            _ => None,
        }
    }

    fn contain(&self, host: &Host<String>) -> bool {
        match (self, host) {
            (Self::All, _) => true,
            (Self::Network(network, bits), Host::Ipv4(address)) => {
                is_within((*address).into(), *network, *bits)
            }
            (Self::Network(network, bits), Host::Ipv6(address)) => {
                is_within((*address).into(), *network, *bits)
            }
            (Self::Domain(domain), Host::Domain(name)) => is_below(name, domain),
            _ => false,
        }
    }
}

fn is_within(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros() >= bits,
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros() >= bits,
        _ => false,
    }
}

/// Whether `name` is `domain` or a name below it. Both are in lower case, as URLs have them.
fn is_below(name: &str, domain: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let rest = name.strip_suffix(domain);
    rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn is_loopback(host: &Host<String>) -> bool {
    match host {
        Host::Domain(name) => is_below(name, "localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => {
            let mapped = address.to_ipv4_mapped();
            address.is_loopback() || mapped.is_some_and(|address| address.is_loopback())
        }
    }
}
