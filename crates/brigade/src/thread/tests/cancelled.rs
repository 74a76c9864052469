//! What becomes of a closure whose caller is cancelled or dropped.

use std::pin::pin;

use super::*;
use crate::cancel::{self, Reason};
use crate::group::{Ended, task_group};

/// Gives the other tasks of this thread enough turns to do what they can do now.
async fn turns() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn t2a_a_cancelled_caller_waits_for_a_closure_that_runs() {
    let pool = Pool::new("waits", 1);
    let (open, closed) = gate();
    let result = task_group(async |g| {
        let call = pool.call(|| {
            closed();
            7
        });
        let child = g.spawn(async { Ok::<_, String>(call.await) });
        until("it runs", || open.started()).await;
        let child = child.cancel();
        turns().await;
        assert!(!child.is_finished(), "the closure still runs");
        drop(open);
        Ok(child.await)
    });
    assert_eq!(result.await.unwrap(), Ok(7), "and its value is not lost");
}

#[tokio::test]
async fn t2b_a_queued_closure_never_runs_when_its_caller_is_cancelled() {
    let pool = Pool::new("queued", 1);
    let (open, closed) = gate();
    let mut blocking = pool.call(closed);
    assert!(poll_once(&mut blocking).is_none());
    until("the thread is blocked", || open.started()).await;
    let result = task_group(async |g| {
        let call = pool.call(|| 7);
        let child = g.spawn(async { Ok::<_, String>(call.await) });
        until("it waits", || pool.stats().waiting == 1).await;
        Ok(child.cancel().await)
    });
    let ended = result.await.unwrap();
    assert_eq!(ended, Err(Ended::Cancelled(Reason::User)));
    assert_eq!(
        pool.stats().waiting,
        0,
        "it left the queue while the thread was blocked"
    );
    drop(open);
    blocking.await;
    assert_eq!(pool.stats().finished, 1);
}

#[tokio::test]
async fn t2b_a_queued_closure_is_dropped_with_its_call() {
    let pool = Pool::new("queued", 1);
    let (open, closed) = gate();
    let mut blocking = pool.call(closed);
    assert!(poll_once(&mut blocking).is_none());
    until("the thread is blocked", || open.started()).await;
    let owned = Arc::new(());
    let inside = owned.clone();
    let mut queued = pool.call(move || drop(inside));
    assert!(poll_once(&mut queued).is_none());
    assert_eq!((pool.stats().waiting, Arc::strong_count(&owned)), (1, 2));
    drop(queued);
    assert_eq!((pool.stats().waiting, Arc::strong_count(&owned)), (0, 1));
    drop(open);
    blocking.await;
    assert_eq!(pool.stats().finished, 1);
}

#[tokio::test]
async fn t2b_a_closure_that_is_never_awaited_never_runs() {
    let pool = Pool::new("lazy", 1);
    drop(pool.call(|| unreachable!()).name("never"));
    assert_eq!(pool.stats().threads_max, 0);
}

#[tokio::test]
async fn t2b_a_caller_that_takes_up_a_shield_in_time_gets_its_value() {
    let pool = Pool::new("held", 1);
    let (open, closed) = gate();
    let mut blocking = pool.call(closed);
    assert!(poll_once(&mut blocking).is_none());
    until("the thread is blocked", || open.started()).await;
    let result = task_group(async |g| {
        let call = pool.call(|| 7);
        let child = g.spawn(async {
            let mut call = pin!(call);
            let value = tokio::select! {
                biased;
                value = &mut call => value,
                _ = async { cancel::current().cancelled().await } => cancel::shield(call).await,
            };
            Ok::<_, String>(value)
        });
        until("it waits", || pool.stats().waiting == 1).await;
        let child = child.cancel();
        // The thread reaches the closure before its task has had a turn, and puts it back.
        drop(open);
        until_without_a_turn("the thread is through", || {
            pool.stats().waiting == 0 && pool.stats().running == 0
        });
        assert_eq!(pool.stats().finished, 1);
        Ok(child.await)
    });
    assert_eq!(result.await.unwrap(), Ok(7));
    blocking.await;
}

#[test]
fn t2b_either_it_runs_and_has_a_caller_or_it_never_runs() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let pool = Pool::new("race", 2);
    let (mut ran_count, rounds) = (0, 3000);
    for round in 0..rounds {
        let ran = Arc::new(AtomicBool::new(false));
        let (inside, pool) = (ran.clone(), pool.clone());
        let result = runtime.as_ref().unwrap().block_on(task_group(async |g| {
            let call = pool.call(move || inside.store(true, Ordering::SeqCst));
            let child = g.spawn(async {
                call.await;
                Ok::<_, String>(())
            });
            if round % 8 == 0 {
                until_without_a_turn("it runs", || ran.load(Ordering::SeqCst));
            }
            for _ in 0..round % 64 * 16 {
                std::hint::spin_loop();
            }
            Ok(child.cancel().await)
        }));
        let value = result.unwrap();
        if value.is_err() {
            // A thread that took the closure after its caller was gone is through with it by now.
            until_without_a_turn("no thread has it", || pool.stats().running == 0);
        }
        assert_eq!(
            value.is_ok(),
            ran.load(Ordering::SeqCst),
            "round {round}: {value:?}"
        );
        ran_count += u32::from(value.is_ok());
    }
    assert_eq!(pool.stats().finished, u64::from(ran_count));
    assert!(
        (1..rounds).contains(&ran_count),
        "the rounds went one way only: {ran_count}"
    );
}

