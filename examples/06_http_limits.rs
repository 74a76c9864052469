//! Connection limits: four sockets for five hosts, idle ones included.
//!
//! Replaces: "aiohttp". The trap that is gone: its `limit` counts requests under way, and idle
//! connections come on top, so that a process that was told 100 can hold more sockets than that.
//! Here a limit counts connections: being dialed, active and idle. When all are taken, the one that
//! has been idle for the longest makes room for another host.

use std::process::ExitCode;
use std::time::Duration;

use brigade::group::collect;
use brigade_http::{Client, ConnectionStats, PoolLimits, Timeouts};
use brigade_testkit::server::{Reply, Server};

type Error = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    brigade::run(async {
        // Five addresses of this machine are five hosts to a client.
        let mut hosts = Vec::new();
        for number in 2..7 {
            let host = Server::builder().address(([127, 0, 0, number], 0));
            let reply = |_: &_| Reply::ok("[]").delay(Duration::from_millis(2));
            hosts.push(host.start(reply).await?);
        }
        let seconds = Duration::from_secs;
        let client = Client::builder()
            .limits(PoolLimits::default().total(4).per_host(2))
            .timeouts(Timeouts::default().total(seconds(30)).connect(seconds(5)))
            .dns_ttl(seconds(300))
            .build()?;

        let urls: Vec<_> = (0..100).map(|n| hosts[n % 5].url("/users")).collect();
        let all = collect(urls, 50, |url| users(client.clone(), url)).await;
        let most = all.values().copied().reduce(largest).unwrap_or_default();
        println!(
            "{}; at most {} sockets at the same time, {} to one host",
            all.counts, most.0, most.1
        );
        assert_eq!((all.counts.ok, most), (100, (4, 2)));

        let stats = client.stats();
        println!("now {} are active and {} idle", stats.active, stats.idle);
        assert!(stats.total() <= 4);
        client.close().await;
        Ok::<_, Error>(())
    })
}

fn largest(one: (usize, usize), other: (usize, usize)) -> (usize, usize) {
    (one.0.max(other.0), one.1.max(other.1))
}

/// How many sockets the client had when the answer was there, in whatever state: to all hosts, and
/// to this one.
async fn users(client: Client, url: String) -> Result<(usize, usize), Error> {
    let users: Vec<String> = client.get(&url)?.send().await?.json().await?;
    assert!(users.is_empty());
    let stats = client.stats();
    let to_host = |connection: &&ConnectionStats| url.starts_with(&*connection.origin);
    Ok((
        stats.total(),
        stats.connections.iter().filter(to_host).count(),
    ))
}
