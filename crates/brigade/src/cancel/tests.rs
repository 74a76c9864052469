//! The laws of cancellation, one test or more for each clause.

use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use brigade_testkit::cancel::fuzz_cancel;
use tokio::time::{Instant, sleep};

use super::*;
use crate::group::{Builder, Cause, Ended, Error, task_group};
use crate::witness::{Log, millis};

type Fine = Result<(), String>;

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test]
async fn c1a_the_first_reason_wins_and_stays() {
    let token = Token::new();
    let waiting = token.clone();
    let mut waiting = pin!(waiting.cancelled());
    assert!(poll_once(waiting.as_mut()).is_pending());
    assert!(token.cancel());
    assert!(!token.cancel_with(Reason::Deadline));
    assert_eq!(poll_once(waiting.as_mut()), Poll::Ready(Reason::User));
    // Level-triggered: whoever comes late sees it too.
    assert_eq!(token.cancelled().await, Reason::User);
    assert_eq!(token.child().reason(), Some(Reason::User));
}

#[test]
fn c1b_a_child_token_is_cancelled_with_its_parent_but_not_the_reverse() {
    let root = Token::new();
    let (left, right) = (root.child(), root.child());
    let deep = left.child();
    left.cancel_with(Reason::RaceLost);
    assert_eq!(deep.reason(), Some(Reason::RaceLost));
    assert_eq!((root.reason(), right.reason()), (None, None));
    root.cancel();
    assert_eq!(right.reason(), Some(Reason::User));
    assert_eq!(deep.reason(), Some(Reason::RaceLost));
}

#[test]
fn c1b_a_long_chain_of_tokens_is_cancelled_and_dropped_without_recursion() {
    let root = Token::new();
    let mut last = root.child();
    for _ in 0..200_000 {
        last = last.child();
    }
    root.cancel();
    assert!(last.is_cancelled());
    let mut last = Token::new();
    for _ in 0..200_000 {
        last = last.child();
    }
}

#[tokio::test(start_paused = true)]
async fn c1c_the_reason_travels_to_the_tasks_of_nested_groups() {
    let seen = Arc::new(Mutex::new(None));
    let result: Result<(), Error<String>> = task_group(async |outer| {
        let seen = seen.clone();
        outer.spawn(async move {
            let inner = task_group(async |inner| {
                inner.spawn(async move {
                    let token = current();
                    defer(async move { *seen.lock().unwrap() = token.reason() });
                    pending::<Fine>().await
                });
                pending::<Fine>().await
            });
            inner.await.map_err(|error| error.to_string())
        });
        sleep(millis(1)).await;
        Err("the cause".to_string())
    })
    .await;
    assert!(result.is_err());
    assert_eq!(*seen.lock().unwrap(), Some(Reason::Sibling));
}

#[tokio::test(start_paused = true)]
async fn c1d_the_token_of_a_task_fires_and_cancelling_it_does_not_reach_the_task() {
    let value = task_group(async |g| {
        let a = g.spawn(async {
            current().cancel();
            sleep(millis(1)).await;
            Ok(1)
        });
        Ok::<_, String>(a.await)
    });
    assert_eq!(value.await.unwrap(), 1);
    let log = Log::default();
    let result: Result<(), _> = task_group(async |g| {
        let log = log.clone();
        g.spawn(shield(async move {
            let reason = current().cancelled().await;
            log.add(if reason == Reason::Sibling {
                "seen"
            } else {
                "other"
            });
            Ok(())
        }));
        sleep(millis(1)).await;
        Err("the cause")
    })
    .await;
    assert!(result.is_err());
    assert_eq!(log.all(), ["seen"]);
}

