//! G1, G2: how a group ends and what it reports.

use std::panic::AssertUnwindSafe;
use std::sync::Barrier;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g1a_every_child_is_destroyed_when_the_group_returns() {
    for _ in 0..200 {
        let log = Log::default();
        let result = task_group(async |g| {
            for child in 0..8 {
                let dropped = log.on_drop("destroyed");
                g.spawn(async move {
                    let _dropped = dropped;
                    tokio::task::yield_now().await;
                    if child == 5 { Err("five") } else { Ok(()) }
                });
            }
            Ok(())
        });
        assert!(result.await.is_err());
        assert_eq!(log.all().len(), 8);
    }
}

#[tokio::test(start_paused = true)]
async fn g1b_every_finaliser_has_run_when_the_group_returns() {
    let log = Log::default();
    let result = task_group(async |g| {
        defer(log.later("body, when the children are gone"));
        let log = log.clone();
        g.spawn(async move {
            defer(log.later("child"));
            sleep(millis(500)).await;
            Ok(())
        });
        Ok::<_, String>(())
    });
    result.await.unwrap();
    assert_eq!(log.all(), ["child", "body, when the children are gone"]);
}

#[tokio::test(start_paused = true)]
async fn g1c_a_child_that_outlives_the_grace_period_is_destroyed_and_named() {
    let log = Log::default();
    let group = Builder::new().grace(millis(100));
    let result = group.run(async |g| {
        let dropped = log.on_drop("destroyed");
        g.spawn_named("stubborn", async move {
            let _dropped = dropped;
            shield(pending::<Fine>()).await
        });
        sleep(millis(1)).await;
        g.cancel();
        pending().await
    });
    assert_eq!(leaves(result.await), ["stubborn: not finished after 100ms"]);
    assert_eq!(log.all(), ["destroyed"]);
}

#[tokio::test(start_paused = true)]
async fn g2a_the_first_error_cancels_the_siblings() {
    let log = Log::default();
    let result = task_group(async |g| {
        let log = log.clone();
        g.spawn(async move {
            let token = current();
            defer(async move { assert_eq!(token.reason(), Some(Reason::Sibling)) });
            let _dropped = log.on_drop("cancelled");
            pending::<Fine>().await
        });
        g.spawn(fail_after(1, "the cause"));
        Ok(())
    });
    let failed = result.await.unwrap_err();
    assert!(
        failed.to_string().ends_with("fail_after: the cause"),
        "{failed}"
    );
    assert_eq!(log.all(), ["cancelled"]);
}

#[tokio::test(start_paused = true)]
async fn g2b_the_first_error_drops_the_body_at_its_await() {
    let log = Log::default();
    let result: Result<(), _> = task_group(async |g| {
        let _dropped = log.on_drop("body dropped");
        g.spawn(fail_after(1, "the cause"));
        pending().await
    })
    .await;
    assert!(result.is_err());
    assert_eq!(log.all(), ["body dropped"]);
}

