//! Requests per second: one bucket before every request of a program.
//!
//! Replaces: "Token bucket", its usage. The trap that is gone: the bucket grants too much, and has no
//! answer but waiting, behind a lock that is held by the one that sleeps. Here who waits too long
//! leaves the line and costs the others nothing, and who does not want to wait is told when to come
//! back.
//!
//! The server's own record shows that it was not asked more often than agreed.

use std::process::ExitCode;
use std::time::Duration;

use brigade::group::collect;
use brigade::limit::{Rate, RateLimit};
use brigade_http::Client;
use brigade_testkit::server::{Reply, Server};
use tokio::time::{Instant, timeout};

type Error = Box<dyn std::error::Error + Send + Sync>;

const AT_ONCE: usize = 20;
const BURST: usize = 10;
const PER_SECOND: usize = 50;

fn main() -> ExitCode {
    brigade::run(async {
        let server = Server::start(|_| Reply::ok("page")).await?;
        let client = Client::new()?;
        let bucket = RateLimit::new(Rate::per_second(PER_SECOND as u32).burst(BURST as u32));

        let urls: Vec<_> = (0..60).map(|n| server.url(&format!("/{n}"))).collect();
        let start = Instant::now();
        let all = collect(urls, AT_ONCE, |url| {
            fetch(bucket.clone(), client.clone(), url)
        })
        .await;
        assert_eq!(all.counts.ok, 60);
        // Ten at once, then fifty more at fifty a second.
        assert!(start.elapsed() >= Duration::from_millis(990));

        // A program that is in a hurry: it waits for 1 ms at most, or not at all.
        let short = timeout(Duration::from_millis(1), bucket.acquire()).await;
        let now = bucket.try_acquire();
        println!("in a hurry: {short:?}; at once: {now:?}");
        assert!(short.is_err() && now.is_err());

        let times: Vec<_> = server
            .requests()
            .iter()
            .map(|request| request.at())
            .collect();
        let busiest = most_within(&times, Duration::from_millis(500));
        println!("60 requests, at most {busiest} of them within half a second");
        // Its burst and its rate, and those under way that a busy machine delivered late.
        assert!(busiest <= BURST + PER_SECOND / 2 + AT_ONCE);
        client.close().await;
        Ok::<_, Error>(())
    })
}

async fn fetch(bucket: RateLimit, client: Client, url: String) -> Result<usize, Error> {
    bucket.acquire().await;
    Ok(client.get(url)?.send().await?.bytes().await?.len())
}

/// The most instants that lie within one window.
fn most_within(sorted: &[Duration], window: Duration) -> usize {
    let within = |start: &Duration| {
        let inside = sorted
            .iter()
            .filter(|at| **at >= *start && **at - *start <= window);
        inside.count()
    };
    sorted.iter().map(within).max().unwrap_or_default()
}
