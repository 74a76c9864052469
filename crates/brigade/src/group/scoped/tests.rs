//! G9: children that borrow, in one task.

use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use brigade_testkit::cancel::{Outcome, fuzz_cancel};
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout};

use super::*;
use crate::cancel::{Reason, current, defer, shield};
use crate::context::Key;
use crate::group::{Builder, Ended, Error, task_group};
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Arc, Weak};
use crate::thread::to_thread;
use crate::witness::{Log, millis};

type Fine = Result<(), String>;

fn leaves<T: std::fmt::Debug>(result: Result<T, Error<String>>) -> Vec<String> {
    match result {
        Err(Error::Failed(group)) => group.iter().map(ToString::to_string).collect(),
        other => panic!("not failed: {other:?}"),
    }
}

async fn length(page: &str) -> Result<usize, String> {
    yield_now().await;
    Ok(page.len())
}

#[tokio::test]
async fn g9a_children_borrow_from_the_caller_and_return_what_they_borrow() {
    let pages = [String::from("one"), String::from("three")];
    let (mut first, mut log) = (0, Vec::new());
    let found = join_scope(async |s| {
        let lengths: Vec<_> = pages.iter().map(|page| s.spawn(length(page))).collect();
        let longest = s.spawn(async { Ok(pages.iter().max_by_key(|page| page.len())) });
        s.spawn(async {
            yield_now().await;
            first += 1;
            Ok(())
        });
        log.push("the body borrows, too");
        let mut sum = 0;
        for length in lengths {
            sum += length.await;
        }
        Ok::<_, String>((sum, longest.await))
    });
    let (sum, longest) = found.await.unwrap();
    assert_eq!((sum, longest.unwrap().as_str()), (8, "three"));
    assert_eq!((first, log.len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn g9b_dropping_the_scope_destroys_body_and_children_at_once_at_every_await() {
    // It lives on the stack of this test: what survived the drop could not be counted.
    let alive = Cell::new(0);
    struct Alive<'a>(&'a AtomicUsize);
    impl<'a> Alive<'a> {
        fn new(count: &'a AtomicUsize) -> Self {
            count.fetch_add(1, Ordering::SeqCst);
            Self(count)
        }
    }
    impl Drop for Alive<'_> {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }
    let count = AtomicUsize::new(0);
    let scope = || async {
        let scope = join_scope(async |s| {
            let _body = Alive::new(&count);
            let clone = s.clone();
            let child = s.spawn(async {
                let clone = clone;
                let _child = Alive::new(&count);
                let sibling = clone.spawn(async {
                    let _sibling = Alive::new(&count);
                    sleep(millis(1)).await;
                    yield_now().await;
                    Ok(1)
                });
                yield_now().await;
                Ok(1 + sibling.await)
            });
            let nested = s.spawn(async {
                let nested = join_scope(async |s| {
                    let child = s.spawn(async {
                        let _nested = Alive::new(&count);
                        sleep(millis(1)).await;
                        Ok(1)
                    });
                    Ok::<_, String>(child.await)
                });
                nested.await.map_err(|error| error.to_string())
            });
            Ok::<_, String>(child.await + nested.await)
        });
        scope.await.unwrap()
    };
    let mut ends = 0;
    let polls = fuzz_cancel(scope, async |outcome| {
        assert_eq!(count.load(Ordering::SeqCst), 0, "alive at {outcome:?}");
        if let Outcome::Completed(value) = outcome {
            assert_eq!(value, 3);
            ends += 1;
        }
        alive.set(alive.get() + 1);
    })
    .await;
    assert!(polls >= 2 && ends == 2 && alive.get() > ends, "{polls}");
}

#[tokio::test]
async fn g9b_what_is_destroyed_with_the_scope_can_still_use_it() {
    struct Last<'env>(JoinScope<'env, String>, &'env Log);
    impl Drop for Last<'_> {
        fn drop(&mut self) {
            let _dropped = self.1.on_drop("unpolled");
            let again = self.1.on_drop("refused");
            drop(self.0.spawn(async {
                let _again = again;
                unreachable!("it is dropped unpolled");
                #[expect(unreachable_code)]
                Ok(())
            }));
        }
    }
    let log = Log::default();
    let scope = join_scope(async |s| {
        let last = Last(s.clone(), &log);
        s.spawn(async {
            let _last = last;
            pending::<Fine>().await
        });
        pending::<Fine>().await
    });
    let _ = timeout(Duration::ZERO, scope).await;
    assert_eq!(log.all(), ["refused", "unpolled"]);
}

#[tokio::test]
async fn g9b_a_destructor_that_panics_spares_the_others_and_fails_the_group_around() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("in a destructor");
        }
    }
    let log = Log::default();
    let around = Builder::new().catch_panics().run(async |_| {
        let scope = join_scope(async |s| {
            for _ in 0..3 {
                s.spawn(async {
                    let (_log, _panics) = (log.on_drop("dropped"), Panics);
                    pending::<Fine>().await
                });
            }
            pending::<Fine>().await
        });
        let _ = timeout(Duration::ZERO, scope).await;
        Ok::<_, String>(())
    });
    let leaves = leaves(around.await);
    assert_eq!(leaves.len(), 3, "{leaves:?}");
    assert!(leaves.iter().all(|leaf| leaf.contains("in a destructor")));
    assert_eq!(log.all(), ["dropped"; 3]);
}

