//! G3: what becomes of the children when the future of a group is dropped.

use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::timeout;

use super::*;

/// A group whose child takes 10 ms to clean up, in a future that is dropped after 5 ms.
async fn dropped_group(log: Log) {
    let inner = task_group(async |inner| {
        let log = log.clone();
        inner.spawn(async move {
            let _dropped = log.on_drop("grandchild dropped");
            defer(log.later("grandchild cleaned up"));
            pending::<Fine>().await
        });
        pending::<Fine>().await
    });
    assert!(timeout(millis(5), inner).await.is_err());
    log.add("inner timed out");
}

#[tokio::test(start_paused = true)]
async fn g3a_dropping_the_future_of_a_group_cancels_its_children_synchronously() {
    let result = task_group(async |_| {
        let token = Arc::new(Mutex::new(None));
        let mut inner = Box::pin(task_group(async |inner| {
            let token = token.clone();
            inner.spawn(async move {
                *token.lock().unwrap() = Some(current());
                pending::<Fine>().await
            });
            pending::<Fine>().await
        }));
        assert!(timeout(millis(5), &mut inner).await.is_err());
        let token = token.lock().unwrap().take().unwrap();
        assert_eq!(token.reason(), None);
        drop(inner);
        assert_eq!(token.reason(), Some(Reason::RaceLost));
        Ok::<_, String>(())
    });
    result.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn g3b_the_nearest_ancestor_adopts_the_children_and_waits_for_them() {
    let log = Log::default();
    let result = task_group(async |_| {
        dropped_group(log.clone()).await;
        Ok::<_, String>(())
    });
    result.await.unwrap();
    log.add("outer returned");
    let expected = [
        "inner timed out",
        "grandchild dropped",
        "grandchild cleaned up",
        "outer returned",
    ];
    assert_eq!(log.all(), expected);
}

#[tokio::test(start_paused = true)]
async fn g3b_a_task_waits_for_what_it_left_behind() {
    let log = Log::default();
    let result = task_group(async |g| {
        let log = log.clone();
        let child = g.spawn({
            let log = log.clone();
            async move {
                dropped_group(log).await;
                Ok(())
            }
        });
        child.await;
        log.add("child is over");
        Ok::<_, String>(())
    });
    result.await.unwrap();
    assert_eq!(log.all()[2..], ["grandchild cleaned up", "child is over"]);
}

#[tokio::test(start_paused = true)]
async fn g3c_what_adopted_children_still_report_goes_to_the_ancestor_type_erased() {
    #[derive(Debug, PartialEq)]
    struct Foreign(u8);
    impl std::fmt::Display for Foreign {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "foreign error {}", self.0)
        }
    }
    let result: Result<(), Error<String>> = task_group(async |_| {
        let inner = task_group(async |inner| {
            inner.spawn_named("adopted", async {
                shield(sleep(millis(20))).await;
                Err::<(), _>(Foreign(7))
            });
            pending::<Result<(), Foreign>>().await
        });
        assert!(timeout(millis(5), inner).await.is_err());
        Ok(())
    })
    .await;
    let Err(Error::Failed(group)) = result else {
        panic!("the error is lost")
    };
    assert_eq!(group.to_string(), "adopted: foreign error 7");
    match group.into_iter().next().unwrap().into_cause() {
        Cause::Adopted(adopted) => {
            let adopted = adopted.downcast::<String>().unwrap_err();
            assert_eq!(adopted.downcast::<Foreign>().unwrap(), Foreign(7));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn g3d_a_forgotten_group_cannot_hang_its_ancestor() {
    let log = Log::default();
    let start = Instant::now();
    let result = task_group(async |_| {
        let log = log.clone();
        let mut inner = Box::pin(task_group(async |inner| {
            defer(log.later("the finaliser of the forgotten body"));
            let log = log.clone();
            inner.spawn(async move {
                let token = current();
                let seen = log.clone();
                defer(async move {
                    assert_eq!(token.reason(), Some(Reason::Parent));
                    seen.add("the child of the forgotten group");
                });
                pending::<Fine>().await
            });
            pending::<Fine>().await
        }));
        assert!(timeout(millis(5), &mut inner).await.is_err());
        mem::forget(inner);
        Ok::<_, String>(())
    });
    result.await.unwrap();
    let expected = [
        "the child of the forgotten group",
        "the finaliser of the forgotten body",
    ];
    assert_eq!(log.all(), expected);
    assert_eq!(start.elapsed(), millis(5 + 10));
}

#[tokio::test(start_paused = true)]
async fn g3e_without_an_ancestor_the_children_are_aborted() {
    let log = Log::default();
    let group = task_group(async |g| {
        let log = log.clone();
        g.spawn(async move {
            let _dropped = log.on_drop("aborted");
            defer(log.later("never: nobody waits for it"));
            shield(pending::<Fine>()).await
        });
        pending::<Fine>().await
    });
    assert!(timeout(millis(5), group).await.is_err());
    // It is not awaited either: the task ends when the runtime comes to it.
    assert_eq!(log.all(), [""; 0]);
    sleep(millis(100)).await;
    assert_eq!(log.all(), ["aborted"]);
}

#[tokio::test(start_paused = true)]
async fn g3f_the_finalisers_of_a_dropped_body_run_before_the_ancestor_returns() {
    let log = Log::default();
    let result = task_group(async |_| {
        let inner = task_group(async |inner| {
            let log = log.clone();
            defer(log.later("body"));
            inner.spawn(async move {
                defer(log.later("child"));
                pending::<Fine>().await
            });
            pending::<Fine>().await
        });
        assert!(timeout(millis(5), inner).await.is_err());
        Ok::<_, String>(())
    });
    result.await.unwrap();
    assert_eq!(log.all(), ["child", "body"]);
}

#[tokio::test(start_paused = true)]
async fn g3g_a_whole_tree_of_dropped_groups_is_adopted() {
    let alive = Arc::new(AtomicUsize::new(0));
    struct Alive(Arc<AtomicUsize>);
    impl Alive {
        fn new(count: &Arc<AtomicUsize>) -> Self {
            count.fetch_add(1, Ordering::SeqCst);
            Self(count.clone())
        }
    }
    impl Drop for Alive {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }
    fn tree(
        depth: usize,
        alive: Arc<AtomicUsize>,
    ) -> std::pin::Pin<Box<dyn Future<Output = Fine> + Send>> {
        Box::pin(async move {
            let guard = Alive::new(&alive);
            defer(async move {
                sleep(millis(10)).await;
                drop(guard);
            });
            if depth == 0 {
                return pending().await;
            }
            let group = task_group(async |g| {
                g.spawn(tree(depth - 1, alive.clone()));
                g.spawn(tree(depth - 1, alive.clone()));
                // The body is nested, too.
                tree(depth - 1, alive.clone()).await
            });
            group.await.map_err(|error| error.to_string())
        })
    }
    let result = task_group(async |_| {
        let dropped = task_group(async |g| {
            g.spawn(tree(4, alive.clone()));
            pending::<Fine>().await
        });
        assert!(timeout(millis(5), dropped).await.is_err());
        assert_eq!(alive.load(Ordering::SeqCst), 1 + 3 + 9 + 27 + 81);
        Ok::<_, String>(())
    });
    result.await.unwrap();
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn g3f_a_finaliser_that_runs_when_its_group_is_dropped_is_not_cut_off() {
    let log = Log::default();
    let result = task_group(async |_| {
        let inner = task_group(async |_| {
            defer(log.later("first deferred"));
            defer(log.later("last deferred"));
            Ok::<_, String>(())
        });
        assert!(timeout(millis(5), inner).await.is_err());
        log.add("inner timed out");
        Ok::<_, String>(())
    });
    result.await.unwrap();
    let expected = ["inner timed out", "last deferred", "first deferred"];
    assert_eq!(log.all(), expected);
}

#[tokio::test(start_paused = true)]
async fn g3c_a_failure_that_a_dropped_group_had_not_returned_yet_goes_to_the_ancestor() {
    let result: Result<(), Error<String>> = task_group(async |_| {
        let inner = task_group(async |inner| {
            inner.spawn(async {
                defer(sleep(millis(10)));
                pending::<Fine>().await
            });
            inner.spawn_named("early", async { Err::<(), _>(String::from("lost?")) });
            pending::<Fine>().await
        });
        assert!(timeout(millis(5), inner).await.is_err());
        Ok(())
    })
    .await;
    assert_eq!(result.unwrap_err().to_string(), "early: lost?");
}

#[tokio::test(start_paused = true)]
async fn g8h_a_panic_of_the_consumer_outlives_a_collection_that_is_dropped() {
    let result: Result<(), Error<String>> = Builder::new()
        .catch_panics()
        .run(async |_| {
            let all = Collect::new(0..2, 2, move |n| async move {
                if n == 1 {
                    shield(sleep(millis(10))).await;
                }
                Ok::<_, String>(())
            });
            let all = all.for_each(async |_| panic!("the consumer broke"));
            assert!(timeout(millis(5), all).await.is_err());
            Ok(())
        })
        .await;
    let shown = result.unwrap_err().to_string();
    assert_eq!(shown, "collect: panicked: the consumer broke");
}

#[tokio::test]
async fn g3e_finalisers_that_cannot_run_without_an_ancestor_are_dropped() {
    let held = Arc::new(());
    let mut group = Box::pin(task_group(async |g| {
        let (spawner, held) = (g.spawner(), held.clone());
        defer(async move { drop((spawner, held)) });
        pending::<Fine>().await
    }));
    assert!(timeout(millis(1), &mut group).await.is_err());
    assert_eq!(Arc::strong_count(&held), 2);
    drop(group);
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn g3e_the_end_of_its_runtime_takes_a_dropped_group_out_of_the_tree() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_time().build().unwrap()
    };
    let held = Arc::new(());
    let in_finaliser = held.clone();
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let mut outer = Box::pin(task_group(async move |_| {
        let inner = Builder::new().name("g3e ender").run(async |_| {
            defer(async move {
                pending::<()>().await;
                drop(in_finaliser);
            });
            pending::<Fine>().await
        });
        assert!(timeout(millis(1), inner).await.is_err());
        let _ = ended.await;
        Ok::<_, String>(())
    }));
    let is_listed = || {
        crate::living::list()
            .iter()
            .any(|one| one.name == "g3e ender")
    };
    let first = runtime();
    first.block_on(async { assert!(timeout(millis(20), &mut outer).await.is_err()) });
    assert!(is_listed());
    drop(first);
    assert!(!is_listed());
    // So the group around has nobody to wait for, and ends on another runtime.
    end.send(()).unwrap();
    runtime().block_on(outer).unwrap();
    assert_eq!(Arc::strong_count(&held), 1);
}
