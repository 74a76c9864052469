//! L1 and L2 on the semaphore.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::{poll_once, ready_at_once, spawn};
use crate::limit::{NotYet, Semaphore, TooMany};

#[tokio::test(start_paused = true)]
async fn l1a_waiters_get_their_permits_in_the_order_in_which_they_came() {
    let semaphore = Semaphore::new(1);
    let order = Arc::new(Mutex::new(Vec::new()));
    let held = semaphore.acquire().await;
    let mut tasks = JoinSet::new();
    for number in 0..20 {
        let (semaphore, order) = (semaphore.clone(), order.clone());
        tasks.spawn(async move {
            let _permit = semaphore.acquire().await;
            order.lock().unwrap().push(number);
            tokio::task::yield_now().await;
        });
    }
    while semaphore.stats().waiting < 20 {
        tokio::task::yield_now().await;
    }
    assert_eq!(semaphore.try_acquire().err(), Some(NotYet { wait: None }));
    drop(held);
    while tasks.join_next().await.is_some() {}
    assert_eq!(*order.lock().unwrap(), (0..20).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn l1b_a_waiter_that_is_not_polled_is_overtaken_after_its_patience_and_keeps_its_place() {
    let semaphore = Semaphore::new(1).patience(Duration::from_millis(50));
    let held = semaphore.acquire().await;
    let mut unpolled = pin!(semaphore.acquire());
    assert!(!poll_once(unpolled.as_mut()));
    let start = Instant::now();
    let behind = spawn({
        let semaphore = semaphore.clone();
        async move {
            drop(semaphore.acquire().await);
            start.elapsed()
        }
    });
    let last = semaphore.clone();
    tokio::task::yield_now().await;
    drop(held);
    let overtaken = behind.await.unwrap();
    assert!(overtaken >= Duration::from_millis(50), "{overtaken:?}");
    assert!(overtaken <= Duration::from_millis(53), "{overtaken:?}");

    let held = semaphore.acquire().await;
    assert!(!poll_once(unpolled.as_mut()), "it is back in line");
    let mut last = pin!(last.acquire());
    assert!(!poll_once(last.as_mut()));
    drop(held);
    assert!(
        !poll_once(last.as_mut()),
        "its turn comes after the other's"
    );
    assert!(poll_once(unpolled.as_mut()));
}

#[tokio::test(start_paused = true)]
async fn l1c_a_hundred_waiters_that_are_never_polled_again_do_not_stop_the_others() {
    let semaphore = Semaphore::new(2);
    let held = semaphore.acquire_many(2).await.unwrap();
    let mut unpolled: Vec<_> = (0..100).map(|_| Box::pin(semaphore.acquire())).collect();
    for future in &mut unpolled {
        assert!(!poll_once(future.as_mut()));
    }
    let behind = spawn({
        let semaphore = semaphore.clone();
        async move {
            for _ in 0..1_000 {
                drop(semaphore.acquire().await);
            }
        }
    });
    tokio::task::yield_now().await;
    drop(held);
    timeout(Duration::from_secs(2), behind)
        .await
        .unwrap()
        .unwrap();
    drop(unpolled);
    assert_eq!(semaphore.stats().waiting, 0);
    assert_eq!(semaphore.stats().taken, 0);
}

#[tokio::test(start_paused = true)]
async fn l2a_cancelled_waiters_pass_their_turn_on_wherever_they_are_cancelled() {
    let semaphore = Semaphore::new(1);
    let held = semaphore.acquire().await;
    let mut promised = Box::pin(semaphore.acquire());
    let mut waiting = Box::pin(semaphore.acquire());
    let mut last = Box::pin(semaphore.acquire());
    for future in [&mut promised, &mut waiting, &mut last] {
        assert!(!poll_once(future.as_mut()));
    }
    drop(held);
    drop(waiting);
    assert!(!poll_once(last.as_mut()), "promised to another");
    drop(promised);
    assert!(poll_once(last.as_mut()));
    assert_eq!(semaphore.stats().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn l2b_more_than_the_capacity_is_an_error_at_once_and_when_the_capacity_shrinks() {
    let semaphore = Semaphore::new(4);
    let too_many = |wanted, capacity| Some(TooMany { wanted, capacity });
    assert_eq!(semaphore.acquire_many(5).await.err(), too_many(5, 4));
    let held = semaphore.acquire().await;
    let mut large = Box::pin(semaphore.acquire_many(4));
    assert!(!poll_once(large.as_mut()));
    semaphore.set_capacity(2);
    assert_eq!(large.await.err(), too_many(4, 2));
    drop(held);
    assert_eq!(semaphore.stats().taken, 0);
}

#[tokio::test(start_paused = true)]
async fn a_capacity_of_zero_is_a_pause() {
    let semaphore = Semaphore::new(0);
    let mut waiting = Box::pin(semaphore.acquire());
    assert!(!poll_once(waiting.as_mut()));
    semaphore.set_capacity(1);
    assert!(poll_once(waiting.as_mut()));
}

#[tokio::test(start_paused = true)]
async fn permits_can_own_their_share_and_outlive_the_first_handle() {
    let semaphore = Semaphore::new(3);
    let stats = semaphore.clone();
    let one = semaphore.acquire().await.into_owned();
    let two = semaphore.acquire_owned(2).await.unwrap();
    drop(semaphore);
    assert_eq!(stats.stats().taken, 3);
    assert!(!ready_at_once(stats.acquire()));
    drop((one, two));
    assert_eq!(stats.stats().taken, 0);
}

/// Real threads and real time: the interleavings are the point. Nothing is measured.
#[test]
fn l1d_never_more_than_the_capacity_and_nobody_forgotten_on_many_threads() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_time()
        .build()
        .unwrap();
    let semaphore = Semaphore::new(3).patience(Duration::from_micros(200));
    let inside = Arc::new(AtomicUsize::new(0));
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for number in 0..64u64 {
            let (semaphore, inside) = (semaphore.clone(), inside.clone());
            tasks.spawn(async move {
                for round in 0..60 {
                    let short = Duration::from_micros((number * 7 + round * 13) % 90);
                    if let Ok(permit) = timeout(short, semaphore.acquire()).await {
                        assert!(inside.fetch_add(1, Ordering::SeqCst) < 3);
                        tokio::task::yield_now().await;
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(permit);
                    }
                    let two = semaphore.acquire_many(2).await.unwrap();
                    assert!(inside.fetch_add(2, Ordering::SeqCst) < 2);
                    inside.fetch_sub(2, Ordering::SeqCst);
                    drop(two);
                }
            });
        }
        let all = async {
            while let Some(done) = tasks.join_next().await {
                done.unwrap()
            }
        };
        timeout(Duration::from_secs(60), all).await.unwrap();
    });
    assert_eq!((semaphore.stats().taken, semaphore.stats().waiting), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn l2a_a_waiter_dropped_at_any_of_its_awaits_leaves_no_permit_behind() {
    let semaphore = Semaphore::new(2);
    let scene = || {
        let (busy, ours) = (semaphore.clone(), semaphore.clone());
        spawn(async move {
            let permits = busy.acquire_many(2).await;
            sleep(Duration::from_millis(3)).await;
            drop(permits);
        });
        async move {
            tokio::task::yield_now().await;
            let one = ours.acquire().await;
            let other = ours.acquire_owned(1).await;
            sleep(Duration::from_millis(1)).await;
            drop((one, other));
            drop(ours.acquire_many(2).await);
        }
    };
    let polls = brigade_testkit::cancel::fuzz_cancel(scene, async |outcome| {
        let all = timeout(Duration::from_secs(1), semaphore.acquire_many(2)).await;
        assert!(all.is_ok(), "lost: {outcome:?}");
        drop(all);
        assert_eq!((semaphore.stats().taken, semaphore.stats().waiting), (0, 0));
    })
    .await;
    assert!(polls > 2);
}

#[tokio::test(start_paused = true)]
async fn l1b_a_waiter_that_was_overtaken_gets_what_is_free_when_it_comes_back() {
    let semaphore = Semaphore::new(1);
    let held = semaphore.acquire().await;
    let mut unpolled = pin!(semaphore.acquire());
    assert!(!poll_once(unpolled.as_mut()));
    drop(held);
    drop(semaphore.acquire().await);
    assert_eq!(semaphore.stats().taken, 0);
    assert!(poll_once(unpolled.as_mut()));
}

#[tokio::test(start_paused = true)]
async fn l1b_a_promise_is_kept_as_long_as_nobody_else_waits() {
    let semaphore = Semaphore::new(1);
    let held = semaphore.acquire().await;
    let mut unpolled = pin!(semaphore.acquire());
    assert!(!poll_once(unpolled.as_mut()));
    let mut behind = Box::pin(semaphore.acquire());
    assert!(!poll_once(behind.as_mut()));
    drop(held);
    assert!(!poll_once(behind.as_mut()), "it has the other watched");
    drop(behind);
    sleep(Duration::from_millis(50)).await;
    assert!(semaphore.try_acquire().is_err(), "promised still");
    assert!(poll_once(unpolled.as_mut()));
}
