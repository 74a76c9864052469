//! Where the patterns meet each other, and code of the user that misbehaves.

#![expect(
    clippy::disallowed_methods,
    reason = "tasks outside of any group are part of what is tested"
)]

use std::panic::AssertUnwindSafe;
use std::task::{Context, Wake, Waker};

use brigade_testkit::cancel::fuzz_cancel;
use tokio::sync::oneshot;
use tokio::task::yield_now;

use super::*;
use crate::cancel::{Token, context};
use crate::context::Key;
use crate::living;
use crate::sync::atomic::{AtomicUsize, Ordering};

struct Bomb(&'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("{}", self.0);
        }
    }
}

type Whole = Result<(), Error<String>>;

/// More children than the runtime lets one task do at once, each of which is ready after some steps.
const MANY: usize = 200;

#[tokio::test]
async fn c4a_siblings_that_use_up_the_time_of_the_task_cost_no_child_its_value() {
    let (values, body) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let result = join_scope(async |s| {
        let mut senders = Vec::new();
        let (last, is_last) = oneshot::channel();
        for _ in 0..MANY {
            // Of three steps, so that one child is cut off between them.
            let (sends, steps): (Vec<_>, Vec<_>) = (0..3).map(|_| oneshot::channel()).unzip();
            senders.extend(sends);
            let values = &values;
            s.spawn(async move {
                for step in steps {
                    step.await.unwrap();
                }
                values.fetch_add(1, Ordering::Relaxed);
                Ok(())
            });
        }
        let scope = s.clone();
        s.spawn(async move {
            for _ in 0..10 {
                yield_now().await;
            }
            for sender in senders {
                sender.send(()).unwrap();
            }
            last.send(()).unwrap();
            scope.cancel();
            Ok(())
        });
        is_last.await.unwrap();
        body.fetch_add(1, Ordering::Relaxed);
        Ok::<_, String>(())
    });
    result.await.unwrap();
    assert_eq!(values.into_inner(), MANY);
    assert_eq!(body.into_inner(), 1);
}

#[tokio::test(start_paused = true)]
async fn c5a_a_race_in_a_scope_in_a_group_sees_the_deadline_and_is_gone_with_it() {
    let log = Log::default();
    let options = Builder::new().deadline(millis(50));
    let group = options.run(async |_| {
        let scope = join_scope(async |s| {
            let candidates = [1, 2].map(|_| {
                let log = log.clone();
                async move {
                    let token = current();
                    defer(log.later("candidate cleaned up"));
                    defer(async move { assert_eq!(token.reason(), Some(Reason::Deadline)) });
                    pending::<Fine>().await
                }
            });
            let log = log.clone();
            s.spawn(async move {
                defer(log.later("child cleaned up"));
                race_ok(candidates).await.unwrap();
                Ok(())
            });
            Ok(())
        });
        scope
            .await
            .map_err(|error: Error<String>| error.to_string())
    });
    assert_eq!(leaves(group.await), ["group: not finished after 50ms"]);
    let expected = [
        "candidate cleaned up",
        "candidate cleaned up",
        "child cleaned up",
    ];
    assert_eq!(log.all(), expected);
}

#[tokio::test(start_paused = true)]
async fn c5b_the_finalisers_count_too() {
    let log = Log::default();
    let result: Result<(), Error<String>> = timeout(millis(5), async {
        defer(log.later("cleaned up"));
        Ok(())
    })
    .await;
    assert_eq!(leaves(result), ["timeout: not finished after 5ms"]);
    assert_eq!(log.all(), ["cleaned up"]);
}

#[tokio::test(start_paused = true)]
async fn c5a_after_no_time_at_all_what_is_ready_at_once_still_counts() {
    let ready = timeout(millis(0), async { Ok::<_, String>(1) });
    assert_eq!(ready.await.unwrap(), 1);
    let result: Whole = timeout(millis(0), pending()).await;
    assert_eq!(leaves(result), ["timeout: not finished after 0ns"]);
}

#[tokio::test]
async fn g8n_a_panic_of_the_iterator_continues_also_if_those_of_candidates_are_caught() {
    let candidates = (0..2).map(|n| {
        assert_eq!(n, 0, "no second one");
        async move { Ok::<_, String>(n) }
    });
    let race = RaceOk::new(candidates).catch_panics().run();
    let joined = tokio::spawn(race).await;
    assert!(joined.unwrap_err().is_panic());
}

