//! Q4b and Q4c: how much happens at once, and how much is inside.

use super::*;

#[tokio::test(start_paused = true)]
async fn q4b_a_stage_works_on_as_many_at_once_as_its_concurrency() {
    for (concurrency, takes) in [(1, 200), (4, 50), (20, 10), (50, 10)] {
        let peak = Peak::default();
        let inside = peak.clone();
        let start = Instant::now();
        let work = move |n: u32| {
            let inside = inside.enter();
            async move {
                sleep(millis(10)).await;
                drop(inside);
                Ok::<_, String>(n)
            }
        };
        let stage = Stage::new().concurrency(concurrency);
        let stats = Pipeline::from_iter(0..20).stage("work", stage, work);
        let stats = stats.run().await.unwrap();
        assert_eq!(stats.counts.delivered, 20);
        assert_eq!(peak.max(), concurrency.min(20));
        assert_eq!(start.elapsed(), millis(takes), "{concurrency}");
    }
}

#[tokio::test(start_paused = true)]
async fn q4b_stages_work_at_the_same_time() {
    let start = Instant::now();
    let work = |n: u32| async move {
        sleep(millis(10)).await;
        Ok::<_, String>(n)
    };
    let pipeline = Pipeline::from_iter(0..10)
        .stage("one", Stage::new(), work)
        .stage("two", Stage::new(), work)
        .stage("three", Stage::new(), work);
    pipeline.run().await.unwrap();
    assert_eq!(start.elapsed(), millis(120));
}

#[tokio::test(start_paused = true)]
async fn q4c_a_slow_end_slows_the_source_and_nothing_holds_more_than_its_capacity() {
    for (ordered, keyed) in [(false, false), (true, false), (false, true), (true, true)] {
        let mut stage = Stage::new().concurrency(3).capacity(5);
        if ordered {
            stage = stage.ordered();
        }
        if keyed {
            stage = stage.by_key(|n: &u32| n % 2);
        }
        let pipeline = Pipeline::from_iter(0..u32::MAX)
            .stage("quick", stage, |n| async move { Ok::<_, String>(n) })
            .batch("pack", Batch::of(4))
            .stage("stuck", Stage::new().capacity(2), |_| async move {
                pending::<Result<(), String>>().await
            });
        let handle = pipeline.handle();
        let run = tokio::time::timeout(millis(100), pipeline.run());
        let watch = async {
            sleep(millis(50)).await;
            handle.stats()
        };
        let (_, stats) = tokio::join!(run, watch);
        // Two batches at the end, one on its way, one that is full beside what waits for it, five
        // in the first stage, and the one in the hand of the source.
        let most = (2 + 1) * 4 + 4 + 5 + 1;
        assert!(stats.counts.taken <= most, "{stats:?}");
        assert!(stats.counts.taken >= 5 + 12, "{stats:?}");
        assert_eq!(stats.stage("stuck").unwrap().producers_waiting, 1);
        until(|| handle.stats().counts.in_flight() == 0).await;
        assert_eq!(handle.stats().counts.cancelled, stats.counts.taken);
    }
}

#[tokio::test(start_paused = true)]
async fn q4c_an_endless_source_needs_room_for_the_capacities_only() {
    let peak = Peak::default();
    let alive = peak.clone();
    let items = (0..20_000).map(move |_| alive.enter());
    let stage = || Stage::new().concurrency(4).capacity(8);
    let stats = Pipeline::from_iter(items)
        .stage("one", stage().ordered(), |x| async move { Ok(x) })
        .stage("two", stage(), |x| async move {
            tokio::task::yield_now().await;
            Ok(x)
        })
        .stage("three", stage(), |x| async move {
            drop(x);
            Ok::<_, String>(())
        });
    assert_eq!(stats.run().await.unwrap().counts.delivered, 20_000);
    assert!(peak.max() <= 8 * 3 + 1, "{} inside", peak.max());
    assert_eq!(peak.now(), 0);
}

#[tokio::test]
async fn q4c_a_pipeline_can_run_in_a_task() {
    let run = task_group(async |g| {
        let pipeline = Pipeline::<_, String>::from_iter(0..10);
        let pipeline = pipeline.stage("one", Stage::new(), |n: u32| async move { Ok(n) });
        let (list, _) = g
            .spawn(async move { pipeline.collect().await.map_err(|error| error.to_string()) })
            .await;
        Ok::<_, String>(list)
    });
    let run: Result<Vec<u32>, Error<String>> = run.await;
    assert_eq!(run.unwrap(), (0..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn q4c_a_pipeline_without_stages_is_its_source() {
    let pipeline = Pipeline::<_, String>::from_iter(0..3);
    let (list, stats) = pipeline.collect().await.unwrap();
    assert_eq!((list, stats.counts.delivered), (vec![0, 1, 2], 3));
    let empty = Pipeline::<u8, String>::from_iter([]).run().await.unwrap();
    assert!(empty.counts.complete && empty.counts.taken == 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn q4c_many_threads_lose_and_double_nothing() {
    let stage = || Stage::new().concurrency(8).capacity(16);
    let pipeline = Pipeline::from_iter(0..20_000_u64)
        .stage(
            "key",
            stage().by_key(|n: &u64| n % 7),
            |n| async move { Ok(n) },
        )
        .stage("order", stage().ordered(), |n| async move {
            if n % 16 == 0 {
                tokio::task::yield_now().await;
            }
            Ok::<_, String>(n)
        })
        .stage("any", stage(), |n| async move { Ok(n) });
    let (mut list, stats) = pipeline.collect().await.unwrap();
    list.sort_unstable();
    assert_eq!(list, (0..20_000).collect::<Vec<_>>());
    assert_balanced(stats.counts);
}
