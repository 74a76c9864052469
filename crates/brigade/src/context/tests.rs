//! G4: the context that children inherit.

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::panic::AssertUnwindSafe;
use std::task::Poll;

use brigade_testkit::cancel::fuzz_cancel;
use tokio::task::yield_now;
use tokio::time::{Duration, sleep, timeout};

use super::*;
use crate::cancel::defer;
use crate::group::{Error, collect, limited_group, task_group};
use crate::sync::Mutex;
use crate::thread::{Pinned, Pool};

static REQUEST: Key<u32> = Key::new();
static TENANT: Key<&'static str> = Key::new();

type Fine = Result<(), String>;

fn seen() -> (Option<u32>, Option<&'static str>) {
    (REQUEST.get(), TENANT.get())
}

#[tokio::test]
async fn g4c_children_inherit_the_context_also_when_a_sibling_spawned_them() {
    let group = task_group(async |g| {
        let spawner = g.spawner();
        let child = g.spawn(async move {
            yield_now().await;
            let sibling = async {
                defer(async { assert_eq!(seen(), (Some(1), None)) });
                yield_now().await;
                Ok(seen())
            };
            // What is around the spawner is not what counts.
            let spawned = TENANT.provide("other", async { spawner.spawn(sibling) });
            let sibling = spawned.await.unwrap().await;
            assert_eq!(sibling, Ok((Some(1), None)));
            Ok(seen())
        });
        Ok::<_, String>(child.await)
    });
    assert_eq!(REQUEST.provide(1, group).await.unwrap(), (Some(1), None));
    assert_eq!(seen(), (None, None), "it stays no longer");
}

#[tokio::test]
async fn g4c_what_is_provided_in_a_child_reaches_the_groups_in_it() {
    let inner = || async {
        let group = task_group(async |g| Ok::<_, String>(g.spawn(async { Ok(seen()) }).await));
        group.await.map_err(|error| error.to_string())
    };
    let outer = task_group(async |g| {
        let with = g.spawn(REQUEST.provide(2, TENANT.provide("tenant", inner())));
        let without = g.spawn(inner());
        Ok::<_, String>((with.await, without.await))
    });
    let (with, without) = REQUEST.provide(1, outer).await.unwrap();
    assert_eq!(with, (Some(2), Some("tenant")));
    assert_eq!(without, (Some(1), None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g4c_children_on_many_threads_see_their_own_context_at_every_poll() {
    let group = |n: u32| {
        REQUEST.provide(n, async move {
            let group = task_group(async |g| {
                for _ in 0..50 {
                    g.spawn(async move {
                        for _ in 0..20 {
                            assert_eq!(REQUEST.get(), Some(n));
                            yield_now().await;
                        }
                        Ok(())
                    });
                }
                Ok::<_, String>(())
            });
            group.await.unwrap();
        })
    };
    tokio::join!(group(1), group(2), group(3));
}

#[tokio::test]
async fn g4d_limited_groups_and_collections_inherit_the_context() {
    let limited = limited_group(1, async |g| {
        let child = g.spawn(async { Ok(seen()) }).await;
        Ok::<_, String>(child.await)
    });
    let limited = TENANT.provide("limited", limited).await.unwrap();
    assert_eq!(limited, (None, Some("limited")));
    let collected = collect(0..3, 2, |_| async { Ok::<_, String>(seen()) });
    let collected = REQUEST.provide(9, collected).await.into_values();
    assert_eq!(collected, [(Some(9), None); 3]);
}

#[tokio::test]
async fn g4d_closures_on_threads_see_the_context_of_their_caller_and_no_longer() {
    let pool = Pool::new("context", 1);
    assert_eq!(
        REQUEST.provide(3, pool.call(seen)).await,
        (Some(3), None),
        "in the closure"
    );
    assert_eq!(pool.call(seen).await, (None, None), "in the next one");
    let pinned = TENANT.provide("pinned", Pinned::new("pinned", seen)).await;
    assert_eq!(
        pinned.call(|made| *made).await,
        (None, Some("pinned")),
        "where the state was made"
    );
}

#[tokio::test]
async fn g4d_what_a_dropped_group_leaves_behind_runs_in_its_context() {
    let log: &Mutex<Vec<_>> = Box::leak(Box::default());
    let outer = task_group(async |g| {
        let child = g.spawn(async {
            let inner = task_group(async |_| {
                defer(async {
                    yield_now().await;
                    log.lock().unwrap().push(("finaliser", seen()));
                });
                pending::<Fine>().await
            });
            let inner = REQUEST.provide(4, inner);
            let _ = timeout(Duration::ZERO, inner).await;
            Ok(())
        });
        child.await;
        Ok::<_, String>(())
    });
    outer.await.unwrap();
    assert_eq!(*log.lock().unwrap(), [("finaliser", (Some(4), None))]);
}

#[tokio::test]
async fn g4e_a_value_is_seen_inside_only_however_the_future_ends() {
    struct Last(&'static Mutex<Vec<Option<u32>>>);
    impl Drop for Last {
        fn drop(&mut self) {
            self.0.lock().unwrap().push(REQUEST.get());
        }
    }
    let log: &Mutex<Vec<_>> = Box::leak(Box::default());
    fuzz_cancel(
        || {
            REQUEST.provide(5, async {
                let _last = Last(log);
                for _ in 0..3 {
                    yield_now().await;
                    assert_eq!(REQUEST.with(|value| value.copied()), Some(5));
                }
            })
        },
        async |_| assert_eq!(seen(), (None, None)),
    )
    .await;
    let panics = REQUEST.provide(6, async { panic!("inside") });
    let panics = crate::group::Builder::new().catch_panics().run(async |_| {
        panics.await;
        Ok::<_, String>(())
    });
    assert!(matches!(panics.await, Err(Error::Failed(_))));
    assert_eq!(seen(), (None, None));
    let log = log.lock().unwrap();
    assert!(log.len() > 6 && log.iter().all(|value| *value == Some(5)));
}

#[tokio::test]
async fn g4e_keys_of_one_type_are_two_things_and_the_innermost_value_counts() {
    static OTHER: Key<u32> = Key::new();
    let nested = REQUEST.provide(
        1,
        OTHER.provide(
            2,
            REQUEST.provide(3, async { (REQUEST.get(), OTHER.get()) }),
        ),
    );
    assert_eq!(nested.await, (Some(3), Some(2)));
}

#[tokio::test]
async fn g4e_futures_polled_in_turn_do_not_see_each_other() {
    let mut one = Box::pin(REQUEST.provide(1, async {
        yield_now().await;
        seen()
    }));
    let mut two = Box::pin(REQUEST.provide(2, async {
        yield_now().await;
        seen()
    }));
    let mut ends = (None, None);
    poll_fn(|cx| {
        if let (None, Poll::Ready(end)) = (ends.0, one.as_mut().poll(cx)) {
            ends.0 = Some(end);
        }
        assert_eq!(seen(), (None, None));
        if let (None, Poll::Ready(end)) = (ends.1, two.as_mut().poll(cx)) {
            ends.1 = Some(end);
        }
        match ends {
            (Some(_), Some(_)) => Poll::Ready(()),
            _ => Poll::Pending,
        }
    })
    .await;
    assert_eq!(ends, (Some((Some(1), None)), Some((Some(2), None))));
}

thread_local! {
    /// The context of another library: what is attached on this thread.
    static FOREIGN: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

fn foreign() -> Vec<&'static str> {
    FOREIGN.with_borrow(Clone::clone)
}

struct Attached(usize);

fn attach(what: &[&'static str]) -> Attached {
    FOREIGN.with_borrow_mut(|foreign| {
        foreign.extend_from_slice(what);
        Attached(foreign.len() - what.len())
    })
}

impl Drop for Attached {
    fn drop(&mut self) {
        FOREIGN.with_borrow_mut(|foreign| foreign.truncate(self.0));
    }
}

/// Registers what these tests carry, once for all of them: the carriers are the process's.
fn carry_foreign() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        carry(|| {
            let found = foreign();
            let some = !found.is_empty();
            some.then_some(move |run: &mut dyn FnMut()| {
                let _attached = attach(&found);
                if found.contains(&"panic") {
                    panic!("the carrier");
                }
                if !found.contains(&"forget") {
                    run();
                }
            })
        });
    });
}

async fn in_foreign<F: Future>(what: &'static str, future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    poll_fn(|cx| {
        let _attached = attach(&[what]);
        future.as_mut().poll(cx)
    })
    .await
}