#[tokio::test]
async fn t2d_an_abandoning_caller_goes_at_once_and_the_closure_goes_on() {
    let pool = Pool::new("abandoned", 1);
    let (open, closed) = gate();
    let result = task_group(async |g| {
        let call = pool.call(closed).name("t2d").abandon_on_cancel();
        let child = g.spawn(async {
            call.await;
            Ok::<_, String>(())
        });
        until("it runs", || open.started()).await;
        Ok(child.cancel().await)
    });
    assert_eq!(result.await.unwrap(), Err(Ended::Cancelled(Reason::User)));
    assert!(is_living("t2d"));
    drop(open);
    until("it ended", || !is_living("t2d")).await;
}

#[tokio::test]
async fn t2e_a_closure_whose_call_is_dropped_goes_on_and_is_listed_by_name() {
    let pool = Pool::new("dropped", 1);
    let (open, closed) = gate();
    let mut call = pool.call(closed).name("t2e");
    assert!(poll_once(&mut call).is_none());
    until("it runs", || open.started()).await;
    let timeout = tokio::time::timeout(Duration::from_millis(20), call);
    assert!(timeout.await.is_err());
    assert_eq!(pool.stats().running, 1);
    assert!(is_living("t2e"));
    drop(open);
    until("it ended", || !is_living("t2e")).await;
    until("its thread is free", || pool.stats().running == 0).await;
}

#[tokio::test]
async fn t2e_a_closure_without_a_name_is_listed_by_its_place_in_the_code() {
    let listed = to_thread(living::list).await;
    let here = |living: &living::Living| living.name.ends_with("living::tree::list");
    assert!(listed.iter().any(here), "{listed:?}");
}

#[tokio::test]
async fn t2f_a_closure_learns_that_its_caller_was_cancelled() {
    let pool = Pool::new("asks", 1);
    let log = Log::new();
    let result = task_group(async |g| {
        let inside = log.clone();
        let call = pool.call(move || {
            inside.push(cancelled());
            until_without_a_turn("cancelled", cancelled);
            "ended early"
        });
        let child = g.spawn(async { Ok::<_, String>(call.await) });
        until("it runs", || log.entries().len() == 1).await;
        Ok(child.cancel().await)
    });
    assert_eq!(result.await.unwrap(), Ok("ended early"));
    assert_eq!(log.entries(), [false]);
}

#[tokio::test]
async fn t2f_a_closure_learns_that_its_call_was_dropped() {
    let pool = Pool::new("asks", 1);
    let log = Log::new();
    let inside = log.clone();
    let mut call = pool.call(move || {
        inside.push(cancelled());
        until_without_a_turn("cancelled", cancelled);
        inside.push(cancelled());
    });
    assert!(poll_once(&mut call).is_none());
    until("it runs", || log.entries().len() == 1).await;
    drop(call);
    until("it ended", || pool.stats().finished == 1).await;
    assert_eq!(log.entries(), [false, true]);
    assert!(
        !pool.call(cancelled).await,
        "what comes next is not cancelled"
    );
}

#[test]
fn t2h_the_end_of_a_runtime_does_not_wait_for_closures() {
    let pool = Pool::new("endless", 1);
    let (open, closed) = gate();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut call = pool.call(closed);
        assert!(poll_once(&mut call).is_none());
        until_without_a_turn("it runs", || open.started());
    });
    drop(runtime);
    assert_eq!(pool.stats().running, 1, "it runs on");
    drop(open);
}

#[tokio::test]
async fn t2j_a_finaliser_of_a_cancelled_task_can_call_a_closure() {
    let pool = Pool::new("finaliser", 1);
    let log = Log::new();
    let result = task_group(async |g| {
        let (inside, pool) = (log.clone(), pool.clone());
        let child = g.spawn(async move {
            cancel::defer(async move { inside.push(pool.call(|| 7).await) });
            std::future::pending::<Result<(), String>>().await
        });
        turns().await;
        Ok(child.cancel().await)
    });
    let ended = tokio::time::timeout(Duration::from_secs(5), result).await;
    assert_eq!(ended.unwrap().unwrap(), Err(Ended::Cancelled(Reason::User)));
    assert_eq!(log.entries(), [7]);
}
