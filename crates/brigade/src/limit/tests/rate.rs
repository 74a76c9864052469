//! L3 on the rate limit, with L1 and L2 where a rate differs from a semaphore.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::{poll_once, spawn};
use crate::limit::{Rate, RateLimit, Semaphore, TooMany};

/// Has `waiters` tasks acquire until `length` has passed; the times of all grants since the
/// start, sorted, each read after `acquire` returned.
async fn grants(limit: &RateLimit, waiters: usize, length: Duration) -> Vec<Duration> {
    let start = Instant::now();
    let times = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = JoinSet::new();
    for _ in 0..waiters {
        let (limit, times) = (limit.clone(), times.clone());
        tasks.spawn(async move {
            loop {
                limit.acquire().await;
                let at = start.elapsed();
                if at > length {
                    return;
                }
                times.lock().unwrap().push(at);
            }
        });
    }
    sleep(length + Duration::from_nanos(1)).await;
    tasks.shutdown().await;
    let mut times = times.lock().unwrap().clone();
    times.sort();
    times
}

/// By how many permits the worst window between two grants exceeds `burst + rate x window`.
fn excess_max(grants: &[Duration], rate: Rate) -> f64 {
    let per_second = f64::from(rate.permits()) / rate.per().as_secs_f64();
    let mut worst = f64::MIN;
    // With x = count - rate * time, the excess of a window is a difference of two of them.
    let mut lowest = f64::MAX;
    for (number, at) in grants.iter().enumerate() {
        let level = number as f64 - per_second * at.as_secs_f64();
        lowest = lowest.min(level);
        worst = worst.max(level - lowest + 1.0 - f64::from(rate.burst_max()));
    }
    worst
}

#[tokio::test(start_paused = true)]
async fn l3a_ten_per_second_with_burst_one_is_exactly_one_every_hundred_milliseconds() {
    for waiters in [1, 50] {
        let limit = RateLimit::new(Rate::per_second(10));
        let grants = grants(&limit, waiters, Duration::from_secs(5)).await;
        let exact: Vec<Duration> = (0..=50).map(|n| Duration::from_millis(n * 100)).collect();
        assert_eq!(grants, exact, "{waiters} waiters");
    }
}

#[tokio::test(start_paused = true)]
async fn l3a_a_burst_is_had_once_and_comes_back_with_time() {
    let limit = RateLimit::new(Rate::per_second(10).burst(3));
    let first = grants(&limit, 5, Duration::from_millis(250)).await;
    let millis: Vec<u128> = first.iter().map(Duration::as_millis).collect();
    assert_eq!(millis, [0, 0, 0, 100, 200]);
    sleep(Duration::from_secs(9)).await;
    assert_eq!(limit.stats().available, 3);
}

