//! G4, G5, G6: what children inherit, siblings, and handles.

use std::sync::atomic::{AtomicU64, Ordering};

use tracing::Instrument;
use tracing::span::{Attributes, Id, Record as Values};
use tracing_core::span::Current;

use super::*;

#[tokio::test(start_paused = true)]
async fn g4a_children_inherit_the_cancellation_also_when_a_sibling_spawned_them() {
    let log = Log::default();
    let result: Result<(), Error<String>> = task_group(async |g| {
        let spawner = g.spawner();
        let log = log.clone();
        g.spawn(async move {
            let sibling = spawner.spawn(async move {
                let _dropped = log.on_drop("sibling cancelled");
                pending::<Fine>().await
            });
            drop(sibling.unwrap());
            Ok(())
        });
        sleep(millis(1)).await;
        g.cancel();
        pending().await
    })
    .await;
    assert!(matches!(result, Err(Error::Cancelled(Reason::User))));
    assert_eq!(log.all(), ["sibling cancelled"]);
}

/// Knows which span is entered, and nothing else.
struct Spans {
    next: AtomicU64,
    entered: Mutex<Vec<(Id, &'static tracing::Metadata<'static>)>>,
    names: Mutex<Vec<&'static tracing::Metadata<'static>>>,
}

impl tracing::Subscriber for Spans {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.names.lock().unwrap().push(span.metadata());
        Id::from_u64(self.next.fetch_add(1, Ordering::SeqCst))
    }
    fn record(&self, _: &Id, _: &Values<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &tracing::Event<'_>) {}
    fn enter(&self, id: &Id) {
        let name = self.names.lock().unwrap()[id.into_u64() as usize - 1];
        self.entered.lock().unwrap().push((id.clone(), name));
    }
    fn exit(&self, _: &Id) {
        self.entered.lock().unwrap().pop();
    }
    fn current_span(&self) -> Current {
        match self.entered.lock().unwrap().last() {
            Some((id, name)) => Current::new(id.clone(), name),
            None => Current::none(),
        }
    }
}

fn span_name() -> Option<&'static str> {
    tracing::Span::current().metadata().map(|span| span.name())
}

#[tokio::test(start_paused = true)]
async fn g4b_children_inherit_the_span_also_when_a_sibling_spawned_them() {
    let _subscribed = tracing::subscriber::set_default(Spans {
        next: AtomicU64::new(1),
        entered: Mutex::default(),
        names: Mutex::default(),
    });
    let group = task_group(async |g| {
        let spawner = g.spawner();
        g.spawn(async move {
            sleep(millis(1)).await;
            assert_eq!(span_name(), Some("request"));
            let sibling = async {
                assert_eq!(span_name(), Some("request"));
                defer(async { assert_eq!(span_name(), Some("request")) });
                Ok(())
            };
            // The spawner's own span is not what counts.
            let other = tracing::info_span!("other");
            let sibling = other.in_scope(|| spawner.spawn(sibling));
            sibling.unwrap().await.unwrap();
            Ok(())
        });
        Ok::<_, String>(())
    });
    group
        .instrument(tracing::info_span!("request"))
        .await
        .unwrap();
    assert_eq!(span_name(), None);
}

#[tokio::test(start_paused = true)]
async fn g5a_a_child_can_spawn_siblings_and_have_their_values() {
    let value = task_group(async |g| {
        let spawner = g.spawner();
        let child = g.spawn(async move {
            let sibling = spawner.clone().spawn_named("sibling", async { Ok(20) });
            Ok(1 + sibling.unwrap().await.unwrap())
        });
        Ok::<_, String>(child.await)
    });
    assert_eq!(value.await.unwrap(), 21);
}

#[tokio::test(start_paused = true)]
async fn g5b_spawning_into_a_cancelled_group_drops_the_future_unpolled_and_says_so() {
    let log = Log::default();
    let result = task_group(async |g| {
        let spawner = g.spawner();
        g.cancel();
        let future = |what| {
            let dropped = log.on_drop(what);
            let log = log.clone();
            async move {
                let _dropped = dropped;
                log.add("polled");
                Ok(())
            }
        };
        let refused = spawner.spawn(future("spawner"));
        let refused = shield(refused.unwrap()).await;
        assert_eq!(refused, Err(Ended::Cancelled(Reason::User)));
        let refused = g.spawn(future("body")).outcome();
        assert_eq!(refused.await, Err(Ended::Cancelled(Reason::User)));
        Ok::<_, String>(())
    });
    result.await.unwrap();
    assert_eq!(log.all(), ["spawner", "body"]);
}

#[tokio::test(start_paused = true)]
async fn g5c_spawning_into_a_finished_group_gives_the_future_back() {
    let spawner = task_group(async |g| Ok::<_, String>(g.spawner())).await;
    let back = spawner.unwrap().spawn(async { Ok(7) }).unwrap_err();
    assert_eq!(back.to_string(), "the group has finished");
    assert_eq!(back.0.await, Ok::<_, String>(7));
}

