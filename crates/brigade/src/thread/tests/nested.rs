//! T3: closures that wait for their own class. Every pool here has threads to spare, so that none of
//! these would hang without the law: that it works in a test is the trap.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use tokio::runtime::Handle;

use super::*;
use crate::group::{collect, task_group};

/// Runs a future to its end inside a closure.
fn wait_for<F: Future>(future: F) -> F::Output {
    Handle::current().block_on(future)
}

/// What a call panicked with, after it has run to its end.
async fn panic_of<T: Send + 'static>(
    pool: &Pool,
    work: impl FnOnce() -> T + Send + 'static,
) -> String {
    let work = AssertUnwindSafe(work);
    let caught = pool.call(move || catch_unwind(work).map(drop)).await;
    let payload = caught.expect_err("nothing was reported");
    *payload.downcast::<String>().expect("a message")
}

#[tokio::test]
async fn t3a_a_closure_that_waits_for_its_own_class_is_told_so_by_name() {
    let pool = Pool::new("files", 8);
    let inner = pool.clone();
    let message = panic_of(&pool, move || wait_for(inner.call(|| 1))).await;
    assert!(
        message.starts_with("nested use of the thread class `files`"),
        "{message}"
    );
    assert!(message.contains("one of its 8 threads"), "{message}");
    assert!(message.contains("do the inner work in place"), "{message}");
    assert_eq!(pool.stats().finished, 1, "the inner closure never ran");
    assert_eq!(pool.call(|| 2).await, 2, "the pool goes on");
}

#[tokio::test]
async fn t3a_the_caller_of_the_closure_gets_the_panic() {
    let pool = Pool::new("files", 8);
    let inner = pool.clone();
    let call = pool.call(move || wait_for(inner.call(|| 1)));
    let group = crate::group::Builder::new().catch_panics();
    let result = group.run(async |_| Ok::<_, String>(call.await));
    let shown = result.await.unwrap_err().to_string();
    assert!(
        shown.contains("nested use of the thread class `files`"),
        "{shown}"
    );
}