#[tokio::test(start_paused = true)]
async fn g12b_a_sibling_that_a_child_of_a_scope_spawns_is_as_old_as_it_is() {
    let result = join_scope(async |s| {
        let scope = s.clone();
        let child = s.spawn(async move {
            sleep(millis(60_000)).await;
            let path = scope.spawn(async { Ok(living::path()) });
            Ok(path.await.pop().unwrap().age)
        });
        Ok::<_, String>(child.await)
    });
    assert_eq!(result.await.unwrap(), millis(0));
}

#[tokio::test]
async fn g9f_a_value_whose_destructor_panics_unseen_is_a_panic_of_its_child() {
    let log = Log::default();
    let result: Whole = Builder::new()
        .catch_panics()
        .run_scope(async |s| {
            s.spawn_named("bomber", async { Ok(Bomb("bang")) });
            s.spawn(async {
                defer(log.later("cleaned up"));
                pending::<Fine>().await
            });
            pending().await
        })
        .await;
    assert_eq!(leaves(result), ["bomber: panicked: bang"]);
    assert_eq!(log.all(), ["cleaned up"]);
}

#[tokio::test(start_paused = true)]
async fn c2f_a_finaliser_whose_destructor_panics_is_reported_and_the_others_run() {
    let log = Log::default();
    let options = Builder::new().catch_panics().grace(millis(50));
    let result: Whole = options
        .run(async |g| {
            let log = log.clone();
            g.spawn_named("child", async move {
                let end = log.on_drop("first one gone");
                defer(async move { drop(end) });
                struct Ready(#[expect(dead_code, reason = "it is dropped")] Bomb);
                impl Future for Ready {
                    type Output = ();
                    fn poll(
                        self: std::pin::Pin<&mut Self>,
                        _: &mut Context<'_>,
                    ) -> std::task::Poll<()> {
                        std::task::Poll::Ready(())
                    }
                }
                defer(Ready(Bomb("ready")));
                Ok(())
            });
            Ok(())
        })
        .await;
    assert_eq!(leaves(result), ["child: panicked: ready"]);
    assert_eq!(log.all(), ["first one gone"]);
}

#[tokio::test(start_paused = true)]
async fn c2f_a_finaliser_that_is_cut_off_and_panics_then_is_reported() {
    let options = Builder::new().catch_panics().grace(millis(50));
    let result: Whole = options
        .run(async |g| {
            g.spawn_named("child", async {
                defer(async {
                    let _bomb = Bomb("never run");
                });
                defer(async {
                    let _bomb = Bomb("cut off");
                    pending().await
                });
                Ok(())
            });
            yield_now().await;
            g.cancel();
            Ok(())
        })
        .await;
    let expected = ["child: not finished after 50ms", "child: panicked: cut off"];
    assert_eq!(leaves(result), expected);
}

#[tokio::test(start_paused = true)]
async fn c3e_a_grace_period_without_end_is_none() {
    let options = Builder::new().grace(std::time::Duration::MAX);
    let result: Whole = options
        .run(async |g| {
            let child = g.spawn(shield(async {
                sleep(millis(1000)).await;
                Ok("done")
            }));
            yield_now().await;
            context::scope().unwrap().cancel(Reason::Signal(15));
            assert_eq!(shield(child.outcome()).await, Ok("done"));
            Ok(())
        })
        .await;
    result.unwrap();
}

struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("woken");
    }
}

#[tokio::test(start_paused = true)]
async fn c1b_a_waker_that_panics_keeps_the_cancellation_from_nobody() {
    let (token, panics) = (Token::new(), Waker::from(Arc::new(Panics)));
    let waits = token.clone();
    let mut waits = Box::pin(waits.cancelled());
    let mut context = Context::from_waker(&panics);
    assert!(waits.as_mut().poll(&mut context).is_pending());
    let other = tokio::spawn({
        let token = token.clone();
        async move { token.cancelled().await }
    });
    let child = token.child();
    yield_now().await;
    let cancel = AssertUnwindSafe(|| token.cancel());
    assert!(std::panic::catch_unwind(cancel).is_err());
    assert_eq!(child.reason(), Some(Reason::User));
    let other = tokio::time::timeout(millis(1000), other).await;
    assert_eq!(other.expect("it was woken").unwrap(), Reason::User);
}

