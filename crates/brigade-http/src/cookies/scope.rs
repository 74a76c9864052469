//! To which hosts and paths a cookie belongs (RFC 6265, 5.1.3, 5.1.4 and 5.3).
//!
//! Everything here is asked of a URL that the client speaks to. No host ever gets a say over one
//! that is not beneath it, and no public suffix over anything.

use std::net::Ipv6Addr;

use url::{Host, Url};

use super::Error;

/// The domain of a cookie that `url` sets, and whether it is for that host alone.
pub(super) fn domain(url: &Url, asked: Option<&str>) -> Result<(String, bool), Error> {
    let host = url.host_str().ok_or(Error::BadUrl)?;
    let Some(asked) = asked else {
        return Ok((host.to_owned(), true));
    };
    let asked = Host::parse(asked).map_err(|_| Error::ForeignDomain)?;
    let asked = asked.to_string();
    if asked == host {
        // An address or a public suffix can have cookies of its own.
        let host_only = !may_be_shared(&asked);
        return Ok((asked, host_only));
    }
    // No address is beneath another: what ends in a number is a whole address, or no host.
    if !beneath(host, &asked) {
        return Err(Error::ForeignDomain);
    }
    match may_be_shared(&asked) {
        true => Ok((asked, false)),
        false => Err(Error::PublicSuffix),
    }
}

/// Whether a host is a name whose owner is also that of all names beneath.
pub(super) fn may_be_shared(host: &str) -> bool {
    matches!(Host::parse(host), Ok(Host::Domain(_))) && !is_public_suffix(host)
}

/// Whether `host` is a name beneath `domain`.
pub(super) fn beneath(host: &str, domain: &str) -> bool {
    let above = host.strip_suffix(domain);
    above.is_some_and(|above| above.ends_with('.') && above.len() > 1)
}

/// Whether strangers may register names beneath this one. By the list that holds for a name of one
/// label that is not in it, too.
fn is_public_suffix(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    psl::suffix_str(name).is_none_or(|suffix| suffix == name)
}

/// The host itself and the names above it, whose cookies it may get. What is above an address is no
/// host, so it has none.
pub(super) fn domains(url: &Url) -> impl Iterator<Item = &str> {
    std::iter::successors(url.host_str(), |name| Some(name.split_once('.')?.1))
}

/// The path of a cookie that does not name one.
pub(super) fn default_path(url: &Url) -> &str {
    match url.path().rfind('/') {
        None | Some(0) => "/",
        Some(end) => &url.path()[..end],
    }
}

/// Whether `path` is at or under that of a cookie.
pub(super) fn under(path: &str, cookie: &str) -> bool {
    let rest = path.strip_prefix(cookie);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || cookie.ends_with('/'))
}

/// Whether nobody on the way can read along: by https, or on this machine (as in browsers and curl).
pub(super) fn is_secure(url: &Url) -> bool {
    let is_local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address == Ipv6Addr::LOCALHOST,
        None => false,
    };
    is_local || url.scheme() == "https"
}
