//! How many connections a pool may have.
//!
//! A plain value, so that a configuration can be compared and printed. It never changes while a
//! pool uses it.

use std::time::Duration;

/// How many connections a pool may have, and how long it keeps those that are idle.
///
/// # Examples
///
/// ```
/// use brigade_core::pool::Limits;
///
/// let limits = Limits { total: 64, per_host: 8, ..Limits::default() };
/// assert!(limits.idle <= 100);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most connections at once: dialing, active, idle and closing together. At least 1.
    pub total: usize,
    /// The most connections at once to one host, counted in the same way. At least 1.
    pub per_host: usize,
    /// The most idle connections; 0 means that no connection is used twice unless a request
    /// already waits for it.
    pub idle: usize,
    /// How long a connection may be idle before it is closed.
    pub idle_timeout: Duration,
}

impl Default for Limits {
    /// 100 connections, as many to one host, 20 of them idle, each for up to 60 seconds.
    fn default() -> Self {
        Self {
            total: 100,
            per_host: 100,
            idle: 20,
            idle_timeout: Duration::from_secs(60),
        }
    }
}
