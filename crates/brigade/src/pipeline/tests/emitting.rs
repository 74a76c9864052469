//! Q4s and Q4t: a source whose items are emitted by more than itself, and what comes too late.

use std::panic::AssertUnwindSafe;

use futures_core::Stream;

use super::*;

async fn slow(n: u64) -> Result<u64, String> {
    sleep(millis(10)).await;
    Ok(n)
}

/// A source that lets tasks of its own emit, without an end.
fn by_tasks(tasks: u64) -> Pipeline<u64, String> {
    Pipeline::source(move |out| async move {
        let out = Arc::new(out);
        let group = task_group(async |g| {
            for task in 0..tasks {
                let out = out.clone();
                g.spawn(async move {
                    for n in 0.. {
                        out.emit(task * 1000 + n).await;
                    }
                    Ok::<_, String>(())
                });
            }
            Ok(())
        });
        group.await.map_err(|error| error.to_string())
    })
}

#[tokio::test(start_paused = true)]
async fn q4s_a_drain_waits_for_what_tasks_of_the_source_emit_and_then_ends() {
    for tasks in [1, 3] {
        let pipeline = by_tasks(tasks).stage("slow", Stage::new().capacity(1), slow);
        let handle = pipeline.handle();
        let drain = async {
            sleep(millis(25)).await;
            handle.drain();
        };
        let run = tokio::time::timeout(millis(1000), pipeline.collect());
        let (result, ()) = tokio::join!(run, drain);
        let (list, stats) = result.expect("it ends").unwrap();
        assert_eq!(list.len() as u64, stats.counts.taken);
        assert_eq!((stats.counts.cancelled, stats.counts.complete), (0, false));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn q4s_a_drain_loses_nothing_of_what_many_threads_emit() {
    for round in 0..200 {
        let stage = Stage::new().concurrency(2);
        let pipeline = by_tasks(4).stage("pass", stage, |n| async move { Ok(n) });
        let handle = pipeline.handle();
        let drain = async {
            for _ in 0..round % 10 {
                tokio::task::yield_now().await;
            }
            handle.drain();
        };
        let run = tokio::time::timeout(Duration::from_secs(10), pipeline.run());
        let (result, ()) = tokio::join!(run, drain);
        let counts = result.expect("it ends").unwrap().counts;
        assert_eq!((counts.cancelled, counts.taken), (0, counts.delivered));
    }
}

/// A source that gives its `Emit` away and ends.
fn leaky(kept: &Arc<Mutex<Option<Emit<u64>>>>) -> Pipeline<u64, String> {
    let keep = kept.clone();
    Pipeline::source(move |out| async move {
        out.emit(1).await;
        *keep.lock().unwrap() = Some(out);
        Ok(())
    })
}

#[tokio::test(start_paused = true)]
async fn q4t_what_is_emitted_after_the_end_of_the_source_is_not_taken() {
    for stages in [false, true] {
        let kept = Arc::default();
        let mut pipeline = leaky(&kept);
        if stages {
            pipeline = pipeline.stage("slow", Stage::new(), slow);
        }
        let handle = pipeline.handle();
        let run = tokio::time::timeout(millis(1000), pipeline.collect()).await;
        assert_eq!(run.expect("it ends").unwrap().0, [1]);
        let out = kept.lock().unwrap().take().unwrap();
        assert!(tokio::time::timeout(millis(10), out.emit(2)).await.is_err());
        let counts = handle.stats().counts;
        assert_eq!((counts.taken, counts.delivered), (1, 1), "{stages}");
    }
}

#[tokio::test(start_paused = true)]
async fn q4t_an_emit_that_is_kept_elsewhere_does_not_keep_a_stream_open() {
    for stages in [false, true] {
        let kept = Arc::default();
        let mut pipeline = leaky(&kept);
        if stages {
            pipeline = pipeline.stage("slow", Stage::new(), slow);
        }
        let mut output = pipeline.into_stream();
        assert_eq!(output.next().await.unwrap().unwrap(), 1);
        let end = tokio::time::timeout(millis(1000), output.next()).await;
        assert!(end.expect("it ends").is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn q4l_a_source_that_ends_itself_in_a_drain_is_not_complete() {
    let pipeline = Pipeline::source(|out| async move {
        while !out.is_draining() {
            shield(sleep(millis(1))).await;
        }
        Ok::<_, String>(())
    });
    let pipeline = pipeline.stage("slow", Stage::new(), slow);
    let handle = pipeline.handle();
    let drain = async {
        sleep(millis(5)).await;
        handle.drain();
    };
    let (result, ()) = tokio::join!(pipeline.run(), drain);
    assert!(!result.unwrap().counts.complete);
}

#[tokio::test(start_paused = true)]
async fn q4n_a_source_that_never_waits_lets_others_run() {
    const MANY: u64 = 1_000_000;
    for collects in [false, true] {
        let pipeline = Pipeline::<_, String>::from_iter(0..MANY);
        let handle = pipeline.handle();
        let cancel = async {
            tokio::task::yield_now().await;
            handle.cancel();
        };
        let (cancelled, ()) = match collects {
            false => tokio::join!(async { pipeline.run().await.is_err() }, cancel),
            true => tokio::join!(async { pipeline.collect().await.is_err() }, cancel),
        };
        let taken = handle.stats().counts.taken;
        assert!(cancelled && taken < MANY, "{taken}");
        assert_balanced(handle.stats().counts);
    }
}

#[tokio::test(start_paused = true)]
async fn q4q_a_stream_that_panicked_has_ended() {
    let pipeline = Pipeline::from_iter(0..3_u64).stage("work", Stage::new(), |n| async move {
        assert!(n != 1, "one");
        Ok::<_, String>(n)
    });
    let mut output = pipeline.into_stream();
    let mut seen = Vec::new();
    for _ in 0..9 {
        let next = std::future::poll_fn(|cx| {
            let poll = AssertUnwindSafe(|| std::pin::Pin::new(&mut output).poll_next(cx));
            match std::panic::catch_unwind(poll) {
                Ok(polled) => polled.map(|item| item.map_or("end", |_| "item").to_owned()),
                Err(payload) => std::task::Poll::Ready(
                    payload
                        .downcast_ref::<&str>()
                        .map_or_else(|| "another panic".to_owned(), ToString::to_string),
                ),
            }
        });
        seen.push(
            tokio::time::timeout(millis(1000), next)
                .await
                .expect("it ends"),
        );
    }
    assert_eq!(
        seen.iter().filter(|what| *what == "one").count(),
        1,
        "{seen:?}"
    );
    assert_eq!(seen.last().unwrap(), "end", "{seen:?}");
    let counts = output.handle().stats().counts;
    assert_eq!(counts.in_flight(), 0);
    assert_balanced(counts);
}
