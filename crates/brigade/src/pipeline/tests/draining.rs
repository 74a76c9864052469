//! Q4l and Q4m: a drain ends the source and nothing else.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::sync::mpsc;

use super::*;

async fn slow(n: u64) -> Result<u64, String> {
    sleep(millis(10)).await;
    Ok(n)
}

/// A long poll, as a message broker offers.
struct Polled(mpsc::Receiver<u64>);

impl Stream for Polled {
    type Item = u64;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<u64>> {
        self.0.poll_recv(cx)
    }
}

#[tokio::test(start_paused = true)]
async fn q4l_a_drain_interrupts_a_source_that_waits_and_what_it_emitted_flows_to_the_end() {
    let (sender, receiver) = mpsc::channel(8);
    let log = Log::default();
    let dropped = log.on_drop("source");
    let pipeline = Pipeline::from_stream(Polled(receiver));
    let pipeline = pipeline.stage("one", Stage::new().capacity(4), move |n| {
        let _ = &dropped;
        slow(n)
    });
    let pipeline = pipeline.stage("two", Stage::new(), slow);
    let handle = pipeline.handle();
    let drain = async {
        for n in 0..3 {
            sender.send(n).await.unwrap();
        }
        sleep(millis(5)).await;
        handle.drain();
        handle.drain();
    };
    let start = Instant::now();
    let run = tokio::time::timeout(millis(1000), pipeline.collect());
    let (result, ()) = tokio::join!(run, drain);
    let (list, stats) = result.expect("it ends").unwrap();
    assert_eq!(list, [0, 1, 2]);
    assert_eq!(start.elapsed(), millis(40), "no wait for the source");
    assert!(!stats.counts.complete && sender.is_closed());
}

#[tokio::test(start_paused = true)]
async fn q4l_a_drain_before_the_run_and_one_after_the_end_change_nothing_else() {
    let pipeline = Pipeline::source(|out| async move {
        sleep(millis(1)).await;
        out.emit(1).await;
        Ok(())
    });
    let pipeline = pipeline.stage("slow", Stage::new(), slow);
    let handle = pipeline.handle();
    handle.drain();
    let (list, stats) = pipeline.collect().await.unwrap();
    assert_eq!((list.len(), stats.counts.complete), (0, false));

    let pipeline = Pipeline::from_iter([1]).stage("slow", Stage::new(), slow);
    let handle = pipeline.handle();
    let stats = pipeline.run().await.unwrap();
    handle.drain();
    handle.cancel();
    assert!(stats.counts.complete && handle.stats().counts.complete);
}

#[tokio::test(start_paused = true)]
async fn q4l_a_drain_ends_a_source_that_never_waits_for_anything_else() {
    let pipeline = Pipeline::from_iter(0..).stage("slow", Stage::new(), slow);
    let handle = pipeline.handle();
    let drain = async {
        sleep(millis(95)).await;
        handle.drain();
    };
    let (result, ()) = tokio::join!(pipeline.collect(), drain);
    let (list, stats) = result.unwrap();
    assert_eq!(list, (0..stats.counts.taken).collect::<Vec<_>>());
    assert_eq!(stats.counts.delivered, stats.counts.taken);
    assert!((10..15).contains(&stats.counts.taken), "{stats:?}");
}

#[tokio::test(start_paused = true)]
async fn q4l_a_drain_does_not_cut_a_shielded_stretch_of_the_source() {
    let log = Log::default();
    let acked = log.clone();
    let pipeline = Pipeline::source(|out| async move {
        out.emit(1).await;
        shield(async {
            sleep(millis(100)).await;
            acked.add("acked");
        })
        .await;
        acked.add("waits");
        pending().await
    });
    let pipeline = pipeline.stage("slow", Stage::new(), slow);
    let handle = pipeline.handle();
    let drain = async {
        sleep(millis(50)).await;
        handle.drain();
    };
    let (result, ()) = tokio::join!(pipeline.run(), drain);
    assert_eq!(result.unwrap().counts.delivered, 1);
    assert_eq!(log.all(), ["acked", "waits"]);
}