#[tokio::test(start_paused = true)]
async fn c2a_a_cancelled_child_is_dropped_at_its_next_suspension_point() {
    let log = Log::default();
    let result = task_group(async |g| {
        let log = log.clone();
        let child = g.spawn(async move {
            let _dropped = log.on_drop("dropped");
            sleep(millis(1)).await;
            log.add("one step more");
            sleep(millis(1)).await;
            log.add("never");
            Ok(())
        });
        sleep(millis(1)).await;
        let ended = child.cancel().await;
        Ok::<_, String>(ended)
    });
    assert_eq!(result.await.unwrap(), Err(Ended::Cancelled(Reason::User)));
    assert!(matches!(
        log.all()[..],
        ["dropped"] | ["one step more", "dropped"]
    ));
}

#[tokio::test(start_paused = true)]
async fn c2b_finalisers_run_last_first_after_the_future_is_gone() {
    let log = Log::default();
    let result = task_group(async |g| {
        let log = log.clone();
        let child = g.spawn(async move {
            let _dropped = log.on_drop("dropped");
            defer(log.later("first registered"));
            defer(log.later("second registered"));
            pending::<Fine>().await
        });
        sleep(millis(1)).await;
        Ok::<_, String>(child.cancel().await.unwrap_err())
    });
    result.await.unwrap();
    assert_eq!(
        log.all(),
        ["dropped", "second registered", "first registered"]
    );
}

#[tokio::test(start_paused = true)]
async fn c2c_no_second_cancellation_cuts_a_finaliser_off() {
    let log = Log::default();
    let result: Result<(), _> = task_group(async |g| {
        let log = log.clone();
        let child = g.spawn(async move {
            defer(log.later("cleaned up"));
            pending::<Fine>().await
        });
        sleep(millis(1)).await;
        let child = child.cancel();
        sleep(millis(1)).await;
        child.cancel();
        g.cancel();
        sleep(millis(1)).await;
        Ok(())
    })
    .await;
    assert!(matches!(result, Err(Error::Cancelled(Reason::User))));
    assert_eq!(log.all(), ["cleaned up"]);
}

#[tokio::test(start_paused = true)]
async fn c2d_what_outlives_the_grace_period_is_aborted_and_named() {
    let log = Log::default();
    let start = Instant::now();
    let group = Builder::new().grace(millis(500));
    let result: Result<(), _> = group
        .run(async |g| {
            let log = log.clone();
            g.spawn_named("slow to clean up", async move {
                defer(log.later("never reached"));
                let guard = log.on_drop("finaliser dropped");
                defer(async move {
                    let _guard = guard;
                    pending().await
                });
                pending::<Fine>().await
            });
            sleep(millis(1)).await;
            g.cancel();
            pending().await
        })
        .await;
    let Err(Error::Failed(failed)) = result else {
        panic!("{result:?}")
    };
    assert_eq!(failed.first().task(), "slow to clean up");
    assert!(matches!(failed.first().cause(), Cause::Deadline(after) if *after == millis(500)));
    assert_eq!(failed.cancelled(), Some(Reason::User));
    assert_eq!(log.all(), ["finaliser dropped"]);
    assert_eq!(start.elapsed(), millis(501));
}

#[tokio::test(start_paused = true)]
async fn c2e_finalisers_run_however_the_task_ends() {
    let log = Log::default();
    type End = fn() -> Fine;
    let ends: [(&str, End); 3] = [
        ("value", || Ok(())),
        ("error", || Err("error".into())),
        ("panic", || panic!("an expected panic")),
    ];
    for (name, end) in ends {
        let log = log.clone();
        let group = Builder::new().catch_panics();
        let result = group.run(async move |g| {
            g.spawn(async move {
                defer(log.later(name));
                end()
            });
            Ok::<_, String>(())
        });
        assert_eq!(result.await.is_ok(), name == "value");
    }
    assert_eq!(log.all(), ["value", "error", "panic"]);
}

