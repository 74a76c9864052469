//! Limits: many who take, give back, leave the line and change the limit at once.

use std::pin::pin;
use std::time::Duration;

use shuttle::future::{block_on, spawn, yield_now};
use shuttle::thread;

use super::census::Census;
use super::explore::{explore, explore_async, in_time, lose, poll_once};
use crate::clock::{Moment, now};
use crate::limit::{KeyedLimit, Limits, Rate, RateLimit, Semaphore};

async fn take(semaphore: Semaphore, census: Census) {
    let _permit = semaphore.acquire().await;
    let _guest = census.guest();
    yield_now().await;
}

fn assert_free(semaphore: &Semaphore) {
    let stats = semaphore.stats();
    assert_eq!((stats.taken, stats.waiting), (0, 0));
    let all: Vec<_> = (0..stats.capacity)
        .map(|_| semaphore.try_acquire())
        .collect();
    assert!(all.iter().all(Result::is_ok), "a permit was lost");
    assert!(semaphore.try_acquire().is_err(), "a permit too many");
}

#[test]
fn l1d_never_more_than_the_capacity_is_out_and_nobody_is_forgotten() {
    explore_async(|| async {
        let (semaphore, census) = (Semaphore::new(2), Census::default());
        let tasks: Vec<_> = (0..4)
            .map(|_| spawn(take(semaphore.clone(), census.clone())))
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(census.came(), 4);
        assert!(census.most() <= 2);
        assert_free(&semaphore);
    });
}

