//! The scenes, as data: what is asked for, how, and how often.
//!
//! A scene is one row here and nothing elsewhere.

use crate::Result;
use crate::plan::Protocol::{self, H1, H1Tls, H2Tls, H2c};

/// The streams that the servers let a connection have at once; it is nginx's default.
pub const STREAMS: usize = 128;
const MIB: u64 = 1 << 20;
/// About what a small API answers.
const SMALL: u64 = 100;

/// What all clients do in turn.
#[derive(Debug)]
pub struct Scene {
    pub name: &'static str,
    pub what: &'static str,
    pub protocol: Protocol,
    pub in_flight: usize,
    /// The length of the body.
    pub body: u64,
    pub hosts: usize,
    /// The most connections at once, for clients that have such a limit.
    pub connections: usize,
    /// How many small requests one of these weighs, so that all scenes take about as long.
    pub weight: usize,
    /// The most that brigade may cost, as a multiple of bare hyper.
    pub goal: Option<f64>,
    pub note: &'static str,
}

impl Scene {
    /// Requests in one run of a client that is `slower` times as slow as bare hyper: the same
    /// number for each worker, and at least four.
    pub fn requests(&self, count: usize, slower: usize) -> usize {
        let share = count / self.weight / slower / self.in_flight;
        share.max(4) * self.in_flight
    }

    /// Whether connections must be closed to make room for others.
    pub fn evicts(&self) -> bool {
        self.connections < self.hosts
    }

    /// The file that is asked for.
    pub fn file(&self) -> &'static str {
        if self.body == MIB {
            "mib.txt"
        } else {
            "small.txt"
        }
    }
}

/// The files that the scenes ask for, and their lengths.
pub const FILES: [(&str, u64); 2] = [("small.txt", SMALL), ("mib.txt", MIB)];

/// A scene of HTTP/1.1 with small bodies, from which the others differ.
const PLAIN: Scene = Scene {
    name: "h1-64",
    what: "HTTP/1.1, 64 in flight, 100-byte bodies",
    protocol: H1,
    in_flight: 64,
    body: SMALL,
    hosts: 1,
    connections: 64,
    weight: 1,
    goal: None,
    note: "",
};

/// The same over one connection of HTTP/2.
const STREAMED: Scene = Scene {
    name: "h2-64",
    what: "HTTP/2 by prior knowledge, 64 in flight, 100-byte bodies",
    protocol: H2c,
    connections: 1,
    ..PLAIN
};

static SCENES: [Scene; 14] = [
    Scene {
        name: "h1-1",
        what: "HTTP/1.1, one request after the other, 100-byte bodies",
        in_flight: 1,
        connections: 1,
        weight: 4,
        ..PLAIN
    },
    Scene {
        name: "h1-32",
        what: "HTTP/1.1, 32 in flight, 100-byte bodies",
        in_flight: 32,
        connections: 32,
        ..PLAIN
    },
    Scene {
        goal: Some(1.10),
        ..PLAIN
    },
    Scene {
        name: "h1-512",
        what: "HTTP/1.1, 512 in flight, 100-byte bodies",
        in_flight: 512,
        connections: 512,
        ..PLAIN
    },
    Scene {
        name: "h1-mib",
        what: "HTTP/1.1, 32 in flight, bodies of 1 MiB",
        in_flight: 32,
        connections: 32,
        body: MIB,
        weight: 64,
        ..PLAIN
    },
    Scene {
        name: "h1-tls",
        what: "HTTP/1.1 over TLS, 64 in flight, 100-byte bodies",
        protocol: H1Tls,
        weight: 2,
        ..PLAIN
    },
    Scene {
        name: "h1-hosts",
        what: "HTTP/1.1, 64 in flight over 1,000 hosts, at most 1,000 connections",
        hosts: 1000,
        connections: 1000,
        ..PLAIN
    },
    Scene {
        name: "h1-evict",
        what: "HTTP/1.1, 64 in flight over 1,000 hosts, at most 128 connections",
        hosts: 1000,
        connections: 128,
        weight: 8,
        note: "Every request finds its host's connection gone and opens one in the place of another. Only those are \
               here that can limit all their connections, in use and idle: hyper-util and reqwest limit the idle \
               ones of a host, aiohttp those in use.",
        ..PLAIN
    },
    Scene {
        name: "h2-1",
        what: "HTTP/2 by prior knowledge, one request after the other, 100-byte bodies",
        in_flight: 1,
        weight: 4,
        ..STREAMED
    },
    Scene {
        name: "h2-32",
        what: "HTTP/2 by prior knowledge, 32 in flight, 100-byte bodies",
        in_flight: 32,
        ..STREAMED
    },
    Scene {
        goal: Some(1.15),
        note: "The server is hyper on one processor and has more to do than the client, so wall time is the server's.",
        ..STREAMED
    },
    Scene {
        name: "h2-512",
        what: "HTTP/2 by prior knowledge, 512 in flight, 100-byte bodies",
        in_flight: 512,
        connections: 512 / STREAMS,
        note: "The server gives a connection 128 streams. bare-hyper and h2load share 512 requests out over four \
               connections, brigade opens as many as it needs, at most four; hyper-util and reqwest keep to one, \
               where 384 requests wait.",
        ..STREAMED
    },
    Scene {
        name: "h2-mib",
        what: "HTTP/2 by prior knowledge, 32 in flight, bodies of 1 MiB",
        in_flight: 32,
        body: MIB,
        weight: 64,
        note: "bare-hyper and brigade take frames of 64 KiB, the others of 16 KiB. The windows are 2 MiB for a stream and \
               8 MiB for a connection; hyper-util and reqwest have 5 MiB for a connection, httpx its own.",
        ..STREAMED
    },
    Scene {
        name: "h2-tls",
        what: "HTTP/2 over TLS, 64 in flight, 100-byte bodies",
        protocol: H2Tls,
        ..STREAMED
    },
];

/// The scenes of these names, or all.
pub fn chosen(names: &[&str]) -> Result<Vec<&'static Scene>> {
    let known = || SCENES.iter().map(|scene| scene.name).collect::<Vec<_>>();
    if let Some(name) = names.iter().find(|name| !known().contains(name)) {
        return Err(format!("no scene {name}; there are {}", known().join(", ")).into());
    }
    let is_chosen = |scene: &&Scene| names.is_empty() || names.contains(&scene.name);
    Ok(SCENES.iter().filter(is_chosen).collect())
}