#[tokio::test(start_paused = true)]
async fn c2f_a_finaliser_that_panics_is_reported_and_the_others_run() {
    let log = Log::default();
    let group = Builder::new().catch_panics();
    let result = group.run(async |g| {
        let log = log.clone();
        g.spawn(async move {
            defer(log.later("still runs"));
            defer(async { panic!("an expected panic") });
            Ok(())
        });
        Ok::<_, String>(())
    });
    let error = result.await.unwrap_err().to_string();
    assert!(error.ends_with("panicked: an expected panic"), "{error}");
    assert_eq!(log.all(), ["still runs"]);
}

#[tokio::test(start_paused = true)]
async fn c2g_what_a_task_left_behind_ends_before_its_finalisers_run() {
    let log = Log::default();
    let result: Result<(), _> = task_group(async |g| {
        let log = log.clone();
        g.spawn(async move {
            defer(log.later("outer"));
            let inner = task_group(async |inner| {
                let log = log.clone();
                inner.spawn(async move {
                    defer(log.later("inner"));
                    pending::<Fine>().await
                });
                pending::<Fine>().await
            });
            inner.await.map_err(|error| error.to_string())
        });
        sleep(millis(1)).await;
        Err("the cause".to_string())
    })
    .await;
    assert!(result.is_err());
    assert_eq!(log.all(), ["inner", "outer"]);
}

#[tokio::test]
#[should_panic = "where nobody would run the finaliser"]
async fn c2h_a_finaliser_that_nobody_would_run_is_refused_loudly() {
    defer(async {});
}

#[tokio::test(start_paused = true)]
async fn c3a_a_shield_defers_the_drop_of_the_whole_child() {
    let log = Log::default();
    let result: Result<(), _> = task_group(async |g| {
        let log = log.clone();
        g.spawn(async move {
            let _dropped = log.on_drop("dropped");
            let other = async {
                sleep(millis(50)).await;
                log.add("the other branch goes on");
            };
            tokio::join!(
                shield(log.later("shielded")),
                shield(sleep(millis(60))),
                other
            );
            log.add("goes on to the next await");
            sleep(millis(1)).await;
            log.add("never");
            Ok(())
        });
        sleep(millis(1)).await;
        Err("the cause".to_string())
    })
    .await;
    assert!(result.is_err());
    let expected = [
        "shielded",
        "the other branch goes on",
        "goes on to the next await",
        "dropped",
    ];
    assert_eq!(log.all(), expected);
}

#[tokio::test(start_paused = true)]
async fn c3b_a_shield_around_a_nested_group_protects_its_children() {
    let log = Log::default();
    let result: Result<(), _> = task_group(async |g| {
        let log = log.clone();
        g.spawn(async move {
            let inner = task_group(async |inner| {
                let log = log.clone();
                let child = inner.spawn(async move {
                    log.later("inner work").await;
                    Ok(1)
                });
                Ok::<_, String>(child.await)
            });
            assert_eq!(shield(inner).await.unwrap(), 1);
            Ok(())
        });
        sleep(millis(1)).await;
        Err("the cause".to_string())
    })
    .await;
    assert!(result.is_err());
    assert_eq!(log.all(), ["inner work"]);
}

#[tokio::test(start_paused = true)]
async fn c3c_a_shield_of_the_body_defers_the_drop_of_the_body() {
    let log = Log::default();
    let result: Result<(), _> = task_group(async |g| {
        g.spawn(async { Err::<(), _>("the cause".to_string()) });
        shield(log.later("shielded")).await;
        pending().await
    })
    .await;
    assert!(result.is_err());
    assert_eq!(log.all(), ["shielded"]);
}

#[tokio::test(start_paused = true)]
async fn c3d_a_shield_does_not_hold_against_a_foreign_drop() {
    let log = Log::default();
    let value = task_group(async |g| {
        let log = log.clone();
        let child = g.spawn(async move {
            let shielded = shield(async {
                let _dropped = log.on_drop("dropped");
                pending::<()>().await
            });
            let _ = tokio::time::timeout(millis(5), shielded).await;
            Ok(1)
        });
        Ok::<_, String>(child.await)
    });
    assert_eq!(value.await.unwrap(), 1);
    assert_eq!(log.all(), ["dropped"]);
}

