//! Threads: closures that are submitted, cancelled, refused and run at once.

use std::future::pending;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use shuttle::future::{block_on, yield_now};
use shuttle::thread;

use super::census::Census;
use super::explore::{explore, explore_async, lose};
use crate::cancel::Reason;
use crate::group::{self, task_group};
use crate::living;
use crate::thread::{Builder, Pinned, Pool, cancelled};

fn work(census: &Census) -> impl FnOnce() -> u32 + Send + use<> {
    let census = census.clone();
    move || {
        let _guest = census.guest();
        thread::yield_now();
        5
    }
}

#[test]
fn t1a_a_pool_runs_every_closure_and_never_more_than_its_limit() {
    explore(|| {
        let (pool, census) = (Pool::new("p", 2), Census::default());
        let callers: Vec<_> = (0..3)
            .map(|_| {
                let (pool, census) = (pool.clone(), census.clone());
                thread::spawn(move || block_on(pool.call(work(&census))))
            })
            .collect();
        for caller in callers {
            assert_eq!(caller.join().unwrap(), 5);
        }
        assert_eq!((census.came(), census.there()), (3, 0));
        assert!(census.most() <= 2 && pool.stats().threads_max <= 2);
        assert_eq!(pool.stats().waiting, 0);
    });
}

#[test]
fn t1d_threads_that_retire_as_work_comes_leave_none_of_it() {
    explore(|| {
        let pool = Builder::new("p", 2)
            .keep_alive(Duration::from_millis(1))
            .build();
        let census = Census::default();
        let (other, inside) = (pool.clone(), census.clone());
        let other = thread::spawn(move || {
            for _ in 0..2 {
                block_on(other.call(work(&inside)));
                thread::yield_now();
            }
        });
        block_on(pool.call(work(&census)));
        other.join().unwrap();
        assert_eq!(census.came(), 3);
    });
}

