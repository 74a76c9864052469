//! What a client is asked to do and what it answers, each as one line of JSON.
//!
//! Clients in Rust and in Python take the same plan, so a scene is written down once.

use serde::{Deserialize, Serialize};

/// How a client talks to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    H1,
    H1Tls,
    /// HTTP/2 in the clear, by prior knowledge.
    H2c,
    H2Tls,
}

impl Protocol {
    pub fn is_h2(self) -> bool {
        matches!(self, Self::H2c | Self::H2Tls)
    }

    pub fn is_tls(self) -> bool {
        matches!(self, Self::H1Tls | Self::H2Tls)
    }
}

/// One run of one client.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    pub client: String,
    pub protocol: Protocol,
    /// One for each host.
    pub urls: Vec<String>,
    pub requests: usize,
    pub in_flight: usize,
    /// The most connections at once.
    pub connections: usize,
    /// The length of every response's body.
    pub body: u64,
    /// The file with the certificate to trust, as PEM.
    pub certificate: String,
}

impl Plan {
    /// How many requests each worker sends.
    pub fn share(&self) -> usize {
        self.requests / self.in_flight
    }

    /// The URLs that a worker asks for in turn. With more hosts than workers each has hosts of its
    /// own, so that a connection is never fought for.
    pub fn urls_of(&self, worker: usize) -> impl Iterator<Item = &String> {
        let step = self.in_flight.max(1);
        let first = worker % self.urls.len().max(1);
        self.urls.iter().skip(first).step_by(step)
    }
}

/// What a client says of itself when it is done.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Done {
    pub requests: usize,
    /// CPU seconds before the first request, which are not counted.
    pub start_seconds: f64,
    /// The most memory that was resident, in KiB; by its own word, because what the kernel tells
    /// the parent begins at the size of the parent.
    pub peak_kib: f64,
}