#[tokio::test(start_paused = true)]
async fn g5d_a_failing_sibling_ends_with_a_handle_that_says_so() {
    let ended = Arc::new(Mutex::new(Vec::new()));
    let group = Builder::new().catch_panics();
    let result = group.run(async |g| {
        let spawner = g.spawner();
        let ended = ended.clone();
        g.spawn(shield(async move {
            let panicked = spawner.spawn::<_, ()>(async { panic!("an expected panic") });
            let failed = spawner.spawn(async { Err::<(), _>("error".to_string()) });
            // Spawned before the first failure, so both run.
            let failed = failed.unwrap().await;
            let panicked = panicked.unwrap().await;
            ended.lock().unwrap().extend([failed, panicked]);
            Ok(())
        }));
        Ok(())
    });
    assert_eq!(leaves(result.await).len(), 2);
    let ended = ended.lock().unwrap();
    assert_eq!(*ended, [Err(Ended::Failed), Err(Ended::Panicked)]);
}

#[tokio::test(start_paused = true)]
async fn g6a_awaiting_a_handle_gives_the_value() {
    let sum = task_group(async |g| {
        let a = g.spawn(async {
            sleep(millis(5)).await;
            Ok(1)
        });
        let b = g.spawn(async { Ok(2) });
        Ok::<_, String>(a.await + b.await)
    });
    assert_eq!(sum.await.unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn g6b_the_await_of_a_failed_child_never_returns_and_the_body_is_dropped_there() {
    let log = Log::default();
    let result: Result<(), _> = task_group(async |g| {
        let _dropped = log.on_drop("body dropped");
        let failing = g.spawn(fail_after(1, "the cause"));
        failing.await;
        unreachable!("it has no value")
    })
    .await;
    assert_eq!(leaves(result).len(), 1);
    assert_eq!(log.all(), ["body dropped"]);
}

#[tokio::test(start_paused = true)]
async fn g6c_cancelling_one_child_leaves_the_siblings_and_the_group_alone() {
    let result = task_group(async |g| {
        let one = g.spawn(pending::<Fine>());
        let other = g.spawn(async {
            sleep(millis(10)).await;
            Ok(2)
        });
        assert_eq!(one.cancel().await, Err(Ended::Cancelled(Reason::User)));
        Ok::<_, String>(other.await)
    });
    assert_eq!(result.await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn g6d_an_outcome_tells_how_a_child_ended() {
    let result = task_group(async |g| {
        let value = g.spawn(async { Ok(1) }).outcome().await;
        assert_eq!(value, Ok(1));
        let failing = g.spawn(fail_after(1, "the cause"));
        assert_eq!(shield(failing.outcome()).await, Err(Ended::Failed));
        Ok(())
    });
    assert_eq!(leaves(result.await).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn g6e_the_future_of_a_group_is_send_and_groups_nest() {
    fn spawnable<F: Future + Send>(future: F) -> F {
        future
    }
    // Borrowed by the bodies, which need not be `'static`.
    let local = String::from("borrowed");
    let value = spawnable(task_group(async |outer| {
        let child = outer.spawn(async {
            let inner = task_group(async |inner| {
                let a = inner.spawn(async { Ok(1) });
                let b = inner.spawn(async { Ok(2) });
                Ok::<_, String>(a.await + b.await)
            });
            inner.await.map_err(|error| error.to_string())
        });
        let nested = task_group(async |inner| {
            // A handle of the outer group is awaited in the body of the inner one.
            let sum = child.await;
            let more = inner.spawn(async move { Ok(sum) });
            Ok::<_, String>(more.await + local.len())
        });
        nested.await.map_err(|error| error.to_string())
    }));
    assert_eq!(value.await.unwrap(), 3 + 8);
}

#[tokio::test(start_paused = true)]
async fn g6f_a_group_has_stats_and_its_tasks_are_listed_by_name() {
    let result = task_group(async |g| {
        g.spawn_named("a listed task", pending::<Fine>());
        assert_eq!(g.stats().running, 1);
        let listed = crate::living::list();
        let listed = listed.iter().find(|living| living.name == "a listed task");
        assert_eq!(listed.unwrap().depth, 1);
        g.cancel();
        assert_eq!(g.stats().cancelled, Some(Reason::User));
        Ok::<_, String>(())
    });
    result.await.unwrap();
}

#[tokio::test(start_paused = true)]
#[should_panic = "polled again"]
async fn g6a_a_handle_gives_its_value_once() {
    let result = task_group(async |g| {
        let mut task = g.spawn(async { Ok(1) });
        assert_eq!((&mut task).await, 1);
        (&mut task).await;
        Ok::<_, String>(())
    });
    let _ = tokio::time::timeout(millis(10), result).await;
}