#[tokio::test]
async fn t3a_the_pools_of_the_process_and_pinned_threads_are_classes_too() {
    let message = panic_of(Pool::blocking(), || wait_for(to_thread(|| 1))).await;
    assert!(message.contains("class `blocking`"), "{message}");
    let message = panic_of(Pool::cpu(), || wait_for(to_cpu(|| 1))).await;
    assert!(message.contains("class `cpu`"), "{message}");

    let pinned = Arc::new(Pinned::new("session", || 1).await);
    let inner = pinned.clone();
    let caught = pinned.call(move |_| {
        let nested = AssertUnwindSafe(|| wait_for(inner.call(|state| *state)));
        catch_unwind(nested).is_err()
    });
    assert!(caught.await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t3a_tasks_of_a_group_that_the_closure_opened_are_told_too() {
    let pool = Pool::new("files", 8);
    let inner = pool.clone();
    let message = panic_of(&pool, move || {
        wait_for(task_group(async |g| {
            let spawner = g.spawner();
            let child = g.spawn(async move {
                // A sibling of a task of a group in a group: all that waits is one tree.
                let grandchild = spawner.spawn(async move {
                    let nested = task_group(async |g| {
                        let call = inner.call(|| 1);
                        Ok::<_, String>(g.spawn(async { Ok(call.await) }).await)
                    });
                    nested.await.map_err(|error| error.to_string())
                });
                grandchild.unwrap().await.map_err(|_| String::new())
            });
            Ok::<_, String>(child.await)
        }))
    });
    assert!(
        message
            .await
            .contains("nested use of the thread class `files`")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t3a_so_is_the_work_of_a_collection() {
    let pool = Pool::new("files", 8);
    let inner = pool.clone();
    let collected = pool.call(move || {
        wait_for(collect(0..3, 2, move |_| {
            let call = inner.call(|| 1);
            async move { Ok::<_, String>(call.await) }
        }))
    });
    assert_eq!(collected.await.counts.panicked, 3);
    assert_eq!(pool.stats().finished, 1);
}

#[tokio::test]
async fn t3b_waiting_for_another_class_is_fine() {
    let outer = Pool::new("outer", 1);
    let inner = Pool::new("inner", 1);
    let there = inner.clone();
    let value = outer.call(move || wait_for(there.call(|| 1)) + wait_for(to_thread(|| 2)));
    assert_eq!(value.await, 3);
    let pinned = Arc::new(Pinned::new("session", || 4).await);
    assert_eq!(
        inner
            .call(move || wait_for(pinned.call(|state| *state)))
            .await,
        4
    );
}

#[tokio::test]
async fn t3b_so_is_a_call_that_the_closure_does_not_wait_for() {
    let pool = Pool::new("files", 1);
    let result = task_group(async |g| {
        let (spawner, inner) = (g.spawner(), pool.clone());
        // The task belongs to a group that was there before; the one thread is free when it runs.
        let spawned = pool.call(move || {
            let call = inner.call(|| 1);
            spawner
                .spawn(async { Ok::<_, String>(call.await) })
                .map_err(drop)
        });
        let value = spawned.await.map_err(|()| String::from("refused"))?.await;
        value.map_err(|_| String::from("ended"))
    });
    assert_eq!(result.await.unwrap(), 1);
}

#[tokio::test]
async fn t3b_so_is_the_same_class_one_after_the_other() {
    let pool = Pool::new("files", 1);
    assert_eq!(pool.call(|| 1).await + pool.call(|| 2).await, 3);
    let runtime = |pool: &Pool| {
        let (one, two) = (pool.clone(), pool.clone());
        async move { one.call(|| 1).await + two.call(|| 2).await }
    };
    let other = Pool::new("other", 1);
    let both = runtime(&pool);
    assert_eq!(other.call(move || wait_for(both)).await, 3);
}

#[tokio::test]
async fn t3c_a_circle_of_classes_is_found_and_named() {
    let first = Pool::new("first", 8);
    let second = Pool::new("second", 8);
    let third = Pinned::new("third", || ()).await;
    let third = Arc::new(third);
    let (back, between, behind) = (first.clone(), second.clone(), third.clone());
    let message = panic_of(&first, move || {
        wait_for(between.call(move || wait_for(behind.call(move |()| wait_for(back.call(|| 1))))))
    });
    let message = message.await;
    let circle = "(`first` -> `second` -> `third` -> `first`)";
    assert!(message.contains(circle), "{message}");
}

#[tokio::test]
async fn t3c_a_circle_is_cut_where_nobody_waits_any_longer() {
    let first = Pool::new("first", 1);
    let second = Pool::new("second", 1);
    let (open, closed) = gate();
    let (back, between) = (first.clone(), second.clone());
    let log = Log::new();
    let inside = log.clone();
    let left = first.call(move || {
        let mut call = between.call(move || {
            closed();
            inside.push(wait_for(back.call(|| 7)));
        });
        assert!(poll_once(&mut call).is_none());
        until_without_a_turn("the second runs", || open.started());
        drop(call);
        open
    });
    let open = left.await;
    // The first has returned: its thread is free for what the second wants of it.
    drop(open);
    until("the second ended", || log.entries() == [7]).await;
}

#[tokio::test]
async fn t3b_the_finaliser_of_a_group_that_the_closure_dropped_may_use_its_class() {
    let pool = Pool::new("files", 1);
    let log = Log::new();
    let (inner, inside) = (pool.clone(), log.clone());
    let result = task_group(async |_| {
        let dropped = pool.call(move || {
            let group = task_group(async move |_| {
                crate::cancel::defer(async move { inside.push(inner.call(|| 7).await) });
                std::future::pending::<Result<(), String>>().await
            });
            wait_for(async {
                tokio::time::timeout(Duration::from_millis(1), group)
                    .await
                    .is_err()
            })
        });
        Ok::<_, String>(dropped.await)
    });
    assert!(matches!(result.await, Ok(true)));
    assert_eq!(log.entries(), [7]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t3a_a_group_that_was_dropped_counts_for_whoever_waits_for_what_it_left() {
    for in_a_stream in [false, true] {
        let pool = Pool::new("files", 8);
        let (log, inner) = (Log::new(), pool.clone());
        let told = log.clone();
        let collected = pool.call(move || {
            // Dropped at once, it leaves a finaliser that the group or the stream around waits for.
            let dropped = async move || {
                let group = task_group(async move |_| {
                    crate::cancel::defer(async move {
                        let call = AssertUnwindSafe(inner.call(|| 1));
                        let mut call = std::pin::pin!(call.0);
                        let poll = std::future::poll_fn(|cx| {
                            let poll = AssertUnwindSafe(|| call.as_mut().poll(cx).map(drop));
                            catch_unwind(poll)
                                .map_or_else(|_| Poll::Ready("told"), |poll| poll.map(|()| "ran"))
                        });
                        told.push(poll.await);
                    });
                    std::future::pending::<Result<(), String>>().await
                });
                let left = tokio::time::timeout(Duration::from_millis(1), group).await;
                assert!(left.is_err());
            };
            if in_a_stream {
                let mut stream = Box::pin(crate::stream::generate(async move |_| {
                    dropped().await;
                }));
                assert_eq!(wait_for(stream.next()), None::<()>);
            } else {
                let group = task_group(async |_| {
                    dropped().await;
                    Ok::<_, String>(())
                });
                wait_for(group).unwrap();
            }
        });
        collected.await;
        assert_eq!(log.entries(), ["told"], "in a stream: {in_a_stream}");
    }
}

#[tokio::test]
async fn t3b_what_was_begun_in_a_closure_that_has_ended_may_use_its_class() {
    let pool = Pool::new("files", 1);
    let inner = pool.clone();
    let begun = pool.call(move || {
        let mut group = Box::pin(task_group(async move |g| {
            tokio::task::yield_now().await;
            Ok::<_, String>(g.spawn(async move { Ok(inner.call(|| 7).await) }).await)
        }));
        assert!(poll_once(&mut group).is_none());
        group
    });
    assert_eq!(begun.await.await.unwrap(), 7);

    let inner = pool.clone();
    let mut stream = Box::pin(crate::stream::generate(async move |yielder| {
        yielder.yield_item(0).await;
        let group = task_group(async move |_| {
            crate::cancel::defer(async move { assert_eq!(inner.call(|| 8).await, 8) });
            std::future::pending::<Result<(), String>>().await
        });
        let left = tokio::time::timeout(Duration::from_millis(1), group).await;
        assert!(left.is_err());
        yielder.yield_item(9).await;
    }));
    let begun = pool.call(move || {
        assert_eq!(wait_for(stream.next()), Some(0));
        stream
    });
    let mut stream = begun.await;
    assert_eq!(stream.next().await, Some(9));
    assert_eq!(stream.next().await, None, "what it left has ended well");
}

#[tokio::test]
async fn t3c_a_circle_is_cut_where_a_closure_has_ended() {
    let first = Pool::new("first", 1);
    let second = Pool::new("second", 1);
    let (back, between) = (first.clone(), second.clone());
    let begun = first.call(move || {
        let (open, closed) = gate();
        let mut call = between.call(move || {
            closed();
            wait_for(back.call(|| 7))
        });
        assert!(poll_once(&mut call).is_none());
        (open, call)
    });
    let (open, call) = begun.await;
    drop(open);
    assert_eq!(call.await, 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t3c_a_circle_is_found_around_a_closure_that_has_ended() {
    let (first, second) = (Pool::new("first", 8), Pool::new("second", 8));
    let back = first.clone();
    let message = panic_of(&first, move || {
        wait_for(task_group(async |_| {
            let begun = second.call(move || {
                let mut group = Box::pin(task_group(async move |g| {
                    tokio::task::yield_now().await;
                    let call = back.call(|| 7);
                    Ok::<_, String>(g.spawn(async { Ok(call.await) }).await)
                }));
                assert!(poll_once(&mut group).is_none());
                group
            });
            begun.await.await.map_err(|error| error.to_string())
        }))
    });
    let message = message.await;
    assert!(message.contains("(`first` -> `first`)"), "{message}");
}

#[tokio::test]
async fn t3a_a_closure_whose_caller_has_left_is_told_too() {
    let pool = Pool::new("files", 8);
    let (open, closed) = gate();
    let (log, inner) = (Log::new(), pool.clone());
    let told = log.clone();
    let mut call = pool.call(move || {
        closed();
        let nested = catch_unwind(AssertUnwindSafe(|| wait_for(inner.call(|| 1))));
        told.push(nested.is_err());
    });
    assert!(poll_once(&mut call).is_none());
    until("it runs", || open.started()).await;
    drop(call);
    drop(open);
    until("it ended", || log.entries() == [true]).await;
}
