//! Pipelines and streams: items that pass from task to task.

use std::future::pending;
use std::time::Duration;

use shuttle::future::{spawn, yield_now};

use super::census::Census;
use super::explore::{explore_async, in_time, lose};
use crate::group::task_group;
use crate::pipeline::{Batch, Pipeline, Stage, Stats};
use crate::stream::{generate, prefetch};

fn assert_adds_up(stats: &Stats) {
    let counts = stats.counts;
    assert_eq!(counts.in_flight(), 0, "{counts:?}");
    let ended = counts.delivered + counts.dead + counts.cancelled;
    assert_eq!(counts.taken, ended, "{counts:?}");
}

#[test]
fn q4d_an_ordered_stage_keeps_the_order_whoever_ends_first() {
    explore_async(|| async {
        let census = Census::default();
        let inside = census.clone();
        let stage = Stage::new().concurrency(2).ordered();
        let pipeline = Pipeline::from_iter(0..4_u32).stage("double", stage, move |number| {
            let census = inside.clone();
            async move {
                let _guest = census.guest();
                yield_now().await;
                Ok::<_, String>(number * 2)
            }
        });
        let (items, stats) = pipeline.collect().await.unwrap();
        assert_eq!(items, [0, 2, 4, 6]);
        assert!(census.most() <= 2);
        assert_eq!(stats.counts.delivered, 4);
        assert_adds_up(&stats);
    });
}

#[test]
fn q4e_the_items_of_a_key_are_worked_on_one_by_one_and_none_is_forgotten() {
    explore_async(|| async {
        let keys = [Census::default(), Census::default()];
        let inside = keys.clone();
        let stage = Stage::new()
            .concurrency(2)
            .by_key(|number: &usize| number % 2);
        let pipeline = Pipeline::from_iter(0..5_usize).stage("keyed", stage, move |number| {
            let census = inside[number % 2].clone();
            async move {
                let _guest = census.guest();
                yield_now().await;
                Ok::<_, String>(number)
            }
        });
        let (items, stats) = pipeline.collect().await.unwrap();
        for key in 0..2 {
            let of_key: Vec<_> = items.iter().filter(|item| **item % 2 == key).collect();
            assert!(of_key.is_sorted(), "{items:?}");
        }
        assert!(keys.iter().all(|key| key.most() == 1));
        assert_eq!(stats.counts.delivered, 5);
        assert_adds_up(&stats);
    });
}

#[test]
fn q4a_the_counts_add_up_when_an_item_dies_and_the_letters_are_read() {
    explore_async(|| async {
        let letters = Census::default();
        let read = letters.clone();
        let stage = Stage::new().concurrency(2).ordered();
        let pipeline = Pipeline::from_iter(0..4_u32)
            .stage("some die", stage, |number| async move {
                yield_now().await;
                if number % 2 == 0 {
                    Err(format!("{number}"))
                } else {
                    Ok(number)
                }
            })
            .dead_letters(move |_| {
                let read = read.clone();
                async move {
                    read.count();
                    Ok(())
                }
            });
        let (items, stats) = pipeline.collect().await.unwrap();
        assert_eq!(items, [1, 3]);
        assert_eq!((stats.counts.dead, letters.came()), (2, 2));
        assert_adds_up(&stats);
    });
}

#[test]
fn q4j_a_failure_ends_the_pipeline_and_leaves_nobody() {
    explore_async(|| async {
        let census = Census::default();
        let inside = census.clone();
        let pipeline = Pipeline::from_iter(0..4_u32)
            .stage("fails", Stage::new().concurrency(2), move |number| {
                let census = inside.clone();
                async move {
                    let _guest = census.guest();
                    yield_now().await;
                    if number == 1 {
                        Err("one".to_owned())
                    } else {
                        Ok(number)
                    }
                }
            })
            .stage("slow", Stage::new(), |_| pending::<Result<(), String>>());
        let handle = pipeline.handle();
        assert!(pipeline.run().await.is_err());
        assert_eq!(census.there(), 0);
        assert_adds_up(&handle.stats());
    });
}

