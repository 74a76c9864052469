//! G8: partial failure.

use tokio::time::timeout;

use super::*;

#[tokio::test(start_paused = true)]
async fn g8a_every_item_that_was_taken_has_one_record_and_the_counts_add_up() {
    let all = collect(0..100_u32, 7, |n| async move {
        sleep(millis(u64::from(n % 5))).await;
        match n % 4 {
            0 => Err(n),
            1 => panic!("an expected panic"),
            _ => Ok(n),
        }
    });
    let all = all.await;
    let counts = all.counts;
    assert_eq!(
        counts.taken,
        counts.ok + counts.failed + counts.cancelled + counts.panicked
    );
    assert_eq!((counts.ok, counts.failed, counts.panicked), (50, 25, 25));
    assert!(counts.complete);
    let mut indices: Vec<_> = all.records.iter().map(|record| record.index).collect();
    indices.sort_unstable();
    assert!(indices.into_iter().eq(0..100));
    for record in &all.records {
        match &record.outcome {
            Outcome::Ok(n) => assert_eq!(u64::from(*n), record.index),
            Outcome::Failed(n) => assert_eq!(u64::from(*n), record.index),
            Outcome::Panicked(panic) => assert_eq!(panic.message(), "an expected panic"),
            Outcome::Cancelled(reason) => panic!("{reason}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn g8b_of_ten_requests_one_fails_nine_results_and_one_error() {
    async fn request(n: u64) -> Result<u64, String> {
        sleep(millis(10 - n)).await;
        if n == 3 { Err("500".into()) } else { Ok(n) }
    }
    let all = collect(0..10, 10, request).await;
    assert_eq!(all.values().count(), 9);
    assert_eq!(all.errors().collect::<Vec<_>>(), [(3, &"500".to_string())]);
    assert_eq!(all.counts.to_string(), "9 of 10 ok, 1 failed");
    // An async closure that captures nothing will do, too.
    let all = collect(0..10, 10, async |n| request(n).await).await;
    assert_eq!(all.into_values().len(), 9);
}

#[tokio::test(start_paused = true)]
async fn g8c_records_come_as_completed_or_in_input_order_on_request() {
    let work = |n: u64| async move {
        sleep(millis(10 * (5 - n))).await;
        Ok::<_, String>(n)
    };
    let all = Collect::new(0..5, 5, work).run().await;
    assert_eq!(all.into_values(), [4, 3, 2, 1, 0]);
    let all = Collect::new(0..5, 5, work).in_order().run().await;
    assert_eq!(all.into_values(), [0, 1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn g8d_with_a_deadline_what_is_finished_is_returned_and_the_rest_is_marked() {
    let start = Instant::now();
    let all = Collect::new(0.., 4, |n| async move {
        sleep(millis(if n % 4 == 0 { 1000 } else { 30 })).await;
        Ok::<_, String>(n)
    });
    let all = all.deadline(millis(100)).run().await;
    assert_eq!(start.elapsed(), millis(100));
    let counts = all.counts;
    assert!(!counts.complete);
    assert_eq!(counts.taken, counts.ok + counts.cancelled);
    assert_eq!(counts.cancelled, 4);
    for record in all.records {
        match record.outcome {
            Outcome::Ok(_) => assert_ne!(record.index % 4, 0),
            Outcome::Cancelled(reason) => assert_eq!(reason, Reason::Deadline),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn g8e_the_deadline_counts_while_the_consumer_takes_its_time() {
    let cancelled = Arc::new(Mutex::new(None));
    let start = Instant::now();
    let mut first = true;
    let counts = Collect::new(0..2, 2, |n| {
        let cancelled = cancelled.clone();
        async move {
            if n == 1 {
                defer(async move { *cancelled.lock().unwrap() = Some(Instant::now()) });
                pending::<()>().await;
            }
            Ok::<_, String>(n)
        }
    })
    .deadline(millis(100))
    .for_each(async |_| {
        if std::mem::take(&mut first) {
            sleep(millis(500)).await;
        }
    });
    let counts = counts.await;
    assert_eq!((counts.ok, counts.cancelled, counts.complete), (1, 1, true));
    let cancelled = cancelled.lock().unwrap().unwrap();
    assert_eq!(cancelled - start, millis(100));
}

#[tokio::test(start_paused = true)]
async fn g8f_items_are_taken_only_as_there_is_room_and_the_consumer_keeps_up() {
    for in_order in [false, true] {
        let taken = std::cell::Cell::new(0_u64);
        let items = std::iter::repeat_with(|| taken.replace(taken.get() + 1)).take(2000);
        let all = Collect::new(items, 8, |n| async move {
            // Now and then one takes long and holds up the order.
            sleep(millis(if n % 50 == 0 { 300 } else { 1 })).await;
            Ok::<_, String>(n)
        });
        let all = if in_order { all.in_order() } else { all };
        let mut consumed = 0;
        let counts = all.for_each(async |record| {
            if in_order {
                assert_eq!(record.index, consumed);
            }
            consumed += 1;
            assert!(
                taken.get() <= consumed + 3 * 8,
                "{} {consumed}",
                taken.get()
            );
        });
        assert_eq!(counts.await.ok, 2000);
        assert_eq!(consumed, 2000);
    }
}

#[tokio::test(start_paused = true)]
async fn g8g_dropping_the_collection_cancels_the_work_and_the_ancestor_waits() {
    let log = Log::default();
    let result = task_group(async |_| {
        let log = log.clone();
        let all = collect(0.., 2, |_| {
            let log = log.clone();
            async move {
                defer(log.later("cleaned up"));
                pending::<Fine>().await
            }
        });
        assert!(timeout(millis(5), all).await.is_err());
        Ok::<_, String>(())
    });
    result.await.unwrap();
    assert_eq!(log.all(), ["cleaned up"; 2]);
}

#[tokio::test(start_paused = true)]
async fn g8h_a_failure_beside_the_work_goes_to_the_group_around() {
    let group = Builder::new().catch_panics();
    let result = group.run(async |_| {
        let all = collect(0..3, 2, |n| async move {
            if n == 1 {
                defer(async { panic!("a finaliser panics") });
            }
            Ok::<_, String>(n)
        });
        assert_eq!(shield(all).await.counts.ok, 3);
        Ok::<_, String>(())
    });
    let leaves = leaves(result.await);
    assert!(
        leaves[0].ends_with("panicked: a finaliser panics"),
        "{leaves:?}"
    );
}

#[tokio::test(start_paused = true)]
#[should_panic = "a consumer panics"]
async fn g8i_a_panic_of_the_consumer_cancels_the_work_and_continues() {
    let all = Collect::new(0.., 2, |n: u64| async move { Ok::<_, String>(n) });
    all.for_each(async |_| panic!("a consumer panics")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn g8d_the_deadline_comes_also_while_records_never_run_out() {
    let all = Collect::new(0.., 64, |_: u64| async { Ok::<_, String>(()) });
    let start = Instant::now();
    let all = all.deadline(millis(20)).for_each(async |_| {});
    let counts = tokio::time::timeout(millis(2000), all)
        .await
        .expect("a deadline");
    assert!(start.elapsed() < millis(1000), "{:?}", start.elapsed());
    assert!(!counts.complete);
}

#[tokio::test]
async fn g8j_a_collection_can_run_in_a_task() {
    let result = task_group(async |g| {
        let all = g.spawn(async {
            let all = collect(0..3, 2, |n: u64| async move { Ok::<_, String>(n) });
            Ok(all.await.into_values().len())
        });
        Ok::<_, String>(all.await)
    });
    assert_eq!(result.await.unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn g8f_a_collection_that_is_aborted_takes_no_further_item() {
    let scope = Builder::new().open(usize::MAX, false);
    let around = scope.clone();
    let body = async {
        let items = (0_u64..).inspect(|n| assert!(*n < 100, "it takes more and more"));
        let all = collect(items, 2, |n| {
            let around = around.clone();
            async move {
                if n == 0 {
                    // It makes room in the moment of the abort.
                    around.abort();
                    return Ok(());
                }
                pending::<Fine>().await
            }
        });
        drop(all.await);
        Ok::<_, String>(())
    };
    let driven = super::super::drive::drive(scope, body, None).await;
    let failures = driven.failures.iter().map(ToString::to_string);
    assert_eq!(failures.collect::<Vec<_>>(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn g8d_work_that_is_aborted_after_the_deadline_is_still_marked_by_it() {
    let result = task_group(async |_| {
        let all = Collect::new(0..2, 2, |_: u64| shield(pending::<Fine>()));
        let all = all.deadline(millis(10)).grace(millis(20)).run();
        // What outlives its grace period fails the group around, which must not end this.
        for record in shield(all).await.records {
            match record.outcome {
                Outcome::Cancelled(reason) => assert_eq!(reason, Reason::Deadline),
                other => panic!("{other:?}"),
            }
        }
        Ok::<_, String>(())
    });
    assert_eq!(leaves(result.await).len(), 2);
}
