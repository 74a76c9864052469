//! Q4d and Q4e: the order of all, and the order of each key.

use super::*;

#[tokio::test(start_paused = true)]
async fn q4d_an_ordered_stage_hands_on_in_the_order_of_arrival() {
    let late_first = |n: u64| async move {
        sleep(millis(50 - n % 50)).await;
        Ok::<_, String>(n)
    };
    let stage = || Stage::new().concurrency(8);
    let pipeline = Pipeline::from_iter(0..100).stage("late", stage().ordered(), late_first);
    let (list, _) = pipeline.collect().await.unwrap();
    assert_eq!(list, (0..100).collect::<Vec<_>>());

    let pipeline = Pipeline::from_iter(0..100).stage("late", stage(), late_first);
    let (list, _) = pipeline.collect().await.unwrap();
    assert!(!list.is_sorted(), "without order it comes as completed");
}

#[tokio::test(start_paused = true)]
async fn q4d_while_the_first_is_late_the_others_are_worked_on_up_to_the_capacity() {
    let started = Notes::new();
    let starts = started.clone();
    let work = move |n: u64| {
        starts.add(n);
        async move {
            sleep(if n == 0 { millis(1000) } else { millis(1) }).await;
            Ok::<_, String>(n)
        }
    };
    let stage = Stage::new().concurrency(2).capacity(10).ordered();
    let pipeline = Pipeline::from_iter(0..40).stage("work", stage, work);
    let handle = pipeline.handle();
    let watch = async {
        sleep(millis(900)).await;
        assert_eq!(started.all().len(), 10);
        let stats = handle.stats();
        let stage = stats.stage("work").unwrap();
        assert_eq!((stage.busy, stage.held, stage.done), (1, 9, 0));
        assert_eq!((stage.depth, stage.consumers_waiting), (0, 1));
    };
    let (result, ()) = tokio::join!(pipeline.collect(), watch);
    assert!(result.unwrap().0.is_sorted());
}

#[tokio::test(start_paused = true)]
async fn q4d_an_item_that_died_keeps_nobody_waiting() {
    let work = |n: u64| async move {
        sleep(millis(30 - n)).await;
        match n % 3 {
            0 => Err(format!("{n}")),
            _ => Ok(n),
        }
    };
    let stage = Stage::new().concurrency(5).ordered();
    let pipeline = Pipeline::from_iter(0..30).stage("work", stage, work);
    let pipeline = pipeline.dead_letters(|_| async { Ok(()) });
    let (list, stats) = pipeline.collect().await.unwrap();
    assert_eq!(list, (0..30).filter(|n| n % 3 > 0).collect::<Vec<_>>());
    assert_eq!((stats.counts.delivered, stats.counts.dead), (20, 10));
}

/// Items of three keys, key 0 slow; a second stage by the same key takes random times.
#[tokio::test(start_paused = true)]
async fn q4e_the_items_of_a_key_are_worked_on_one_after_the_other_into_the_next_stage_too() {
    for ordered in [false, true] {
        let busy: Arc<[Peak; 3]> = Arc::default();
        let seen = Notes::new();
        let (inside, notes) = (busy.clone(), seen.clone());
        let mut stage = Stage::new().concurrency(6).capacity(12);
        if ordered {
            stage = stage.ordered();
        }
        let pipeline = Pipeline::from_iter(0..90_u64)
            .stage("one", stage.by_key(|n| n % 3), move |n| {
                let inside = inside[n as usize % 3].enter();
                async move {
                    sleep(millis(1 + 20 * u64::from(n % 3 == 0) + n % 5)).await;
                    drop(inside);
                    Ok(n)
                }
            })
            .stage(
                "two",
                Stage::new().concurrency(6).by_key(|n: &u64| n % 3),
                move |n| {
                    notes.add(n);
                    async move {
                        sleep(millis(n % 7)).await;
                        Ok::<_, String>(())
                    }
                },
            );
        assert_eq!(pipeline.run().await.unwrap().counts.delivered, 90);
        for (key, peak) in busy.iter().enumerate() {
            assert_eq!(peak.max(), 1, "key {key}");
            let of_key = seen.all().into_iter().filter(|n| *n as usize % 3 == key);
            assert!(of_key.is_sorted(), "key {key}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn q4e_other_keys_go_on_while_one_is_slow() {
    let stage = Stage::new().concurrency(3).capacity(6);
    let items = [0, 0, 0, 1, 2, 1, 2, 1, 2];
    let pipeline = Pipeline::from_iter(items).stage(
        "work",
        stage.by_key(|key: &u64| *key),
        |key| async move {
            sleep(if key == 0 { millis(100) } else { millis(1) }).await;
            Ok::<_, String>(key)
        },
    );
    let (list, _) = pipeline.collect().await.unwrap();
    assert_eq!(list, [1, 2, 1, 2, 1, 2, 0, 0, 0]);
}

/// Three keys of which there is always more, and one item that nobody may starve.
#[tokio::test(start_paused = true)]
async fn q4e_a_busy_key_does_not_keep_its_worker() {
    let stage = Stage::new().concurrency(2).capacity(8);
    let items = (0..200).map(|n| if n == 6 { 9 } else { n % 2 });
    let pipeline = Pipeline::from_iter(items).stage(
        "work",
        stage.by_key(|key: &u64| *key),
        |key| async move {
            sleep(millis(1)).await;
            Ok::<_, String>(key)
        },
    );
    let (list, _) = pipeline.collect().await.unwrap();
    let place = list.iter().position(|key| *key == 9).unwrap();
    assert!(place < 12, "it came as number {place}");
}

#[tokio::test(start_paused = true)]
async fn q4e_a_key_is_not_free_before_its_item_is_handed_on() {
    for ordered in [false, true] {
        let started = Notes::new();
        let starts = started.clone();
        let mut stage = Stage::new().concurrency(3).capacity(6);
        if ordered {
            stage = stage.ordered();
        }
        let pipeline = Pipeline::from_iter(0..9_u64)
            .stage("keyed", stage.by_key(|_| 0), move |n| {
                starts.add(n);
                async move { Ok::<_, String>(n) }
            })
            .stage("stuck", Stage::new().capacity(1), |_| {
                pending::<Result<(), String>>()
            });
        let run = tokio::time::timeout(millis(50), pipeline.run());
        assert!(run.await.is_err());
        // In order they wait for their turn where they cannot overtake each other.
        let most = if ordered { 7 } else { 2 };
        assert_eq!(started.all(), (0..most).collect::<Vec<_>>(), "{ordered}");
    }
}