#[test]
fn t1d_the_end_of_a_pool_ends_its_threads_after_their_work() {
    explore(|| {
        let (pool, census) = (Pool::new("p", 1), Census::default());
        let mut call = Box::pin(pool.call(work(&census)));
        block_on(std::future::poll_fn(|cx| {
            assert!(call.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        }));
        drop(pool);
        assert_eq!(block_on(call), 5);
        // A thread that did not end would be a deadlock here.
    });
}

#[test]
fn t2b_a_closure_whose_call_is_dropped_runs_once_or_never() {
    explore_async(|| async {
        let (pool, ran, owned) = (Pool::new("p", 1), Census::default(), Census::default());
        for polls in 1..3 {
            let (guest, runs) = (owned.guest(), work(&ran));
            let call = pool.call(move || {
                let _guest = guest;
                runs()
            });
            lose(call, polls).await;
        }
        assert_eq!(pool.call(work(&ran)).await, 5);
        // One thread, so what came before is over.
        assert_eq!((ran.there(), owned.there()), (0, 0));
        assert!((1..=3).contains(&ran.came()));
    });
}

#[test]
fn t2a_a_cancelled_caller_gets_the_value_of_what_runs_and_nothing_else_runs() {
    explore_async(|| async {
        let (pool, ran, got) = (Pool::new("p", 1), Census::default(), Census::default());
        let result = task_group(async |g| {
            for _ in 0..2 {
                let (pool, ran, got) = (pool.clone(), ran.clone(), got.clone());
                g.spawn(async move {
                    let value = pool.call(work(&ran)).await;
                    assert_eq!(value, 5);
                    got.count();
                    pending::<()>().await;
                    Ok(())
                });
            }
            yield_now().await;
            g.cancel();
            Ok::<_, String>(())
        });
        drop(result.await);
        // Who was dropped waited for what ran, so all of it is over and had its caller.
        assert_eq!(ran.there(), 0);
        assert_eq!(ran.came(), got.came());
    });
}

#[test]
fn t2d_an_abandoned_closure_never_holds_its_caller_up() {
    explore_async(|| async {
        let (pool, ran) = (Pool::new("p", 1), Census::default());
        let result = task_group(async |g| {
            for asks in [true, false] {
                let (pool, ran, caller) = (pool.clone(), ran.clone(), Census::default());
                g.spawn(async move {
                    let _caller = caller.guest();
                    let call = pool.call(move || {
                        let _guest = ran.guest();
                        // It runs until its caller is cancelled, or until that is gone.
                        while caller.there() > 0 && !(asks && cancelled()) {
                            thread::yield_now();
                        }
                    });
                    call.abandon_on_cancel().await;
                    Ok(())
                });
            }
            yield_now().await;
            g.cancel();
            Ok::<_, String>(())
        });
        drop(result.await);
        // The one thread is free again.
        assert_eq!(pool.call(|| 6).await, 6);
        assert_eq!(ran.there(), 0);
    });
}

#[test]
fn t2c_a_panic_goes_to_its_caller_and_the_thread_goes_on() {
    explore_async(|| async {
        let (pool, census) = (Pool::new("p", 1), Census::default());
        let bad = pool.call(|| -> u32 { resume_unwind(Box::new("bad")) });
        let other = shuttle::future::spawn({
            let (pool, census) = (pool.clone(), census.clone());
            async move { pool.call(work(&census)).await }
        });
        let mut bad = Box::pin(bad);
        let payload = std::future::poll_fn(|cx| {
            let poll = AssertUnwindSafe(|| Pin::new(&mut bad).poll(cx));
            match std::panic::catch_unwind(poll) {
                Ok(Poll::Pending) => Poll::Pending,
                Ok(Poll::Ready(_)) => panic!("it had no value"),
                Err(payload) => Poll::Ready(payload),
            }
        });
        assert_eq!(payload.await.downcast_ref(), Some(&"bad"));
        assert_eq!(other.await.unwrap(), 5);
    });
}

#[test]
fn t1f_a_pinned_state_serves_all_callers_one_at_a_time_and_is_dropped_once() {
    explore_async(|| async {
        let states = Census::default();
        let made = states.clone();
        let pinned = Pinned::new("p", move || (made.guest(), 0_u32)).await;
        let pinned = std::sync::Arc::new(pinned);
        let callers: Vec<_> = (0..2)
            .map(|_| {
                let pinned = pinned.clone();
                shuttle::future::spawn(async move {
                    let call = pinned.call(|state| {
                        let seen = state.1;
                        thread::yield_now();
                        state.1 = seen + 1;
                    });
                    call.await;
                })
            })
            .collect();
        for caller in callers {
            caller.await.unwrap();
        }
        assert_eq!(pinned.call(|state| state.1).await, 2);
        std::sync::Arc::into_inner(pinned).unwrap().close().await;
        assert_eq!((states.came(), states.there()), (1, 0));
    });
}

#[test]
fn t1e_a_group_on_a_thread_is_cancelled_with_its_caller() {
    explore_async(|| async {
        let (pool, census) = (Pool::new("p", 1), Census::default());
        let result = task_group(async |g| {
            let (pool, inside) = (pool.clone(), census.clone());
            g.spawn(async move {
                let call = pool.call(move || {
                    let nested = task_group(async |g| {
                        let guest = inside.guest();
                        g.spawn(async move {
                            let _guest = guest;
                            pending::<Result<(), String>>().await
                        });
                        crate::cancel::current().cancelled().await;
                        g.cancel();
                        Ok::<_, String>(())
                    });
                    block_on(nested).is_err()
                });
                call.await;
                Ok(())
            });
            yield_now().await;
            g.cancel();
            Ok::<_, String>(())
        });
        let error = result.await.err();
        assert!(error.is_none_or(|error| error.to_string().contains(&Reason::User.to_string())));
        assert_eq!(census.there(), 0);
    });
}

/// Whether a group of this name is found among the living; a listing may miss what is locked.
async fn is_found(name: &str) -> bool {
    for _ in 0..20 {
        if living::list().iter().any(|living| living.name == name) {
            return true;
        }
        yield_now().await;
    }
    false
}

#[test]
fn g3b_a_group_that_opens_on_a_thread_as_its_caller_ends_has_somebody_who_waits() {
    explore_async(|| async {
        let (pool, lost) = (Pool::new("p", 1), Census::default());
        let result = task_group(async |g| {
            let (pool, lost) = (pool.clone(), lost.clone());
            g.spawn(async move {
                let call = pool.call(move || {
                    let nested = group::Builder::new().name("nested").run(async |_| {
                        if !is_found("nested").await {
                            lost.count();
                        }
                        Ok::<_, String>(())
                    });
                    drop(block_on(nested));
                });
                call.abandon_on_cancel().await;
                Ok(())
            });
            yield_now().await;
            g.cancel();
            Ok::<_, String>(())
        });
        drop(result.await);
        // The one thread is through with it.
        pool.call(|| ()).await;
        assert_eq!(lost.came(), 0, "a group that runs is in nobody's hands");
    });
}