#[tokio::test(start_paused = true)]
async fn g2c_all_errors_are_reported_root_cause_first_then_in_time_order() {
    let result: Result<(), _> = task_group(async |g| {
        // The spawn order is not the order of the failures.
        g.spawn_named("third", shield(fail_after(30, "c")));
        g.spawn_named("second", shield(fail_after(20, "b")));
        g.spawn_named("first", fail_after(10, "a"));
        pending().await
    })
    .await;
    let Err(Error::Failed(group)) = &result else {
        panic!("{result:?}")
    };
    assert_eq!(group.to_string(), "first: a (and 2 more)");
    assert_eq!(
        format!("{group:#}"),
        "3 tasks failed\n- first: a\n- second: b\n- third: c"
    );
    assert_eq!(group.errors().collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(group.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn g2d_the_error_of_the_body_is_not_lost() {
    let group = Builder::new().name("the body");
    let result = group.run(async |g| {
        g.spawn_named("child", shield(fail_after(20, "later")));
        sleep(millis(10)).await;
        Err::<(), _>("first".to_string())
    });
    assert_eq!(leaves(result.await), ["the body: first", "child: later"]);
}

#[tokio::test(start_paused = true)]
async fn g2e_an_error_during_a_cancellation_is_not_lost() {
    let result = task_group(async |g| {
        g.spawn_named("late", shield(fail_after(20, "late error")));
        sleep(millis(10)).await;
        g.cancel();
        Ok::<_, String>(())
    });
    let Err(Error::Failed(group)) = result.await else {
        panic!("the error is lost")
    };
    assert_eq!(group.to_string(), "late: late error");
    assert_eq!(group.cancelled(), Some(Reason::User));
}

#[tokio::test(start_paused = true)]
async fn g2f_a_group_that_was_cancelled_and_did_not_fail_says_why() {
    let result: Result<(), Error<String>> = task_group(async |g| {
        g.spawn(pending::<Fine>());
        g.cancel();
        pending().await
    })
    .await;
    assert!(matches!(result, Err(Error::Cancelled(Reason::User))));
    let text = result.unwrap_err().to_string();
    assert_eq!(text, "cancelled: the program asked for it");
}

#[tokio::test(start_paused = true)]
async fn g2g_a_cancellation_is_never_a_leaf() {
    let result = task_group(async |g| {
        for _ in 0..5 {
            g.spawn(pending::<Fine>());
        }
        g.spawn_named("only", fail_after(1, "the cause"));
        Ok(())
    });
    assert_eq!(leaves(result.await), ["only: the cause"]);
}

async fn catch<T>(future: impl Future<Output = T>) -> Result<T, String> {
    use std::task::Poll;
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|cx| {
        let poll = AssertUnwindSafe(|| future.as_mut().poll(cx));
        match std::panic::catch_unwind(poll) {
            Ok(poll) => poll.map(Ok),
            Err(payload) => Poll::Ready(Err(*payload.downcast::<String>().unwrap())),
        }
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn g2h_a_panic_continues_with_its_payload_when_everything_has_ended() {
    let log = Log::default();
    let group = task_group(async |g| {
        let log = log.clone();
        g.spawn(async move {
            defer(log.later("sibling cleaned up"));
            pending::<Fine>().await
        });
        g.spawn::<_, ()>(async {
            sleep(millis(1)).await;
            std::panic::panic_any(String::from("the payload"))
        });
        Ok(())
    });
    assert_eq!(catch(group).await.unwrap_err(), "the payload");
    assert_eq!(log.all(), ["sibling cleaned up"]);
}

#[tokio::test(start_paused = true)]
async fn g2i_a_caught_panic_is_a_leaf_with_its_payload() {
    let group = Builder::new().catch_panics();
    let result: Result<(), Error<String>> = group
        .run(async |g| {
            g.spawn_named::<_, ()>("child", async { panic!("an expected panic") });
            pending().await
        })
        .await;
    let Err(Error::Failed(group)) = result else {
        panic!("{result:?}")
    };
    assert_eq!(group.to_string(), "child: panicked: an expected panic");
    match group.into_iter().next().unwrap().into_cause() {
        Cause::Panic(panic) => {
            let payload = panic.into_payload();
            assert_eq!(payload.downcast_ref(), Some(&"an expected panic"));
        }
        other => panic!("{other:?}"),
    }
}

async fn panic_beside_a_late_error() -> Fine {
    let inner: Result<(), _> = task_group(async |inner| {
        inner.spawn_named("late", shield(fail_after(10, "late error")));
        sleep(millis(1)).await;
        panic!("an expected panic")
    })
    .await;
    inner.map_err(|error| error.to_string())
}

#[tokio::test(start_paused = true)]
async fn g2j_the_other_errors_of_a_group_that_panics_go_to_the_group_around() {
    let outer = Builder::new().catch_panics();
    let result = outer.run(async |g| {
        g.spawn_named("task", panic_beside_a_late_error());
        Ok::<_, String>(())
    });
    let result = result.await;
    // The panic first, because it is the cause, though the other error was known before.
    let expected = ["task: panicked: an expected panic", "late: late error"];
    assert_eq!(leaves(result), expected);
}

#[tokio::test(start_paused = true)]
async fn g2j_the_errors_after_a_panic_outlive_the_group_whose_body_caught_it() {
    let result = task_group(async |_| {
        let middle = task_group(async |_| {
            let mut inner = Box::pin(panic_beside_a_late_error());
            std::future::poll_fn(|cx| {
                let poll = AssertUnwindSafe(|| inner.as_mut().poll(cx));
                match std::panic::catch_unwind(poll) {
                    Ok(poll) => poll.map(|_| unreachable!("it panics")),
                    Err(_) => std::task::Poll::Ready(()),
                }
            })
            .await;
            pending::<Fine>().await
        });
        assert!(tokio::time::timeout(millis(50), middle).await.is_err());
        Ok::<_, String>(())
    });
    assert_eq!(leaves(result.await), ["late: late error"]);
}

#[tokio::test(start_paused = true)]
async fn g2k_a_panic_in_a_destructor_of_a_cancelled_child_is_reported() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a panic in drop")
        }
    }
    let group = Builder::new().catch_panics();
    let result = group.run(async |g| {
        g.spawn_named("bomb", async {
            let _bomb = Bomb;
            pending::<Fine>().await
        });
        g.spawn_named("first", fail_after(1, "the cause"));
        Ok(())
    });
    let expected = ["first: the cause", "bomb: panicked: a panic in drop"];
    assert_eq!(leaves(result.await), expected);
}

#[test]
fn g2l_the_error_of_the_child_that_cannot_be_dropped_in_time_waits_for_the_runtime() {
    // A child on another thread that does not yield: the group waits for it, and for its error.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    let both = Arc::new(Barrier::new(2));
    let result = runtime.block_on(task_group(async |g| {
        let (here, there) = (both.clone(), both.clone());
        g.spawn_named("busy", async move {
            there.wait();
            std::thread::sleep(millis(20));
            Err::<(), _>("busy error".to_string())
        });
        g.spawn_named("quick", async move {
            here.wait();
            Err::<(), _>("quick error".to_string())
        });
        pending().await
    }));
    assert_eq!(leaves(result), ["quick: quick error", "busy: busy error"]);
}

#[tokio::test(start_paused = true)]
async fn c4b_a_body_that_is_ready_at_the_deadline_of_its_group_has_its_value() {
    let group = Builder::new().deadline(millis(10));
    let result = group.run(async |_| {
        sleep(millis(10)).await;
        Ok::<_, String>(1)
    });
    assert_eq!(result.await.unwrap(), 1);
}

/// As the guide from asyncio has it: one of its variants is a group of its own kind.
#[derive(Debug)]
enum Nested {
    Down,
    Group(Error<Nested>),
}

impl std::fmt::Display for Nested {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Down => f.write_str("down"),
            Self::Group(error) => error.fmt(f),
        }
    }
}

impl From<Error<Nested>> for Nested {
    fn from(error: Error<Nested>) -> Self {
        Self::Group(error)
    }
}

#[tokio::test]
async fn an_error_may_hold_a_group_of_itself_at_every_depth() {
    async fn inner() -> Result<(), Nested> {
        task_group(async |g| {
            g.spawn_named("deep", async { Err::<(), _>(Nested::Down) });
            Ok(())
        })
        .await?;
        Ok(())
    }
    async fn outer() -> Result<(), Nested> {
        let group = task_group(async |g| {
            g.spawn_named("high", inner());
            Ok(())
        });
        Ok(group.await?)
    }
    let error = outer().await.unwrap_err();
    assert!(matches!(error, Nested::Group(_)));
    let shown = error.to_string();
    assert!(shown.contains("high") && shown.contains("deep"), "{shown}");
}