#[tokio::test(start_paused = true)]
async fn c3e_the_grace_period_bounds_a_shield() {
    let start = Instant::now();
    let result: Result<(), _> = task_group(async |g| {
        g.spawn_named("endless", shield(pending::<Fine>()));
        sleep(millis(1)).await;
        Err("the cause".to_string())
    })
    .await;
    let Err(Error::Failed(failed)) = result else {
        panic!("{result:?}")
    };
    let leaves: Vec<_> = failed.iter().map(ToString::to_string).collect();
    assert_eq!(
        leaves,
        ["group: the cause", "endless: not finished after 10s"]
    );
    assert_eq!(start.elapsed(), Duration::from_secs(10) + millis(1));
}

#[tokio::test(start_paused = true)]
async fn c3f_a_shield_gives_way_to_an_await_that_can_never_end() {
    let start = Instant::now();
    let result: Result<(), _> = task_group(async |g| {
        let failing = g.spawn(async { Err::<(), _>("the cause".to_string()) });
        shield(shield(failing)).await;
        Ok(())
    })
    .await;
    assert!(result.is_err());
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn c3f_a_shield_does_not_give_way_to_a_failure_that_a_group_inside_contains() {
    let log = Log::default();
    let result = task_group(async |g| {
        let inside = log.clone();
        let task = g.spawn(async move {
            shield(async {
                let group = task_group(async |g| {
                    defer(inside.later("cleanup inside"));
                    g.spawn(async { Err::<(), _>("fails".to_owned()) }).await;
                    Ok(())
                });
                assert!(group.await.is_err());
                inside.add("after the group");
            })
            .await;
            Ok(())
        });
        tokio::task::yield_now().await;
        task.cancel().await.ok();
        Ok::<_, String>(())
    });
    result.await.unwrap();
    assert_eq!(log.all(), ["cleanup inside", "after the group"]);
}

#[tokio::test(start_paused = true)]
async fn c4a_a_value_that_is_ready_together_with_a_cancellation_is_not_lost() {
    let (send, receive) = tokio::sync::oneshot::channel::<i32>();
    let value = task_group(async |g| {
        let child = g.spawn(async move { receive.await.map_err(|_| "lost") });
        tokio::task::yield_now().await;
        // Both happen before the child is polled again.
        send.send(7).unwrap();
        Ok(child.cancel().await)
    });
    assert_eq!(value.await.unwrap(), Ok(7));
}

#[tokio::test(start_paused = true)]
async fn c4b_the_value_of_the_body_counts_if_it_is_ready_together_with_a_cancellation() {
    let value = task_group(async |g| {
        g.cancel();
        Ok::<_, String>(7)
    });
    assert_eq!(value.await.unwrap(), 7);
}

#[tokio::test]
async fn c4c_until_cancelled_polls_its_future_before_the_token() {
    let token = Token::new();
    token.cancel();
    assert_eq!(token.until_cancelled(async { 7 }).await, Ok(7));
    let never = poll_fn(|_| Poll::<i32>::Pending);
    assert_eq!(token.until_cancelled(never).await, Err(Reason::User));
}

#[tokio::test(start_paused = true)]
async fn c5a_the_deadline_of_a_group_is_an_error_and_not_a_cancellation() {
    let seen = Arc::new(Mutex::new(None));
    let group = Builder::new().name("slow").deadline(millis(100));
    let result: Result<(), _> = group
        .run(async |g| {
            let seen = seen.clone();
            g.spawn(async move {
                let token = current();
                defer(async move { *seen.lock().unwrap() = token.reason() });
                pending::<Fine>().await
            });
            pending().await
        })
        .await;
    let Err(Error::Failed(failed)) = result else {
        panic!("{result:?}")
    };
    assert_eq!(failed.len(), 1);
    assert_eq!(failed.first().to_string(), "slow: not finished after 100ms");
    // The children see why they were cancelled.
    assert_eq!(*seen.lock().unwrap(), Some(Reason::Deadline));
}

#[tokio::test(start_paused = true)]
async fn c5b_a_deadline_that_passes_while_children_still_run_counts_too() {
    let group = Builder::new().deadline(millis(100));
    let result = group.run(async |g| {
        g.spawn(pending::<Fine>());
        Ok(())
    });
    let failed = result.await.unwrap_err();
    assert_eq!(failed.to_string(), "group: not finished after 100ms");
}

#[test]
fn c2i_without_timers_there_is_no_grace_period_and_cleanup_takes_its_time() {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let log = Log::default();
    let result = runtime.unwrap().block_on(task_group(async |g| {
        let log = log.clone();
        let child = g.spawn(async move {
            defer(async move {
                tokio::task::yield_now().await;
                log.add("cleaned up");
            });
            let shielded = shield(async {
                for _ in 0..5 {
                    tokio::task::yield_now().await;
                }
            });
            shielded.await;
            pending::<Fine>().await
        });
        tokio::task::yield_now().await;
        Ok::<_, String>(child.cancel().await)
    }));
    assert_eq!(result.unwrap(), Err(Ended::Cancelled(Reason::User)));
    assert_eq!(log.all(), ["cleaned up"]);
}

#[tokio::test(start_paused = true)]
async fn c2i_the_longest_grace_period_never_ends() {
    let log = Log::default();
    let group = Builder::new().grace(Duration::MAX);
    let result = group.run(async |g| {
        let cleaned = log.later("cleaned up");
        let child = g.spawn(async {
            defer(async {
                sleep(Duration::from_secs(86400)).await;
                cleaned.await;
            });
            pending::<Fine>().await
        });
        tokio::task::yield_now().await;
        let scope = super::context::scope().unwrap();
        scope.cancel_tasks(Reason::Signal(15));
        Ok::<_, String>(child.outcome().await)
    });
    let ended = result.await.unwrap();
    assert_eq!(ended, Err(Ended::Cancelled(Reason::Signal(15))));
    assert_eq!(log.all(), ["cleaned up"]);
}

#[tokio::test(start_paused = true)]
async fn c1a_a_wait_for_a_token_that_is_dropped_at_any_await_leaves_no_trace() {
    let token = Token::new();
    let scene = || {
        let token = token.child();
        async move {
            let inner = token.child();
            let value = inner.until_cancelled(async {
                tokio::task::yield_now().await;
                sleep(millis(1)).await;
                7
            });
            assert_eq!(value.await, Ok(7));
            let (waits, cancels) = (token.clone(), async {
                sleep(millis(1)).await;
                token.cancel();
            });
            tokio::join!(waits.cancelled(), inner.cancelled(), cancels).0
        }
    };
    let polls = fuzz_cancel(scene, async |outcome| {
        assert!(!token.is_cancelled(), "{outcome:?}");
        let waits = token.child();
        assert!(poll_once(pin!(waits.cancelled())).is_pending());
    });
    assert!(polls.await > 3);
}

#[tokio::test(start_paused = true)]
async fn c3d_a_shield_that_is_dropped_at_any_await_holds_up_nobody() {
    let result = task_group(async |g| {
        let scope = super::context::scope().unwrap();
        let scene = || async {
            shield(async {
                sleep(millis(1)).await;
                shield(tokio::task::yield_now()).await;
            })
            .await;
        };
        let polls = fuzz_cancel(scene, async |outcome| {
            assert!(!scope.is_shielded(), "{outcome:?}");
        });
        assert!(polls.await > 2);
        Ok::<_, String>(g.stats().running)
    });
    assert_eq!(result.await.unwrap(), 0);
}
