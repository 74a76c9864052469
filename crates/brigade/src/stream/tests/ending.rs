//! How a stream is left: dropped, closed, forgotten, and what waits for what it leaves behind.

use std::sync::Arc;

use super::*;

/// A stream that holds something, has a child running and a finaliser registered.
fn busy(log: Log) -> Generator<u32, impl Future<Output = Option<u32>> + Send> {
    generate(async move |yielder| {
        defer(log.later("finaliser"));
        let _held = log.on_drop("held");
        let group = task_group(async |group| {
            let log = log.clone();
            group.spawn(async move {
                defer(log.later("child cleaned up"));
                let _child = log.on_drop("child");
                pending::<Fine>().await
            });
            tokio::task::yield_now().await;
            for n in 1.. {
                yielder.yield_item(n).await;
            }
            Ok::<_, String>(())
        });
        let _ = group.await;
    })
}

#[tokio::test(start_paused = true)]
async fn s1b_dropping_a_stream_destroys_its_producer_at_once() {
    let held = Arc::new(());
    let mut stream = generate({
        let held = held.clone();
        async move |yielder| {
            let _held = &held;
            yielder.yield_item(1).await;
            pending::<()>().await;
        }
    });
    assert_eq!(stream.next().await, Some(1));
    assert_eq!(Arc::strong_count(&held), 2);
    drop(stream);
    assert_eq!(Arc::strong_count(&held), 1);
    // The same in the middle of an await, and before its first poll.
    let waiting = generate({
        let held = held.clone();
        async move |yielder| {
            let _held = &held;
            pending::<()>().await;
            yielder.yield_item(1).await;
        }
    });
    let mut waiting = waiting;
    assert!(timeout(millis(5), waiting.next()).await.is_err());
    drop(waiting);
    assert_eq!(Arc::strong_count(&held), 1);
}

#[tokio::test(start_paused = true)]
async fn s1c_the_group_around_waits_for_what_a_dropped_stream_leaves_behind() {
    let log = Log::default();
    let result = task_group(async |_| {
        // Its producer belongs to the outer group's task, but the drop happens in the inner one.
        let inner = task_group(async |_| {
            let mut stream = busy(log.clone());
            assert_eq!(stream.next().await, Some(1));
            drop(stream);
            assert_eq!(log.all(), ["held"]);
            Ok::<_, String>(())
        });
        inner.await?;
        log.add("inner group returned");
        Ok::<_, Error<String>>(())
    });
    result.await.unwrap();
    let expected = [
        "held",
        "child",
        "child cleaned up",
        "finaliser",
        "inner group returned",
    ];
    assert_eq!(log.all(), expected);
}

#[tokio::test(start_paused = true)]
async fn s1c_the_task_around_waits_for_it_too() {
    let log = Log::default();
    let result = task_group(async |group| {
        let child = group.spawn({
            let log = log.clone();
            async move {
                let mut stream = busy(log);
                stream.next().await;
                Ok::<_, String>(())
            }
        });
        child.await;
        log.add("task ended");
        Ok(())
    });
    result.await.unwrap();
    assert_eq!(log.all()[3..], ["finaliser", "task ended"]);
}