/// Real threads and the real clock. The bound is exact, however busy the machine is: the moment
/// that the test reads lies after the decision on the grant, and each worker thread can have at
/// most one grant that is decided and not yet read. So a window between two readings holds the
/// grants decided in it and at most one more for each worker.
#[test]
fn l3a_fifty_waiters_on_the_real_clock_never_exceed_the_rate() {
    const WORKERS: usize = 2;
    for rate in [Rate::per_second(1_000), Rate::per_second(1_000).burst(20)] {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .enable_time()
            .build()
            .unwrap();
        let limit = RateLimit::new(rate);
        let length = Duration::from_millis(500);
        let grants =
            runtime.block_on(runtime.spawn(async move { grants(&limit, 50, length).await }));
        let grants = grants.unwrap();
        let excess = excess_max(&grants, rate);
        assert!(excess <= 1.0 + WORKERS as f64, "{rate}: {excess} too many");
        assert!(!grants.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn l3b_a_stall_is_not_followed_by_a_flood() {
    let limit = RateLimit::new(Rate::per_second(100));
    limit.acquire().await;
    let mut waiting: Vec<_> = (0..20).map(|_| Box::pin(limit.acquire())).collect();
    for future in &mut waiting {
        assert!(!poll_once(future.as_mut()));
    }
    sleep(Duration::from_secs(1)).await;
    let mut together = 0;
    for future in &mut waiting {
        together += usize::from(poll_once(future.as_mut()));
    }
    assert_eq!(together, 1);
}

#[tokio::test(start_paused = true)]
async fn l3e_what_a_large_bucket_counts_cautiously_is_at_most_a_1024th_of_it() {
    let limit = RateLimit::new(Rate::per_second(10).burst(10_240));
    for _ in 0..11 {
        limit.acquire().await;
    }
    // Ten of them were taken on credit, and nothing has looked at the clock since.
    sleep(Duration::from_secs(5)).await;
    assert_eq!(limit.stats().available, 10_230);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(limit.stats().available, 10_240);
}

#[tokio::test(start_paused = true)]
async fn l3e_a_bucket_that_gives_credit_gives_its_burst_and_not_one_more() {
    for burst in [1_023, 1_024, 5_000, 70_000] {
        let limit = RateLimit::new(Rate::per_second(10).burst(burst));
        let mut given = 0;
        while limit.try_acquire().is_ok() {
            given += 1;
        }
        assert_eq!(given, burst);
        sleep(Duration::from_millis(300)).await;
        assert_eq!(limit.acquire_many(3).await, Ok(()));
        assert!(limit.try_acquire().is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn l1a_nobody_takes_on_credit_while_somebody_waits() {
    let limit = RateLimit::new(Rate::per_second(10).burst(2_048));
    assert!(limit.try_acquire().is_ok());
    let mut waiting = pin!(limit.acquire_many(2_048));
    assert!(!poll_once(waiting.as_mut()));
    assert!(limit.try_acquire().is_err());
    assert!(
        !poll_once(pin!(limit.acquire_many(0))),
        "there is credit for nothing"
    );
}

#[tokio::test(start_paused = true)]
async fn l3d_it_works_without_any_task_and_under_paused_time() {
    let limit = RateLimit::new(Rate::per_hour(1));
    let start = Instant::now();
    limit.acquire().await;
    limit.acquire().await;
    assert_eq!(start.elapsed(), Duration::from_secs(3_600));
    let metrics = tokio::runtime::Handle::current().metrics();
    assert_eq!(metrics.num_alive_tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn l1c_a_waiter_that_is_not_polled_costs_its_patience_once_and_no_permit() {
    let limit = RateLimit::new(Rate::per_second(10));
    limit.acquire().await;
    let start = Instant::now();
    let mut unpolled = pin!(limit.acquire());
    assert!(!poll_once(unpolled.as_mut()));
    limit.acquire().await;
    let waited = start.elapsed();
    assert!(waited >= Duration::from_millis(110), "{waited:?}");
    assert!(waited <= Duration::from_millis(113), "{waited:?}");
    limit.acquire().await;
    limit.acquire().await;
    let waited = start.elapsed();
    assert!(waited <= Duration::from_millis(313), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn l2a_a_cancelled_waiter_takes_nothing_and_those_behind_it_move_up() {
    let limit = RateLimit::new(Rate::per_second(10));
    limit.acquire().await;
    let start = Instant::now();
    let mut cancelled = Box::pin(limit.acquire());
    assert!(!poll_once(cancelled.as_mut()));
    let mut behind = Box::pin(limit.acquire());
    assert!(!poll_once(behind.as_mut()));
    sleep(Duration::from_millis(105)).await;
    drop(cancelled);
    behind.await;
    assert!(start.elapsed() < Duration::from_millis(108));
    assert_eq!(limit.stats().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn l2b_more_than_the_burst_is_an_error_at_once() {
    let limit = RateLimit::new(Rate::per_second(10).burst(3));
    let error = TooMany {
        wanted: 4,
        capacity: 3,
    };
    assert_eq!(limit.acquire_many(4).await, Err(error));
    assert_eq!(limit.acquire_many(3).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn not_yet_says_how_long_to_wait() {
    let limit = RateLimit::new(Rate::per_second(10));
    assert_eq!(limit.try_acquire(), Ok(()));
    let wait = limit.try_acquire().unwrap_err().wait;
    assert_eq!(wait, Some(Duration::from_millis(100)));
}

#[tokio::test(start_paused = true)]
async fn l4e_a_rate_that_rises_wakes_those_who_wait_for_the_old_one() {
    let limit = RateLimit::new(Rate::per_minute(1));
    limit.acquire().await;
    let start = Instant::now();
    let waiting = spawn({
        let limit = limit.clone();
        async move { limit.acquire().await }
    });
    sleep(Duration::from_secs(1)).await;
    limit.set_rate(Rate::per_second(10));
    waiting.await.unwrap();
    assert!(start.elapsed() <= Duration::from_millis(1_101));
}

/// The waiter outlives the runtime on which the timer of the limit was set.
#[test]
fn l3d_the_end_of_the_runtime_that_the_timer_was_set_on_strands_nobody() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(1).enable_time().build().unwrap()
    };
    let (first, second) = (runtime(), runtime());
    let limit = RateLimit::new(Rate::per_second(20));
    let waiting = second.spawn({
        let limit = limit.clone();
        async move {
            limit.acquire().await;
            limit.acquire().await;
        }
    });
    first.block_on(async {
        while limit.stats().waiting == 0 {
            tokio::task::yield_now().await;
        }
        // Changing the rate twice sets the timer on this runtime.
        limit.set_rate(Rate::per_second(1));
        limit.set_rate(Rate::per_second(20));
    });
    drop(first);
    second.block_on(waiting).unwrap();
}

#[test]
fn l2a_a_waiter_that_panics_for_want_of_a_timer_leaves_the_line() {
    let limit = RateLimit::new(Rate::per_hour(1));
    limit.try_acquire().unwrap();
    for _ in 0..2 {
        let mut waiting = Box::pin(limit.acquire());
        let polled = std::panic::AssertUnwindSafe(|| poll_once(waiting.as_mut()));
        assert!(std::panic::catch_unwind(polled).is_err());
    }
    assert_eq!(limit.stats().waiting, 0);
}

#[test]
fn a_limit_shows_what_it_is_doing() {
    let limit = RateLimit::new(Rate::per_second(10).burst(3));
    limit.try_acquire().unwrap();
    let shown = format!("{limit:?}");
    assert!(shown.contains("available: 2, waiting: 0"), "{shown}");
    let semaphore = Semaphore::new(2);
    let permit = semaphore.try_acquire().unwrap();
    assert_eq!(
        format!("{semaphore:?} {permit:?}"),
        "Semaphore(SemaphoreStats { capacity: 2, taken: 1, waiting: 0 }) Permit(1)"
    );
}