#[test]
fn l1d_threads_that_take_and_give_back_leave_everything_there() {
    explore(|| {
        let (semaphore, census) = (Semaphore::new(1), Census::default());
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let (semaphore, census) = (semaphore.clone(), census.clone());
                thread::spawn(move || {
                    if let Ok(_permit) = semaphore.try_acquire() {
                        let _guest = census.guest();
                    }
                    block_on(take(semaphore, census));
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(census.most(), 1);
        assert_free(&semaphore);
    });
}

#[test]
fn l2a_who_leaves_the_line_hands_on_what_it_was_promised() {
    explore_async(|| async {
        let (semaphore, census) = (Semaphore::new(1), Census::default());
        let first = spawn(take(semaphore.clone(), census.clone()));
        let fickle: Vec<_> = (1..3)
            .map(|polls| {
                let (semaphore, census) = (semaphore.clone(), census.clone());
                spawn(async move { lose(take(semaphore, census), polls).await })
            })
            .collect();
        let last = spawn(take(semaphore.clone(), census.clone()));
        first.await.unwrap();
        last.await.unwrap();
        for task in fickle {
            task.await.unwrap();
        }
        assert_eq!(census.most(), 1);
        assert_free(&semaphore);
    });
}

#[test]
fn l1a_a_large_want_gets_its_permits_between_small_ones() {
    explore_async(|| async {
        let (semaphore, census) = (Semaphore::new(2), Census::default());
        let small: Vec<_> = (0..3)
            .map(|_| spawn(take(semaphore.clone(), census.clone())))
            .collect();
        let (large, alone) = (semaphore.clone(), census.clone());
        let large = spawn(async move {
            let _permits = large.acquire_many(2).await.unwrap();
            assert_eq!(alone.there(), 0);
            yield_now().await;
            assert_eq!(alone.there(), 0);
        });
        large.await.unwrap();
        for task in small {
            task.await.unwrap();
        }
        assert_free(&semaphore);
    });
}

#[test]
fn l2b_a_capacity_that_changes_under_everybody_forgets_nobody() {
    explore_async(|| async {
        let (semaphore, census) = (Semaphore::new(2), Census::default());
        let tasks: Vec<_> = (0..2)
            .map(|_| spawn(take(semaphore.clone(), census.clone())))
            .collect();
        let large = semaphore.clone();
        let large = spawn(async move {
            let taken = large.acquire_many(2).await;
            taken.map(drop).map_err(|error| error.wanted)
        });
        let change = semaphore.clone();
        let change = thread::spawn(move || {
            change.set_capacity(0);
            change.set_capacity(1);
        });
        for task in tasks {
            task.await.unwrap();
        }
        assert!(matches!(large.await.unwrap(), Ok(()) | Err(2)));
        change.join().unwrap();
        assert_free(&semaphore);
    });
}

#[test]
fn l1c_a_waiter_that_nobody_polls_stops_nobody() {
    explore_async(|| async {
        let (semaphore, census) = (Semaphore::new(1), Census::default());
        let held = semaphore.try_acquire().unwrap();
        let mut away = pin!(semaphore.acquire());
        poll_once(away.as_mut());
        let tasks: Vec<_> = (0..2)
            .map(|_| spawn(take(semaphore.clone(), census.clone())))
            .collect();
        yield_now().await;
        drop(held);
        let others = async {
            for task in tasks {
                task.await.unwrap();
            }
        };
        in_time(Duration::from_millis(4), others).await;
        // It comes back, and its place was kept.
        drop(away.await);
        assert_eq!(census.most(), 1);
        assert_free(&semaphore);
    });
}

#[test]
fn l3a_a_rate_is_kept_and_nobody_is_forgotten_whoever_comes_late_or_leaves() {
    explore_async(|| async {
        let limit = RateLimit::new(Rate::per_second(10).burst(1));
        let start = now();
        let tasks: Vec<_> = (0..3)
            .map(|polls| {
                let limit = limit.clone();
                spawn(async move {
                    let left = lose(limit.acquire(), polls).await;
                    if left.is_none() {
                        limit.acquire().await;
                    }
                    now()
                })
            })
            .collect();
        let all = async {
            let mut grants = Vec::new();
            for task in tasks {
                grants.push(task.await.unwrap());
            }
            grants
        };
        let mut grants = in_time(Duration::from_millis(50), all).await;
        grants.sort_unstable();
        // By the law one more than the rate and the burst allow.
        for (index, grant) in grants.iter().enumerate() {
            let allowed = 2 + grant.since(start).as_millis() / 100;
            assert!(index as u128 + 1 <= allowed, "{grants:?}");
        }
        assert_eq!(limit.stats().waiting, 0);
    });
}

#[test]
fn l3e_what_is_taken_on_credit_counts_whoever_looks_at_the_bucket_meanwhile() {
    explore(|| {
        // No time passes, so exactly the four that are left can be had; two of them on credit.
        let limit = RateLimit::new(Rate::per_second(10).burst(2_048));
        assert_eq!(block_on(limit.acquire_many(2_044)), Ok(()));
        let taken = Census::default();
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let (limit, taken) = (limit.clone(), taken.clone());
                thread::spawn(move || {
                    for _ in 0..2 {
                        if limit.try_acquire().is_ok() {
                            taken.count();
                        }
                    }
                })
            })
            .collect();
        let there = limit.stats().available as usize;
        assert!(there <= 4, "{there}");
        limit.set_rate(Rate::per_second(10).burst(2_048));
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(taken.came(), 4);
        assert_eq!(limit.stats().available, 0);
    });
}

/// Takes in three ways; the moments after which it had so many.
async fn take_somehow(limit: RateLimit, polls: usize) -> Vec<(Moment, usize)> {
    let mut taken = Vec::new();
    for permits in [1, 3, 1] {
        let got = match permits {
            1 => limit.try_acquire().is_ok(),
            _ => lose(limit.acquire_many(3), polls).await.is_some(),
        };
        taken.extend(got.then(|| (now(), permits)));
        yield_now().await;
    }
    taken
}

