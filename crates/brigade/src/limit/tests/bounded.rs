//! L5: limits before which only so many may wait.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::{poll_once, spawn};
use crate::limit::{
    AcquireError, KeyedLimit, Limits, Overloaded, Rate, RateLimit, Semaphore, TooMany,
};

const fn overloaded(max_waiters: usize, wait: Option<Duration>) -> Overloaded {
    Overloaded {
        max_waiters,
        of_key: false,
        wait,
    }
}

#[tokio::test(start_paused = true)]
async fn l5a_a_newcomer_is_refused_at_once_where_as_many_wait_as_may() {
    let limit = Semaphore::new(1).max_waiters(2);
    let held = limit.acquire().await.unwrap();
    let mut waiting = [Box::pin(limit.acquire()), Box::pin(limit.acquire())];
    for future in &mut waiting {
        assert!(!poll_once(future.as_mut()), "there is room to wait");
    }
    assert_eq!(limit.acquire().await.err(), Some(overloaded(2, None)));
    let refused = limit.acquire_owned(1).await.err();
    let refusal = AcquireError::Overloaded(overloaded(2, None));
    assert_eq!(refused, Some(refusal));
    assert_eq!(limit.get_ref().stats().waiting, 2, "it left no trace");
    drop(held);
    for future in waiting {
        drop(future.await.unwrap());
    }
    assert_eq!(limit.get_ref().stats().taken, 0);
}