#[tokio::test]
async fn g9c_a_forgotten_scope_never_runs_again_and_holds_up_nobody() {
    let polls: &AtomicUsize = Box::leak(Box::default());
    let group = task_group(async |_| {
        let mut scope = Box::pin(join_scope(async |s| {
            s.spawn(async {
                loop {
                    polls.fetch_add(1, Ordering::SeqCst);
                    sleep(millis(1)).await;
                }
                #[expect(unreachable_code)]
                Ok(())
            });
            s.spawn(async {
                let nested = join_scope(async |s| {
                    s.spawn(pending::<Fine>());
                    pending::<Fine>().await
                });
                let _ = nested.await;
                Ok(())
            });
            pending::<Fine>().await
        }));
        poll_fn(|cx| {
            assert!(scope.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        std::mem::forget(scope);
        Ok::<_, String>(())
    });
    timeout(Duration::from_secs(5), group)
        .await
        .unwrap()
        .unwrap();
    let before = polls.load(Ordering::SeqCst);
    sleep(millis(20)).await;
    assert_eq!(polls.load(Ordering::SeqCst), before);
}

#[tokio::test]
async fn g9d_children_go_on_while_the_body_awaits_something_else() {
    let (send, receive) = oneshot::channel();
    let got = join_scope(async |s| {
        s.spawn(async {
            yield_now().await;
            send.send(7).map_err(|_| "nobody waits".to_owned())
        });
        // Not the handle of a child: only the child can end this wait.
        Ok::<_, String>(receive.await.unwrap())
    });
    assert_eq!(got.await.unwrap(), 7);
}

#[tokio::test]
async fn g9d_children_that_the_body_does_not_await_are_waited_for() {
    let done = AtomicUsize::new(0);
    let scope = join_scope(async |s| {
        for n in 0..10 {
            let done = &done;
            s.spawn(async move {
                sleep(millis(n)).await;
                done.fetch_add(1, Ordering::SeqCst);
                Ok(())
            });
        }
        Ok::<_, String>(())
    });
    scope.await.unwrap();
    assert_eq!(done.load(Ordering::SeqCst), 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g9d_a_child_is_woken_from_another_thread() {
    let (mut senders, mut receivers) = (Vec::new(), Vec::new());
    for _ in 0..1000 {
        let (send, receive) = oneshot::channel();
        senders.push(send);
        receivers.push(receive);
    }
    let total = AtomicUsize::new(0);
    let scope = join_scope(async |s| {
        for receive in receivers {
            s.spawn(async {
                total.fetch_add(receive.await.map_err(|_| "lost")?, Ordering::SeqCst);
                Ok(())
            });
        }
        to_thread(move || {
            for send in senders {
                send.send(1).unwrap();
                std::thread::yield_now();
            }
        })
        .await;
        Ok::<_, &str>(())
    });
    scope.await.unwrap();
    assert_eq!(total.load(Ordering::SeqCst), 1000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g9d_children_that_other_threads_spawn_are_run() {
    let run = join_scope::<'static, _, String, _, _>(async |s| {
        let clones: Vec<_> = (0..2).map(|_| s.clone()).collect();
        let spawning = clones.into_iter().map(|clone| {
            to_thread(move || {
                for _ in 0..500 {
                    clone.spawn(async {
                        yield_now().await;
                        Ok(())
                    });
                }
            })
        });
        for spawning in spawning {
            spawning.await;
        }
        let running = s.stats().running;
        Ok(running)
    });
    assert!(run.await.unwrap() <= 1000);
}

/// A waker that counts.
#[derive(Default)]
struct Counter(AtomicUsize);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn g9e_a_wake_up_polls_the_child_that_was_woken_and_no_other() {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.unwrap();
    let _entered = runtime.enter();
    let polls: Vec<_> = (0..100).map(|_| AtomicUsize::new(0)).collect();
    let wakers: Vec<_> = (0..100).map(|_| crate::sync::Mutex::new(None)).collect();
    let body = AtomicUsize::new(0);
    let scope = join_scope(async |s| {
        for (polls, waker) in polls.iter().zip(&wakers) {
            s.spawn(poll_fn(move |cx| {
                polls.fetch_add(1, Ordering::SeqCst);
                *waker.lock().unwrap() = Some(cx.waker().clone());
                Poll::<Fine>::Pending
            }));
        }
        poll_fn(|_| {
            body.fetch_add(1, Ordering::SeqCst);
            Poll::<Fine>::Pending
        })
        .await
    });
    let mut scope = pin!(scope);
    let counter = Arc::new(Counter::default());
    let waker = Waker::from(counter.clone());
    let mut cx = Context::from_waker(&waker);
    assert!(scope.as_mut().poll(&mut cx).is_pending());
    assert_eq!(counter.0.load(Ordering::SeqCst), 0, "nothing is left to do");
    for _ in 0..3 {
        let waker = wakers[42].lock().unwrap().clone();
        waker.unwrap().wake();
        assert!(scope.as_mut().poll(&mut cx).is_pending());
    }
    assert!(scope.as_mut().poll(&mut cx).is_pending(), "for no reason");
    let polls: Vec<_> = polls.iter().map(|n| n.load(Ordering::SeqCst)).collect();
    assert_eq!(polls.iter().sum::<usize>(), 103);
    assert_eq!(polls[42], 4);
    assert_eq!(body.load(Ordering::SeqCst), 1);
    assert_eq!(counter.0.load(Ordering::SeqCst), 3, "one for each wake-up");
}

#[tokio::test]
async fn g9e_the_waker_of_a_child_that_has_ended_wakes_nobody() {
    let (kept, polls) = (crate::sync::Mutex::new(None), AtomicUsize::new(0));
    let scope = join_scope(async |s| {
        let first = s.spawn(poll_fn(|cx| {
            *kept.lock().unwrap() = Some(cx.waker().clone());
            Poll::Ready(Ok(()))
        }));
        first.await;
        // It sits where the first one sat.
        s.spawn(poll_fn(|_| {
            polls.fetch_add(1, Ordering::SeqCst);
            Poll::<Fine>::Pending
        }));
        yield_now().await;
        let waker: Option<Waker> = kept.lock().unwrap().take();
        waker.unwrap().wake();
        yield_now().await;
        s.cancel();
        Ok::<_, String>(polls.load(Ordering::SeqCst))
    });
    assert_eq!(scope.await.unwrap(), 1);
}

#[tokio::test]
async fn g9e_a_hundred_thousand_children_are_polled_once_for_each_wake_up() {
    const MANY: usize = 100_000;
    let polls = AtomicUsize::new(0);
    let scope = join_scope(async |s| {
        let (mut senders, mut tasks) = (Vec::new(), Vec::new());
        for _ in 0..MANY {
            let (send, receive) = oneshot::channel::<usize>();
            senders.push(send);
            let mut receive = Box::pin(receive);
            let polls = &polls;
            tasks.push(s.spawn(poll_fn(move |cx| {
                polls.fetch_add(1, Ordering::SeqCst);
                receive.as_mut().poll(cx).map_err(|_| "lost")
            })));
        }
        yield_now().await;
        // One at a time, the last first: every one of them costs a turn of its own.
        for send in senders.into_iter().rev() {
            send.send(1).unwrap();
            yield_now().await;
        }
        let mut sum = 0;
        for task in tasks {
            sum += task.await;
        }
        Ok::<_, &str>(sum)
    });
    assert_eq!(scope.await.unwrap(), MANY);
    let polls = polls.load(Ordering::SeqCst);
    // Twice for itself; tokio's budget for a task may cost one more here and there.
    assert!(polls <= 2 * MANY + MANY / 10, "{polls} polls");
}

#[tokio::test]
async fn g9e_children_that_are_always_ready_let_others_run() {
    let stop = Rc::new(Cell::new(false));
    let ticks = stop.clone();
    let busy = async {
        let stopped = AtomicUsize::new(0);
        let scope = join_scope(async |s| {
            for _ in 0..3 {
                s.spawn(async {
                    while stopped.load(Ordering::SeqCst) == 0 {
                        // Unlike tokio's, this wakes itself within the poll.
                        let mut once = false;
                        poll_fn(|cx| {
                            cx.waker().wake_by_ref();
                            match std::mem::replace(&mut once, true) {
                                true => Poll::Ready(()),
                                false => Poll::Pending,
                            }
                        })
                        .await;
                    }
                    Ok(())
                });
            }
            while !stop.get() {
                yield_now().await;
            }
            stopped.store(1, Ordering::SeqCst);
            Ok::<_, String>(())
        });
        scope.await.unwrap();
    };
    let other = async {
        sleep(millis(5)).await;
        ticks.set(true);
    };
    let both = async { tokio::join!(busy, other) };
    timeout(Duration::from_secs(10), both).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn g9f_the_first_error_cancels_the_others_and_drops_the_body() {
    let log = Log::default();
    let start = Instant::now();
    let result = join_scope(async |s| {
        let _body = log.on_drop("body");
        s.spawn(async {
            let _sibling = log.on_drop("sibling");
            pending::<Fine>().await
        });
        let failing = s.spawn_named("first", async {
            sleep(millis(5)).await;
            Err::<(), _>("the cause".to_owned())
        });
        s.spawn_named("second", async {
            sleep(millis(5)).await;
            // Ready together with the cancellation, so it is not lost.
            Err::<(), _>("too".to_owned())
        });
        failing.await;
        unreachable!("the body is dropped at the await");
        #[expect(unreachable_code)]
        Ok::<_, String>(())
    });
    assert_eq!(leaves(result.await), ["first: the cause", "second: too"]);
    assert_eq!(start.elapsed(), millis(5));
    let mut gone = log.all();
    gone.sort_unstable();
    assert_eq!(gone, ["body", "sibling"]);
}

#[tokio::test(start_paused = true)]
async fn g9f_the_error_of_the_body_cancels_the_children() {
    let log = Log::default();
    let result: Result<(), _> = join_scope(async |s| {
        s.spawn(async {
            let _child = log.on_drop("child");
            pending::<Fine>().await
        });
        yield_now().await;
        Err("the body".to_owned())
    })
    .await;
    assert_eq!(leaves(result), ["scope: the body"]);
    assert_eq!(log.all(), ["child"]);
}

#[tokio::test(start_paused = true)]
async fn g9f_a_panic_continues_when_everything_was_dropped() {
    let log = Log::default();
    let mut scope = Box::pin(join_scope(async |s| {
        let _body = log.on_drop("body");
        s.spawn(async {
            let _sibling = log.on_drop("sibling");
            defer(log.later("finaliser"));
            pending::<Fine>().await
        });
        s.spawn(async {
            yield_now().await;
            panic!("in a child");
            #[expect(unreachable_code)]
            Ok(())
        });
        pending::<Fine>().await
    }));
    let mut caught = None;
    poll_fn(|cx| {
        let poll = AssertUnwindSafe(|| scope.as_mut().poll(cx));
        match std::panic::catch_unwind(poll) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(_)) => {}
            Err(payload) => {
                log.add("the panic");
                caught = payload.downcast_ref::<&str>().copied();
            }
        }
        Poll::Ready(())
    })
    .await;
    assert_eq!(caught, Some("in a child"));
    let log = log.all();
    assert_eq!(log[2..], ["finaliser", "the panic"]);
}

#[tokio::test(start_paused = true)]
async fn g9f_options_are_those_of_a_group() {
    let slow = Builder::new().name("slow").deadline(millis(10));
    let slow = slow.run_scope(async |s| {
        s.spawn(async {
            assert_eq!(current().cancelled().await, Reason::Deadline);
            pending::<Fine>().await
        });
        Ok::<_, String>(())
    });
    assert_eq!(leaves(slow.await), ["slow: not finished after 10ms"]);
    let caught = Builder::new().catch_panics().run_scope(async |s| {
        s.spawn_named("child", async { panic!("caught") as Fine });
        Ok::<_, String>(())
    });
    assert_eq!(leaves(caught.await), ["child: panicked: caught"]);
    let cancelled = join_scope(async |s| {
        s.cancel();
        pending::<Fine>().await
    });
    let cancelled = cancelled.await;
    assert!(matches!(cancelled, Err(Error::Cancelled(Reason::User))));
}

#[tokio::test(start_paused = true)]
async fn g9g_children_spawn_siblings_and_handles_are_those_of_a_group() {
    let two = 2;
    let result = join_scope(async |s| {
        let clone = s.clone();
        let child = s.spawn(async {
            let clone = clone;
            let sibling = clone.spawn(async { Ok(&two) });
            Ok(1 + sibling.await)
        });
        let cancelled = s.spawn(pending::<Fine>()).cancel();
        assert_eq!(cancelled.await, Err(Ended::Cancelled(Reason::User)));
        let outcome = s.spawn(async { Ok(4) }).outcome();
        assert_eq!(s.stats().running, 2);
        let left = outcome.await.unwrap();
        let dropped = s.spawn(async { Ok(()) });
        drop(dropped);
        let value = child.await;
        Ok::<_, String>(value + left)
    });
    assert_eq!(result.await.unwrap(), 7);
}

#[tokio::test]
async fn g9g_spawning_after_a_cancellation_drops_the_future_unpolled() {
    let log = Log::default();
    let result = join_scope(async |s| {
        s.cancel();
        let dropped = log.on_drop("dropped");
        let refused = s.spawn(async move {
            let _dropped = dropped;
            unreachable!("it is never polled");
            #[expect(unreachable_code)]
            Ok(())
        });
        let refused = refused.outcome().await;
        assert_eq!(refused, Err(Ended::Cancelled(Reason::User)));
        Ok::<_, String>(())
    });
    result.await.unwrap();
    assert_eq!(log.all(), ["dropped"]);
}

#[tokio::test]
#[should_panic(expected = "the scope has ended")]
async fn g9g_a_clone_that_was_taken_out_starts_nothing() {
    let taken = join_scope::<'static, _, String, _, _>(async |s| Ok(s)).await;
    let taken = taken.unwrap();
    taken.spawn(async { Ok(()) });
}

#[tokio::test]
async fn g9g_the_handle_of_a_child_that_was_destroyed_says_so() {
    let mut handle = None;
    let scope = join_scope(async |s| {
        handle = Some(s.spawn(pending::<Fine>()).outcome());
        pending::<Fine>().await
    });
    let _ = timeout(Duration::ZERO, scope).await;
    let ended = timeout(Duration::from_secs(5), handle.unwrap()).await;
    assert_eq!(ended.unwrap(), Err(Ended::Cancelled(Reason::Parent)));
}

#[tokio::test(start_paused = true)]
async fn g9h_finalisers_of_a_child_run_when_it_is_gone_and_before_the_scope_returns() {
    let log = Log::default();
    let result = join_scope(async |s| {
        s.spawn(async {
            let _child = log.on_drop("child");
            defer(log.later("first"));
            defer(log.later("second"));
            yield_now().await;
            Ok(())
        });
        defer(log.later("body's"));
        Ok::<_, String>(())
    });
    result.await.unwrap();
    assert_eq!(log.all(), ["child", "second", "first", "body's"]);
}

#[tokio::test(start_paused = true)]
async fn g9h_what_a_dropped_scope_leaves_behind_ends_under_the_group_around() {
    let log = Log::default();
    let result = task_group(async |_| {
        let scope = join_scope(async |s| {
            defer(log.later("body's finaliser"));
            s.spawn(async {
                let _child = log.on_drop("child");
                defer(log.later("first"));
                defer(log.later("second"));
                let grandchild = log.clone();
                let nested = task_group(async |g| {
                    g.spawn(async move {
                        let _grandchild = grandchild.on_drop("grandchild");
                        defer(grandchild.later("grandchild's"));
                        pending::<Fine>().await
                    });
                    pending::<Fine>().await
                });
                let _ = nested.await;
                Ok(())
            });
            pending::<Fine>().await
        });
        let _ = timeout(millis(5), scope).await;
        log.add("scope dropped");
        Ok::<_, String>(())
    });
    result.await.unwrap();
    let expected = [
        "child",
        "scope dropped",
        "grandchild",
        "grandchild's",
        "second",
        "first",
        "body's finaliser",
    ];
    assert_eq!(log.all(), expected);
}

#[tokio::test(start_paused = true)]
async fn g9h_a_finaliser_that_has_begun_goes_on_when_the_scope_is_dropped() {
    let log = Log::default();
    let result = task_group(async |_| {
        let scope = join_scope(async |s| {
            s.spawn(async {
                defer(log.later("first"));
                defer(log.later("second"));
                Ok(())
            });
            pending::<Fine>().await
        });
        let _ = timeout(millis(5), scope).await;
        log.add("scope dropped");
        Ok::<_, String>(())
    });
    result.await.unwrap();
    assert_eq!(log.all(), ["scope dropped", "second", "first"]);
}

#[tokio::test(start_paused = true)]
async fn g9i_a_shield_in_a_child_puts_off_the_drop_of_the_task_around() {
    let log = Log::default();
    let result = task_group(async |g| {
        let inside = log.clone();
        let task = g.spawn(async move {
            let log = &inside;
            let scope = join_scope(async |s| {
                s.spawn(async {
                    shield(async {
                        sleep(millis(10)).await;
                        log.add("shielded");
                    })
                    .await;
                    pending::<Fine>().await
                });
                s.spawn(async {
                    assert_eq!(current().cancelled().await, Reason::User);
                    log.add("told");
                    pending::<Fine>().await
                });
                pending::<Fine>().await
            });
            let _ = scope.await;
            Ok(())
        });
        sleep(millis(1)).await;
        let ended = task.cancel().await;
        assert_eq!(ended, Err(Ended::Cancelled(Reason::User)));
        Ok::<_, String>(())
    });
    result.await.unwrap();
    assert_eq!(log.all(), ["told", "shielded"]);
}

#[tokio::test(start_paused = true)]
async fn g9i_a_shield_in_a_child_holds_when_a_sibling_fails() {
    let log = Log::default();
    let result = join_scope(async |s| {
        s.spawn(async {
            shield(async {
                sleep(millis(10)).await;
                log.add("shielded");
            })
            .await;
            pending::<Fine>().await
        });
        s.spawn_named("failing", async { Err::<(), _>("fails".to_owned()) });
        let _body = log.on_drop("body");
        pending::<Fine>().await
    });
    assert_eq!(leaves(result.await), ["failing: fails"]);
    assert_eq!(log.all(), ["body", "shielded"]);
}

#[tokio::test]
async fn g9i_a_closure_on_a_thread_holds_the_task_around() {
    let result = task_group(async |g| {
        let (send, receive) = std::sync::mpsc::sync_channel::<()>(1);
        let (started, is_started) = oneshot::channel();
        let task = g.spawn(async move {
            let scope = join_scope(async |s| {
                let call = s.spawn(async {
                    let call = to_thread(move || {
                        started.send(()).unwrap();
                        receive.recv().unwrap();
                        7
                    });
                    Ok(call.await)
                });
                Ok::<_, String>(call.await)
            });
            scope.await.map_err(|error| error.to_string())
        });
        is_started.await.unwrap();
        let task = task.cancel();
        yield_now().await;
        assert!(!task.is_finished());
        send.send(()).unwrap();
        Ok::<_, String>(task.await)
    });
    assert_eq!(result.await.unwrap(), Ok(7));
}

#[tokio::test(start_paused = true)]
async fn g9i_a_failure_inside_does_not_lower_a_shield_around() {
    let log = Log::default();
    let result = task_group(async |g| {
        let inside = log.clone();
        let task = g.spawn(async move {
            shield(async {
                let scope = join_scope(async |s| {
                    let failing = s.spawn(async { Err::<(), _>("fails".to_owned()) });
                    let clone = s.clone();
                    s.spawn(async {
                        let clone = clone;
                        clone.spawn(async { Err::<(), _>("too".to_owned()) }).await;
                        Ok(())
                    });
                    defer(inside.later("cleanup inside"));
                    failing.await;
                    Ok(())
                });
                assert!(scope.await.is_err());
                inside.add("after the scope");
            })
            .await;
            Ok(())
        });
        yield_now().await;
        task.cancel().await.ok();
        Ok::<_, String>(())
    });
    result.await.unwrap();
    assert_eq!(log.all(), ["cleanup inside", "after the scope"]);
}

fn must_be_send<T: Send>(value: T) -> T {
    value
}

async fn generic<T: AsRef<str> + Sync>(pages: &[T]) -> Result<usize, Error<String>> {
    join_scope(async |s| {
        let all: Vec<_> = pages
            .iter()
            .map(|page| s.spawn(length(page.as_ref())))
            .collect();
        let mut sum = 0;
        for one in all {
            sum += one.await;
        }
        Ok(sum)
    })
    .await
}

#[tokio::test]
async fn g9j_the_future_is_send_also_in_generic_functions_and_scopes_nest() {
    let sum = task_group(async |g| {
        let child = g.spawn(async move {
            let pages = [String::from("one"), String::from("two")];
            let scope = join_scope(async |s| {
                let nested = s.spawn(generic(&pages));
                let again = s.spawn(generic(&pages[..1]));
                Ok(nested.await + again.await)
            });
            scope.await.map_err(|error| error.to_string())
        });
        Ok::<_, String>(child.await)
    });
    assert_eq!(must_be_send(sum).await.unwrap(), 9);
    // The body need not be: then the scope's future is not, and runs where it is.
    let local = Rc::new(Cell::new(0));
    let scope = join_scope(async |s| {
        let child = s.spawn(async { Ok(1) });
        local.set(local.get() + child.await);
        Ok::<_, String>(())
    });
    scope.await.unwrap();
    assert_eq!(local.get(), 1);
}

#[tokio::test]
async fn g9k_children_see_the_context_in_which_the_scope_was_opened() {
    static REQUEST: Key<u32> = Key::new();
    let scope = join_scope(async |s| {
        let clone = s.clone();
        let child = REQUEST.provide(2, async {
            let clone = clone;
            let sibling = clone.spawn(async { Ok(REQUEST.get()) });
            Ok((REQUEST.get(), sibling.await))
        });
        Ok::<_, String>(s.spawn(child).await)
    });
    let seen = REQUEST.provide(1, scope).await.unwrap();
    assert_eq!(seen, (Some(2), Some(1)));
}

#[tokio::test]
async fn g9k_children_are_listed_by_name() {
    let scope = Builder::new().name("borrowing").run_scope(async |s| {
        s.spawn_named("a borrowing child", pending::<Fine>());
        yield_now().await;
        let list = crate::living::list();
        let depth = |name: &str| Some(list.iter().find(|living| living.name == name)?.depth);
        assert_eq!(
            depth("a borrowing child"),
            Some(depth("borrowing").unwrap() + 1)
        );
        s.cancel();
        Ok::<_, String>(())
    });
    scope.await.unwrap();
    let list = crate::living::list();
    assert!(!list.iter().any(|living| living.name == "a borrowing child"));
}

#[tokio::test]
async fn g9l_nothing_is_left_in_memory_when_a_scope_has_ended() {
    let kept: Weak<()> = {
        let alive = Arc::new(());
        let weak = Arc::downgrade(&alive);
        let wakers = crate::sync::Mutex::new(Vec::new());
        let scope = join_scope(async |s| {
            for end in [true, false] {
                let (clone, alive) = (s.clone(), alive.clone());
                let wakers = &wakers;
                s.spawn(async move {
                    // The child holds the scope that holds the child.
                    let (_clone, _alive) = (clone, alive);
                    poll_fn(|cx| {
                        wakers.lock().unwrap().push(cx.waker().clone());
                        if end { Poll::Ready(()) } else { Poll::Pending }
                    })
                    .await;
                    Ok(())
                });
            }
            pending::<Fine>().await
        });
        let _ = timeout(millis(1), scope).await;
        drop(alive);
        let wakers = wakers.into_inner().unwrap();
        assert_eq!(wakers.len(), 2);
        // Wakers may outlive everything, and then they wake nobody.
        wakers.iter().for_each(Waker::wake_by_ref);
        weak
    };
    assert_eq!(kept.strong_count(), 0);
}

#[test]
fn g9m_scopes_survive_random_storms() {
    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestRunner};

    /// What a child does: how often it yields, whether it then fails, spawns, defers, is shielded.
    type Plan = (u8, bool, bool, bool, bool);

    fn child<'env>(
        scope: JoinScope<'env, String>,
        plan: Plan,
        alive: &'env AtomicUsize,
        finalised: Arc<AtomicUsize>,
    ) -> Pin<Box<dyn Future<Output = Fine> + Send + 'env>> {
        struct Gone<'a>(&'a AtomicUsize);
        impl Drop for Gone<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::SeqCst);
            }
        }
        Box::pin(async move {
            alive.fetch_add(1, Ordering::SeqCst);
            let _gone = Gone(alive);
            let (yields, fails, spawns, defers, shields) = plan;
            if defers {
                finalised.fetch_add(1, Ordering::SeqCst);
                let finalised = finalised.clone();
                defer(async move {
                    sleep(millis(1)).await;
                    finalised.fetch_sub(1, Ordering::SeqCst);
                });
            }
            if spawns {
                let plan = (yields, false, false, defers, shields);
                let sibling = child(scope.clone(), plan, alive, finalised);
                scope.spawn(sibling);
            }
            for turn in 0..yields {
                if shields {
                    shield(sleep(millis(1))).await;
                } else if turn % 2 == 0 {
                    yield_now().await;
                } else {
                    sleep(millis(1)).await;
                }
            }
            if fails { Err("fails".into()) } else { Ok(()) }
        })
    }

    let one = (
        0u8..5,
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    );
    let plans = (
        proptest::collection::vec(one, 0..12),
        0u64..12,
        any::<bool>(),
    );
    let mut runner = TestRunner::new(Config::with_cases(300));
    let runtime = || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().start_paused(true).build().unwrap()
    };
    let storm = |(plans, after, drops): (Vec<Plan>, u64, bool)| {
        runtime().block_on(async {
            let alive = AtomicUsize::new(0);
            let finalised = Arc::new(AtomicUsize::new(0));
            let fails = plans.iter().any(|plan| plan.1);
            let around = task_group(async |_| {
                let scope = join_scope(async |s| {
                    for plan in &plans {
                        s.spawn(child(s.clone(), *plan, &alive, finalised.clone()));
                    }
                    Ok::<_, String>(())
                });
                let ended = if drops {
                    timeout(millis(after), scope).await.ok()
                } else {
                    Some(scope.await)
                };
                assert_eq!(alive.load(Ordering::SeqCst), 0);
                if let Some(ended) = ended {
                    assert_eq!(ended.is_err(), fails);
                    assert_eq!(finalised.load(Ordering::SeqCst), 0);
                }
                Ok::<_, String>(())
            });
            let ended = timeout(Duration::from_secs(60), around).await;
            // A failure that the dropped scope could not report goes to the group around.
            assert!(ended.expect("hangs").is_ok() || drops && fails);
            assert_eq!(finalised.load(Ordering::SeqCst), 0, "finalisers are left");
        });
        Ok(())
    };
    runner.run(&plans, storm).unwrap();
}
