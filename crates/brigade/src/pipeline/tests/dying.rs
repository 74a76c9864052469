//! Q4i to Q4k: items that die, and what that means for the others.

use std::panic::AssertUnwindSafe;

use super::*;

/// Fails with 1, panics with 2, else gives the item back.
async fn fragile(n: u64) -> Result<u64, String> {
    sleep(millis(n)).await;
    match n {
        1 => Err("one".into()),
        2 => panic!("two"),
        n => Ok(n),
    }
}

#[tokio::test(start_paused = true)]
async fn q4i_a_dead_letter_says_the_stage_the_cause_and_the_item_and_the_others_go_on() {
    let letters = Notes::new();
    let notes = letters.clone();
    let pipeline = Pipeline::from_iter([0, 1, 2, 3])
        .stage("fragile", Stage::new().keep_items(), fragile)
        .batch("pack", Batch::of(2))
        .stage("write", Stage::new().keep_items(), |batch| async move {
            match batch.contains(&3) {
                true => Err("three".to_owned()),
                false => Ok(batch),
            }
        })
        .dead_letters(move |mut letter| {
            let item = match letter.stage() {
                "fragile" => {
                    assert!(letter.take_item::<Vec<u64>>().is_none(), "another type");
                    vec![letter.take_item::<u64>().unwrap()]
                }
                _ => letter.take_item::<Vec<u64>>().unwrap(),
            };
            assert!(letter.take_item::<u64>().is_none(), "taken");
            let panicked = matches!(letter.cause(), Cause::Panic(_));
            notes.add((letter.to_string(), item, letter.items(), panicked));
            async { Ok(()) }
        });
    let (list, stats) = pipeline.collect().await.unwrap();
    let letter = |text: &str, item: &[u64], panicked| {
        (text.to_owned(), item.to_vec(), item.len() as u64, panicked)
    };
    assert_eq!(
        letters.all(),
        [
            letter("fragile: one", &[1], false),
            letter("fragile: panicked: two", &[2], true),
            letter("write: three", &[0, 3], false),
        ]
    );
    assert!(list.is_empty());
    assert_eq!((stats.counts.delivered, stats.counts.dead), (0, 4));
    assert_eq!(stats.stage("fragile").unwrap().dead, 2);
    assert_eq!(stats.stage("write").unwrap().dead, 1);
}

#[tokio::test(start_paused = true)]
async fn q4i_a_key_or_a_size_that_panics_is_a_dead_letter_too() {
    let dead = Notes::new();
    let notes = dead.clone();
    let keyed = Stage::new().concurrency(2).by_key(|n: &u64| {
        assert!(*n != 1, "no key");
        *n
    });
    let sized = Batch::of(2).bytes(100, |n: &u64| {
        assert!(*n != 2, "no size");
        1
    });
    let pipeline = Pipeline::from_iter([0, 1, 2, 3])
        .stage("keyed", keyed, |n| async move { Ok::<_, String>(n) })
        .batch("pack", sized)
        .dead_letters(move |letter| {
            notes.add(letter.to_string());
            async { Ok(()) }
        });
    let (list, stats) = pipeline.collect().await.unwrap();
    assert_eq!(list.concat().len(), 2);
    assert_eq!((stats.counts.delivered, stats.counts.dead), (2, 2));
    let mut dead = dead.all();
    dead.sort();
    assert_eq!(dead, ["keyed: panicked: no key", "pack: panicked: no size"]);
}

#[tokio::test(start_paused = true)]
async fn q4i_a_panic_before_the_first_await_or_in_a_destructor_is_contained_too() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    let pipeline = Pipeline::from_iter([0, 1, 2, 3])
        .stage("work", Stage::new(), |n: u64| {
            assert!(n != 1, "at once");
            let bomb = (n == 3).then(|| Bomb);
            async move {
                if n == 2 {
                    std::panic::panic_any(7_u8);
                }
                drop(bomb);
                Ok::<_, String>(n)
            }
        })
        .dead_letters(|_| async { Ok(()) });
    let stats = pipeline.run().await.unwrap();
    assert_eq!((stats.counts.delivered, stats.counts.dead), (1, 3));
}

