//! Q4n to Q4p: cancellation, dropped futures, and what runs at the end of work.

use std::cell::RefCell;
use std::pin::Pin;

use brigade_testkit::cancel::fuzz_cancel;

use super::*;

type Fine = Result<(), String>;

fn stuck(log: &Log) -> impl Fn(u64) -> Pin<Box<dyn Future<Output = Fine> + Send>> + use<> {
    let log = log.clone();
    move |_| {
        let log = log.clone();
        Box::pin(async move {
            defer(log.later("finaliser"));
            pending().await
        })
    }
}

#[tokio::test(start_paused = true)]
async fn q4n_cancelling_the_group_around_cancels_the_pipeline_and_finalisers_run() {
    let log = Log::default();
    let stage = Stage::new().concurrency(2);
    let pipeline = Pipeline::from_iter(0..9).stage("stuck", stage, stuck(&log));
    let handle = pipeline.handle();
    let group = task_group(async |g| {
        g.spawn(async move { pipeline.run().await.map(drop).map_err(|e| e.to_string()) });
        sleep(millis(5)).await;
        g.cancel();
        Ok::<_, String>(())
    });
    assert!(group.await.is_ok());
    assert_eq!(log.all(), ["finaliser", "finaliser"]);
    let counts = handle.stats().counts;
    assert_eq!((counts.taken, counts.cancelled), (5, 5));
}

