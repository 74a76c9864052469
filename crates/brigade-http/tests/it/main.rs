//! The client against scripted servers on loopback, one file for each family of its laws.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod admission;
mod bodies;
mod budget;
mod coded;
mod contents;
mod cookies;
mod downloads;
mod early;
mod ends;
mod events;
mod forms;
mod framing;
mod h2_hostile;
mod h2_pressure;
mod h2_rules;
mod heads;
mod hops;
mod http2;
mod lifecycle;
mod limits;
mod meters;
mod names;
mod paging;
mod proxies;
mod recordings;
mod requests;
mod reuse;
mod runtimes;
mod secure;
mod services;
mod settings;
mod socks;
mod spans;
mod storm;
mod timeouts;
mod transport;
mod unix;
mod uploads;
mod websocket;

use std::collections::HashSet;
use std::error::Error as _;
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use brigade_http::{Client, ClientBuilder, Error, PoolLimits, Timeouts};

/// A builder whose requests end within seconds whatever happens.
fn builder() -> ClientBuilder {
    let limit = Duration::from_secs(20);
    let timeouts = Timeouts::default();
    let timeouts = timeouts
        .pool(limit)
        .connect(limit)
        .write(limit)
        .read(limit)
        .total(limit);
    Client::builder().timeouts(timeouts)
}

fn client() -> Client {
    builder().build().expect("the settings are plain")
}

fn limited(limits: PoolLimits) -> Client {
    builder()
        .limits(limits)
        .build()
        .expect("the settings are plain")
}

/// The error and its causes in one line.
fn tell(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// Reads a response to its end, so that its connection can be used again.
async fn read(client: &Client, url: String) -> Vec<u8> {
    let response = client.get(url).unwrap().send().await.unwrap();
    response.bytes().await.unwrap().to_vec()
}

/// The error of a request that must fail.
async fn refused(client: &Client, url: String) -> Error {
    client.get(url).unwrap().send().await.unwrap_err()
}

/// A request that goes on beside the test.
fn spawn<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> tokio::task::JoinHandle<T> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the runtime of a test ends with the test"
    )]
    tokio::spawn(future)
}

/// How many sockets of this system are connected or connecting to each server.
fn own_sockets<const N: usize>(servers: [SocketAddr; N]) -> [usize; N] {
    let sockets = std::fs::read_to_string("/proc/net/tcp").expect("the system lists its sockets");
    // Established, connecting, or closed by the server only.
    let is_open = |state: &str| matches!(state, "01" | "02" | "08");
    let open = sockets.lines().filter_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let socket = (fields.next()?, fields.next()?);
        // A set, because the system may list a socket twice while others come and go.
        fields.next().is_some_and(is_open).then_some(socket)
    });
    let open: HashSet<(&str, &str)> = open.collect();
    servers.map(|server| {
        let SocketAddr::V4(server) = server else {
            panic!("the servers of the tests have IPv4 addresses");
        };
        let address = u32::from_le_bytes(server.ip().octets());
        let remote = format!("{address:08X}:{:04X}", server.port());
        open.iter().filter(|(_, other)| *other == remote).count()
    })
}
