//! G10: children that say when they are ready.

use brigade_testkit::cancel::fuzz_cancel;
use tokio::time::timeout;

use super::*;

/// A child that is ready after 10 ms and then runs for ever.
async fn serve(ready: Ready<u16>) -> Fine {
    sleep(millis(10)).await;
    ready.send(8080);
    pending().await
}

#[tokio::test(start_paused = true)]
async fn g10a_start_waits_until_the_child_is_ready_and_the_child_runs_on() {
    let begin = Instant::now();
    let result = task_group(async |g| {
        let (port, server) = g
            .start_named("server", async |ready| {
                sleep(millis(10)).await;
                ready.send(8080);
                sleep(millis(90)).await;
                Ok("served")
            })
            .await;
        assert_eq!((port, begin.elapsed()), (8080, millis(10)));
        assert!(!server.is_finished());
        assert_eq!(g.stats().running, 1);
        Ok::<_, String>(server.await)
    });
    assert_eq!(result.await.unwrap(), "served");
    assert_eq!(begin.elapsed(), millis(100));
}

#[tokio::test(start_paused = true)]
async fn g10a_a_child_that_is_ready_and_over_at_once_has_both_its_values() {
    let result = task_group(async |g| {
        let start = g.start(async |ready: Ready<u8>| {
            ready.send(1);
            Ok(2)
        });
        // Polled only when the child is long gone.
        let mut start = Box::pin(start);
        assert!(timeout(millis(0), &mut start).await.is_err());
        sleep(millis(10)).await;
        let (first, child) = start.await;
        Ok::<_, String>((first, child.await))
    });
    assert_eq!(result.await.unwrap(), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn g10b_a_child_that_fails_before_it_is_ready_fails_the_group_with_its_error_alone() {
    let log = Log::default();
    let result: Result<(), Error<String>> = task_group(async |g| {
        let _dropped = log.on_drop("body dropped");
        let child = g.start_named("server", async |ready: Ready<()>| {
            let failed = fail_after(5, "no port").await;
            drop(ready);
            failed
        });
        child.await;
        unreachable!("it was never ready")
    })
    .await;
    assert_eq!(leaves(result), ["server: no port"]);
    assert_eq!(log.all(), ["body dropped"]);

    let group = Builder::new().catch_panics();
    let result: Result<(), Error<String>> = group
        .run(async |g| {
            g.start_named::<_, _, (), ()>("server", |ready| async move {
                let _ready = ready;
                panic!("an expected panic")
            })
            .await;
            unreachable!("it was never ready")
        })
        .await;
    assert_eq!(leaves(result), ["server: panicked: an expected panic"]);
}

#[tokio::test(start_paused = true)]
async fn g10b_a_failure_before_ready_ends_the_wait_under_a_shield_too() {
    let result: Result<(), Error<String>> = task_group(async |g| {
        let child = g.start_named("server", async |ready: Ready<()>| {
            let failed = fail_after(5, "no port").await;
            drop(ready);
            failed
        });
        shield(child).await;
        unreachable!("it was never ready")
    })
    .await;
    assert_eq!(leaves(result), ["server: no port"]);
}

#[tokio::test(start_paused = true)]
async fn g10c_a_child_that_cannot_become_ready_any_more_is_a_failure() {
    let text = ["server: ended without saying that it is ready"];
    // It ends.
    let group = task_group(async |g| {
        let child = g.start_named::<_, _, _, ()>("server", |ready| async move {
            sleep(millis(5)).await;
            drop(ready);
            Ok(())
        });
        child.await;
        unreachable!("it was never ready")
    });
    let result: Result<(), Error<String>> = timeout(millis(1000), group).await.expect("it waits");
    assert!(matches!(
        result
            .as_ref()
            .unwrap_err()
            .group()
            .unwrap()
            .first()
            .cause(),
        Cause::NotReady
    ));
    assert_eq!(leaves(result), text);
    // It throws its word away and runs on.
    let result: Result<(), Error<String>> = task_group(async |g| {
        let child = g.start_named::<_, _, _, ()>("server", |ready| async move {
            sleep(millis(5)).await;
            drop(ready);
            pending::<Fine>().await
        });
        child.await;
        unreachable!("it was never ready")
    })
    .await;
    assert_eq!(leaves(result), text);
    // Somebody else throws its word away while it sleeps.
    let result: Result<(), Error<String>> = task_group(async |g| {
        let spawner = g.spawner();
        let child = g.start_named::<_, _, _, ()>("server", |ready| async move {
            let held = spawner.spawn(async move {
                sleep(millis(5)).await;
                drop(ready);
                Ok(())
            });
            drop(held);
            pending::<Fine>().await
        });
        child.await;
        unreachable!("it was never ready")
    })
    .await;
    assert_eq!(leaves(result), text);
}

#[tokio::test(start_paused = true)]
async fn g10c_a_word_that_comes_after_the_end_of_the_child_does_not_count() {
    let group = task_group(async |g| {
        let spawner = g.spawner();
        let child = g.start_named("server", |ready| async move {
            let late = spawner.spawn(async move {
                sleep(millis(5)).await;
                ready.send(());
                Ok(())
            });
            drop(late);
            Ok(())
        });
        child.await;
        unreachable!("it was never ready")
    });
    let result: Result<(), Error<String>> = timeout(millis(1000), group).await.expect("it waits");
    assert_eq!(
        leaves(result),
        ["server: ended without saying that it is ready"]
    );
}

#[tokio::test(start_paused = true)]
async fn g10d_dropping_the_wait_cancels_the_child_and_the_group_waits_for_it() {
    let log = Log::default();
    let reason = Arc::new(Mutex::new(None));
    let result = task_group(async |g| {
        let (log, reason) = (log.clone(), reason.clone());
        let child = g.start(move |ready: Ready<()>| async move {
            let token = current();
            defer(async move { *reason.lock().unwrap() = token.reason() });
            defer(log.later("cleaned up"));
            sleep(millis(50)).await;
            ready.send(());
            pending::<Fine>().await
        });
        assert!(timeout(millis(10), child).await.is_err());
        Ok::<_, String>(())
    });
    result.await.unwrap();
    assert_eq!(log.all(), ["cleaned up"]);
    assert_eq!(*reason.lock().unwrap(), Some(Reason::RaceLost));
}

#[tokio::test(start_paused = true)]
async fn g10d_the_wait_can_be_dropped_at_every_await_without_leaving_a_child() {
    let result = task_group(async |g| {
        let polls = fuzz_cancel(
            || async {
                let (port, server) = g.start(serve).await;
                drop(server.cancel());
                port
            },
            async |_| {
                while g.stats().running > 0 {
                    sleep(millis(1)).await;
                }
            },
        );
        assert!(polls.await > 1);
        Ok::<_, String>(())
    });
    result.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn g10e_a_spawner_says_why_there_is_no_child_that_is_ready() {
    let result = task_group(async |g| {
        let spawner = g.spawner();
        let started = g.spawn(async move {
            let (port, server) = spawner.start(serve).await.unwrap();
            server.cancel();
            assert_eq!(server.await, Err(Ended::Cancelled(Reason::User)));
            Ok(port)
        });
        Ok::<_, String>((started.await, g.spawner()))
    });
    let (port, spawner) = result.await.unwrap();
    assert_eq!(port, 8080);
    match spawner.start(serve).await {
        Err(NotStarted::Finished(future)) => drop(future),
        other => panic!("{other:?}"),
    }

    let result = task_group(async |g| {
        let spawner = g.spawner();
        g.cancel();
        let started = shield(spawner.start(serve)).await;
        Ok::<_, String>(started.map(drop).unwrap_err().to_string())
    });
    let text = "not ready: the task was cancelled: the program asked for it";
    assert_eq!(result.await.unwrap(), text);

    for (early, expected) in [
        (Err("no port".to_string()), "server: no port"),
        (Ok(()), "server: ended without saying that it is ready"),
    ] {
        let result: Result<(), Error<String>> = task_group(async |g| {
            let (spawner, early) = (g.spawner(), early.clone());
            g.spawn(shield(async move {
                let started = spawner.start_named("server", |_: Ready<()>| async { early });
                match started.await {
                    Err(NotStarted::Ended(Ended::Failed)) => Ok(()),
                    other => panic!("{other:?}"),
                }
            }));
            pending().await
        })
        .await;
        assert_eq!(leaves(result), [expected]);
    }
}

#[tokio::test(start_paused = true)]
async fn g10f_with_a_limit_start_waits_for_room_first() {
    let begin = Instant::now();
    let result = limited_group(1, async |g| {
        g.spawn(async {
            sleep(millis(100)).await;
            Ok(())
        })
        .await;
        // Dropped while it waits for room, it leaves nothing behind.
        assert!(timeout(millis(1), g.start(serve)).await.is_err());
        let (port, server) = g.start(serve).await;
        assert_eq!((port, begin.elapsed()), (8080, millis(110)));
        assert_eq!(g.stats().running, 1);
        drop(server.cancel());
        Ok::<_, String>(())
    });
    result.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn g10g_in_a_cancelled_group_nothing_starts_and_the_wait_ends() {
    let result: Result<(), Error<String>> = task_group(async |g| {
        g.cancel();
        g.start(async |_: Ready<()>| -> Fine { panic!("it must not run") })
            .await;
        Ok(())
    })
    .await;
    assert!(matches!(result, Err(Error::Cancelled(Reason::User))));
    // And one that is cancelled while it waits.
    let result: Result<(), Error<String>> = task_group(async |g| {
        g.spawn({
            let spawner = g.spawner();
            async move {
                sleep(millis(1)).await;
                spawner.cancel();
                Ok(())
            }
        });
        g.start(serve).await;
        Ok(())
    })
    .await;
    assert!(matches!(result, Err(Error::Cancelled(Reason::User))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g10a_on_many_threads_no_word_is_lost() {
    for round in 0..300_u32 {
        let result = task_group(async |g| {
            let (word, child) = g
                .start(async move |ready| {
                    ready.send(round);
                    Ok(round)
                })
                .await;
            Ok::<_, String>(word + child.await)
        });
        assert_eq!(result.await.unwrap(), 2 * round);
    }
}