#[test]
fn l3e_credit_that_is_out_while_time_passes_and_others_wait_or_leave_gives_nothing_twice() {
    explore_async(|| async {
        let limit = RateLimit::new(Rate::per_second(1_000).burst(3_072));
        let start = now();
        assert_eq!(limit.acquire_many(3_066).await, Ok(()));
        let all = async {
            let tasks: Vec<_> = (0..3)
                .map(|polls| spawn(take_somehow(limit.clone(), polls)))
                .collect();
            let mut taken = Vec::new();
            for task in tasks {
                taken.extend(task.await.unwrap());
            }
            taken
        };
        let mut taken = in_time(Duration::from_millis(1), all).await;
        let left = limit.stats();
        taken.sort_unstable();
        let mut sum = 0;
        for (at, permits) in &taken {
            sum += permits;
            let allowed = 7 + at.since(start).as_millis();
            assert!(sum as u128 <= allowed, "{taken:?}");
        }
        let there = 7 + now().since(start).as_millis();
        assert!(
            (sum as u128) + u128::from(left.available) <= there,
            "{left:?}"
        );
        assert_eq!(left.waiting, 0);
    });
}

async fn pass(limit: KeyedLimit<&'static str>, key: &'static str, of_key: Census, all: Census) {
    let _pass = limit.acquire(key).await;
    let _guests = (of_key.guest(), all.guest());
    yield_now().await;
}

#[test]
fn l4a_no_limit_is_exceeded_and_nobody_is_forgotten_under_keys() {
    explore_async(|| async {
        let limit = KeyedLimit::new(Limits::default().concurrency(2).key_concurrency(1));
        let (a, b, all) = (Census::default(), Census::default(), Census::default());
        let tasks: Vec<_> = [("a", &a), ("a", &a), ("b", &b), ("b", &b)]
            .into_iter()
            .map(|(key, of_key)| spawn(pass(limit.clone(), key, of_key.clone(), all.clone())))
            .collect();
        let fickle = pass(limit.clone(), "a", a.clone(), all.clone());
        let fickle = spawn(async move { lose(fickle, 1).await });
        for task in tasks {
            task.await.unwrap();
        }
        fickle.await.unwrap();
        assert!(all.most() <= 2 && a.most() <= 1 && b.most() <= 1);
        let stats = limit.stats();
        assert_eq!((stats.active, stats.waiting, stats.keys), (0, 0, 0));
    });
}

#[test]
fn l4f_a_pause_that_comes_and_goes_forgets_nobody() {
    explore_async(|| async {
        let limit = KeyedLimit::new(
            Limits::default()
                .key_concurrency(1)
                .key_rate(Rate::per_second(10)),
        );
        let (of_key, all) = (Census::default(), Census::default());
        let tasks: Vec<_> = (0..2)
            .map(|_| spawn(pass(limit.clone(), "a", of_key.clone(), all.clone())))
            .collect();
        let pauser = limit.clone();
        let pauser = thread::spawn(move || {
            let soon = crate::runtime::present() + Duration::from_millis(300);
            pauser.pause_until(&"a", soon);
            pauser.resume(&"a");
            pauser.pause_until(&"a", soon);
            pauser.set_limits(Limits::default().key_concurrency(2));
        });
        let all_done = async {
            for task in tasks {
                task.await.unwrap();
            }
        };
        in_time(Duration::from_millis(50), all_done).await;
        pauser.join().unwrap();
        assert_eq!((limit.stats().active, limit.stats().waiting), (0, 0));
    });
}

#[test]
fn l5a_who_may_not_wait_is_told_and_the_others_get_their_turn() {
    explore_async(|| async {
        let (semaphore, served) = (Semaphore::new(1), Census::default());
        let bounded = semaphore.clone().max_waiters(1);
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let (bounded, served) = (bounded.clone(), served.clone());
                spawn(async move {
                    let permit = bounded.acquire().await;
                    assert!(bounded.get_ref().stats().waiting <= 1);
                    if permit.is_ok() {
                        let _guest = served.guest();
                        yield_now().await;
                    }
                    drop(permit);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert!(served.came() >= 1 && served.most() == 1);
        assert_free(&semaphore);
    });
}
