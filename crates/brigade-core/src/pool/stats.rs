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
    /// Requests that wait for a connection, those included for which one is being opened.
    pub waiting: usize,
}

impl Stats {
    pub(super) const NONE: Self = Self {
        dialing: 0,
        active: 0,
        idle: 0,
        closing: 0,
        waiting: 0,
    };

    /// All connections that count towards the limits.
    pub const fn connections(&self) -> usize {
        self.dialing + self.active + self.idle + self.closing
    }

    pub(super) const fn of(&mut self, phase: Phase) -> &mut usize {
        match phase {
            Phase::Dialing => &mut self.dialing,
            Phase::Active => &mut self.active,
            Phase::Idle => &mut self.idle,
            Phase::Closing => &mut self.closing,
        }
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

/// One connection that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionStats<'a, C> {
    /// The key of its host.
    pub key: &'a Arc<str>,
    /// What it is doing.
    pub phase: Phase,
    /// Requests that are on it.
    pub leases: u32,
    /// The connection itself, once it is open.
    pub connection: Option<&'a C>,
}

impl<C: Clone, W: Clone> Pool<C, W> {
    /// The numbers of all hosts together.
    pub fn stats(&self) -> Stats {
        let mut stats = self.slots.counts();
        stats.waiting = self.waiting;
        stats
    }

    /// The numbers of each host that has connections or waiters, in no particular order.
    pub fn hosts(&self) -> Vec<HostStats> {
        let mut stats = vec![Stats::default(); self.hosts.len() as usize];
        for (_, entry) in self.slots.iter() {
            if let Some(phase) = entry.phase() {
                *stats[entry.host as usize].of(phase) += 1;
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

    /// Every connection that is counted.
    pub fn connections(&self) -> impl Iterator<Item = ConnectionStats<'_, C>> {
        self.slots.iter().filter_map(|(_, entry)| {
            Some(ConnectionStats {
                key: self.hosts.key(entry.host)?,
                phase: entry.phase()?,
                leases: entry.leases,
                connection: entry.connection.as_ref(),
            })
        })
    }
}