#[tokio::test(start_paused = true)]
async fn g2a_a_waker_that_panics_keeps_no_sibling_alive() {
    let panics = Waker::from(Arc::new(Panics));
    let group = task_group(async |g| {
        for _ in 0..3 {
            let panics = panics.clone();
            g.spawn(async move {
                let token = current();
                let mut waits = Box::pin(token.cancelled());
                let polled = waits.as_mut().poll(&mut Context::from_waker(&panics));
                assert!(polled.is_pending());
                pending::<Fine>().await
            });
        }
        yield_now().await;
        let cancel = AssertUnwindSafe(|| g.cancel());
        assert!(std::panic::catch_unwind(cancel).is_err());
        Ok::<_, String>(())
    });
    let group = tokio::time::timeout(millis(1000), group).await;
    group.expect("all children are cancelled").unwrap();
}

#[tokio::test(start_paused = true)]
async fn g10c_a_shield_holds_in_a_child_that_gave_up_being_ready() {
    let log = Log::default();
    let result: Whole = task_group(async |g| {
        let log = log.clone();
        let child = g.start_named("server", async move |ready: Ready<()>| {
            let _gone = log.on_drop("gone");
            shield(async {
                drop(ready);
                sleep(millis(10)).await;
                log.add("shielded work done");
            })
            .await;
            pending::<Fine>().await
        });
        let ((), _server) = child.await;
        Ok(())
    })
    .await;
    assert_eq!(log.all(), ["shielded work done", "gone"]);
    assert_eq!(
        leaves(result),
        ["server: ended without saying that it is ready"]
    );
}

async fn end_after(count: u64) -> Fine {
    sleep(millis(count)).await;
    Ok(())
}

async fn serve(ready: Ready<u16>) -> Fine {
    defer(sleep(millis(5)));
    sleep(millis(10)).await;
    ready.send(8080);
    pending().await
}

