//! One cookie and where it belongs.
//!
//! A plain value. Its `Debug` output never holds the value of the cookie.

use std::fmt;
use std::time::{Duration, SystemTime};

/// A cookie in a [`CookieJar`](super::CookieJar), as it was when it was asked for.
#[derive(Clone, PartialEq, Eq)]
pub struct Cookie {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) domain: String,
    pub(super) host_only: bool,
    pub(super) path: String,
    pub(super) secure: bool,
    pub(super) http_only: bool,
    /// In seconds since 1970; `None` for a cookie of the session.
    pub(super) expires: Option<u64>,
}

impl Cookie {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its value, which may be a secret.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The host that it belongs to, in lower case.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Whether it belongs to that host alone, and not to those beneath.
    pub fn is_host_only(&self) -> bool {
        self.host_only
    }

    /// The path at and under which it is sent.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether it is only sent by https, or to this machine.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether scripts of a page must not see it, which says nothing to a client.
    pub fn is_http_only(&self) -> bool {
        self.http_only
    }

    /// Until when it is sent; `None` for as long as the jar is there.
    pub fn expires(&self) -> Option<SystemTime> {
        // At most 400 days from the moment it was set, so that no system's clock runs over.
        let since = Duration::from_secs(self.expires?);
        SystemTime::UNIX_EPOCH.checked_add(since)
    }

    pub(super) fn is_expired(&self, now: u64) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cookie")
            .field("name", &self.name)
            .field("domain", &self.domain)
            .field("host_only", &self.host_only)
            .field("path", &self.path)
            .field("secure", &self.secure)
            .field("http_only", &self.http_only)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}
