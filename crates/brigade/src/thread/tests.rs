//! The laws of threads.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::current;
use std::time::Duration;

use super::*;

/// A closure that runs until its gate is opened, and the sender that opens it.
fn gate() -> (SyncSender<()>, impl FnOnce() + Send + 'static) {
    let (open, opened): (_, Receiver<()>) = sync_channel(1);
    (open, move || while opened.recv().is_ok() {})
}

/// Waits until a pool is in some state; a bound keeps a broken pool from hanging the tests.
async fn until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..5000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("never happened: {what}");
}

#[tokio::test]
async fn t1a_no_more_closures_run_than_the_limit() {
    let pool = Pool::new("few", 3);
    let running = Arc::new(Mutex::new((0, 0)));
    let calls = (0..60).map(|_| {
        let running = running.clone();
        let pool = pool.clone();
        async move {
            pool.call(move || {
                {
                    let mut running = running.lock().unwrap();
                    running.0 += 1;
                    running.1 = running.1.max(running.0);
                }
                std::thread::sleep(Duration::from_millis(2));
                running.lock().unwrap().0 -= 1;
            })
            .await;
        }
    });
    let mut set = tokio::task::JoinSet::new();
    for call in calls {
        set.spawn(call);
    }
    set.join_all().await;
    assert_eq!(*running.lock().unwrap(), (0, 3));
    let stats = pool.stats();
    assert_eq!((stats.threads_max, stats.finished), (3, 60));
}

#[tokio::test]
async fn t1f_a_pinned_state_stays_on_its_thread() {
    let threads = Arc::new(Mutex::new(Vec::new()));
    struct State(Arc<Mutex<Vec<std::thread::ThreadId>>>, std::rc::Rc<()>);
    impl Drop for State {
        fn drop(&mut self) {
            self.0.lock().unwrap().push(current().id());
        }
    }
    let seen = threads.clone();
    let pinned = Pinned::new("pinned", move || {
        seen.lock().unwrap().push(current().id());
        State(seen, std::rc::Rc::new(()))
    })
    .await;
    for _ in 0..3 {
        pinned
            .call(|state| {
                let _kept = state.1.clone();
                state.0.lock().unwrap().push(current().id());
            })
            .await;
    }
    pinned.close().await;
    let threads = threads.lock().unwrap();
    assert_eq!(threads.len(), 5);
    assert!(
        threads
            .iter()
            .all(|id| *id == threads[0] && *id != current().id())
    );
}

#[tokio::test]
async fn t2c_a_panic_returns_to_the_caller_with_its_payload() {
    let pool = Pool::new("panics", 1);
    let there = pool.clone();
    let joined = tokio::task::LocalSet::new()
        .run_until(async move {
            tokio::task::spawn_local(async move {
                there.call(|| std::panic::panic_any(42_u8)).await;
            })
            .await
        })
        .await;
    let payload = joined.unwrap_err().into_panic();
    assert_eq!(payload.downcast_ref::<u8>(), Some(&42));
    assert_eq!(pool.call(|| 1).await, 1, "the thread goes on");
    assert_eq!(pool.stats().threads_max, 1);
}

#[tokio::test]
async fn t1b_waiting_is_in_order_and_visible() {
    let pool = Pool::new("one", 1);
    let (open, closed) = gate();
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut set = tokio::task::JoinSet::new();
    let first = pool.call(closed);
    set.spawn(first);
    until("the first runs", || pool.stats().running == 1).await;
    for number in 0..20 {
        let order = order.clone();
        let call = pool.call(move || order.lock().unwrap().push(number));
        set.spawn(call);
        until("it waits", || pool.stats().waiting == number + 1).await;
    }
    drop(open);
    set.join_all().await;
    assert!(order.lock().unwrap().iter().copied().eq(0..20));
}
