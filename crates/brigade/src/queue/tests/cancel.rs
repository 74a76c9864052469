//! Q3: futures of a queue dropped wherever they wait.

use std::cell::Cell;

use brigade_testkit::cancel::{Outcome, fuzz_cancel};

use super::spawn;
use crate::queue::{Sender, bounded};

/// Sends `count` numbers from a task that yields before each.
fn produce(sender: Sender<u32>, count: u32) {
    spawn(async move {
        for number in 0..count {
            tokio::task::yield_now().await;
            if sender.send(number).await.is_err() {
                return;
            }
        }
    });
}

#[tokio::test(start_paused = true)]
async fn q3a_a_dropped_recv_neither_loses_nor_doubles_an_item() {
    let receiver = Cell::new(None);
    let polls = fuzz_cancel(
        || {
            let (sender, ours) = bounded(2);
            receiver.set(Some(ours.clone()));
            produce(sender, 4);
            async move {
                let mut seen = Vec::new();
                while let Some(ticket) = ours.recv().await {
                    seen.push(ticket.done());
                    tokio::task::yield_now().await;
                }
                seen
            }
        },
        async |outcome| {
            let receiver = receiver.take().unwrap();
            let mut rest = Vec::new();
            while let Some(ticket) = receiver.recv().await {
                rest.push(ticket.done());
            }
            let monitor = receiver.monitor();
            let tally = monitor.join().await.unwrap();
            assert_eq!((tally.done, tally.failed), (4, 0), "{outcome:?}");
            assert_eq!(monitor.stats().consumers_waiting, 0);
            assert!(rest.is_sorted(), "{outcome:?}");
        },
    )
    .await;
    assert!(polls > 4, "it waited in {polls} polls");
}

#[tokio::test(start_paused = true)]
async fn q3b_a_dropped_send_loses_its_own_item_and_no_slot() {
    let receiver = Cell::new(None);
    fuzz_cancel(
        || {
            let (sender, ours) = bounded::<u32>(1);
            receiver.set(Some(ours.clone()));
            spawn(async move {
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                    ours.recv().await.map(|ticket| ticket.done());
                }
            });
            async move {
                for number in 0..4 {
                    sender.send(number).await.unwrap();
                }
            }
        },
        async |outcome| {
            let receiver = receiver.take().unwrap();
            let monitor = receiver.monitor();
            while receiver
                .recv()
                .await
                .is_some_and(|ticket| ticket.done() < 9)
            {}
            let stats = monitor.stats();
            assert_eq!(stats.producers_waiting, 0, "{outcome:?}");
            assert_eq!((stats.depth, stats.outstanding), (0, 0), "{outcome:?}");
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn q3c_a_dropped_reserve_loses_nothing_and_its_slot_goes_on() {
    let scene = Cell::new(None);
    fuzz_cancel(
        || {
            let (sender, receiver) = bounded(1);
            sender.try_send(0).unwrap();
            scene.set(Some((sender.clone(), receiver.clone())));
            spawn(async move {
                tokio::task::yield_now().await;
                receiver.recv().await.map(|ticket| ticket.done());
            });
            async move { sender.reserve().await.unwrap().send(1).unwrap() }
        },
        async |outcome| {
            let (sender, receiver) = scene.take().unwrap();
            brigade_testkit::wait::until(|| sender.stats().done == 1).await;
            if matches!(outcome, Outcome::Completed(_)) {
                assert_eq!(receiver.recv().await.unwrap().done(), 1);
            }
            sender.try_send(2).unwrap();
            assert_eq!(receiver.recv().await.unwrap().done(), 2);
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn q3c_a_slot_that_is_dropped_or_comes_too_late_is_given_back() {
    let (sender, receiver) = bounded(1);
    drop(sender.reserve().await.unwrap());
    let slot = sender.reserve().await.unwrap();
    receiver.close();
    assert_eq!(slot.send("late").unwrap_err().0, "late");
    assert!(receiver.recv().await.is_none());
    assert_eq!(sender.join().await.unwrap().done, 0);
}

#[tokio::test(start_paused = true)]
async fn q3d_abort_returns_what_nobody_received() {
    let (sender, receiver) = bounded(8);
    for number in 0..5 {
        sender.send(number).await.unwrap();
    }
    let ticket = receiver.recv().await.unwrap();
    let monitor = sender.monitor();
    assert_eq!(monitor.abort(), [1, 2, 3, 4]);
    assert!(receiver.recv().await.is_none());
    ticket.done();
    assert_eq!(monitor.join().await.unwrap().done, 1);
}

#[tokio::test(start_paused = true)]
async fn q3a_a_dropped_wait_for_the_end_or_for_idleness_loses_nothing() {
    let scene = Cell::new(None);
    let polls = fuzz_cancel(
        || {
            let (sender, receiver) = bounded::<u32>(2);
            let monitor = sender.monitor();
            scene.set(Some((monitor.clone(), receiver.clone())));
            produce(sender.clone(), 2);
            spawn(async move {
                while let Some(ticket) = receiver.recv().await {
                    tokio::task::yield_now().await;
                    ticket.done();
                }
            });
            async move {
                sender.send(9).await.unwrap();
                monitor.wait_idle().await.unwrap();
                sender.join().await.unwrap();
                monitor.join().await.unwrap();
            }
        },
        async |outcome| {
            let (monitor, receiver) = scene.take().unwrap();
            // It may have been dropped before it sent anything, and the producer ends by itself.
            monitor.close();
            let tally = monitor.join().await.unwrap();
            assert_eq!(tally.failed, 0, "{outcome:?}");
            assert!(receiver.recv().await.is_none(), "{outcome:?}");
        },
    )
    .await;
    assert!(polls > 2, "{polls}");
}
