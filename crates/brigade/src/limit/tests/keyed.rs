//! L4 on the keyed limit, and L1 and L2 with keys.

use std::hash::{Hash, Hasher};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::{poll_once, spawn};
use crate::limit::{KeyedLimit, Limits, Rate};

fn at_once(all: usize, key: usize) -> Limits {
    Limits::default().concurrency(all).key_concurrency(key)
}

#[tokio::test(start_paused = true)]
async fn l4b_waiting_for_a_busy_key_holds_no_place_that_another_key_could_use() {
    let limit = KeyedLimit::new(at_once(2, 1));
    let busy = limit.acquire("busy").await;
    let mut waiting: Vec<_> = (0..10).map(|_| Box::pin(limit.acquire("busy"))).collect();
    for future in &mut waiting {
        assert!(!poll_once(future.as_mut()));
    }
    let free = timeout(Duration::from_millis(1), limit.acquire("free")).await;
    assert!(free.is_ok());
    drop(busy);
    assert!(poll_once(waiting[0].as_mut()));
}

#[tokio::test(start_paused = true)]
async fn l4a_all_four_limits_hold_together() {
    let limit = KeyedLimit::new(
        at_once(5, 2)
            .rate(Rate::per_second(100))
            .key_rate(Rate::per_second(20)),
    );
    let start = Instant::now();
    let inside = Arc::new(Mutex::new(vec![0usize; 4]));
    let mut tasks = JoinSet::new();
    for number in 0..200 {
        let (limit, inside, key) = (limit.clone(), inside.clone(), number % 4);
        tasks.spawn(async move {
            let _pass = limit.acquire(key).await;
            {
                let mut inside = inside.lock().unwrap();
                inside[key] += 1;
                assert!(inside[key] <= 2 && inside.iter().sum::<usize>() <= 5);
            }
            sleep(Duration::from_millis(30)).await;
            inside.lock().unwrap()[key] -= 1;
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let took = start.elapsed();
    assert!(
        took >= Duration::from_millis(2_450),
        "50 of a key at 20/s: {took:?}"
    );
    assert!(took <= Duration::from_millis(2_600), "{took:?}");
    assert_eq!(limit.stats().active, 0);
}

#[tokio::test(start_paused = true)]
async fn l4c_keys_take_turns_however_many_wait_for_one_of_them() {
    let limit = KeyedLimit::new(at_once(1, 1));
    let order = Arc::new(Mutex::new(Vec::new()));
    let held = limit.acquire('z').await;
    let mut tasks = JoinSet::new();
    for key in "aaaaaabb".chars() {
        let (limit, order) = (limit.clone(), order.clone());
        tasks.spawn(async move {
            let pass = limit.acquire(key).await;
            order.lock().unwrap().push(*pass.key());
        });
    }
    while limit.stats().waiting < 8 {
        tokio::task::yield_now().await;
    }
    drop(held);
    while tasks.join_next().await.is_some() {}
    let order: String = order.lock().unwrap().iter().collect();
    assert_eq!(order, "ababaaaa");
}

#[tokio::test(start_paused = true)]
async fn l4d_many_keys_one_after_another_are_not_remembered() {
    let limit = KeyedLimit::new(Limits::default().key_rate(Rate::per_second(1_000)));
    for key in 0..20_000u32 {
        drop(limit.acquire(key).await);
        if key % 100 == 0 {
            tokio::time::advance(Duration::from_millis(2)).await;
            assert!(limit.stats().keys <= 101);
        }
    }
    tokio::time::advance(Duration::from_millis(2)).await;
    assert_eq!(limit.stats().keys, 0);
}

#[tokio::test(start_paused = true)]
async fn l4f_a_paused_key_waits_for_its_instant_while_others_go_on() {
    let limit = KeyedLimit::new(at_once(1, 1));
    let start = Instant::now();
    limit.pause_until(&"refused", start + Duration::from_secs(30));
    let paused = spawn({
        let limit = limit.clone();
        async move {
            drop(limit.acquire("refused").await);
            start.elapsed()
        }
    });
    for _ in 0..10 {
        drop(limit.acquire("fine").await);
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(
        limit.paused(),
        [("refused", start + Duration::from_secs(30))]
    );
    assert_eq!(paused.await.unwrap(), Duration::from_secs(30));
    assert!(limit.paused().is_empty());
}

#[tokio::test(start_paused = true)]
async fn l4f_a_pause_can_be_ended_and_then_its_waiters_go() {
    let limit = KeyedLimit::new(Limits::default());
    limit.pause_until(&1, Instant::now() + Duration::from_secs(30));
    let mut waiting = Box::pin(limit.acquire(1));
    assert!(!poll_once(waiting.as_mut()));
    limit.resume(&1);
    assert!(poll_once(waiting.as_mut()));
}

#[tokio::test(start_paused = true)]
async fn l4e_a_larger_concurrency_lets_the_waiters_in() {
    let limit = KeyedLimit::new(at_once(1, 1));
    let _held = limit.acquire(1).await;
    let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(limit.acquire(1))).collect();
    for future in &mut waiting {
        assert!(!poll_once(future.as_mut()));
    }
    limit.set_limits(at_once(3, 3));
    assert_eq!((limit.stats().active, limit.stats().waiting), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn l1c_waiters_that_are_not_polled_do_not_stop_a_key_or_the_others() {
    let limit = KeyedLimit::new(at_once(2, 1));
    let held = (limit.acquire(1).await, limit.acquire(2).await);
    let mut unpolled: Vec<_> = (0..20)
        .map(|n| Box::pin(limit.acquire(1 + n % 2)))
        .collect();
    for future in &mut unpolled {
        assert!(!poll_once(future.as_mut()));
    }
    let behind = spawn({
        let limit = limit.clone();
        async move {
            for _ in 0..100 {
                drop((limit.acquire(1).await, limit.acquire(2).await));
                drop(limit.acquire(3).await);
            }
        }
    });
    tokio::task::yield_now().await;
    drop(held);
    timeout(Duration::from_secs(1), behind)
        .await
        .unwrap()
        .unwrap();
    drop(unpolled);
    assert_eq!((limit.stats().active, limit.stats().waiting), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn l2a_a_cancelled_waiter_gives_its_turn_to_the_next_of_its_key() {
    let limit = KeyedLimit::new(at_once(1, 1));
    let held = limit.acquire(1).await;
    let mut promised = Box::pin(limit.acquire(1));
    let mut next = Box::pin(limit.acquire(1));
    assert!(!poll_once(promised.as_mut()));
    assert!(!poll_once(next.as_mut()));
    drop(held);
    assert!(!poll_once(next.as_mut()));
    drop(promised);
    assert!(poll_once(next.as_mut()));
}

/// A key whose every piece of code but `Eq` looks at the limit that it is used with.
struct Curious(u8);

static WATCHED: OnceLock<KeyedLimit<Curious>> = OnceLock::new();

fn look() {
    if let Some(limit) = WATCHED.get() {
        limit.stats();
    }
}

impl PartialEq for Curious {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Curious {}

impl Hash for Curious {
    fn hash<H: Hasher>(&self, state: &mut H) {
        look();
        state.write_u8(self.0);
    }
}

impl Clone for Curious {
    fn clone(&self) -> Self {
        look();
        Self(self.0)
    }
}

impl Drop for Curious {
    fn drop(&mut self) {
        look();
    }
}

/// In a thread of its own, since a lock that is taken twice would never come back.
#[test]
fn l4h_the_code_of_a_key_may_use_the_limit() {
    let (done, finished) = sync_channel(1);
    let every_call = move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            let limit = WATCHED.get_or_init(|| KeyedLimit::new(at_once(2, 1)));
            let held = limit.acquire(Curious(1)).await;
            let mut cancelled = Box::pin(limit.acquire(Curious(1)));
            assert!(!poll_once(cancelled.as_mut()));
            drop((cancelled, held));
            let soon = Instant::now() + Duration::from_millis(1);
            limit.pause_until(&Curious(2), soon);
            limit.pause_until(&Curious(3), soon + Duration::from_secs(60));
            assert!(!limit.paused().is_empty());
            limit.resume(&Curious(3));
            drop(limit.acquire(Curious(2)).await);
            limit.set_limits(Limits::default());
            let bounded = limit.clone().max_waiters(0);
            drop(bounded.acquire(Curious(4)).await);
            limit.pause_until(&Curious(5), soon + Duration::from_secs(60));
            assert!(bounded.acquire(Curious(5)).await.is_err());
            limit.resume(&Curious(5));
            assert_eq!(limit.stats().keys, 0, "all were forgotten, and dropped");
        });
        done.send(()).unwrap();
    };
    let thread = std::thread::Builder::new().spawn(every_call).unwrap();
    let ended = finished.recv_timeout(Duration::from_secs(20));
    assert!(ended.is_ok(), "it panicked, or waits for its own lock");
    thread.join().unwrap();
}
