//! How many run, who is next, and when threads start and end.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{available_parallelism, current};

use tokio::task::JoinSet;

use super::*;

#[tokio::test]
async fn t1a_no_more_closures_run_than_the_limit() {
    let pool = Pool::new("few", 3);
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Log::new());
    let mut set = JoinSet::new();
    for _ in 0..60 {
        let (now, most) = (now.clone(), most.clone());
        set.spawn(pool.call(move || {
            most.push(now.fetch_add(1, Ordering::SeqCst) + 1);
            std::thread::sleep(Duration::from_millis(2));
            now.fetch_sub(1, Ordering::SeqCst);
        }));
    }
    set.join_all().await;
    assert_eq!(
        most.entries().into_iter().max(),
        Some(3),
        "3 at once, never more"
    );
    let stats = pool.stats();
    assert_eq!(
        (stats.threads_max, stats.running, stats.finished),
        (3, 0, 60)
    );
}

#[tokio::test]
async fn t1a_blocked_closures_get_every_thread_of_the_limit() {
    let pool = Pool::new("all", 16);
    let mut set = JoinSet::new();
    let mut gates = Vec::new();
    for _ in 0..20 {
        let (open, closed) = gate();
        gates.push(open);
        set.spawn(pool.call(closed));
    }
    until("all threads are blocked", || pool.stats().running == 16).await;
    assert_eq!(pool.stats().waiting, 4);
    drop(gates);
    set.join_all().await;
}

#[tokio::test]
async fn t1b_waiting_is_first_come_first_served_and_visible() {
    let pool = Pool::new("one", 1);
    let (open, closed) = gate();
    let order = Log::new();
    let mut set = JoinSet::new();
    set.spawn(pool.call(closed));
    until("the first runs", || open.started()).await;
    for number in 0..20 {
        let order = order.clone();
        set.spawn(pool.call(move || order.push(number)));
        until("it waits", || pool.stats().waiting == number + 1).await;
    }
    drop(open);
    set.join_all().await;
    assert!(order.entries().into_iter().eq(0..20));
}

#[tokio::test]
async fn t1c_a_full_class_does_not_hold_up_another() {
    let full = Pool::new("full", 1);
    let (open, closed) = gate();
    let mut blocked = full.call(closed);
    assert!(poll_once(&mut blocked).is_none());
    until("the thread is blocked", || open.started()).await;
    assert_eq!(Pool::new("free", 1).call(|| 1).await, 1);
    assert_eq!(to_thread(|| 2).await, 2);
    drop(open);
    blocked.await;
}

#[tokio::test]
async fn t1c_computing_work_has_a_thread_for_each_core() {
    let cores = available_parallelism().unwrap().get();
    assert_eq!(Pool::cpu().stats().limit, cores);
    let name = to_cpu(|| current().name().map(String::from)).await;
    assert!(name.unwrap().starts_with("cpu-"));
}

#[tokio::test]
async fn t1d_threads_are_started_for_waiting_work_and_bear_the_name() {
    let pool = Pool::new("named", 50);
    assert_eq!(pool.stats().threads, 0, "none before there is work");
    let mut names = HashSet::new();
    for _ in 0..50 {
        names.insert(
            pool.call(|| current().name().map(String::from))
                .await
                .unwrap(),
        );
    }
    assert!(names.iter().all(|name| name.starts_with("named-")));
    let threads = pool.stats().threads_max;
    assert!(
        threads < 10,
        "one after the other needs no crowd: {threads}"
    );
}

#[tokio::test]
async fn t1d_idle_threads_end_after_the_keep_alive() {
    let pool = Builder::new("brief", 4)
        .keep_alive(Duration::from_millis(20))
        .build();
    let mut set = JoinSet::new();
    let gates: Vec<_> = std::iter::repeat_with(gate).take(4).collect();
    let (opens, closed): (Vec<_>, Vec<_>) = gates.into_iter().unzip();
    for closed in closed {
        set.spawn(pool.call(closed));
    }
    until("all run", || pool.stats().running == 4).await;
    drop(opens);
    set.join_all().await;
    until("they ended", || pool.stats().threads == 0).await;
    assert_eq!(pool.call(|| 1).await, 1, "and new ones start");
}

#[tokio::test]
async fn t1d_a_trickle_of_work_keeps_few_of_many_threads() {
    let pool = Builder::new("trickle", 8)
        .keep_alive(Duration::from_millis(100))
        .build();
    let mut set = JoinSet::new();
    let gates: Vec<_> = std::iter::repeat_with(gate).take(8).collect();
    let (opens, closed): (Vec<_>, Vec<_>) = gates.into_iter().unzip();
    for closed in closed {
        set.spawn(pool.call(closed));
    }
    until("all run", || pool.stats().running == 8).await;
    drop(opens);
    set.join_all().await;
    for _ in 0..2000 {
        pool.call(|| ()).await;
        if pool.stats().threads <= 2 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("the trickle keeps all awake: {:?}", pool.stats());
}

#[tokio::test]
async fn t1d_threads_end_with_the_last_handle_of_their_pool() {
    let pool = Pool::new("owned", 2);
    let call = pool.call(|| 1);
    let crew = pool.crew().clone();
    drop(pool);
    assert_eq!(call.await, 1, "a call owns its pool");
    until("the threads ended", || crew.stats().threads == 0).await;
}