#[tokio::test(start_paused = true)]
async fn q4n_a_handle_cancels_and_the_run_says_so() {
    for early in [true, false] {
        let log = Log::default();
        let pipeline = Pipeline::from_iter(0..9).stage("stuck", Stage::new(), stuck(&log));
        let handle = pipeline.handle();
        if early {
            handle.cancel();
        }
        let cancel = async {
            if !early {
                sleep(millis(5)).await;
                handle.cancel();
            }
        };
        let run = tokio::time::timeout(millis(50), pipeline.run());
        let (result, ()) = tokio::join!(run, cancel);
        assert!(matches!(
            result.unwrap(),
            Err(Error::Cancelled(Reason::User))
        ));
        assert_balanced(handle.stats().counts);
        assert_eq!(handle.stats().counts.taken == 0, early);
        let stats = handle.stats();
        let stage = &stats.stages[0];
        assert_eq!((stage.depth, stage.busy, stage.held), (0, 0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn q4o_dropping_the_future_cancels_and_the_task_around_waits() {
    let log = Log::default();
    let pipeline = Pipeline::from_iter(0..9).stage("stuck", Stage::new(), stuck(&log));
    let handle = pipeline.handle();
    let group = task_group(async |g| {
        let log = log.clone();
        g.spawn(async move {
            let late = tokio::time::timeout(millis(5), pipeline.run()).await;
            assert!(late.is_err());
            log.add("dropped");
            Ok(())
        });
        Ok::<_, String>(())
    });
    group.await.unwrap();
    assert_eq!(log.all(), ["dropped", "finaliser"]);
    assert_balanced(handle.stats().counts);
}

#[tokio::test(start_paused = true)]
async fn q4o_wherever_the_future_is_dropped_nothing_is_left_and_the_counts_add_up() {
    for (ordered, keyed) in [(false, false), (true, false), (false, true), (true, true)] {
        let scene = RefCell::new(None);
        let polls = fuzz_cancel(
            || {
                let alive = Peak::default();
                let held = alive.clone();
                let mut stage = Stage::new().concurrency(2);
                if ordered {
                    stage = stage.ordered();
                }
                if keyed {
                    stage = stage.by_key(|(n, _)| n % 2);
                }
                let pipeline = Pipeline::from_iter((0..6_u64).map(move |n| (n, held.enter())))
                    .stage("one", stage, |item| async move {
                        tokio::task::yield_now().await;
                        Ok::<_, String>(item)
                    })
                    .batch("pack", Batch::of(2))
                    .stage("two", Stage::new(), |batch| async move {
                        sleep(millis(1)).await;
                        Ok(batch.len())
                    });
                let mut output = pipeline.into_stream();
                scene.replace(Some((output.handle(), alive)));
                async move {
                    let mut sum = 0;
                    while let Some(count) = output.next().await {
                        sum += count.unwrap();
                    }
                    sum
                }
            },
            async |outcome| {
                let (handle, alive) = scene.take().unwrap();
                until(|| alive.now() == 0).await;
                let counts = handle.stats().counts;
                assert_eq!(counts.in_flight(), 0, "{outcome:?}");
                if let brigade_testkit::cancel::Outcome::Completed(sum) = outcome {
                    assert_eq!((sum, counts.delivered), (6, 6));
                }
            },
        )
        .await;
        assert!(polls > 2, "it waited in {polls} polls");
    }
}

#[tokio::test(start_paused = true)]
async fn q4o_wherever_an_emission_is_dropped_its_item_counts_as_cancelled() {
    let counts = RefCell::new(Counts::default());
    fuzz_cancel(
        || async {
            let emitted = Notes::new();
            let notes = emitted.clone();
            let pipeline = Pipeline::source(move |out| async move {
                out.emit(1_u64).await;
                out.emit(2).await;
                // Dropped while it waits for room.
                let late = tokio::time::timeout(millis(1), out.emit(3)).await;
                notes.add(late.is_ok());
                out.emit(4).await;
                Ok(())
            });
            let pipeline = pipeline.stage("slow", Stage::new().capacity(1), |_| async {
                sleep(millis(10)).await;
                Ok::<_, String>(())
            });
            let handle = pipeline.handle();
            let stats = pipeline.run().await;
            assert_eq!(emitted.all(), [false]);
            counts.replace(handle.stats().counts);
            stats.is_ok()
        },
        async |outcome| {
            if matches!(outcome, brigade_testkit::cancel::Outcome::Completed(true)) {
                let counts = counts.take();
                assert_eq!(
                    (counts.taken, counts.delivered, counts.cancelled),
                    (4, 3, 1)
                );
            }
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn q4p_the_finalisers_of_an_item_run_before_it_is_handed_on() {
    let log = Log::default();
    let (first, second) = (log.clone(), log.clone());
    let pipeline = Pipeline::from_iter([1, 2])
        .stage("one", Stage::new(), move |n: u64| {
            let log = first.clone();
            async move {
                defer(log.later("finaliser"));
                match n {
                    1 => Ok(n),
                    _ => Err("two".to_owned()),
                }
            }
        })
        .stage("two", Stage::new(), move |_| {
            second.add("handed on");
            async { Ok(()) }
        })
        .dead_letters({
            let log = log.clone();
            move |_| {
                log.add("dead");
                async { Ok(()) }
            }
        });
    assert_eq!(pipeline.run().await.unwrap().counts.delivered, 1);
    assert_eq!(log.all(), ["finaliser", "handed on", "finaliser", "dead"]);
}

#[tokio::test(start_paused = true)]
async fn q4p_what_an_item_left_behind_ends_with_it() {
    let log = Log::default();
    let work = {
        let log = log.clone();
        move |_: u64| {
            let log = log.clone();
            async move {
                let group = task_group(async |g| {
                    let log = log.clone();
                    g.spawn(async move {
                        defer(log.later("left behind"));
                        pending::<Fine>().await
                    });
                    pending::<Fine>().await
                });
                let late = tokio::time::timeout(millis(1), group).await;
                assert!(late.is_err());
                Ok::<_, String>(())
            }
        }
    };
    let pipeline = Pipeline::from_iter([1, 2]).stage("work", Stage::new(), work);
    let log2 = log.clone();
    let pipeline = pipeline.stage("after", Stage::new(), move |()| {
        log2.add("handed on");
        async { Ok(()) }
    });
    pipeline.run().await.unwrap();
    let expected = ["left behind", "handed on", "left behind", "handed on"];
    assert_eq!(log.all(), expected);
}

/// What happens when the group around is cancelled while items are inside.
async fn cancelled_around(takes: u64) -> (Counts, u64) {
    let pipeline = Pipeline::from_iter(0..).drain_on_cancel();
    let pipeline = pipeline.stage("slow", Stage::new().capacity(4), move |_: u64| async move {
        sleep(millis(takes)).await;
        Ok::<_, String>(())
    });
    let handle = pipeline.handle();
    let start = Instant::now();
    let group = crate::group::Builder::new().grace(millis(500));
    let group = group.run(async |g| {
        g.spawn(async move { pipeline.run().await.map(drop).map_err(|e| e.to_string()) });
        sleep(millis(5)).await;
        g.cancel();
        Ok::<_, String>(())
    });
    let _ = group.await;
    (handle.stats().counts, start.elapsed().as_millis() as u64)
}

#[tokio::test(start_paused = true)]
async fn q4r_on_request_a_cancellation_drains_within_the_grace_period() {
    let (counts, took) = cancelled_around(50).await;
    assert_eq!(
        (counts.taken, counts.delivered, counts.cancelled),
        (5, 5, 0)
    );
    assert_eq!((took, counts.complete), (250, false));

    let (counts, took) = cancelled_around(200).await;
    assert_eq!(
        (counts.delivered, took),
        (2, 505),
        "the grace period is over"
    );
    assert_balanced(counts);
}

#[tokio::test(start_paused = true)]
async fn q4r_a_pipeline_that_drains_on_cancel_can_be_cancelled_by_its_handle() {
    let log = Log::default();
    let pipeline = Pipeline::from_iter(0..9).stage("stuck", Stage::new(), stuck(&log));
    let pipeline = pipeline.drain_on_cancel();
    let handle = pipeline.handle();
    let cancel = async {
        sleep(millis(5)).await;
        handle.cancel();
    };
    let (result, ()) = tokio::join!(pipeline.run(), cancel);
    assert!(matches!(result, Err(Error::Cancelled(Reason::User))));
    assert_eq!(log.all(), ["finaliser"]);
}

#[tokio::test(start_paused = true)]
async fn q4o_wherever_a_run_is_dropped_the_counts_add_up() {
    for (drains, contained) in [(false, true), (true, true), (true, false)] {
        let handle = RefCell::new(None);
        fuzz_cancel(
            || {
                let mut pipeline = Pipeline::from_iter(0..5_u64).stage(
                    "one",
                    Stage::new().concurrency(2).ordered(),
                    |n| async move {
                        sleep(millis(n % 2)).await;
                        match n {
                            3 => Err("three".to_owned()),
                            n => Ok(n),
                        }
                    },
                );
                if contained {
                    pipeline = pipeline.dead_letters(|_| async {
                        sleep(millis(1)).await;
                        Ok(())
                    });
                }
                if drains {
                    pipeline = pipeline.drain_on_cancel();
                }
                handle.replace(Some(pipeline.handle()));
                pipeline.collect()
            },
            async |outcome| {
                let handle = handle.take().unwrap();
                until(|| handle.stats().counts.in_flight() == 0).await;
                if let brigade_testkit::cancel::Outcome::Completed(result) = outcome {
                    assert_eq!(result.is_ok(), contained);
                    assert_eq!(handle.stats().counts.dead, 1);
                }
            },
        )
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn q4r_a_handler_that_hangs_is_cut_off_at_the_end_of_the_grace_period() {
    for drains in [false, true] {
        let mut pipeline = Pipeline::from_iter(0..9_u64)
            .stage("dies", Stage::new(), |_| async { Err::<(), _>("dead") })
            .dead_letters(|_| pending());
        if drains {
            pipeline = pipeline.drain_on_cancel();
        }
        let handle = pipeline.handle();
        let start = Instant::now();
        let group = crate::group::Builder::new().grace(millis(500));
        let group = group.run(async |g| {
            g.spawn(async move { pipeline.run().await.map(drop).map_err(|e| e.to_string()) });
            sleep(millis(5)).await;
            g.cancel();
            Ok::<_, String>(())
        });
        let _ = group.await;
        let expected = if drains { millis(505) } else { millis(5) };
        assert_eq!(start.elapsed(), expected);
        let counts = handle.stats().counts;
        assert_eq!(counts.dead, 1);
        assert_balanced(counts);
    }
}
