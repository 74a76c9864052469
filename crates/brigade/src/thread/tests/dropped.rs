//! Calls dropped at each of their awaits. On the real clock, since the threads are real.

use brigade_testkit::cancel::fuzz_cancel;

use super::*;

#[tokio::test]
async fn t2b_a_call_that_is_dropped_anywhere_leaves_the_queue_and_holds_no_thread() {
    let pool = Pool::new("fuzzed", 1);
    let scene = || {
        let pool = pool.clone();
        async move {
            let mut set = tokio::task::JoinSet::new();
            set.spawn(pool.call(|| std::thread::sleep(Duration::from_millis(2))));
            pool.call(|| 1).await + pool.call(|| 2).await
        }
    };
    let polls = fuzz_cancel(scene, async |outcome| {
        until("the pool is free", || {
            let stats = pool.stats();
            (stats.running, stats.waiting) == (0, 0)
        })
        .await;
        assert_eq!(pool.call(|| 3).await, 3, "{outcome:?}");
    })
    .await;
    assert!(polls > 2, "{polls}");
}

#[tokio::test]
async fn t1f_a_pinned_thread_that_is_dropped_anywhere_drops_its_state() {
    let states = Arc::new(());
    let scene = || {
        let state = states.clone();
        async move {
            let pinned = Pinned::new("fuzzed", move || state).await;
            let count = pinned.call(|state| Arc::strong_count(state)).await;
            pinned.close().await;
            count
        }
    };
    let polls = fuzz_cancel(scene, async |outcome| {
        let what = format!("the state is gone: {outcome:?}");
        until(&what, || Arc::strong_count(&states) == 1).await;
    })
    .await;
    assert!(polls > 2, "{polls}");
}
