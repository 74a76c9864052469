//! A snapshot of how many connections a pool has, and in which phase.
//!
//! Plain numbers that a caller can log or compare; they never change after they were taken.

/// How many connections a pool has in each phase, and how many requests wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Connections that are being opened.
    pub dialing: usize,
    /// Connections with a request on them.
    pub active: usize,
    /// Open connections without a request.
    pub idle: usize,
    /// Connections that will not be used again and whose socket is not gone yet.
    pub closing: usize,
    /// Requests that wait for a connection.
    pub waiting: usize,
}

impl Stats {
    /// All connections that count towards the limits.
    pub const fn connections(&self) -> usize {
        self.dialing + self.active + self.idle + self.closing
    }
}

/// The numbers of one host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostStats {
    /// The key under which the host's connections were asked for.
    pub key: std::sync::Arc<str>,
    /// The numbers.
    pub stats: Stats,
}
