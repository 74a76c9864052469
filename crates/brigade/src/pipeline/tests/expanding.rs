//! Q4u and Q4v: stages that make any number of items of one.

use super::*;

type Fine = Result<(), String>;

/// Page `n` has the links `(n, 0)` to `(n, n - 1)`.
fn links(
    pages: impl IntoIterator<Item = u64, IntoIter: Send> + 'static,
) -> Pipeline<(u64, u64), String> {
    let stage = Stage::new();
    Pipeline::from_iter(pages).expand("links", stage, |page| async move {
        Ok((0..page).map(move |link| (page, link)))
    })
}

fn ends(counts: Counts) -> (u64, u64, u64, u64) {
    (
        counts.taken,
        counts.delivered,
        counts.dead,
        counts.cancelled,
    )
}

#[tokio::test(start_paused = true)]
async fn q4u_an_item_without_outputs_is_delivered() {
    let even = |n: u64| async move { Ok::<_, String>(n.is_multiple_of(2).then_some(n)) };
    let pipeline = Pipeline::from_iter(0..10).expand("even", Stage::new(), even);
    let (list, stats) = pipeline.collect().await.unwrap();
    assert_eq!(list, [0, 2, 4, 6, 8]);
    assert_eq!(ends(stats.counts), (10, 10, 0, 0));
    assert_eq!(stats.stage("even").unwrap().done, 5);
}

