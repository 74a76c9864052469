//! Waiters of the rate limit and the keyed limit dropped at each of their awaits, among rivals.

use std::time::Duration;

use brigade_testkit::cancel::fuzz_cancel;
use tokio::time::{sleep, timeout};

use super::spawn;
use crate::limit::{KeyedLimit, Limits, Rate, RateLimit};

#[tokio::test(start_paused = true)]
async fn l2a_a_waiter_for_a_rate_that_is_dropped_anywhere_takes_nothing_and_leaves_the_line() {
    let limit = RateLimit::new(Rate::per_second(100).burst(2));
    let scene = || {
        let (rival, ours) = (limit.clone(), limit.clone());
        spawn(async move { rival.acquire_many(2).await });
        async move {
            tokio::task::yield_now().await;
            ours.acquire().await;
            ours.acquire_many(2).await.unwrap();
            let bounded = ours.max_waiters(5);
            bounded.acquire().await.unwrap();
            bounded.acquire_many(2).await.unwrap();
        }
    };
    let polls = fuzz_cancel(scene, async |outcome| {
        let full = async {
            while limit.stats().waiting > 0 || limit.stats().available < 2 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let full = timeout(Duration::from_secs(1), full).await;
        assert!(full.is_ok(), "{outcome:?}: {:?}", limit.stats());
    })
    .await;
    assert!(polls > 3, "{polls}");
}

#[tokio::test(start_paused = true)]
async fn l2a_a_waiter_under_a_key_that_is_dropped_anywhere_leaves_no_place_behind() {
    let limit = KeyedLimit::new(
        Limits::default()
            .concurrency(2)
            .key_concurrency(1)
            .key_rate(Rate::per_second(100)),
    );
    let scene = || {
        let (rival, ours) = (limit.clone(), limit.clone());
        spawn(async move {
            let pass = rival.acquire("a").await;
            sleep(Duration::from_millis(3)).await;
            drop(pass);
        });
        async move {
            tokio::task::yield_now().await;
            let pass = ours.acquire("a").await;
            let other = ours.acquire("b").await;
            sleep(Duration::from_millis(1)).await;
            drop((pass, other));
            let bounded = ours.max_waiters(5).max_waiters_per_key(5);
            drop(bounded.acquire("a").await.unwrap());
        }
    };
    let polls = fuzz_cancel(scene, async |outcome| {
        let empty = async {
            while limit.stats().keys > 0 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let empty = timeout(Duration::from_secs(1), empty).await;
        let stats = limit.stats();
        assert!(empty.is_ok(), "{outcome:?}: {stats:?}");
        assert_eq!((stats.active, stats.waiting), (0, 0), "{outcome:?}");
    })
    .await;
    assert!(polls > 3, "{polls}");
}
