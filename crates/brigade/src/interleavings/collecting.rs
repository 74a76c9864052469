//! Collections: records that come from many tasks at once.

use std::time::Duration;

use shuttle::future::yield_now;

use super::census::Census;
use super::explore::{explore_async, in_time, lose};
use crate::group::{Collect, Outcome, task_group};
use crate::runtime::sleep;

#[test]
fn g8a_every_item_has_one_record_whoever_ends_first() {
    explore_async(|| async {
        let census = Census::default();
        let inside = census.clone();
        let all = Collect::new(0..5_u32, 2, move |number| {
            let census = inside.clone();
            async move {
                let _guest = census.guest();
                yield_now().await;
                if number == 3 {
                    Err("three")
                } else {
                    Ok(number)
                }
            }
        });
        let all = all.run().await;
        let mut indices: Vec<_> = all.records.iter().map(|record| record.index).collect();
        indices.sort_unstable();
        assert_eq!(indices, [0, 1, 2, 3, 4]);
        assert_eq!((all.counts.ok, all.counts.failed), (4, 1));
        assert!(census.most() <= 2);
        assert_eq!(census.there(), 0);
    });
}

#[test]
fn g8c_records_come_in_order_whoever_ends_first() {
    explore_async(|| async {
        let mut seen = Vec::new();
        let all = Collect::new(0..4_u32, 3, |number| async move {
            yield_now().await;
            Ok::<_, String>(number)
        });
        let all = all.in_order().for_each(async |record| {
            yield_now().await;
            seen.extend(record.outcome.ok());
        });
        assert_eq!(all.await.ok, 4);
        assert_eq!(seen, [0, 1, 2, 3]);
    });
}

#[test]
fn g8d_a_deadline_marks_what_is_in_work_and_keeps_what_is_finished() {
    explore_async(|| async {
        let census = Census::default();
        let inside = census.clone();
        let all = Collect::new(0..4_u64, 2, move |number| {
            let census = inside.clone();
            async move {
                let _guest = census.guest();
                sleep(Duration::from_millis(number)).await;
                Ok::<_, String>(number)
            }
        });
        let all = all.deadline(Duration::from_millis(2)).run();
        let all = in_time(Duration::from_millis(1), all).await;
        assert_eq!(census.there(), 0);
        assert_eq!(census.came() as u64, all.counts.taken);
        assert_eq!(all.records.len() as u64, all.counts.taken);
        for record in &all.records {
            assert!(matches!(
                record.outcome,
                Outcome::Ok(_) | Outcome::Cancelled(_)
            ));
        }
    });
}

#[test]
fn g8g_a_dropped_collection_leaves_nobody() {
    explore_async(|| async {
        let census = Census::default();
        let result = task_group(async |_| {
            let inside = census.clone();
            let all = Collect::new(0..4_u32, 2, move |_| {
                let census = inside.clone();
                async move {
                    let _guest = census.guest();
                    yield_now().await;
                    yield_now().await;
                    Ok::<_, String>(())
                }
            });
            drop(lose(all.run(), 2).await);
            Ok::<_, String>(())
        });
        result.await.unwrap();
        assert_eq!(census.there(), 0);
    });
}