#[tokio::test(start_paused = true)]
async fn q4u_an_item_is_dead_if_one_of_its_outputs_is() {
    let letters = Notes::new();
    let notes = letters.clone();
    let fetch = |(page, link)| async move {
        match (page, link) {
            (3, 0 | 2) => Err("gone".to_owned()),
            link => Ok(link),
        }
    };
    let pipeline = links(0..5).stage("fetch", Stage::new(), fetch);
    let pipeline = pipeline.dead_letters(move |letter| {
        notes.add((letter.to_string(), letter.items()));
        async { Ok(()) }
    });
    let (list, stats) = pipeline.collect().await.unwrap();
    assert_eq!(list.len(), 1 + 2 + 1 + 4, "the others go on");
    assert_eq!(letters.all(), vec![("fetch: gone".to_owned(), 1); 2]);
    assert_eq!(ends(stats.counts), (5, 4, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn q4u_an_item_ends_with_its_last_output_and_as_the_worst_of_them() {
    for (dies, early, late) in [
        (false, (2, 1, 0, 0), (2, 1, 0, 1)),
        (true, (2, 1, 0, 0), (2, 1, 1, 0)),
    ] {
        let work = move |link| async move {
            match link {
                (3, 1) if dies => Err("one".to_owned()),
                (3, 2) => pending().await,
                _ => Ok(()),
            }
        };
        let pipeline = links([1, 3]).stage("work", Stage::new(), work);
        let pipeline = pipeline.dead_letters(|_| async { Ok(()) });
        let handle = pipeline.handle();
        let cancel = async {
            sleep(millis(5)).await;
            assert_eq!(ends(handle.stats().counts), early);
            assert_eq!(handle.stats().counts.in_flight(), 1);
            handle.cancel();
        };
        let (result, ()) = tokio::join!(pipeline.run(), cancel);
        assert!(result.is_err());
        assert_eq!(ends(handle.stats().counts), late);
    }
}

#[tokio::test(start_paused = true)]
async fn q4u_outputs_in_batches_and_outputs_of_outputs_have_one_end_for_each_item() {
    let letters = Notes::new();
    let notes = letters.clone();
    // Batches (1, 0) (2, 0), (2, 1) (3, 0), (3, 1) (3, 2), (4, 0) (4, 1), (4, 2) (4, 3).
    let pipeline = links(1..5)
        .batch("pack", Batch::of(2))
        .stage("write", Stage::new().keep_items(), |batch| async move {
            match batch[0] {
                (2, 1) | (4, 0) => Err("full".to_owned()),
                _ => Ok(batch),
            }
        })
        .expand("unpack", Stage::new(), |batch| async move { Ok(batch) })
        .expand("twice", Stage::new(), |link| async move { Ok([link; 2]) })
        .dead_letters(move |letter| {
            notes.add(letter.items());
            async { Ok(()) }
        });
    let (list, stats) = pipeline.collect().await.unwrap();
    assert_eq!(list.len(), 2 * 6);
    assert_eq!(letters.all(), [2, 1], "pages that the letter is about");
    // Page 1 shares a batch with one of page 2, but not its end.
    assert_eq!(ends(stats.counts), (4, 1, 3, 0));
}

#[tokio::test(start_paused = true)]
async fn q4u_a_letter_counts_an_item_once_however_often_it_was_expanded() {
    let letters = Notes::new();
    let notes = letters.clone();
    let pipeline = links([2, 3])
        .expand("twice", Stage::new(), |link| async move { Ok([link; 2]) })
        .batch("pack", Batch::of(100))
        .stage("write", Stage::new(), |_| async {
            Err::<(), _>("full".to_owned())
        })
        .dead_letters(move |letter| {
            notes.add(letter.items());
            async { Ok(()) }
        });
    assert_eq!(ends(pipeline.run().await.unwrap().counts), (2, 0, 2, 0));
    assert_eq!(letters.all(), [2]);
}

#[tokio::test(start_paused = true)]
async fn q4u_an_iterator_that_panics_makes_its_item_a_dead_letter() {
    for (at_once, ordered) in [(false, false), (false, true), (true, false), (true, true)] {
        struct Outputs(bool);
        impl IntoIterator for Outputs {
            type Item = u64;
            type IntoIter = Box<dyn Iterator<Item = u64> + Send>;
            fn into_iter(self) -> Self::IntoIter {
                assert!(!self.0, "outputs");
                Box::new((0..9).inspect(|n| assert!(*n < 3, "outputs")))
            }
        }
        let letters = Notes::new();
        let notes = letters.clone();
        let mut stage = Stage::new().concurrency(2);
        if ordered {
            stage = stage.ordered();
        }
        let pipeline = Pipeline::from_iter([1, 2])
            .expand("many", stage, move |n: u64| async move {
                Ok::<_, String>(Outputs(at_once && n == 1))
            })
            .dead_letters(move |letter| {
                notes.add(letter.to_string());
                async { Ok(()) }
            });
        let (list, stats) = pipeline.collect().await.unwrap();
        assert_eq!(list.len(), if at_once { 3 } else { 6 });
        assert_eq!(letters.all(), vec!["many: panicked: outputs"; 2]);
        assert_eq!(ends(stats.counts), (2, 0, 2, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn q4v_outputs_are_taken_as_there_is_room() {
    let taken = Notes::new();
    let notes = taken.clone();
    let many = move |_: u64| {
        let notes = notes.clone();
        async move { Ok((0..u64::MAX).inspect(move |n| notes.add(*n))) }
    };
    let pipeline = Pipeline::from_iter(0..9)
        .expand("many", Stage::new().capacity(1), many)
        .stage("stuck", Stage::new().capacity(2), |_| pending::<Fine>());
    let handle = pipeline.handle();
    let run = tokio::time::timeout(millis(50), pipeline.run());
    assert!(run.await.is_err());
    assert_eq!(taken.all(), [0, 1, 2]);
    until(|| handle.stats().counts.in_flight() == 0).await;
    assert_eq!(ends(handle.stats().counts), (2, 0, 0, 2));
}

#[tokio::test(start_paused = true)]
async fn q4v_outputs_without_an_end_do_not_hold_up_a_cancellation() {
    let many = |_: u64| async { Ok::<_, String>(0..1_000_000_u64) };
    let pipeline = Pipeline::from_iter(0..9).expand("many", Stage::new(), many);
    let handle = pipeline.handle();
    let cancel = async {
        tokio::task::yield_now().await;
        handle.cancel();
    };
    let (result, ()) = tokio::join!(pipeline.run(), cancel);
    assert!(result.is_err());
    let stats = handle.stats();
    assert!(stats.stage("many").unwrap().done < 1_000_000);
    assert_eq!(stats.counts.cancelled, stats.counts.taken);
}

#[tokio::test(start_paused = true)]
async fn q4v_outputs_keep_the_order_and_the_keys_of_their_items() {
    for (ordered, keyed) in [(true, false), (false, true), (true, true)] {
        let mut stage = Stage::new().concurrency(4).capacity(8);
        if ordered {
            stage = stage.ordered();
        }
        if keyed {
            stage = stage.by_key(|n: &u64| n % 3);
        }
        let pipeline = Pipeline::from_iter(0..30)
            .expand("three", stage, |n| async move {
                sleep(millis(7 - n % 7)).await;
                Ok((0..3).map(move |link| (n, link)))
            })
            .stage("slow", Stage::new().capacity(1), |link| async move {
                sleep(millis(1)).await;
                Ok::<_, String>(link)
            });
        let (list, stats) = pipeline.collect().await.unwrap();
        assert_eq!(ends(stats.counts), (30, 30, 0, 0));
        assert!(!ordered || list.is_sorted(), "{list:?}");
        for key in 0..3 {
            let of_key = list.iter().filter(|(n, _)| n % 3 == key);
            assert!(of_key.is_sorted(), "{list:?}");
        }
        assert_eq!(list.len(), 90);
    }
}

#[tokio::test(start_paused = true)]
async fn q4v_a_drain_lets_all_outputs_of_what_was_taken_flow_to_the_end() {
    let pipeline = links([3; 9]).stage("slow", Stage::new(), |link| async move {
        sleep(millis(1)).await;
        Ok(link)
    });
    let handle = pipeline.handle();
    let drain = async {
        sleep(millis(4)).await;
        handle.drain();
    };
    let (result, ()) = tokio::join!(pipeline.collect(), drain);
    let (list, stats) = result.unwrap();
    assert!((3..9).contains(&stats.counts.taken));
    assert_eq!(list.len() as u64, 3 * stats.counts.taken);
    assert_eq!(stats.counts.delivered, stats.counts.taken);
}
