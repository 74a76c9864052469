//! What a stream gives: items, errors, panics, and the yields that stand side by side.

use std::cell::{Cell, RefCell};

use brigade_testkit::cancel::{Outcome, fuzz_cancel};
use futures_core::FusedStream;

use super::*;

#[tokio::test(start_paused = true)]
async fn s1a_an_item_is_produced_when_it_is_asked_for_and_not_before() {
    let log = Log::default();
    let mut stream = generate(async |yielder| {
        log.add("begin");
        yielder.yield_item("first").await;
        log.add("between");
        yielder.yield_item("second").await;
        log.add("end");
    });
    tokio::task::yield_now().await;
    assert_eq!(log.all(), [] as [&str; 0]);
    assert_eq!(stream.next().await, Some("first"));
    assert_eq!(log.all(), ["begin"]);
    assert_eq!(stream.next().await, Some("second"));
    assert_eq!(log.all(), ["begin", "between"]);
    assert_eq!(stream.next().await, None);
    assert_eq!(log.all(), ["begin", "between", "end"]);
}

#[test]
fn s1a_a_stream_needs_no_runtime_until_its_body_does() {
    let mut stream = three();
    assert_eq!(poll_once(stream.next()), Poll::Ready(Some(1)));
    assert_eq!(poll_once(stream.next()), Poll::Ready(Some(2)));
    assert_eq!(poll_once(stream.close()), Poll::Ready(()));
}

#[tokio::test]
async fn s1i_an_error_is_the_last_item_and_then_the_stream_stays_ended() {
    let mut stream = try_generate(async |yielder| {
        yielder.yield_item(1).await;
        yielder.yield_error("not the last").await;
        yielder
            .yield_item("2".parse::<u32>().map_err(|_| "no number")?)
            .await;
        yielder
            .yield_item("x".parse::<u32>().map_err(|_| "no number")?)
            .await;
        Ok(())
    });
    assert_eq!(stream.next().await, Some(Ok(1)));
    assert_eq!(stream.next().await, Some(Err("not the last")));
    assert_eq!(stream.next().await, Some(Ok(2)));
    assert!(!stream.is_terminated());
    assert_eq!(stream.next().await, Some(Err("no number")));
    assert!(stream.is_terminated());
    assert_eq!(stream.next().await, None);
    assert_eq!(stream.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn s1i_the_error_comes_when_everything_of_the_stream_has_ended() {
    let log = Log::default();
    let result = task_group(async |_| {
        let mut stream = try_generate::<u32, _, _>(async |_| {
            defer(log.later("cleaned up"));
            Err("failed")
        });
        assert_eq!(stream.next().await, Some(Err("failed")));
        assert_eq!(log.all(), ["cleaned up"]);
        Ok::<_, String>(())
    });
    result.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn s1j_a_panic_continues_in_the_consumer_with_its_payload_after_the_cleanup() {
    #[derive(Debug, PartialEq)]
    struct Payload(u8);
    let log = Log::default();
    let result = task_group(async |_| {
        let mut stream = generate(async |yielder| {
            defer(log.later("cleaned up"));
            yielder.yield_item(1).await;
            std::panic::panic_any(Payload(7));
        });
        assert_eq!(stream.next().await, Some(1));
        let mut next = Box::pin(stream.next());
        let caught = std::future::poll_fn(|cx| {
            let polled = catch_unwind(AssertUnwindSafe(|| next.as_mut().poll(cx)));
            match polled {
                Ok(Poll::Pending) => Poll::Pending,
                Ok(Poll::Ready(item)) => panic!("{item:?}"),
                Err(payload) => Poll::Ready(payload),
            }
        });
        assert_eq!(*caught.await.downcast::<Payload>().unwrap(), Payload(7));
        assert_eq!(log.all(), ["cleaned up"]);
        drop(next);
        assert_eq!(stream.next().await, None);
        Ok::<_, String>(())
    });
    result.await.unwrap();
}

#[tokio::test]
async fn s1k_yields_side_by_side_stand_in_a_line_and_none_is_lost() {
    let log = Log::default();
    let mut stream = generate(async |yielder| {
        let one = |n, what| {
            let log = log.clone();
            async move {
                yielder.yield_item(n).await;
                log.add(what);
            }
        };
        tokio::join!(one(1, "one"), one(2, "two"), one(3, "three"));
        yielder.yield_item(4).await;
    });
    assert_eq!(stream.next().await, Some(1));
    assert_eq!(log.all(), [] as [&str; 0]);
    assert_eq!(stream.next().await, Some(2));
    assert_eq!(stream.next().await, Some(3));
    assert_eq!(stream.next().await, Some(4));
    // In any order: `join!` takes turns in whom it polls first.
    assert_eq!(log.all().len(), 3);
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn s1k_a_nested_executor_that_wakes_one_by_one_can_yield() {
    use futures_util::stream::{FuturesUnordered, StreamExt};
    let mut stream = generate(async |yielder| {
        let yields: FuturesUnordered<_> = (0..50_u32).map(|n| yielder.yield_item(n)).collect();
        yields.collect::<Vec<_>>().await;
        yielder.yield_item(50).await;
    });
    let mut items = Vec::new();
    while let Some(item) = stream.next().await {
        items.push(item);
    }
    items.sort_unstable();
    assert_eq!(items, (0..=50).collect::<Vec<_>>());
}

#[tokio::test]
async fn s1k_a_yield_that_is_dropped_takes_its_item_back() {
    let mut stream = generate(async |yielder| {
        tokio::select! {
            biased;
            () = yielder.yield_item(1) => {}
            () = async {} => {}
        }
        yielder.yield_item(2).await;
        // What is left waiting when the body ends goes with it.
        let _ = poll_once(yielder.yield_item(3));
    });
    assert_eq!(stream.next().await, Some(2));
    assert_eq!(stream.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn s1l_dropping_next_loses_no_item() {
    let stream = tokio::sync::Mutex::new(None);
    let seen = RefCell::new(Vec::new());
    let begin = Cell::new(true);
    let polls = fuzz_cancel(
        || {
            // One stream for all runs that are dropped: each goes on where the last one stopped.
            if begin.replace(false) {
                seen.borrow_mut().clear();
                *stream.try_lock().unwrap() = Some(generate(async |yielder| {
                    for n in 0..20_u32 {
                        sleep(millis(1)).await;
                        tokio::task::yield_now().await;
                        yielder.yield_item(n).await;
                    }
                }));
            }
            async {
                let mut taken = stream.lock().await;
                let Some(stream) = taken.as_mut() else { return };
                while let Some(item) = stream.next().await {
                    seen.borrow_mut().push(item);
                }
            }
        },
        async |outcome| {
            if matches!(outcome, Outcome::Completed(())) {
                assert_eq!(*seen.borrow(), (0..20).collect::<Vec<_>>());
                begin.set(true);
            }
        },
    );
    assert!(polls.await > 1);
}