#[tokio::test(start_paused = true)]
async fn q4l_the_finalisers_of_a_drained_source_run() {
    let log = Log::default();
    let later = log.later("closed");
    let pipeline = Pipeline::source(|out| async move {
        defer(later);
        out.emit(1).await;
        pending().await
    });
    let pipeline = pipeline.stage("slow", Stage::new(), slow);
    let handle = pipeline.handle();
    let drain = async {
        sleep(millis(1)).await;
        handle.drain();
    };
    let (result, ()) = tokio::join!(pipeline.run(), drain);
    assert_eq!(result.unwrap().counts.delivered, 1);
    assert_eq!(log.all(), ["closed"]);
}

#[tokio::test(start_paused = true)]
async fn q4m_an_item_that_is_ready_together_with_the_drain_is_not_lost() {
    let (sender, receiver) = mpsc::channel(8);
    let pipeline = Pipeline::from_stream(Polled(receiver));
    let pipeline = pipeline.stage("slow", Stage::new(), slow);
    let handle = pipeline.handle();
    let drain = async {
        sleep(millis(50)).await;
        // Both before the source is polled again, and there is a second one that it must leave.
        sender.try_send(1).unwrap();
        sender.try_send(2).unwrap();
        handle.drain();
    };
    let (result, ()) = tokio::join!(pipeline.collect(), drain);
    assert_eq!(result.unwrap().0, [1]);
    assert_eq!(handle.stats().counts.taken, 1);
}

#[tokio::test(start_paused = true)]
async fn q4m_an_emission_that_is_under_way_is_finished_and_no_further_item_is_taken() {
    let taken = Notes::new();
    let notes = taken.clone();
    let items = (0..100).inspect(move |n| notes.add(*n));
    let pipeline = Pipeline::from_iter(items).stage("slow", Stage::new(), slow);
    let handle = pipeline.handle();
    let drain = async {
        // Two in the stage, and the source waits with the third in hand.
        sleep(millis(5)).await;
        assert_eq!(handle.stats().stage("slow").unwrap().producers_waiting, 1);
        handle.drain();
    };
    let (result, ()) = tokio::join!(pipeline.collect(), drain);
    assert_eq!(result.unwrap().0, [0, 1, 2]);
    assert_eq!(taken.all(), [0, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn q4m_a_source_may_emit_from_several_places_at_once() {
    let pipeline = Pipeline::source(|out| async move {
        let branch = async |from: u64| {
            for n in from.. {
                out.emit(n).await;
            }
        };
        tokio::join!(branch(0), branch(1000), branch(2000));
        Ok(())
    });
    let pipeline = pipeline.stage("slow", Stage::new(), slow);
    let handle = pipeline.handle();
    let drain = async {
        sleep(millis(55)).await;
        handle.drain();
    };
    let (result, ()) = tokio::join!(pipeline.collect(), drain);
    let (list, stats) = result.unwrap();
    assert_eq!(
        list.len() as u64,
        stats.counts.taken,
        "nothing in hand is lost"
    );
    for from in [0, 1000, 2000] {
        let branch: Vec<_> = list.iter().filter(|n| *n / 1000 == from / 1000).collect();
        assert!(branch.is_sorted() && branch.len() >= 2, "{list:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn q4m_an_emit_that_outlives_its_source_does_not_keep_the_pipeline_open() {
    let kept = Arc::new(Mutex::new(None));
    let keep = kept.clone();
    let pipeline = Pipeline::source(move |out| async move {
        out.emit(1).await;
        *keep.lock().unwrap() = Some(out);
        Ok(())
    });
    let pipeline = pipeline.stage("slow", Stage::new(), slow);
    let run = tokio::time::timeout(millis(1000), pipeline.run()).await;
    assert_eq!(run.expect("it ends").unwrap().counts.delivered, 1);
    let out = kept.lock().unwrap().take().unwrap();
    assert!(tokio::time::timeout(millis(10), out.emit(2)).await.is_err());
}
