//! How many connections a client may have.
//!
//! A plain value that one can compare and print. It never changes while a client uses it.

use std::time::Duration;

/// How many connections a client may have, and how long it keeps those that nobody uses.
///
/// All limits count the client's own sockets: being opened, in use and idle together. A connection
/// of HTTP/2 carries many requests; how many at once go to a host is a matter of
/// `brigade::limit`, not of connections.
///
/// # Examples
///
/// ```
/// use brigade_http::PoolLimits;
///
/// let limits = PoolLimits::default().total(64).per_host(8);
/// assert_eq!((limits.total, limits.per_host), (64, 8));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolLimits {
    /// The most connections at once, at least 1; by default 100.
    pub total: usize,
    /// The most connections at once to one host, at least 1; by default as many as in total. Those
    /// of WebSockets to a host are counted apart from those of its other requests.
    pub per_host: usize,
    /// The most idle connections; by default as many as in total.
    pub idle: usize,
    /// How long a connection may be idle before it is closed; by default a minute.
    pub idle_timeout: Duration,
    /// How old a connection may be and still get another request, so that a change of the host's
    /// addresses takes effect; by default 10 minutes, `None` for no limit. Each connection ends up
    /// to a tenth earlier, so that those opened together do not end together.
    pub max_age: Option<Duration>,
    /// The most requests at once on one connection of HTTP/2, at least 1; by default 100. A server
    /// may allow fewer.
    pub streams: u32,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            total: 100,
            per_host: usize::MAX,
            idle: usize::MAX,
            idle_timeout: Duration::from_secs(60),
            max_age: Some(Duration::from_secs(600)),
            streams: 100,
        }
    }
}

impl PoolLimits {
    /// Sets the most connections at once.
    #[must_use]
    pub const fn total(mut self, total: usize) -> Self {
        self.total = total;
        self
    }

    /// Sets the most connections at once to one host.
    #[must_use]
    pub const fn per_host(mut self, per_host: usize) -> Self {
        self.per_host = per_host;
        self
    }

    /// Sets the most idle connections.
    #[must_use]
    pub const fn idle(mut self, idle: usize) -> Self {
        self.idle = idle;
        self
    }

    /// Sets how long a connection may be idle.
    #[must_use]
    pub const fn idle_timeout(mut self, idle_timeout: Duration) -> Self {
        self.idle_timeout = idle_timeout;
        self
    }

    /// Sets how old a connection may be and still get another request.
    #[must_use]
    pub fn max_age(mut self, max_age: impl Into<Option<Duration>>) -> Self {
        self.max_age = max_age.into();
        self
    }

    /// Sets the most requests at once on one connection of HTTP/2.
    #[must_use]
    pub const fn streams(mut self, streams: u32) -> Self {
        self.streams = streams;
        self
    }

    pub(crate) const fn to_core(self) -> brigade_core::pool::Limits {
        brigade_core::pool::Limits {
            total: self.total,
            per_host: self.per_host,
            idle: self.idle,
            idle_timeout: self.idle_timeout,
        }
    }
}