#[test]
fn q4m_a_drain_or_a_cancellation_in_between_loses_no_item() {
    explore_async(|| async {
        for cancels in [false, true] {
            let source = Pipeline::source(async |emit| {
                for number in 0..3_u32 {
                    emit.emit(number).await;
                    yield_now().await;
                }
                Ok(())
            });
            let pipeline = source.stage("pass", Stage::new().ordered(), |number| async move {
                yield_now().await;
                Ok::<_, String>(number)
            });
            let (handle, stopper) = (pipeline.handle(), pipeline.handle());
            let stops = spawn(async move {
                yield_now().await;
                if cancels {
                    stopper.cancel();
                } else {
                    stopper.drain();
                }
            });
            let result = pipeline.run().await;
            stops.await.unwrap();
            let stats = handle.stats();
            assert_adds_up(&stats);
            if !cancels {
                assert!(result.is_ok());
                assert_eq!(stats.counts.delivered, stats.counts.taken);
            }
        }
    });
}

#[test]
fn q4s_a_drain_waits_for_what_tasks_of_the_source_emit_and_then_ends() {
    explore_async(|| async {
        let source = Pipeline::source(async |emit| {
            let emit = crate::sync::Arc::new(emit);
            let group = task_group(async |g| {
                for task in 0..2_u32 {
                    let emit = emit.clone();
                    g.spawn(async move {
                        for number in 0..2 {
                            emit.emit(task + 2 * number).await;
                            yield_now().await;
                        }
                        Ok::<_, String>(())
                    });
                }
                pending::<Result<(), String>>().await
            });
            group.await.map_err(|error| error.to_string())
        });
        let stage = Stage::new().capacity(1);
        let pipeline = source.stage("pass", stage, |number| async move {
            yield_now().await;
            Ok::<_, String>(number)
        });
        let stopper = pipeline.handle();
        let stops = spawn(async move {
            yield_now().await;
            stopper.drain();
        });
        let stats = pipeline.run().await.unwrap();
        stops.await.unwrap();
        assert_eq!(stats.counts.cancelled, 0);
        assert_adds_up(&stats);
    });
}

#[test]
fn q4e_a_key_is_not_free_before_its_item_is_handed_on() {
    explore_async(|| async {
        let stage = || Stage::new().concurrency(2).capacity(3);
        let pipeline = Pipeline::from_iter(0..4_u32)
            .stage("keyed", stage().by_key(|_| 0), |number| async move {
                Ok::<_, String>(number)
            })
            .batch("seen", Batch::of(1));
        let (items, stats) = pipeline.collect().await.unwrap();
        assert_eq!(items.concat(), [0, 1, 2, 3]);
        assert_adds_up(&stats);
    });
}

#[test]
fn q4g_a_batch_that_is_due_and_one_that_is_full_lose_nothing_to_each_other() {
    explore_async(|| async {
        let batch = Batch::of(2).every(Duration::from_millis(2));
        let pipeline = Pipeline::<_, String>::source(async |emit| {
            for number in 0..3_u32 {
                emit.emit(number).await;
                yield_now().await;
            }
            Ok(())
        })
        .batch("pack", batch);
        let collected = in_time(Duration::from_millis(1), pipeline.collect());
        let (batches, stats) = collected.await.unwrap();
        assert_eq!(batches.concat(), [0, 1, 2]);
        assert!(batches.iter().all(|batch| (1..=2).contains(&batch.len())));
        assert_adds_up(&stats);
    });
}

#[test]
fn s1c_a_dropped_stream_with_a_group_inside_leaves_nobody() {
    explore_async(|| async {
        let census = Census::default();
        let result = task_group(async |g| {
            let inside = census.clone();
            g.spawn(async move {
                let mut stream = generate(async |yielder| {
                    let group = task_group(async |g| {
                        let guest = inside.guest();
                        g.spawn(async move {
                            let _guest = guest;
                            pending::<Result<(), String>>().await
                        });
                        yielder.yield_item(1).await;
                        yielder.yield_item(2).await;
                        Ok::<_, String>(())
                    });
                    drop(group.await);
                });
                assert_eq!(stream.next().await, Some(1));
                let _ = lose(stream.next(), 1).await;
                Ok(())
            });
            yield_now().await;
            g.cancel();
            Ok::<_, String>(())
        });
        drop(result.await);
        assert_eq!(census.there(), 0);
    });
}

#[test]
fn s1m_a_stream_that_runs_ahead_gives_each_item_once() {
    explore_async(|| async {
        let result = task_group(async |g| {
            let numbers = generate(async |yielder| {
                for number in 1..=3 {
                    yield_now().await;
                    yielder.yield_item(number).await;
                }
            });
            let mut numbers = prefetch(g, numbers, 1);
            let mut seen = Vec::new();
            while let Some(number) = numbers.next().await {
                seen.push(number);
            }
            Ok::<_, String>(seen)
        });
        assert_eq!(result.await.unwrap(), [1, 2, 3]);
    });
}
