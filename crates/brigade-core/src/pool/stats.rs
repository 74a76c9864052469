//! A snapshot of how many connections a pool has, and in which phase.
//!
//! Plain numbers that a caller can log or compare; they never change after they were taken.

use std::sync::Arc;

use super::{Phase, Pool};

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
    pub key: Arc<str>,
    /// The numbers.
    pub stats: Stats,
}

impl<C: Clone, W> Pool<C, W> {
    /// The numbers of all hosts together.
    pub fn stats(&self) -> Stats {
        let mut stats = self.slots.counts();
        stats.waiting = self.waiting;
        stats
    }

    /// The numbers of each host that has connections or waiters, in no particular order.
    pub fn hosts(&self) -> Vec<HostStats> {
        let mut stats = vec![Stats::default(); self.hosts.len() as usize];
        for (host, phase, _) in self.slots.iter() {
            let stats = &mut stats[host as usize];
            match phase {
                Phase::Dialing => stats.dialing += 1,
                Phase::Active => stats.active += 1,
                Phase::Idle => stats.idle += 1,
                Phase::Closing => stats.closing += 1,
            }
        }
        let named = self.hosts.iter().zip(stats);
        named
            .filter_map(|(host, mut stats)| {
                let host = host?;
                stats.waiting = host.waiters.len();
                let key = host.key.clone();
                Some(HostStats { key, stats })
            })
            .collect()
    }

    /// Every connection that is counted: its host's key, its phase, and itself once it is open.
    pub fn connections(&self) -> impl Iterator<Item = (&Arc<str>, Phase, Option<&C>)> {
        self.slots.iter().filter_map(|(host, phase, connection)| {
            Some((self.hosts.key(host)?, phase, connection))
        })
    }
}
