//! G7: groups of bounded size.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::timeout;

use super::*;

/// Counts what runs at once, and the greatest number so far.
#[derive(Clone, Default)]
struct Gauge(Arc<(AtomicUsize, AtomicUsize)>);

impl Gauge {
    fn enter(&self) -> impl Drop + Send + use<> {
        struct Leave(Gauge);
        impl Drop for Leave {
            fn drop(&mut self) {
                self.0.0.0.fetch_sub(1, Ordering::SeqCst);
            }
        }
        let now = self.0.0.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.1.fetch_max(now, Ordering::SeqCst);
        Leave(self.clone())
    }

    fn greatest(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g7a_spawning_waits_for_room_and_the_limit_is_never_exceeded() {
    let gauge = Gauge::default();
    let result = limited_group(3, async |g| {
        for n in 0..1000 {
            let inside = gauge.enter();
            // One more than the limit: the future that waits for room has entered already.
            g.spawn(async move {
                let _inside = inside;
                if n % 7 == 0 {
                    tokio::task::yield_now().await;
                }
                Ok::<_, String>(())
            })
            .await;
            assert!(g.stats().running <= 3);
        }
        Ok(())
    });
    result.await.unwrap();
    assert!((2..=4).contains(&gauge.greatest()), "{}", gauge.greatest());
}

#[tokio::test(start_paused = true)]
async fn g7b_an_endless_input_needs_memory_for_the_limit_only() {
    let gauge = Gauge::default();
    let group = Builder::new().deadline(millis(10_000));
    let result = group.run_limited(5, async |g| {
        let mut spawned = 0;
        for _ in 0.. {
            let inside = gauge.enter();
            g.spawn(async move {
                let _inside = inside;
                sleep(millis(10)).await;
                Ok::<_, String>(())
            })
            .await;
            spawned += 1;
            if spawned == 4000 {
                break;
            }
        }
        Ok(spawned)
    });
    assert_eq!(result.await.unwrap(), 4000);
    // The limit, and the one that waits for room.
    assert_eq!(gauge.greatest(), 6);
}

#[tokio::test(start_paused = true)]
async fn g7c_a_child_makes_room_when_its_finalisers_have_run() {
    let log = Log::default();
    let result = limited_group(1, async |g| {
        let first = log.clone();
        g.spawn(async move {
            defer(first.later("finaliser"));
            Ok(())
        })
        .await;
        let second = log.clone();
        g.spawn(async move {
            second.add("second");
            Ok(())
        })
        .await;
        Ok::<_, String>(())
    });
    result.await.unwrap();
    assert_eq!(log.all(), ["finaliser", "second"]);
}

#[tokio::test(start_paused = true)]
async fn g7d_a_spawn_that_is_dropped_while_it_waits_takes_no_room() {
    let log = Log::default();
    let result = limited_group(1, async |g| {
        let first = g.spawn(async {
            sleep(millis(20)).await;
            Ok(())
        });
        let first = first.await;
        let dropped = log.on_drop("dropped unpolled");
        let polled = log.clone();
        let second = g.spawn(async move {
            let _dropped = dropped;
            polled.add("polled");
            Ok(())
        });
        assert!(timeout(millis(5), second).await.is_err());
        first.await;
        let third = timeout(millis(5), g.spawn(async { Ok(3) }));
        Ok::<_, String>(third.await.unwrap().await)
    });
    assert_eq!(result.await.unwrap(), 3);
    assert_eq!(log.all(), ["dropped unpolled"]);
}

#[tokio::test(start_paused = true)]
async fn g7e_a_failure_ends_the_wait_for_room() {
    let result: Result<(), _> = limited_group(1, async |g| {
        g.spawn(fail_after(10, "the cause")).await;
        loop {
            g.spawn(pending::<Fine>()).await;
        }
    })
    .await;
    assert_eq!(leaves(result).len(), 1);
}

#[tokio::test]
async fn g7b_a_wait_for_room_that_is_polled_often_needs_no_memory_for_each_time() {
    let result = limited_group(1, async |g| {
        g.spawn(pending::<Fine>()).await;
        let mut waiting = std::pin::pin!(g.spawn(pending::<Fine>()));
        let waker = Arc::new(Woken);
        let shared = std::task::Waker::from(waker.clone());
        let before = Arc::strong_count(&waker);
        for _ in 0..100 {
            let mut cx = std::task::Context::from_waker(&shared);
            assert!(waiting.as_mut().poll(&mut cx).is_pending());
        }
        assert_eq!(Arc::strong_count(&waker), before + 1);
        g.cancel();
        pending::<Result<(), String>>().await
    });
    result.await.unwrap_err();
}

struct Woken;

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {}
}
