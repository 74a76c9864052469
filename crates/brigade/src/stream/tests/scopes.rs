//! The wall between a producer and its consumer, which PEP 789 shows the want of: a group, a
//! deadline, a shield or a span that is open across a yield does not reach the other side.

use std::sync::Mutex;

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Instrument, Metadata};
use tracing_core::span::Current;

use super::*;
use crate::cancel::Reason;

#[tokio::test(start_paused = true)]
async fn s1e_a_group_across_a_yield_is_cancelled_without_its_consumer() {
    let log = Log::default();
    let result = task_group(async |_| {
        let mut stream = generate(async |yielder| {
            let inner: Result<(), _> = task_group(async |group| {
                group.spawn(async {
                    sleep(millis(10)).await;
                    Err::<(), _>("child failed".to_owned())
                });
                yielder.yield_item("one".to_owned()).await;
                yielder.yield_item("unreachable".to_owned()).await;
                Ok(())
            })
            .await;
            yielder.yield_item(inner.unwrap_err().to_string()).await;
        });
        assert_eq!(stream.next().await.as_deref(), Some("one"));
        // The group fails here, while the consumer waits for something of its own.
        sleep(millis(50)).await;
        log.add("consumer goes on");
        assert!(!current().is_cancelled());
        let second = stream.next().await.unwrap();
        assert!(second.contains("child failed"), "{second}");
        assert_eq!(stream.next().await, None);
        Ok::<_, String>(())
    });
    result.await.unwrap();
    assert_eq!(log.all(), ["consumer goes on"]);
}

