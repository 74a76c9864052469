//! Connection limits: four sockets for five hosts, idle ones included.
//!
//! Replaces: "aiohttp". The trap that is gone: its `limit` counts requests under way, and idle
//! connections come on top, so that a process that was told 100 can hold more sockets than that.
//! Here a limit counts connections: being dialed, active and idle. When all are taken, the one that
//! has been idle for the longest makes room for another host.

use std::process::ExitCode;
use std::time::Duration;

use brigade::group::collect;
use brigade_http::{Client, PoolLimits, Timeouts};
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
            .build()?;

        let urls: Vec<_> = (0..100).map(|n| hosts[n % 5].url("/users")).collect();
        let all = collect(urls, 50, |url| users(client.clone(), url)).await;
        let most = all.values().copied().max().unwrap_or_default();
        println!("{}; at most {most} sockets at the same time", all.counts);
        assert_eq!((all.counts.ok, most), (100, 4));
        assert!(hosts.iter().all(|host| host.connections().peak <= 2));

        let stats = client.stats();
        println!("now {} are active and {} idle", stats.active, stats.idle);
        assert!(stats.total() <= 4);
        client.close().await;
        Ok::<_, Error>(())
    })
}

/// How many sockets the client had when the answer was there, in whatever state.
async fn users(client: Client, url: String) -> Result<usize, Error> {
    let users: Vec<String> = client.get(url)?.send().await?.json().await?;
    assert!(users.is_empty());
    Ok(client.stats().total())
}
