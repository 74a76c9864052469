//! What a client's connections are doing, as plain numbers.
//!
//! A snapshot that never changes after it was taken.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use brigade::clock;
use brigade_core::pool::Phase;

use crate::pool::ClientPool;
use crate::pool::connection::Connection;

/// A snapshot of a client's connections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Connections that are being opened.
    pub dialing: usize,
    /// Connections that a request or a WebSocket uses.
    pub active: usize,
    /// Open connections that nobody uses.
    pub idle: usize,
    /// Connections that will not be used again and whose socket is not gone yet.
    pub closing: usize,
    /// Requests that wait for a connection, those included for which one is being opened.
    pub waiting: usize,
    /// Each connection.
    pub connections: Vec<ConnectionStats>,
}

impl Stats {
    /// All connections that count towards the limits.
    pub const fn total(&self) -> usize {
        self.dialing + self.active + self.idle + self.closing
    }

    pub(crate) fn of(pool: &ClientPool) -> Self {
        let now = clock::now();
        let core = pool.lock();
        let counts = core.stats();
        let connections = core.connections().map(|entry| ConnectionStats {
            origin: entry.key.clone(),
            state: state(entry.phase, entry.connection),
            is_http2: entry
                .connection
                .is_some_and(|connection| connection.is_http2),
            peer: entry.connection.and_then(|connection| connection.peer),
            age: (entry.connection)
                .map_or(Duration::ZERO, |connection| now.since(connection.opened)),
            in_flight: entry.leases,
            requests: (entry.connection).map_or(0, |connection| connection.wire.exchanges()),
        });
        Self {
            dialing: counts.dialing,
            active: counts.active,
            idle: counts.idle,
            closing: counts.closing,
            waiting: counts.waiting,
            connections: connections.collect(),
        }
    }
}

/// One connection of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionStats {
    /// Scheme, host and port, such as `https://example.com` or `http://127.0.0.1:8080`; with ws in
    /// place of http for one that was opened for a WebSocket.
    pub origin: Arc<str>,
    /// What it is doing.
    pub state: ConnectionState,
    /// Whether it speaks HTTP/2. `false` as long as it is being opened.
    pub is_http2: bool,
    /// The other end of its socket, that of a proxy if there is one. `None` as long as it is being
    /// opened, and if it has no address.
    pub peer: Option<SocketAddr>,
    /// How long it has been open.
    pub age: Duration,
    /// How many requests are on it now.
    pub in_flight: u32,
    /// How many requests it has been given.
    pub requests: u64,
}

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectionState {
    /// It is being opened.
    Dialing,
    /// A request uses it.
    Active,
    /// It has left HTTP: a WebSocket uses it.
    Upgraded,
    /// It is open and nobody uses it.
    Idle,
    /// It will not be used again; its socket is not gone yet.
    Closing,
}

fn state(phase: Phase, connection: Option<&Arc<Connection>>) -> ConnectionState {
    match phase {
        Phase::Active if connection.is_some_and(|connection| connection.is_switched()) => {
            ConnectionState::Upgraded
        }
        Phase::Dialing => ConnectionState::Dialing,
        Phase::Active => ConnectionState::Active,
        Phase::Idle => ConnectionState::Idle,
        Phase::Closing => ConnectionState::Closing,
    }
}
