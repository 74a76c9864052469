//! G8, first success: races, and timeouts that wait.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};

use brigade_testkit::cancel::fuzz_cancel;

use super::*;

async fn after(count: u64, end: Result<u64, &'static str>) -> Result<u64, &'static str> {
    sleep(millis(count)).await;
    end
}

#[tokio::test(start_paused = true)]
async fn g8k_a_race_returns_the_first_success_when_the_losers_are_gone() {
    let log = Log::default();
    let reasons = Arc::new(Mutex::new(Vec::new()));
    let begin = Instant::now();
    let candidates = [(5, Err("down")), (30, Ok(30)), (10, Ok(10)), (20, Ok(20))];
    let winner = race_ok(candidates.map(|(count, end)| {
        let (log, reasons) = (log.clone(), reasons.clone());
        async move {
            let token = current();
            defer(async move { reasons.lock().unwrap().push(token.reason()) });
            defer(log.later("cleaned up"));
            after(count, end).await
        }
    }));
    assert_eq!(winner.await.unwrap(), 10);
    // The finalisers of those that are over at 10 ms take until 20 ms.
    assert_eq!(begin.elapsed(), millis(20 + 10));
    assert_eq!(log.all(), ["cleaned up"; 4]);
    let lost = |reason: &&Option<Reason>| **reason == Some(Reason::RaceLost);
    assert_eq!(reasons.lock().unwrap().iter().filter(lost).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn g8k_a_loser_that_succeeds_too_does_not_replace_the_winner() {
    let winner = race_ok([10, 20].map(|count| shield(after(count, Ok(count)))));
    let begin = Instant::now();
    assert_eq!(winner.await.unwrap(), 10);
    assert_eq!(begin.elapsed(), millis(20));
}

#[tokio::test(start_paused = true)]
async fn g8l_when_all_fail_the_error_has_all_failures_in_the_order_of_time() {
    let ends = [(30, "c"), (10, "a"), (20, "b")];
    let result = race_ok(ends.map(|(count, error)| after(count, Err(error)))).await;
    let group = result.unwrap_err();
    assert_eq!(
        format!("{group:#}"),
        "3 tasks failed\n- candidate 1: a\n- candidate 2: b\n- candidate 0: c"
    );
}

#[tokio::test(start_paused = true)]
async fn g8l_a_race_without_candidates_is_an_error_at_once() {
    let result = race_ok(Vec::<std::future::Ready<Fine>>::new()).await;
    let error = result.unwrap_err();
    assert_eq!(error.to_string(), "race: there were no candidates");
    let cause = error.group().unwrap().first().cause();
    assert!(matches!(cause, Cause::NoCandidates));
}

/// Candidates that note when they started, and end as they are told.
fn noted<const N: usize>(
    ends: [(u64, Result<u64, &'static str>); N],
) -> (
    Arc<Mutex<Vec<u128>>>,
    impl Iterator<Item = impl Future<Output = Result<u64, &'static str>> + Send + 'static>,
) {
    let begin = Instant::now();
    let starts = Arc::new(Mutex::new(Vec::new()));
    let noted = starts.clone();
    let candidates = ends.into_iter().map(move |(count, end)| {
        let noted = noted.clone();
        async move {
            noted.lock().unwrap().push(begin.elapsed().as_millis());
            after(count, end).await
        }
    });
    (starts, candidates)
}

#[tokio::test(start_paused = true)]
async fn g8m_the_next_candidate_starts_after_the_delay_or_when_one_has_failed() {
    let ends = [
        (1000, Ok(0)),
        (30, Err("a")),
        (1000, Ok(2)),
        (10, Err("b")),
        (25, Ok(4)),
        (0, Ok(5)),
    ];
    let (starts, candidates) = noted(ends);
    let race = RaceOk::new(candidates).stagger(millis(100));
    assert_eq!(race.run().await.unwrap(), 4);
    // At 130 the second fails, at 240 the fourth; nothing starts after the success.
    assert_eq!(*starts.lock().unwrap(), [0, 100, 130, 230, 240]);

    // The last one to fail ends the race, whatever the delay.
    let (starts, candidates) = noted([(10, Err("a")), (10, Err("b"))]);
    let begin = Instant::now();
    let race = RaceOk::new(candidates).stagger(millis(1000));
    assert_eq!(race.run().await.unwrap_err().group().unwrap().len(), 2);
    assert_eq!(
        (begin.elapsed(), &*starts.lock().unwrap()),
        (millis(20), &vec![0, 10])
    );
}

#[tokio::test(start_paused = true)]
async fn g8m_with_a_limit_no_more_candidates_run_at_once() {
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let candidates = (0..20).map(|n| {
        let (running, most) = (running.clone(), most.clone());
        async move {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            sleep(millis(10)).await;
            running.fetch_sub(1, Ordering::SeqCst);
            if n == 10 { Ok(n) } else { Err("down") }
        }
    });
    assert_eq!(RaceOk::new(candidates).limit(3).run().await.unwrap(), 10);
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

async fn panicking() -> Result<u64, &'static str> {
    sleep(millis(5)).await;
    panic!("an expected panic")
}

#[tokio::test(start_paused = true)]
async fn g8n_a_panic_of_a_candidate_cancels_the_others_and_continues() {
    let log = Log::default();
    let cleaned = log.later("cleaned up");
    let sibling = async {
        defer(cleaned);
        after(1000, Ok(1)).await
    };
    let candidates: [std::pin::Pin<Box<dyn Future<Output = _> + Send>>; 2] =
        [Box::pin(panicking()), Box::pin(sibling)];
    let begin = Instant::now();
    let mut race = Box::pin(race_ok(candidates));
    let caught = std::future::poll_fn(|cx| {
        let poll = AssertUnwindSafe(|| race.as_mut().poll(cx));
        match std::panic::catch_unwind(poll) {
            Ok(poll) => poll.map(|_| None),
            Err(payload) => std::task::Poll::Ready(Some(payload)),
        }
    });
    let payload = caught.await.expect("a panic");
    assert_eq!(payload.downcast_ref(), Some(&"an expected panic"));
    assert_eq!(log.all(), ["cleaned up"]);
    assert_eq!(begin.elapsed(), millis(5 + 10));
}

#[tokio::test(start_paused = true)]
async fn g8n_on_request_a_panic_is_a_failure_of_that_candidate() {
    let candidates = |end| -> [std::pin::Pin<Box<dyn Future<Output = _> + Send>>; 2] {
        [Box::pin(panicking()), Box::pin(after(10, end))]
    };
    let race = RaceOk::new(candidates(Ok(1))).catch_panics();
    assert_eq!(race.run().await.unwrap(), 1);
    let race = RaceOk::new(candidates(Err("down"))).catch_panics();
    let group = race.run().await.unwrap_err();
    let lines = "2 tasks failed\n- candidate 0: panicked: an expected panic\n- candidate 1: down";
    assert_eq!(format!("{group:#}"), lines);
}

#[tokio::test(start_paused = true)]
async fn g8o_the_deadline_of_a_race_is_one_of_its_failures() {
    let (starts, candidates) = noted([(10, Err("down")), (1000, Ok(1)), (0, Ok(2))]);
    let race = RaceOk::new(candidates).limit(1).deadline(millis(100));
    let begin = Instant::now();
    let group = race.run().await.unwrap_err();
    assert_eq!(begin.elapsed(), millis(100));
    let lines =
        "a task failed, a deadline passed\n- candidate 0: down\n- race: not finished after 100ms";
    assert_eq!(format!("{group:#}"), lines);
    assert_eq!(
        starts.lock().unwrap().len(),
        2,
        "one started after the deadline"
    );

    // A success that is ready together with the deadline counts.
    let race = RaceOk::new([after(100, Ok(1))]).deadline(millis(100));
    assert_eq!(race.run().await.unwrap(), 1);

    // Candidates see it as their reason.
    let reason = Arc::new(Mutex::new(None));
    let seen = reason.clone();
    let candidate = async move {
        let token = current();
        defer(async move { *seen.lock().unwrap() = token.reason() });
        pending::<Fine>().await
    };
    let race = RaceOk::new([candidate]).deadline(millis(100));
    race.run().await.unwrap_err();
    assert_eq!(*reason.lock().unwrap(), Some(Reason::Deadline));
}

#[tokio::test(start_paused = true)]
async fn g8p_dropping_a_race_cancels_the_candidates_and_the_ancestor_waits() {
    let log = Log::default();
    let result = task_group(async |_| {
        let race = race_ok((0..2).map(|_| {
            let log = log.clone();
            async move {
                defer(log.later("cleaned up"));
                pending::<Fine>().await
            }
        }));
        assert!(tokio::time::timeout(millis(5), race).await.is_err());
        Ok::<_, String>(())
    });
    result.await.unwrap();
    assert_eq!(log.all(), ["cleaned up"; 2]);
}

#[tokio::test(start_paused = true)]
async fn g8p_a_race_can_be_dropped_at_every_await() {
    let result = task_group(async |g| {
        let alive = Arc::new(());
        let polls = fuzz_cancel(
            || {
                let held = alive.clone();
                let candidates = [10, 20, 30].map(|count| {
                    let held = held.clone();
                    async move {
                        let result = after(count, if count == 20 { Ok(20) } else { Err("x") });
                        let result = result.await;
                        drop(held);
                        result
                    }
                });
                RaceOk::new(candidates).stagger(millis(3)).run()
            },
            async |_| {
                while Arc::strong_count(&alive) > 1 {
                    sleep(millis(1)).await;
                }
            },
        );
        assert!(polls.await > 3);
        assert_eq!(g.stats().running, 0);
        Ok::<_, String>(())
    });
    result.await.unwrap();
}

#[tokio::test]
async fn g8q_a_race_can_run_in_a_task() {
    let result = task_group(async |g| {
        let race = g.spawn(async {
            let winner = RaceOk::new([1, 2].map(|n| async move { Ok::<_, String>(n) }));
            winner.run().await.map_err(|error| error.to_string())
        });
        Ok::<_, String>(race.await)
    });
    assert!((1..=2).contains(&result.await.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn c5c_a_timeout_waits_for_what_it_cuts_off_and_says_that_it_was_a_deadline() {
    let log = Log::default();
    let begin = Instant::now();
    let slow = async {
        task_group(async |g| {
            let log = log.clone();
            g.spawn(async move {
                let (token, noted) = (current(), log.clone());
                defer(log.later("cleaned up"));
                defer(async move {
                    if token.reason() == Some(Reason::Deadline) {
                        noted.add("a deadline");
                    }
                });
                pending::<Fine>().await
            });
            pending::<Fine>().await
        })
        .await
        .map_err(|error| error.to_string())
    };
    let error = timeout(millis(100), slow).await.unwrap_err();
    assert!(error.is_deadline());
    assert_eq!(error.to_string(), "timeout: not finished after 100ms");
    assert_eq!(log.all(), ["a deadline", "cleaned up"]);
    assert_eq!(begin.elapsed(), millis(110));
    // In time, or ready together with the deadline, it has its value.
    for count in [1, 100] {
        let value = timeout(millis(100), after(count, Ok(count))).await;
        assert_eq!(value.unwrap(), count);
    }
}

#[tokio::test(start_paused = true)]
async fn c5c_only_the_deadline_of_the_group_itself_is_its_deadline() {
    let failed = timeout(millis(100), after(1, Err("down"))).await;
    assert!(!failed.unwrap_err().is_deadline());

    // Another one further in is an error of what is in there; one further out is a cancellation.
    let inner = async { timeout(millis(1), pending::<Fine>()).await };
    let error = timeout(millis(100), inner).await.unwrap_err();
    assert!(!error.is_deadline());
    let inner = error.group().and_then(|group| group.first().error());
    assert!(inner.is_some_and(|inner| inner.is_deadline()));

    // A child that outstays its grace is late, which is not the group's own deadline.
    let stubborn = Builder::new().grace(millis(1)).run(async |group| {
        group.spawn(shield(pending::<Fine>()));
        sleep(millis(1)).await;
        group.cancel();
        pending::<Fine>().await
    });
    let error = stubborn.await.unwrap_err();
    let first = error.group().map(|group| group.first().cause());
    assert!(matches!(first, Some(Cause::Deadline(_))), "{error}");
    assert!(!error.is_deadline());
}
