//! An HTTP client: limits on its connections, five timeouts, retries, a streamed body.
//!
//! Replaces: "httpx". The trap that is gone: its read timeout begins anew with every byte, so that a
//! request has no limit in all; there is none for a host either, and a client must be closed by hand.
//!
//! Sixty requests share eight connections. Every third page answers 503 at first, which the retry
//! policy heals; every tenth is broken for good, and its error says so without hiding the rest.

use std::collections::HashSet;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Duration;

use brigade::group::collect;
use brigade_http::{Backoff, Client, Kind, PoolLimits, RetryPolicy, Timeouts};
use brigade_testkit::server::{Reply, Request, Server};

type Error = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    brigade::run(async {
        let server = Server::start(pages()).await?;
        let client = client(&server.url("/"))?;

        let urls: Vec<_> = (0..60).map(|n| n.to_string()).collect();
        let all = collect(&urls, 32, |url| size(client.clone(), url.clone())).await;
        let bytes: usize = all.values().sum();
        println!("{}; {bytes} bytes", all.counts);
        for (index, error) in all.errors() {
            println!("page {index}: failed to {error}");
            assert_eq!(error.kind(), Kind::Protocol);
        }
        assert_eq!((all.counts.ok, all.counts.failed), (54, 6));

        let (requests, connections) = (server.requests().len(), server.connections());
        println!("{requests} requests over {} connections", connections.total);
        assert!(client.stats().total() <= 8);

        // Nothing outlives the client: when this returns, its last socket is closed.
        client.close().await;
        assert_eq!(client.stats().total(), 0);
        Ok::<_, Error>(())
    })
}

/// The settings of httpx and aiohttp, those that each of them lacks included. HTTP/2 needs none: it
/// is spoken with every https server that offers it.
fn client(base_url: &str) -> Result<Client, brigade_http::Error> {
    let seconds = Duration::from_secs;
    let timeouts = Timeouts::default()
        .pool(seconds(30))
        .connect(seconds(5))
        .write(seconds(10))
        .read(seconds(30))
        .total(seconds(60));
    let retry = RetryPolicy::default().attempts(3).backoff(Backoff {
        base: Duration::from_millis(10),
        ..Backoff::default()
    });
    Client::builder()
        .base_url(base_url)
        .limits(PoolLimits::default().total(100).per_host(8).idle(20))
        .timeouts(timeouts)
        .retry(retry)
        .user_agent("my-app/1.0")
        .max_body(1 << 20)
        .build()
}

/// The size of a page, read piece by piece: one piece is in memory, whatever the server sends.
async fn size(client: Client, url: String) -> Result<usize, brigade_http::Error> {
    let mut response = client.get(url)?.send().await?.error_for_status()?;
    let mut size = 0;
    while let Some(chunk) = response.chunk().await? {
        size += chunk.len();
    }
    Ok(size)
}

fn pages() -> impl Fn(&Request) -> Reply + Send + Sync + 'static {
    let seen = Mutex::new(HashSet::new());
    move |request| {
        let page: usize = request.path()[1..].parse().unwrap_or(0);
        let first = seen.lock().is_ok_and(|mut seen| seen.insert(page));
        match page {
            _ if page % 10 == 7 => Reply::reset(),
            _ if page.is_multiple_of(3) && first => Reply::status(503),
            _ => Reply::ok(vec![b'x'; 100 * page]),
        }
    }
}
