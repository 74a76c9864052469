//! At most so many per second: a token bucket, and one limit made of several for polite crawling.
//!
//! Replaces: "Token bucket, the class". The trap that is gone: the time slept for a token is credited
//! once more when it is over, so that twice the rate is granted.
//!
//! The first part runs on a clock that a test would use, so that it can say exactly when each
//! permit comes. The second part shows what a list of hosts needs: each with its own rate and its
//! own concurrency, all under a common one, and a host that asked for a pause.

use std::time::Duration;

use brigade::limit::{KeyedLimit, Limits, Rate, RateLimit};
use tokio::time::{Instant, sleep};

fn main() -> std::io::Result<()> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build()?;
    runtime.block_on(async {
        exactly_ten_per_second().await;
        a_burst_first().await;
        polite_to_every_host().await;
    });
    Ok(())
}

/// The bucket of the text book grants 100 here: it credits the time slept a second time.
async fn exactly_ten_per_second() {
    let bucket = RateLimit::new(Rate::per_second(10));
    let start = Instant::now();
    let mut grants = 0;
    while start.elapsed() < Duration::from_secs(5) {
        bucket.acquire().await;
        assert_eq!(start.elapsed(), Duration::from_millis(100) * grants);
        grants += 1;
    }
    println!("10/s, burst 1: {grants} grants in 5 s, one every 100 ms");
    assert_eq!(grants, 51);
}

async fn a_burst_first() {
    let bucket = RateLimit::new(Rate::per_second(10).burst(20));
    let start = Instant::now();
    for _ in 0..25 {
        bucket.acquire().await;
    }
    println!("10/s, burst 20: 25 grants after {:?}", start.elapsed());
    assert_eq!(start.elapsed(), Duration::from_millis(500));
}

async fn polite_to_every_host() {
    let limits = Limits::default()
        .concurrency(64)
        .rate(Rate::per_second(100).burst(10))
        .key_concurrency(2)
        .key_rate(Rate::per_second(5));
    let limit = KeyedLimit::new(limits);
    let start = Instant::now();
    limit.pause_until(&"busy.example", start + Duration::from_secs(3));

    let visit = async |host: &'static str| {
        for _ in 0..10 {
            let _pass = limit.acquire(host).await;
            sleep(Duration::from_millis(20)).await;
        }
        start.elapsed()
    };
    let (first, second, busy) = tokio::join!(
        visit("a.example"),
        visit("b.example"),
        visit("busy.example")
    );
    println!("5/s and host: a {first:?}, b {second:?}, busy {busy:?} (paused for 3 s)");
    assert_eq!(first, Duration::from_millis(9 * 200 + 20));
    assert_eq!(busy, Duration::from_millis(3_000 + 9 * 200 + 20));
    assert!(
        second < Duration::from_millis(1_850),
        "its start waited for nobody"
    );
}