#[tokio::test(start_paused = true)]
async fn s1c_finalisers_of_a_dropped_stream_have_the_grace_period() {
    let log = Log::default();
    let short = Builder::new().name("short").grace(millis(100));
    let result: Result<(), _> = short
        .run(async |_| {
            let mut stream = generate(async |yielder| {
                defer(pending());
                yielder.yield_item(1).await;
            });
            stream.next().await;
            log.add("dropped");
            Ok::<_, String>(())
        })
        .await;
    let error = result.unwrap_err().to_string();
    assert!(error.contains("not finished after 100ms"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn s1c_without_an_ancestor_the_children_are_aborted() {
    let log = Log::default();
    let mut stream = busy(log.clone());
    assert_eq!(stream.next().await, Some(1));
    drop(stream);
    sleep(millis(100)).await;
    assert_eq!(log.all(), ["held", "child"]);
}

#[tokio::test(start_paused = true)]
async fn s1c_a_forgotten_stream_ends_with_the_task_that_used_it() {
    let log = Log::default();
    let result = task_group(async |_| {
        let mut stream = busy(log.clone());
        stream.next().await;
        std::mem::forget(stream);
        Ok::<_, String>(())
    });
    result.await.unwrap();
    assert_eq!(log.all(), ["child", "child cleaned up", "finaliser"]);
}

#[tokio::test(start_paused = true)]
async fn s1d_close_returns_when_the_cleanup_is_done_with_and_without_a_group_around() {
    for around in [true, false] {
        let log = Log::default();
        let close = async {
            let mut stream = busy(log.clone());
            assert_eq!(stream.next().await, Some(1));
            stream.close().await;
            log.add("closed");
            Ok::<_, String>(())
        };
        match around {
            true => task_group(async |_| close.await).await.unwrap(),
            false => close.await.unwrap(),
        }
        let expected = ["held", "child", "child cleaned up", "finaliser", "closed"];
        assert_eq!(log.all(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn s1d_close_runs_nothing_behind_the_last_yield_but_lets_a_shield_end() {
    let log = Log::default();
    let mut stream = generate(async |yielder| {
        yielder.yield_item(1).await;
        log.add("behind");
    });
    stream.next().await;
    stream.close().await;
    assert_eq!(log.all(), [] as [&str; 0]);

    let mut stream = generate(async |yielder| {
        shield(async {
            sleep(millis(10)).await;
            log.add("shielded");
        })
        .await;
        log.add("up to the next await");
        yielder.yield_item(1).await;
        log.add("never");
    });
    assert!(timeout(millis(5), stream.next()).await.is_err());
    stream.close().await;
    assert_eq!(log.all(), ["shielded", "up to the next await"]);
}

#[tokio::test(start_paused = true)]
async fn s1d_close_of_an_ended_stream_returns_at_once() {
    let mut stream = three();
    while stream.next().await.is_some() {}
    stream.close().await;
    three().close().await;
}

#[tokio::test(start_paused = true)]
async fn s1d_dropping_close_is_dropping_the_stream() {
    let log = Log::default();
    let result = task_group(async |_| {
        let mut stream = busy(log.clone());
        stream.next().await;
        assert!(timeout(millis(5), stream.close()).await.is_err());
        Ok::<_, String>(())
    });
    result.await.unwrap();
    let expected = ["held", "child", "child cleaned up", "finaliser"];
    assert_eq!(log.all(), expected);
}

#[tokio::test(start_paused = true)]
async fn s1d_finalisers_run_before_the_stream_ends() {
    let log = Log::default();
    let mut stream = generate(async |yielder| {
        defer(log.later("first registered"));
        defer(log.later("last registered"));
        yielder.yield_item(1).await;
    });
    assert_eq!(stream.next().await, Some(1));
    assert_eq!(stream.next().await, None);
    assert_eq!(log.all(), ["last registered", "first registered"]);
}

#[tokio::test(start_paused = true)]
async fn s1n_a_stream_that_outlived_its_task_says_so_instead_of_ending() {
    let log = Log::default();
    let result = task_group(async |group| {
        let log = log.clone();
        let child = group.spawn(async move {
            let mut stream = busy(log);
            stream.next().await;
            Ok(stream)
        });
        let mut stream = child.await;
        stream.next().await;
        Ok::<_, String>(())
    });
    let panic = caught(result).await;
    assert!(panic.contains("after its task had ended"), "{panic}");
}

#[tokio::test(start_paused = true)]
async fn s1d_close_does_not_poll_a_body_that_could_go_on() {
    let log = Log::default();
    let mut stream = generate(async |yielder| {
        defer(log.later("cleaned up"));
        sleep(millis(10)).await;
        log.add("went on");
        yielder.yield_item(1).await;
    });
    assert!(timeout(millis(5), stream.next()).await.is_err());
    sleep(millis(20)).await;
    // What the body waits for has come, but nobody asked for an item.
    stream.close().await;
    assert_eq!(log.all(), ["cleaned up"]);
}

#[tokio::test(start_paused = true)]
async fn s1j_a_panic_while_a_stream_is_closed_continues_in_the_consumer() {
    let mut stream = generate(async |yielder| {
        shield(async {
            sleep(millis(10)).await;
            panic!("broken");
        })
        .await;
        yielder.yield_item(1).await;
    });
    assert!(timeout(millis(5), stream.next()).await.is_err());
    assert_eq!(caught(stream.close()).await, "broken");
}