#[tokio::test(start_paused = true)]
async fn g10d_the_wait_of_a_spawner_can_be_dropped_at_every_await_without_leaving_a_child() {
    let result = task_group(async |g| {
        let spawner = g.spawner();
        let polls = fuzz_cancel(
            || async {
                let (port, server) = spawner.start(serve).await.unwrap();
                server.cancel();
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
async fn g10d_a_cancelled_child_that_ends_in_its_own_way_has_not_failed() {
    let stops = async |ready: Ready<()>| {
        let _ready = ready;
        current().cancelled().await;
        Ok(())
    };
    let result = task_group(async |g| {
        let waited = tokio::time::timeout(millis(5), g.start(stops)).await;
        assert!(waited.is_err());
        let waited = tokio::time::timeout(millis(5), g.spawner().start(stops)).await;
        assert!(waited.is_err());
        sleep(millis(5)).await;
        assert_eq!(g.stats().running, 0);
        Ok::<_, String>(())
    });
    result.await.unwrap();
    let result: Whole = task_group(async |g| {
        let spawner = g.spawner();
        g.spawn(async move {
            sleep(millis(5)).await;
            spawner.cancel();
            Ok(())
        });
        let ((), _child) = g.start(stops).await;
        Ok(())
    })
    .await;
    assert!(matches!(result, Err(Error::Cancelled(Reason::User))));
}

#[tokio::test(start_paused = true)]
async fn g10f_the_wait_for_room_and_for_the_word_can_be_dropped_at_every_await() {
    let result = limited_group(1, async |g| {
        let polls = fuzz_cancel(
            || async {
                drop(g.spawn(end_after(3)).await);
                let (port, server) = g.start(serve).await;
                drop(server.cancel());
                port
            },
            async |_| {
                while g.stats().running > 0 {
                    sleep(millis(1)).await;
                }
                // No room was taken along.
                g.spawn(async { Ok(()) }).await.await;
                while g.stats().running > 0 {
                    sleep(millis(1)).await;
                }
            },
        );
        assert!(polls.await > 2);
        Ok::<_, String>(())
    });
    result.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn g6e_every_future_can_be_part_of_a_spawned_task() {
    static KEY: Key<u8> = Key::new();
    async fn all() -> Result<(), Error<String>> {
        task_group(async |g| {
            let ((), server) = g
                .start(async |ready: Ready<()>| {
                    ready.send(());
                    Ok(())
                })
                .await;
            server.await;
            let spawner = g.spawner();
            g.spawn(async move {
                let started = spawner.start(async |ready: Ready<u8>| {
                    ready.send(1);
                    Ok(())
                });
                assert_eq!(KEY.provide(1, started).await.unwrap().0, 1);
                let first = RaceOk::new([async { Ok::<_, String>(1) }]).stagger(millis(1));
                assert_eq!(first.run().await.unwrap(), 1);
                let scope = join_scope(async |s| Ok::<_, String>(s.spawn(async { Ok(1) }).await));
                let scope = timeout(millis(1), async { Ok::<_, String>(shield(scope).await) });
                assert_eq!(scope.await.unwrap().unwrap(), 1);
                let limited = limited_group(1, async |g| {
                    let ((), child) = g
                        .start(async |ready: Ready<()>| {
                            ready.send(());
                            Ok(1)
                        })
                        .await;
                    Ok::<_, String>(child.await)
                });
                let until = Token::new();
                assert_eq!(until.until_cancelled(limited).await.unwrap().unwrap(), 1);
                Ok(())
            });
            Ok(())
        })
        .await
    }
    tokio::spawn(all()).await.unwrap().unwrap();
}

#[tokio::test]
async fn g9e_children_that_spawn_siblings_for_ever_hold_up_neither_the_others_nor_the_end() {
    fn spawn_for_ever(scope: JoinScope<'_, String>) {
        let next = scope.clone();
        scope.spawn(async move {
            spawn_for_ever(next);
            Ok(())
        });
    }
    let result = join_scope(async |s| {
        let begin = s.spawn(async {
            sleep(millis(20)).await;
            Ok(1)
        });
        spawn_for_ever(s.clone());
        let value = begin.await;
        s.cancel();
        Ok::<_, String>(value)
    });
    assert_eq!(result.await.unwrap(), 1);
}

#[tokio::test]
async fn g9b_a_waker_that_outlives_the_scope_does_nothing() {
    let kept = Mutex::new(Vec::new());
    let scope = join_scope(async |s| {
        s.spawn(async {
            std::future::poll_fn(|cx| {
                kept.lock().unwrap().push(cx.waker().clone());
                std::task::Poll::<Fine>::Pending
            })
            .await
        });
        pending::<Fine>().await
    });
    let gone = tokio::time::timeout(millis(1), scope).await;
    assert!(gone.is_err());
    let kept = kept.into_inner().unwrap();
    assert_eq!(kept.len(), 1);
    for waker in kept {
        waker.wake_by_ref();
        waker.wake();
    }
}

#[tokio::test]
async fn g3g_the_handle_of_the_innermost_of_many_groups_can_be_dropped_last() {
    fn nest(
        depth: u32,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Spawner<String>, String>> + Send>> {
        Box::pin(async move {
            let group = task_group(async move |g| {
                if depth == 0 {
                    return Ok(g.spawner());
                }
                Ok(g.spawn(nest(depth - 1)).await)
            });
            group
                .await
                .map_err(|error: Error<String>| error.to_string())
        })
    }
    let innermost = nest(20_000).await.unwrap();
    drop(innermost);
}

#[tokio::test(start_paused = true)]
async fn g9k_what_is_destroyed_with_the_scope_is_so_as_a_part_of_its_child() {
    struct Path(Arc<Mutex<Vec<String>>>);
    impl Drop for Path {
        fn drop(&mut self) {
            let path = living::path().into_iter();
            *self.0.lock().unwrap() = path.map(|one| one.name.into_owned()).collect();
        }
    }
    let path = Arc::default();
    let result = task_group(async |_| {
        let scope = join_scope(async |s| {
            let path = Path(Arc::clone(&path));
            s.spawn_named("child", async move {
                let _path = path;
                pending::<Fine>().await
            });
            pending::<Fine>().await
        });
        assert!(tokio::time::timeout(millis(5), scope).await.is_err());
        Ok::<_, String>(())
    });
    result.await.unwrap();
    assert_eq!(*path.lock().unwrap(), ["group", "scope", "child"]);
}

#[tokio::test(start_paused = true)]
async fn g10e_a_word_that_is_kept_elsewhere_holds_up_nobody_when_the_child_fails() {
    let kept = Arc::new(Mutex::new(None));
    let result = task_group(async |g| {
        let (kept, spawner) = (kept.clone(), g.spawner());
        let started = shield(
            spawner.start_named("server", async move |ready: Ready<()>| {
                *kept.lock().unwrap() = Some(ready);
                end_after(5).await?;
                Err::<(), _>(String::from("no port"))
            }),
        );
        let started = tokio::time::timeout(millis(1000), started).await;
        assert!(matches!(started, Ok(Err(NotStarted::Ended(Ended::Failed)))));
        Ok::<_, String>(())
    });
    assert_eq!(leaves(result.await), ["server: no port"]);
    drop(kept);
}