#[tokio::test(start_paused = true)]
async fn s1e_a_deadline_across_a_yield_does_not_cancel_its_consumer() {
    let result = task_group(async |_| {
        let mut stream = generate(async |yielder| {
            let late = Builder::new().name("late").deadline(millis(10));
            let late: Result<(), Error<String>> = late
                .run(async |_| {
                    yielder.yield_item("one".to_owned()).await;
                    pending().await
                })
                .await;
            yielder.yield_item(late.unwrap_err().to_string()).await;
        });
        assert_eq!(stream.next().await.as_deref(), Some("one"));
        sleep(millis(50)).await;
        let second = stream.next().await.unwrap();
        assert_eq!(second, "late: not finished after 10ms");
        Ok::<_, String>(())
    });
    result.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn s1e_a_shield_across_a_yield_does_not_hold_for_the_consumer() {
    let log = Log::default();
    let result = task_group(async |group| {
        let task = group.spawn({
            let log = log.clone();
            async move {
                let mut stream = generate(async |yielder| {
                    shield(yielder.yield_item(1)).await;
                });
                assert_eq!(stream.next().await, Some(1));
                let _dropped = log.on_drop("dropped");
                sleep(millis(100)).await;
                log.add("not cancelled");
                Ok(())
            }
        });
        tokio::task::yield_now().await;
        let _ = task.cancel().await;
        Ok::<_, String>(())
    });
    result.await.unwrap();
    assert_eq!(log.all(), ["dropped"]);
}

#[tokio::test(start_paused = true)]
async fn s1f_a_shield_in_the_producer_holds_while_the_consumer_waits_for_its_item() {
    let log = Log::default();
    let result = task_group(async |group| {
        let task = group.spawn({
            let log = log.clone();
            async move {
                let mut stream = generate(async |yielder| {
                    shield(async {
                        sleep(millis(10)).await;
                        log.add("committed");
                    })
                    .await;
                    sleep(millis(10)).await;
                    log.add("not cancelled");
                    yielder.yield_item(1).await;
                });
                stream.next().await;
                Ok(())
            }
        });
        tokio::task::yield_now().await;
        let _ = task.cancel().await;
        Ok::<_, String>(())
    });
    result.await.unwrap();
    assert_eq!(log.all(), ["committed"]);
}

#[tokio::test(start_paused = true)]
async fn s1f_a_cancellation_of_the_consumer_is_not_swallowed_by_the_producer() {
    let log = Log::default();
    let late = Builder::new().name("consumer").deadline(millis(10));
    let result = late.run(async |_| {
        let mut stream = generate(async |yielder| {
            // A producer that takes every failure of its own group for a reason to go on.
            loop {
                let inner: Result<(), Error<String>> = task_group(async |_| {
                    yielder.yield_item(1).await;
                    pending().await
                })
                .await;
                drop(inner);
                log.add("went on");
            }
        });
        while stream.next().await.is_some() {}
        Ok::<_, String>(())
    });
    let error = result.await.unwrap_err().to_string();
    assert_eq!(error, "consumer: not finished after 10ms");
    assert_eq!(log.all(), [] as [&str; 0]);
}

#[tokio::test(start_paused = true)]
async fn s1f_what_the_producer_has_open_learns_why_its_consumer_ended() {
    let token = std::sync::Mutex::new(None);
    let result = task_group(async |group| {
        group.token();
        let mut stream = generate(async |yielder| {
            *token.lock().unwrap() = Some(current());
            yielder.yield_item(1).await;
        });
        stream.next().await;
        assert!(!token.lock().unwrap().as_ref().unwrap().is_cancelled());
        drop(stream);
        Ok::<_, String>(())
    });
    result.await.unwrap();
    let token = token.lock().unwrap().take().unwrap();
    assert_eq!(token.reason(), Some(Reason::RaceLost));
}

#[tokio::test(start_paused = true)]
async fn s1g_groups_that_the_consumer_opens_between_items_are_its_own() {
    let log = Log::default();
    let result = task_group(async |_| {
        let mut stream = generate(async |yielder| {
            defer(log.later("stream cleaned up"));
            let inner = task_group(async |group| {
                for n in 0..6_u32 {
                    let twice = group.spawn(async move { Ok::<_, String>(2 * n) });
                    yielder.yield_item(twice.await).await;
                }
                Ok(())
            });
            inner.await.unwrap();
        });
        let mut items = Vec::new();
        // Each batch in a group of its own, which is gone when the next one begins.
        for _ in 0..3 {
            let batch = task_group(async |group| {
                let mut tasks = Vec::new();
                for _ in 0..2 {
                    let item = stream.next().await.unwrap();
                    tasks.push(group.spawn(async move { Ok::<_, String>(item + 1) }));
                }
                let mut done = Vec::new();
                for task in tasks {
                    done.push(task.await);
                }
                Ok(done)
            });
            items.extend(batch.await.unwrap());
        }
        assert_eq!(stream.next().await, None);
        assert_eq!(items, [1, 3, 5, 7, 9, 11]);
        log.add("consumer ends");
        Ok::<_, String>(())
    });
    result.await.unwrap();
    assert_eq!(log.all(), ["stream cleaned up", "consumer ends"]);
}

#[tokio::test(start_paused = true)]
async fn s1g_finalisers_go_to_the_side_that_registers_them() {
    let log = Log::default();
    let result = task_group(async |_| {
        let mut stream = generate(async |yielder| {
            defer(log.later("producer's"));
            yielder.yield_item(1).await;
        });
        stream.next().await;
        defer(log.later("consumer's"));
        stream.close().await;
        log.add("closed");
        Ok::<_, String>(())
    });
    result.await.unwrap();
    assert_eq!(log.all(), ["producer's", "closed", "consumer's"]);
}

/// Knows which spans are entered, and nothing else.
#[derive(Default)]
struct Spans {
    known: Mutex<Vec<&'static Metadata<'static>>>,
    entered: Mutex<Vec<Id>>,
}

impl tracing::Subscriber for Spans {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut known = self.known.lock().unwrap();
        known.push(span.metadata());
        Id::from_u64(known.len() as u64)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, id: &Id) {
        self.entered.lock().unwrap().push(id.clone());
    }
    fn exit(&self, id: &Id) {
        assert_eq!(self.entered.lock().unwrap().pop().as_ref(), Some(id));
    }
    fn current_span(&self) -> Current {
        match self.entered.lock().unwrap().last() {
            Some(id) => {
                let known = self.known.lock().unwrap();
                Current::new(id.clone(), known[id.into_u64() as usize - 1])
            }
            None => Current::none(),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn s1g_a_span_across_a_yield_stays_on_its_side() {
    let _subscriber = tracing::subscriber::set_default(Spans::default());
    let name = || tracing::Span::current().metadata().map(|data| data.name());
    let consume = async {
        let mut stream = generate(async |yielder| {
            async {
                assert_eq!(name(), Some("producer"));
                yielder.yield_item(1).await;
                assert_eq!(name(), Some("producer"));
                yielder.yield_item(2).await;
            }
            .instrument(tracing::info_span!("producer"))
            .await;
        });
        while let Some(item) = stream.next().await {
            assert!(item > 0);
            assert_eq!(name(), Some("consumer"));
        }
        assert_eq!(name(), Some("consumer"));
    };
    consume.instrument(tracing::info_span!("consumer")).await;
    assert_eq!(name(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s1h_a_stream_may_move_to_another_task_between_two_items() {
    let result = task_group(async |group| {
        // The first task ends before the second begins: nothing was open.
        let first = group.spawn(async {
            let mut stream = three();
            assert_eq!(stream.next().await, Some(1));
            Ok(stream)
        });
        let mut stream = first.await;
        let second = group.spawn(async move {
            assert_eq!(stream.next().await, Some(2));
            Ok(stream)
        });
        let mut stream = second.await;
        assert_eq!(stream.next().await, Some(3));
        assert_eq!(stream.next().await, None);
        Ok::<_, String>(())
    });
    result.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn s1h_a_moved_stream_keeps_its_group_while_its_first_task_lives() {
    let log = Log::default();
    let result = task_group(async |group| {
        let log = log.clone();
        let mut stream = generate({
            let log = log.clone();
            async move |yielder| {
                defer(log.later("cleaned up"));
                for n in 1..=3 {
                    yielder.yield_item(n).await;
                }
            }
        });
        assert_eq!(stream.next().await, Some(1));
        let moved = group.spawn(async move {
            assert_eq!(stream.next().await, Some(2));
            assert_eq!(stream.next().await, Some(3));
            assert_eq!(stream.next().await, None);
            log.add("moved stream ended");
            Ok(())
        });
        moved.await;
        Ok::<_, String>(())
    });
    result.await.unwrap();
    assert_eq!(log.all(), ["cleaned up", "moved stream ended"]);
}

#[tokio::test(start_paused = true)]
async fn s1h_a_stream_in_a_stream_moves_with_it() {
    let result = task_group(async |group| {
        let first = group.spawn(async {
            let mut stream = generate(async |yielder| {
                let mut inner = three();
                while let Some(item) = inner.next().await {
                    yielder.yield_item(item * 10).await;
                }
            });
            assert_eq!(stream.next().await, Some(10));
            Ok(stream)
        });
        let mut stream = first.await;
        assert_eq!(stream.next().await, Some(20));
        assert_eq!(stream.next().await, Some(30));
        assert_eq!(stream.next().await, None);
        Ok::<_, String>(())
    });
    result.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn s1h_a_stream_may_be_boxed_between_two_items_with_what_it_has_open() {
    let log = Log::default();
    let result = task_group(async |_| {
        let mut stream = generate(async |yielder| {
            defer(log.later("cleaned up"));
            for n in 1..=3 {
                yielder.yield_item(n).await;
            }
        });
        assert_eq!(stream.next().await, Some(1));
        let mut stream: BoxGenerator<'_, u32> = stream.boxed();
        assert_eq!(log.all(), [] as [&str; 0]);
        assert_eq!(stream.next().await, Some(2));
        stream.close().await;
        log.add("closed");
        Ok::<_, String>(())
    });
    result.await.unwrap();
    assert_eq!(log.all(), ["cleaned up", "closed"]);
}
