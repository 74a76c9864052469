//! Streams that run ahead.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

/// Counts what was asked for.
fn counted(asked: Arc<AtomicU32>) -> Generator<u32, impl Future<Output = Option<u32>> + Send> {
    generate(async move |yielder| {
        for n in 0..10 {
            asked.fetch_add(1, Ordering::SeqCst);
            sleep(millis(1)).await;
            yielder.yield_item(n).await;
        }
    })
}

#[tokio::test(start_paused = true)]
async fn s1m_a_stream_runs_ahead_by_a_fixed_number_of_items_in_order() {
    for ahead in 1..5 {
        let asked = Arc::new(AtomicU32::new(0));
        let result = task_group(async |group| {
            let mut stream = prefetch(group, counted(asked.clone()), ahead);
            for taken in 0..10_u32 {
                sleep(millis(100)).await;
                let most = (taken + ahead as u32).min(10);
                assert_eq!(asked.load(Ordering::SeqCst), most, "after {taken}");
                assert_eq!(stream.next().await, Some(taken));
            }
            assert_eq!(stream.next().await, None);
            assert_eq!(stream.next().await, None);
            Ok::<_, String>(())
        });
        result.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn s1m_dropping_it_stops_the_stream_and_closing_it_waits_for_the_cleanup() {
    let log = Log::default();
    let result = task_group(async |group| {
        let make = || {
            let log = log.clone();
            generate(async move |yielder| {
                defer(log.later("cleaned up"));
                let _held = log.on_drop("held");
                loop {
                    yielder.yield_item(1).await;
                }
            })
        };
        let mut stream = prefetch(group, make(), 3);
        assert_eq!(stream.next().await, Some(1));
        stream.close().await;
        assert_eq!(log.all(), ["held", "cleaned up"]);
        let mut stream = prefetch(group, make(), 3);
        assert_eq!(stream.next().await, Some(1));
        drop(stream);
        log.add("dropped");
        Ok::<_, String>(())
    });
    result.await.unwrap();
    assert_eq!(log.all()[2..], ["dropped", "held", "cleaned up"]);
}

#[tokio::test(start_paused = true)]
async fn s1m_a_stream_that_breaks_off_fails_the_group_and_is_no_end() {
    let log = Log::default();
    let result = Builder::new().catch_panics().run(async |group| {
        let broken = generate(async |yielder| {
            yielder.yield_item(1).await;
            panic!("broken");
        });
        let mut stream = prefetch(group, broken, 1);
        while stream.next().await.is_some() {}
        log.add("taken for the end");
        Ok::<_, String>(())
    });
    let error = result.await.unwrap_err();
    assert_eq!(error.to_string(), "prefetch: panicked: broken");
    assert_eq!(log.all(), [] as [&str; 0]);
}

#[tokio::test]
#[should_panic(expected = "cannot run ahead by no item")]
async fn running_ahead_by_nothing_is_refused() {
    let result = task_group(async |group| {
        drop(prefetch(group, three(), 0));
        Ok::<_, String>(())
    });
    let _ = result.await;
}
