//! Q4g and Q4h: when a batch is complete.

use super::*;

async fn batches(
    batch: Batch<u64>,
    source: impl IntoIterator<Item = (u64, u64), IntoIter: Send> + 'static,
) -> Vec<(Vec<u64>, u64)> {
    let start = Instant::now();
    let items = source.into_iter();
    let pipeline = Pipeline::source(move |out| async move {
        for (item, pause) in items {
            out.emit(item).await;
            sleep(millis(pause)).await;
        }
        Ok::<_, String>(())
    });
    let pipeline = pipeline.batch("pack", batch);
    let note =
        move |batch: Vec<u64>| async move { Ok((batch, start.elapsed().as_millis() as u64)) };
    let pipeline = pipeline.stage("note", Stage::new(), note);
    let (list, stats) = pipeline.collect().await.unwrap();
    let items: usize = list.iter().map(|(batch, _)| batch.len()).sum();
    assert_eq!(stats.counts.delivered, items as u64, "each counts");
    list
}

#[tokio::test(start_paused = true)]
async fn q4g_a_batch_is_handed_on_when_it_has_its_items() {
    let found = batches(Batch::of(2), (1..=5).map(|n| (n, 10))).await;
    assert_eq!(
        found,
        [(vec![1, 2], 10), (vec![3, 4], 30), (vec![5], 50)],
        "the last one at the end"
    );
}

#[tokio::test(start_paused = true)]
async fn q4g_a_batch_never_exceeds_its_bytes_but_for_one_item_that_does_so_alone() {
    let by_value = Batch::of(100).bytes(10, |n: &u64| *n as usize);
    let found = batches(by_value, [4, 5, 2, 30, 1, 9, 1].map(|n| (n, 1))).await;
    let found: Vec<_> = found.into_iter().map(|(batch, _)| batch).collect();
    assert_eq!(found, [vec![4, 5], vec![2], vec![30], vec![1, 9], vec![1]]);
}

#[tokio::test(start_paused = true)]
async fn q4g_a_batch_is_handed_on_after_its_time_although_nothing_comes() {
    let every = Batch::of(100).every(millis(500));
    let found = batches(every, [(1, 100), (2, 10_000), (3, 0)]).await;
    assert_eq!(found, [(vec![1, 2], 500), (vec![3], 10_100)]);
}

#[tokio::test(start_paused = true)]
async fn q4g_the_time_of_a_batch_passes_while_more_keeps_coming() {
    let every = Batch::of(1000).every(millis(10));
    let found = batches(every, (0..100).map(|n| (n, 1))).await;
    assert!(found.len() >= 9, "{found:?}");
    assert!(
        found.iter().all(|(batch, _)| batch.len() <= 11),
        "{found:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn q4h_a_drain_hands_on_the_batch_that_is_being_filled() {
    let pipeline = Pipeline::source(|out| async move {
        for n in 0..3 {
            out.emit(n).await;
        }
        pending::<Result<(), String>>().await
    });
    let pipeline = pipeline.batch("pack", Batch::of(100));
    let handle = pipeline.handle();
    let drain = async {
        until(|| handle.stats().stage("pack").unwrap().held == 3).await;
        handle.drain();
    };
    let (result, ()) = tokio::join!(pipeline.collect(), drain);
    let (list, stats) = result.unwrap();
    assert_eq!(list, [[0, 1, 2]]);
    assert_eq!((stats.counts.delivered, stats.counts.complete), (3, false));
}

#[tokio::test(start_paused = true)]
async fn q4h_a_cancelled_batch_counts_every_item() {
    let pipeline = Pipeline::source(|out| async move {
        for n in 0..7 {
            out.emit(n).await;
        }
        pending::<Result<(), String>>().await
    });
    let pipeline = pipeline.batch("pack", Batch::of(5));
    let stuck = |_: Vec<u64>| pending::<Result<(), String>>();
    let pipeline = pipeline.stage("stuck", Stage::new(), stuck);
    let handle = pipeline.handle();
    let cancel = async {
        until(|| handle.stats().stage("pack").unwrap().held == 2).await;
        handle.cancel();
    };
    let (result, ()) = tokio::join!(pipeline.run(), cancel);
    assert!(matches!(result, Err(Error::Cancelled(Reason::User))));
    let counts = handle.stats().counts;
    assert_eq!((counts.taken, counts.cancelled), (7, 7));
}

#[tokio::test(start_paused = true)]
async fn q4g_a_size_or_a_time_without_bounds_is_only_ever_as_large_as_the_others() {
    let sized = Batch::of(2).bytes(usize::MAX, |_| usize::MAX);
    let found = batches(sized, (0..3).map(|n| (n, 0))).await;
    assert_eq!(found.len(), 3, "each fills a batch: {found:?}");
    let none = Batch::of(2).bytes(0, |_| 0).every(Duration::ZERO);
    let found = batches(none, (0..3).map(|n| (n, 0))).await;
    assert_eq!(found.len(), 3, "{found:?}");
    let late = Batch::of(2).every(Duration::MAX);
    let found = batches(late, (0..3).map(|n| (n, 0))).await;
    assert_eq!(found.len(), 2, "{found:?}");
}
