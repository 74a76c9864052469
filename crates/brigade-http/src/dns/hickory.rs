//! Name servers asked directly, with hickory, which tells how long an answer counts.
//!
//! It exists for what `getaddrinfo` cannot do: the real lifetime of answers, and many names at once
//! without a thread for each. It never keeps an answer itself.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig,
    ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::Name;
use hickory_resolver::{Resolver, TokioResolver};
use resolv_conf::{Config, ParseError};

use super::{Answer, Resolve, Resolving};

const FILE: &str = "/etc/resolv.conf";
/// What the system's resolver makes of larger values in that file.
const TIMEOUT_MAX: u32 = 30;
const ATTEMPTS_MAX: u32 = 5;
/// For name servers that are given: those that answer do so within milliseconds.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Over one TCP connection to a name server. More look-ups than that wait a moment each.
const IN_FLIGHT_MAX: usize = 256;

/// Asks name servers itself, over UDP, and over TCP where an answer is too large for it: for A and
/// AAAA at the same time, two of several name servers side by side.
///
/// An answer counts for the shortest lifetime of its records. If only one of the two types can be
/// had, it is the answer. It needs a tokio runtime with I/O and
/// time. What an administrator has set beyond the name servers, for example in `nsswitch.conf` or
/// for a virtual private network, only [`System`](super::System) knows.
///
/// # Examples
///
/// ```no_run
/// use brigade_http::Client;
/// use brigade_http::dns::Hickory;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::builder().resolver(Hickory::new()?).build()?;
/// # let _ = client;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Hickory(TokioResolver);

impl Hickory {
    /// Asks the name servers of `/etc/resolv.conf`, under its search domains and options, after
    /// looking into `/etc/hosts`. Both files are read now and not again.
    ///
    /// A try lasts as long as the file says, at most 30 s and 5 s if it says nothing, and there are
    /// as many as it says, at most 5; the client's connect timeout ends all of them.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, names no name server, or names one by something else than its
    /// address.
    pub fn new() -> io::Result<Self> {
        Self::of_file(Path::new(FILE))
    }

    /// Asks these name servers and nothing else, two tries of 2 s each.
    ///
    /// # Errors
    ///
    /// If there is none.
    ///
    /// # Examples
    ///
    /// ```
    /// use brigade_http::dns::Hickory;
    ///
    /// let resolver = Hickory::with_name_servers([([127, 0, 0, 1], 5353).into()])?;
    /// # let _ = resolver;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn with_name_servers(servers: impl IntoIterator<Item = SocketAddr>) -> io::Result<Self> {
        let servers: Vec<_> = servers.into_iter().map(name_server).collect();
        if servers.is_empty() {
            return Err(invalid("there is no name server to ask: give at least one"));
        }
        let mut options = ResolverOpts::default();
        options.timeout = TIMEOUT;
        // What it calls attempts are those after the first.
        options.attempts = 1;
        options.use_hosts_file = ResolveHosts::Never;
        Self::build(ResolverConfig::from_name_servers(servers), options)
    }

    pub(super) fn of_file(path: &Path) -> io::Result<Self> {
        let about = |error: io::Error| {
            io::Error::new(error.kind(), format!("read {}: {error}", path.display()))
        };
        let text = std::fs::read(path).map_err(about)?;
        let (config, options) = parse(&text).map_err(about)?;
        Self::build(config, options)
    }

    fn build(config: ResolverConfig, mut options: ResolverOpts) -> io::Result<Self> {
        options.cache_size = 0;
        options.ip_strategy = LookupIpStrategy::Ipv6AndIpv4;
        options.max_active_requests = IN_FLIGHT_MAX;
        let mut builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options;
        Ok(Self(builder.build().map_err(io::Error::other)?))
    }
}

impl Resolve for Hickory {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a> {
        Box::pin(async move {
            // Not `from_utf8`: the name is in Punycode already, and hosts do have underscores.
            let name = Name::from_ascii(name).map_err(|error| invalid(error.to_string()))?;
            let found = self.0.lookup_ip(name).await.map_err(failed)?;
            let records = found.as_lookup().answers();
            let shortest = records.iter().map(|record| record.ttl).min();
            let answer = Answer::new(found.iter());
            Ok(match shortest {
                Some(seconds) => answer.ttl(Duration::from_secs(seconds.into())),
                None => answer,
            })
        })
    }
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
    let connections = connections.map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

/// What `resolv.conf` says. Lines that nobody knows are passed over, as the system does; a name
/// server that would be passed over is an error.
fn parse(text: &[u8]) -> io::Result<(ResolverConfig, ResolverOpts)> {
    let (file, errors) = Config::parse_with_errors(text);
    for error in errors {
        if let ParseError::InvalidIp(line, why) = error {
            let line = line + 1;
            return Err(invalid(format!("line {line} names no address: {why}")));
        }
    }
    if file.nameservers.is_empty() {
        return Err(invalid(
            "it names no name server: add a line `nameserver ADDRESS`",
        ));
    }
    let servers = file.nameservers.iter().map(|server| server.into());
    let servers = servers.map(NameServerConfig::udp_and_tcp).collect();
    let mut search = Vec::new();
    for domain in file.get_last_search_or_domain() {
        let domain = Name::from_ascii(domain)
            .map_err(|why| invalid(format!("the search domain `{domain}` is no name: {why}")))?;
        search.push(domain);
    }
    let mut options = ResolverOpts::default();
    options.ndots = file.ndots as usize;
    options.timeout = Duration::from_secs(file.timeout.clamp(1, TIMEOUT_MAX).into());
    options.attempts = file.attempts.clamp(1, ATTEMPTS_MAX) as usize - 1;
    options.edns0 = file.edns0;
    Ok((ResolverConfig::from_parts(None, search, servers), options))
}

fn failed(error: NetError) -> io::Error {
    match error {
        NetError::Timeout => {
            io::Error::new(io::ErrorKind::TimedOut, "no name server answered in time")
        }
        NetError::Dns(DnsError::NoRecordsFound(none)) => {
            let why = match none.response_code {
                ResponseCode::NXDomain => "the name does not exist",
                ResponseCode::NoError => "the name has no address",
                code => return io::Error::other(format!("the name server refused: {code}")),
            };
            io::Error::new(io::ErrorKind::NotFound, why)
        }
        error => io::Error::other(error),
    }
}

fn invalid(why: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why.into())
}
