//! Requests per second: one limit before every request of a client, so that nobody can forget it.
//!
//! Replaces: "Token bucket", its usage. The trap that is gone: the bucket grants too much, and has no
//! answer but waiting, behind a lock that is held by the one that sleeps. Here who waits too long
//! leaves the line and costs the others nothing, and who does not want to wait is told when to come
//! back. Retries and redirects are counted, too.
//!
//! The server's own record shows that it was not asked more often than agreed.

use std::process::ExitCode;
use std::time::Duration;

use brigade::group::collect;
use brigade::limit::{KeyedLimit, Limits, Rate};
use brigade_http::{Client, ClientBuilder, Kind, Phase};
use brigade_testkit::server::{Reply, Server};
use brigade_testkit::wait::until;
use tokio::time::Instant;

type Error = Box<dyn std::error::Error + Send + Sync>;

const AT_ONCE: usize = 20;
const BURST: usize = 10;
const PER_SECOND: usize = 50;

fn main() -> ExitCode {
    brigade::run(async {
        let server = Server::start(|_| Reply::ok("page")).await?;
        let builder = || Client::builder().base_url(server.url("/"));
        let rate = Rate::per_second(PER_SECOND as u32).burst(BURST as u32);
        let limit = KeyedLimit::new(Limits::default().rate(rate));
        let client = builder().limit(&limit).build()?;

        let start = Instant::now();
        let paths = (0..60).map(|n| n.to_string());
        let all = collect(paths, AT_ONCE, |path| fetch(client.clone(), path));
        let (all, hurried) = tokio::join!(all, hurry(builder(), &limit));
        hurried?;
        assert_eq!(all.counts.ok, 60);
        // Ten at once, then fifty more at fifty a second.
        assert!(start.elapsed() >= Duration::from_millis(990));

        let times: Vec<_> = server
            .requests()
            .iter()
            .map(|request| request.at())
            .collect();
        let busiest = most_within(&times, Duration::from_millis(500));
        println!("60 requests, at most {busiest} of them within half a second");
        // Its burst and its rate, and those under way that a busy machine delivered late.
        assert!(times.len() == 60 && busiest <= BURST + PER_SECOND / 2 + AT_ONCE);
        client.close().await;
        Ok::<_, Error>(())
    })
}

async fn fetch(client: Client, path: String) -> Result<usize, Error> {
    let page = client.get(path)?.send().await?.error_for_status()?;
    Ok(page.bytes().await?.len())
}

/// A part of the program that shares the limit and is in a hurry: it waits for 1 ms, or not at all.
async fn hurry(builder: ClientBuilder, limit: &KeyedLimit<String>) -> Result<(), Error> {
    let client = builder.limit(limit.clone().max_waiters(0)).build()?;
    until(|| limit.stats().waiting > 5).await;
    let now = client.get("now")?.send().await.map(drop);
    let now = now.expect_err("others were there before");
    println!("at once: failed to {now}");
    assert!(now.kind() == Kind::Overloaded && now.wait().is_some());

    let client = Client::builder().limit(limit).build()?;
    let soon = client.get(now.url().expect("it was about one").clone())?;
    let soon = soon.timeout(Duration::from_millis(1)).send().await;
    let soon = soon.map(drop).expect_err("others were there before");
    println!("soon: failed to {soon}");
    assert_eq!(soon.kind(), Kind::Timeout(Phase::Total));
    Ok(())
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
