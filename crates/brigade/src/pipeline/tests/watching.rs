//! Q5: what the numbers say about a pipeline that runs.

use super::*;

async fn takes(millis: u64) -> Result<(), String> {
    sleep(Duration::from_millis(millis)).await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn q5a_stats_say_where_items_are_and_who_waits_for_whom() {
    fn stage<T>() -> Stage<T> {
        Stage::new().concurrency(2).capacity(4)
    }
    let pipeline = Pipeline::from_iter(0..100)
        .stage("quick", stage(), |_: u64| takes(1))
        .stage("slow", stage(), |()| takes(1000))
        .stage("idle", stage(), |()| takes(1));
    let handle = pipeline.handle();
    let watch = async {
        sleep(millis(500)).await;
        let stats = handle.stats();
        handle.drain();
        stats
    };
    let (result, stats) = tokio::join!(pipeline.run(), watch);
    result.unwrap();
    let [quick, slow, idle] = &stats.stages[..] else {
        panic!("three stages");
    };
    // Both workers of the first stage wait to hand on, and the source waits for them.
    assert_eq!((quick.depth, quick.busy, quick.held), (2, 0, 2));
    assert_eq!((quick.producers_waiting, quick.consumers_waiting), (1, 0));
    assert_eq!((slow.depth, slow.busy, slow.held), (2, 2, 0));
    assert_eq!((slow.producers_waiting, slow.consumers_waiting), (2, 0));
    assert_eq!((idle.depth, idle.busy, idle.held), (0, 0, 0));
    assert_eq!((idle.producers_waiting, idle.consumers_waiting), (0, 2));
    assert_eq!((quick.done, slow.done, idle.done), (4, 0, 0));
    assert_eq!((quick.concurrency, quick.capacity), (2, 4));
    assert_eq!(stats.counts.in_flight(), 2 + 2 + 2 + 2 + 1);
}

#[tokio::test(start_paused = true)]
async fn q5b_the_slow_stage_can_be_named_even_before_it_finished_anything() {
    let pipeline = Pipeline::from_iter(0..100)
        .stage("quick", Stage::new(), |_: u64| takes(1))
        .batch("pack", Batch::of(1))
        // Busier in sum, but each of its workers less.
        .stage("wide", Stage::new().concurrency(50), |_| takes(100))
        .stage("slow", Stage::new(), |()| takes(10_000));
    let handle = pipeline.handle();
    assert!(handle.stats().slowest().is_none());
    let watch = async {
        sleep(millis(5)).await;
        assert_eq!(handle.stats().stage("quick").unwrap().busy_time, millis(5));
        sleep(millis(5000)).await;
        let stats = handle.stats();
        assert_eq!(stats.slowest().unwrap().name, "slow");
        assert_eq!(stats.stage("slow").unwrap().done, 0);
        let busy = stats.stage("slow").unwrap().busy_time;
        assert!(millis(4890) < busy && busy < millis(5005), "{busy:?}");
        assert!(
            stats.to_string().ends_with("slowest stage: slow"),
            "{stats}"
        );
        handle.cancel();
    };
    let (result, ()) = tokio::join!(pipeline.run(), watch);
    assert!(result.is_err());
    let before = handle.stats().stage("slow").unwrap().busy_time;
    sleep(millis(100)).await;
    assert_eq!(handle.stats().stage("slow").unwrap().busy_time, before);
}

#[tokio::test(start_paused = true)]
async fn q5b_busy_time_is_the_sum_of_the_work_and_of_nothing_else() {
    let pipeline = Pipeline::from_iter(0..10)
        .stage("one", Stage::new().concurrency(5), |_: u64| takes(7))
        .stage("two", Stage::new(), |()| async {
            takes(20).await?;
            Err::<(), _>("always".to_owned())
        })
        .dead_letters(|_| takes(500));
    let stats = pipeline.run().await.unwrap();
    assert_eq!(stats.stage("one").unwrap().busy_time, millis(70));
    assert_eq!(
        stats.stage("two").unwrap().busy_time,
        millis(200),
        "the handler is not work"
    );
    assert_eq!(stats.slowest().unwrap().name, "two");
}

#[tokio::test(start_paused = true)]
async fn q5c_when_a_pipeline_has_ended_its_stats_are_the_sums() {
    let pipeline = Pipeline::from_iter(0..10)
        .stage(
            "work",
            Stage::new().concurrency(3).ordered(),
            |n: u64| async move {
                match n % 5 {
                    0 => Err("five".to_owned()),
                    _ => Ok(n),
                }
            },
        )
        .batch("pack", Batch::of(3))
        .dead_letters(|_| async { Ok(()) });
    let handle = pipeline.handle();
    let stats = pipeline.run().await.unwrap();
    assert_eq!(format!("{stats:?}"), format!("{:?}", handle.stats()));
    assert_eq!((stats.counts.delivered, stats.counts.dead), (8, 2));
    let work = stats.stage("work").unwrap();
    assert_eq!((work.done, work.dead), (8, 2));
    assert_eq!(stats.stage("pack").unwrap().done, 3);
    assert!(stats.stage("none").is_none());
    for stage in &stats.stages {
        let left = (stage.depth, stage.busy, stage.held, stage.consumers_waiting);
        assert_eq!(left, (0, 0, 0, 0), "{}", stage.name);
    }
}
