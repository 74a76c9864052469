//! What documents that it may be dropped, dropped at each of its awaits.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use brigade_testkit::cancel::{Fuzz, Outcome, fuzz_cancel};

use super::*;

/// How many producers have begun, and how many of them are gone or were cleaned up.
#[derive(Clone, Default)]
struct Counts(Arc<[AtomicUsize; 3]>);

impl Counts {
    fn add(&self, which: usize) {
        self.0[which].fetch_add(1, Ordering::SeqCst);
    }

    fn get(&self) -> [usize; 3] {
        [0, 1, 2].map(|which| self.0[which].load(Ordering::SeqCst))
    }
}

impl Drop for Counts {
    fn drop(&mut self) {
        self.add(1);
    }
}

/// Holds something across its yields and has a finaliser that waits.
fn counting(
    counts: &Arc<Counts>,
) -> Generator<u32, impl Future<Output = Option<u32>> + Send + 'static + use<>> {
    let counts = counts.clone();
    generate(async move |yielder| {
        let held = Counts(counts.0.clone());
        held.add(0);
        defer(async move {
            sleep(millis(3)).await;
            tokio::task::yield_now().await;
            counts.add(2);
        });
        for n in 0.. {
            sleep(millis(1)).await;
            yielder.yield_item(n).await;
        }
        drop(held);
    })
}

/// Dropped wherever it stands, nothing of the streams is left a little later.
async fn assert_nothing_is_left<F: Future<Output = ()>>(counts: &Counts, make: impl FnMut() -> F) {
    let polls = fuzz_cancel(make, async |outcome| {
        if matches!(outcome, Outcome::Dropped { .. }) {
            sleep(millis(20)).await;
        }
        let [begun, gone, cleaned_up] = counts.get();
        assert_eq!([gone, cleaned_up], [begun, begun], "{outcome:?}");
    });
    assert!(polls.await > 2);
    assert!(counts.get()[0] > 4);
}

#[tokio::test(start_paused = true)]
async fn s1d_dropping_close_anywhere_leaves_nothing_behind() {
    let counts = Arc::new(Counts::default());
    let result = task_group(async |_| {
        let make = || async {
            let mut stream = counting(&counts);
            stream.next().await;
            stream.close().await;
        };
        assert_nothing_is_left(&counts, make).await;
        Ok::<_, String>(())
    });
    result.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn s1m_dropping_close_of_a_prefetched_stream_anywhere_leaves_nothing_behind() {
    let counts = Arc::new(Counts::default());
    let result = task_group(async |group| {
        let make = || async {
            let mut stream = prefetch(group, counting(&counts), 2);
            stream.next().await;
            stream.close().await;
        };
        assert_nothing_is_left(&counts, make).await;
        Ok::<_, String>(())
    });
    result.await.unwrap();
}

/// A stream for all runs that are dropped: each goes on where the last one stopped, and a run that
/// ends has seen `0..count`.
async fn assert_none_is_lost<S>(make: impl Fn() -> S, next: impl AsyncFn(&mut S) -> Option<u32>) {
    let stream = tokio::sync::Mutex::new(None);
    let seen = RefCell::new(Vec::new());
    let begin = Cell::new(true);
    let scene = || {
        if begin.replace(false) {
            seen.borrow_mut().clear();
            *stream.try_lock().unwrap() = Some(make());
        }
        async {
            let mut taken = stream.lock().await;
            let Some(stream) = taken.as_mut() else { return };
            while let Some(item) = next(stream).await {
                seen.borrow_mut().push(item);
            }
        }
    };
    let fuzz = Fuzz::new().seeds(0..4);
    let report = fuzz.run(scene, async |outcome| {
        if matches!(outcome, Outcome::Completed(())) {
            assert_eq!(*seen.borrow(), (0..12).collect::<Vec<_>>());
            begin.set(true);
        }
    });
    assert!(report.await.places > 4);
}

#[tokio::test(start_paused = true)]
async fn s1l_dropping_next_of_a_prefetched_stream_loses_no_item() {
    let result = task_group(async |group| {
        let make = || {
            let slow = generate(async |yielder| {
                for n in 0..12 {
                    sleep(millis(1)).await;
                    tokio::task::yield_now().await;
                    yielder.yield_item(n).await;
                }
            });
            prefetch(group, slow, 2)
        };
        assert_none_is_lost(make, async |stream| stream.next().await).await;
        Ok::<_, String>(())
    });
    result.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn s3f_dropping_next_of_parsed_lines_loses_no_value() {
    let make = || {
        let input: String = (0..12).map(|n| format!("{n}\n\n")).collect();
        let chunks = try_generate(async move |yielder| {
            for chunk in input.as_bytes().chunks(3) {
                tokio::task::yield_now().await;
                yielder.yield_item(chunk.to_vec()).await;
            }
            Ok::<_, std::io::Error>(())
        });
        lines(chunks).skip_blank().parse(str::parse::<u32>)
    };
    assert_none_is_lost(make, async |values| values.next().await.map(Result::unwrap)).await;
}

#[tokio::test(start_paused = true)]
async fn s1k_a_yield_that_is_dropped_anywhere_has_given_its_item_or_takes_it_back() {
    let given = RefCell::new(Vec::new());
    let offered = Cell::new(0_u32);
    let mut stream = generate(async |yielder| {
        let make = || {
            let item = offered.get() + 1;
            offered.set(item);
            yielder.yield_item(item)
        };
        let check = async |outcome| {
            let was_given = given.borrow().contains(&offered.get());
            match outcome {
                Outcome::Dropped { woken: false, .. } => assert!(!was_given, "{outcome:?}"),
                _ => assert!(was_given, "{outcome:?}"),
            }
        };
        let report = Fuzz::new().seeds([0; 3]).run(make, check).await;
        assert_eq!(report.polls, 2);
        yielder.yield_item(0).await;
    });
    while let Some(item) = stream.next().await {
        given.borrow_mut().push(item);
    }
    drop(stream);
    let given = given.into_inner();
    let mut once = given.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), given.len(), "{given:?}");
    assert_eq!(given.last(), Some(&0));
}