#[tokio::test(start_paused = true)]
async fn l5a_whoever_can_go_at_once_is_never_refused() {
    let semaphore = Semaphore::new(2).max_waiters(0);
    let (one, two) = (semaphore.acquire().await, semaphore.acquire().await);
    assert!(one.is_ok() && two.is_ok());
    assert!(semaphore.acquire().await.is_err());
    drop(one);
    assert!(semaphore.acquire().await.is_ok());

    let rate = RateLimit::new(Rate::per_second(10).burst(2)).max_waiters(0);
    for _ in 0..2 {
        assert!(rate.acquire().await.is_ok());
        assert!(rate.acquire().await.is_ok());
        assert!(rate.acquire().await.is_err());
        sleep(Duration::from_millis(200)).await;
    }

    let keyed = KeyedLimit::new(Limits::default().key_concurrency(1));
    let keyed = keyed.max_waiters(0).max_waiters_per_key(0);
    let first = keyed.acquire("a").await;
    let other = keyed.acquire("b").await;
    assert!(first.is_ok() && other.is_ok());
    assert!(keyed.acquire("a").await.is_err());
    drop(first);
    assert!(keyed.acquire("a").await.is_ok());
    drop(other);
    let stats = keyed.get_ref().stats();
    assert_eq!((stats.active, stats.waiting, stats.keys), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn l5a_asking_for_more_than_there_can_be_is_that_error_however_many_wait() {
    let limit = Semaphore::new(1).max_waiters(0);
    let _held = limit.acquire().await.unwrap();
    let too_many = TooMany {
        wanted: 2,
        capacity: 1,
    };
    let error = limit.acquire_many(2).await.err();
    assert_eq!(error, Some(AcquireError::TooMany(too_many)));
}

#[tokio::test(start_paused = true)]
async fn l5a_limits_of_one_make_share_its_permits_and_have_bounds_of_their_own() {
    let semaphore = Semaphore::new(1);
    let bulk = semaphore.clone().max_waiters(1);
    let urgent = semaphore.clone().max_waiters(2);
    let held = semaphore.acquire().await;
    let mut first = Box::pin(semaphore.acquire());
    assert!(!poll_once(first.as_mut()));
    assert!(bulk.acquire().await.is_err(), "one waits already");
    let mut second = Box::pin(urgent.acquire());
    assert!(!poll_once(second.as_mut()));
    assert!(urgent.acquire().await.is_err());
    let mut third = Box::pin(semaphore.acquire());
    assert!(!poll_once(third.as_mut()), "without a bound one waits");
    drop(held);
    drop(first.await);
    assert!(second.await.is_ok());
    drop(third.await);
}

/// Refused, one comes back when one was told to, and goes at once.
#[tokio::test(start_paused = true)]
async fn l5b_the_refusal_of_a_rate_names_the_moment_at_which_the_permit_is_due() {
    for (burst, waiters, wants) in [(1, 0, 1), (1, 5, 1), (3, 4, 2), (3, 0, 3)] {
        let rate = Rate::per_second(10).burst(burst);
        let limit = RateLimit::new(rate).max_waiters(waiters);
        limit.acquire_many(burst).await.unwrap();
        let start = Instant::now();
        for _ in 0..waiters {
            let limit = limit.clone();
            spawn(async move { limit.acquire().await.unwrap() });
        }
        while limit.get_ref().stats().waiting < waiters {
            tokio::task::yield_now().await;
        }
        let refused = limit.acquire_many(wants).await.unwrap_err();
        let due = Duration::from_millis(100) * (u32::try_from(waiters).unwrap() + wants);
        let expected = overloaded(waiters, Some(due));
        assert_eq!(refused, AcquireError::Overloaded(expected));
        assert_eq!(start.elapsed(), Duration::ZERO, "it was told at once");
        sleep_until(start + due).await;
        assert_eq!(limit.get_ref().stats().waiting, 0);
        limit.acquire_many(wants).await.unwrap();
        assert_eq!(start.elapsed(), due);
    }
}

#[tokio::test(start_paused = true)]
async fn l5b_not_yet_counts_those_who_wait_too() {
    let limit = RateLimit::new(Rate::per_second(10));
    limit.acquire().await;
    let mut waiting = Box::pin(limit.acquire());
    assert!(!poll_once(waiting.as_mut()));
    let wait = limit.try_acquire().unwrap_err().wait;
    assert_eq!(wait, Some(Duration::from_millis(200)));
}

#[tokio::test(start_paused = true)]
async fn l5c_the_refusal_of_a_keyed_limit_says_which_bound_and_what_is_known_of_the_time() {
    let limit = KeyedLimit::new(
        Limits::default()
            .concurrency(3)
            .key_concurrency(1)
            .key_rate(Rate::per_second(10)),
    );
    let limit = limit.max_waiters(3).max_waiters_per_key(2);
    let busy = limit.acquire("busy").await.unwrap();
    let mut waiting = Vec::new();
    for _ in 0..2 {
        let mut future = Box::pin(limit.acquire("busy"));
        assert!(!poll_once(future.as_mut()));
        waiting.push(future);
    }
    let of_key = |wait| Overloaded {
        max_waiters: 2,
        of_key: true,
        wait,
    };
    let third = Some(Duration::from_millis(300));
    assert_eq!(limit.acquire("busy").await.unwrap_err(), of_key(third));

    let until = Instant::now() + Duration::from_secs(30);
    limit.get_ref().pause_until(&"paused", until);
    let mut paused = Box::pin(limit.acquire("paused"));
    assert!(!poll_once(paused.as_mut()));
    // Behind the one that waits for the end of the pause; it is the fourth of all.
    let after = Duration::from_millis(30_100);
    let refused = limit.acquire("paused").await.unwrap_err();
    assert!(refused.wait.unwrap() >= after - Duration::from_millis(2));
    assert!(refused.wait.unwrap() <= after);
    assert_eq!((refused.max_waiters, refused.of_key), (3, false));
    drop((waiting, paused, busy));
}

#[tokio::test(start_paused = true)]
async fn l5c_where_only_a_release_helps_nothing_is_promised() {
    let limit = KeyedLimit::new(Limits::default().concurrency(1).rate(Rate::per_second(10)));
    let limit = limit.max_waiters(0);
    let _held = limit.acquire(1).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(limit.acquire(2).await.unwrap_err(), overloaded(0, None));
}

#[tokio::test(start_paused = true)]
async fn l5d_a_cancelled_waiter_makes_room_and_an_overtaken_one_does_not() {
    let limit = Semaphore::new(1).max_waiters(1);
    let held = limit.acquire().await.unwrap();
    let mut cancelled = Box::pin(limit.acquire());
    assert!(!poll_once(cancelled.as_mut()));
    assert!(limit.acquire().await.is_err());
    drop(cancelled);
    let mut unpolled = pin!(limit.acquire());
    assert!(!poll_once(unpolled.as_mut()));
    drop(held);
    // Its turn came, and it does not come: after its patience another takes the permit.
    let unbounded = limit.get_ref().clone();
    let taken = unbounded.acquire().await;
    assert_eq!(limit.get_ref().stats().waiting, 1);
    assert!(limit.acquire().await.is_err(), "the overtaken still waits");
    drop(taken);
    assert!(poll_once(unpolled.as_mut()), "and kept its place");
}

#[tokio::test(start_paused = true)]
async fn l5d_a_bounded_limit_dropped_at_any_await_leaves_nothing_behind() {
    let semaphore = Semaphore::new(1);
    let bounded = semaphore.clone().max_waiters(1);
    let scene = || {
        let (busy, bounded) = (semaphore.clone(), bounded.clone());
        spawn(async move {
            let permit = busy.acquire().await;
            sleep(Duration::from_millis(3)).await;
            drop(permit);
        });
        async move {
            tokio::task::yield_now().await;
            drop(bounded.acquire().await.unwrap());
        }
    };
    let polls = brigade_testkit::cancel::fuzz_cancel(scene, async |outcome| {
        sleep(Duration::from_millis(5)).await;
        let stats = semaphore.stats();
        assert_eq!((stats.taken, stats.waiting), (0, 0), "{outcome:?}");
    })
    .await;
    assert!(polls > 2);
}

#[test]
fn a_refusal_reads_as_what_failed() {
    let mut refused = overloaded(3, None);
    assert_eq!(refused.to_string(), "wait where 3 wait already");
    (refused.of_key, refused.wait) = (true, Some(Duration::from_millis(1_500)));
    let shown = AcquireError::Overloaded(refused).to_string();
    assert_eq!(
        shown,
        "wait where 3 wait already for the key; come back in 1.5s"
    );
}
