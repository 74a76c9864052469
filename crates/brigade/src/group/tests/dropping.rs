//! Groups, their handles and collections dropped at each of their awaits, inside a group that must
//! be left with nothing.

use brigade_testkit::cancel::fuzz_cancel;

use super::*;

/// Drops what `make` makes at each await; nothing that it was given may be held afterwards.
async fn fuzz<F: Future>(make: impl Fn(Arc<()>) -> F) {
    let result = task_group(async |g| {
        let held = Arc::new(());
        let polls = fuzz_cancel(
            || make(held.clone()),
            async |_| {
                let gone = async {
                    while Arc::strong_count(&held) > 1 {
                        sleep(millis(1)).await;
                    }
                };
                let gone = tokio::time::timeout(millis(10_000), gone).await;
                assert!(gone.is_ok(), "something is still held");
            },
        );
        assert!(polls.await > 2);
        assert_eq!(g.stats().running, 0);
        Ok::<_, String>(())
    });
    result.await.unwrap();
}

/// A task that holds something for a while, and its finaliser too.
async fn work(held: Arc<()>) -> Result<u32, String> {
    let inside = held.clone();
    defer(async move {
        tokio::task::yield_now().await;
        drop(inside);
    });
    sleep(millis(1)).await;
    drop(held);
    Ok(1)
}

#[tokio::test(start_paused = true)]
async fn g3g_a_tree_of_groups_that_is_dropped_at_any_await_leaves_nothing() {
    fuzz(|held| {
        timeout(millis(1000), async {
            let run = Builder::new().run(async |g| {
                let ended = g.spawn(work(held.clone())).outcome().await;
                let inner = task_group(async |g| Ok::<_, String>(g.spawn(work(held)).await));
                Ok::<_, String>((ended, inner.await.map_err(|error| error.to_string())))
            });
            run.await.map_err(|error| error.to_string())
        })
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn g7d_a_limited_group_that_is_dropped_at_any_await_leaves_nothing() {
    fuzz(|held| {
        limited_group(1, async move |g| {
            let first = g.spawn(work(held.clone())).await;
            let second = g.spawn_named("second", work(held.clone())).await;
            let (third, last) = g
                .start(async move |ready: Ready<u8>| {
                    ready.send(3);
                    work(held).await
                })
                .await;
            Ok::<_, String>((first.await, second.await, third, last.await))
        })
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn g8g_a_collection_that_is_dropped_at_any_await_leaves_nothing() {
    fuzz(|held| async move {
        let run = collect(0..3, 2, |_| work(held.clone())).await;
        let mut seen = 0;
        let each = Collect::new(0..3, 2, |_| work(held.clone()));
        let counts = each.for_each(async |_| {
            tokio::task::yield_now().await;
            seen += 1;
        });
        (run.counts, counts.await, seen)
    })
    .await;
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a thread and a task that belong to nobody are what it is about"
)]
fn g3g_a_child_leaves_the_tree_with_a_runtime_that_dies_with_its_thread() {
    thread_local! {
        static RUNTIME: std::cell::Cell<Option<tokio::runtime::Runtime>> =
            const { std::cell::Cell::new(None) };
    }
    let is_listed = || {
        let living = crate::living::list();
        living.iter().any(|one| one.name == "outlives-the-scopes")
    };
    let listed = std::thread::spawn(move || {
        // First of all, so that it is destroyed last, when the current scope is gone.
        RUNTIME.set(None);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            tokio::spawn(task_group(async |g| {
                g.spawn_named(
                    "outlives-the-scopes",
                    std::future::pending::<Result<(), String>>(),
                );
                std::future::pending::<Result<(), String>>().await
            }));
            for _ in 0..9 {
                tokio::task::yield_now().await;
            }
        });
        let listed = is_listed();
        RUNTIME.set(Some(runtime));
        listed
    });
    assert!(listed.join().unwrap());
    assert!(!is_listed());
}