#[tokio::test]
async fn g4f_the_context_of_another_library_is_carried_along() {
    carry_foreign();
    let group = task_group(async |g| {
        let spawner = g.spawner();
        let child = g.spawn(async move {
            yield_now().await;
            let sibling = spawner.spawn(async { Ok(foreign()) }).unwrap();
            Ok((foreign(), sibling.await.unwrap()))
        });
        Ok::<_, String>(child.await)
    });
    let (child, sibling) = in_foreign("trace", group).await.unwrap();
    assert_eq!((child, sibling), (vec!["trace"], vec!["trace"]));
    assert!(foreign().is_empty(), "it stays no longer");
    let pool = Pool::new("carried", 1);
    assert_eq!(in_foreign("thread", pool.call(foreign)).await, ["thread"]);
    assert!(pool.call(foreign).await.is_empty());
}

#[tokio::test]
async fn g4f_a_carrier_that_does_not_run_the_child_cannot_hang_it() {
    carry_foreign();
    let group = task_group(async |g| Ok::<_, String>(g.spawn(async { Ok(foreign()) }).await));
    assert!(in_foreign("forget", group).await.unwrap().is_empty());
}

#[tokio::test]
async fn g4f_the_panic_of_a_carrier_fails_the_group() {
    carry_foreign();
    let group = crate::group::Builder::new().catch_panics().run(async |g| {
        let child = g.spawn(async {
            sleep(Duration::from_secs(5)).await;
            Ok::<_, String>(())
        });
        child.await;
        Ok(())
    });
    let error = in_foreign("panic", group).await.unwrap_err();
    assert!(error.to_string().contains("panicked: the carrier"));
    let pool = Pool::new("panicking", 1);
    let call = AssertUnwindSafe(in_foreign("panic", pool.call(|| ())));
    let ended = task_group(async |g| {
        g.spawn(async {
            call.0.await;
            Ok::<_, String>(())
        });
        Ok(())
    });
    let caught = crate::group::Builder::new()
        .catch_panics()
        .run(async |_| ended.await.map_err(|error| error.to_string()));
    let caught = caught.await.unwrap_err().to_string();
    assert!(caught.contains("the carrier"), "{caught}");
}