/// Runs a future and catches its panic.
async fn futures_catch<F: Future>(future: F) -> std::thread::Result<F::Output> {
    let mut future = Box::pin(future);
    std::future::poll_fn(move |cx| {
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
        match polled {
            Ok(polled) => polled.map(Ok),
            Err(payload) => std::task::Poll::Ready(Err(payload)),
        }
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn q4j_without_a_handler_the_first_failure_ends_the_pipeline() {
    let stage = Stage::new().concurrency(4);
    let pipeline = Pipeline::from_iter([9, 8, 1, 7, 6, 5]).stage("fragile", stage, fragile);
    let handle = pipeline.handle();
    let start = Instant::now();
    assert_eq!(leaves(pipeline.run().await), ["fragile: one"]);
    assert_eq!(start.elapsed(), millis(1), "the others were cancelled");
    let counts = handle.stats().counts;
    assert_eq!((counts.dead, counts.delivered), (1, 0));
    assert_balanced(counts);

    let pipeline = Pipeline::from_iter([9, 2, 7]).stage("fragile", Stage::new(), fragile);
    let handle = pipeline.handle();
    let payload = futures_catch(pipeline.run()).await.unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&"two"));
    let counts = handle.stats().counts;
    assert_eq!((counts.dead, counts.delivered), (1, 1));
    assert_balanced(counts);
}

#[tokio::test(start_paused = true)]
async fn q4j_a_source_that_fails_or_panics_ends_the_pipeline_with_a_handler_too() {
    for panics in [false, true] {
        let pipeline = Pipeline::source(move |out| async move {
            out.emit(3).await;
            out.emit(4).await;
            assert!(!panics, "source");
            Err("no more".to_owned())
        });
        let pipeline = pipeline.stage("fragile", Stage::new(), fragile);
        let pipeline = pipeline.dead_letters(|_| async { Ok(()) });
        let handle = pipeline.handle();
        let result = futures_catch(pipeline.run()).await;
        match panics {
            true => assert!(result.is_err()),
            false => assert_eq!(leaves(result.unwrap()), ["source: no more"]),
        }
        assert!(!handle.stats().counts.complete);
        assert_balanced(handle.stats().counts);
    }
}

#[tokio::test(start_paused = true)]
async fn q4j_a_finaliser_that_panics_ends_the_pipeline_with_a_handler_too() {
    let pipeline = Pipeline::from_iter(0..4).stage("work", Stage::new(), |n: u64| async move {
        if n == 2 {
            defer(async { panic!("finaliser") });
        }
        Ok::<_, String>(n)
    });
    let pipeline = pipeline.dead_letters(|_| async { Ok(()) });
    let handle = pipeline.handle();
    let payload = futures_catch(pipeline.run()).await.unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&"finaliser"));
    assert_balanced(handle.stats().counts);
}

#[tokio::test(start_paused = true)]
async fn q4k_a_handler_that_fails_or_panics_ends_the_pipeline() {
    for panics in [false, true] {
        let pipeline = Pipeline::from_iter([0, 1, 3]).stage("fragile", Stage::new(), fragile);
        let pipeline = pipeline.dead_letters(move |letter| async move {
            assert!(!panics, "handler");
            Err(format!("cannot bear {letter}"))
        });
        let handle = pipeline.handle();
        let result = futures_catch(pipeline.run()).await;
        match panics {
            true => assert!(result.is_err()),
            false => assert_eq!(
                leaves(result.unwrap()),
                ["fragile: cannot bear fragile: one"]
            ),
        }
        assert_eq!(handle.stats().counts.dead, 1);
        assert_balanced(handle.stats().counts);
    }
}

#[tokio::test(start_paused = true)]
async fn q4k_a_stage_waits_for_its_handler() {
    let peak = Peak::default();
    let inside = peak.clone();
    let stage = Stage::new().concurrency(3);
    let start = Instant::now();
    let pipeline = Pipeline::from_iter([1; 12])
        .stage("fragile", stage, fragile)
        .dead_letters(move |_| {
            let inside = inside.enter();
            async move {
                sleep(millis(99)).await;
                drop(inside);
                Ok(())
            }
        });
    assert_eq!(pipeline.run().await.unwrap().counts.dead, 12);
    assert_eq!((peak.max(), start.elapsed()), (3, millis(400)));
}
