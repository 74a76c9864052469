//! Queues: both ends come, go, wait and settle at once.

use shuttle::future::{JoinHandle, block_on, spawn, yield_now};
use shuttle::thread;

use super::explore::{explore, explore_async, lose};
use crate::queue::{Receiver, Sender, bounded};

/// Receives and settles until the end.
fn consume(receiver: Receiver<u32>) -> JoinHandle<Vec<u32>> {
    spawn(async move {
        let mut items = Vec::new();
        while let Some(ticket) = receiver.recv().await {
            items.push(ticket.done());
        }
        items
    })
}

/// Sends until it is refused; gives what came back.
fn produce(sender: Sender<u32>, items: [u32; 2]) -> JoinHandle<Vec<u32>> {
    spawn(async move {
        let mut refused = Vec::new();
        for item in items {
            refused.extend(sender.send(item).await.err().map(|error| error.0));
        }
        refused
    })
}

async fn together(tasks: Vec<JoinHandle<Vec<u32>>>) -> Vec<u32> {
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    all.sort_unstable();
    all
}

#[test]
fn q1d_producers_and_consumers_lose_and_double_nothing() {
    explore_async(|| async {
        let (sender, receiver) = bounded::<u32>(2);
        let monitor = sender.monitor();
        let consumers = vec![consume(receiver.clone()), consume(receiver)];
        let producers = vec![produce(sender.clone(), [1, 2]), produce(sender, [3, 4])];
        assert!(together(producers).await.is_empty());
        assert_eq!(together(consumers).await, [1, 2, 3, 4]);
        assert_eq!(monitor.join().await.unwrap().done, 4);
    });
}

#[test]
fn q1b_a_close_in_between_refuses_or_delivers_each_item() {
    explore_async(|| async {
        let (sender, receiver) = bounded::<u32>(1);
        let monitor = sender.monitor();
        let mut tasks = vec![consume(receiver.clone()), consume(receiver)];
        tasks.push(produce(sender.clone(), [1, 2]));
        tasks.push(produce(sender, [3, 4]));
        let closer = monitor.clone();
        let closer = thread::spawn(move || closer.close());
        assert_eq!(together(tasks).await, [1, 2, 3, 4]);
        closer.join().unwrap();
        monitor.join().await.unwrap();
    });
}

#[test]
fn q3d_an_abort_in_between_returns_what_nobody_has() {
    explore_async(|| async {
        let (sender, receiver) = bounded::<u32>(2);
        let monitor = sender.monitor();
        let mut tasks = vec![consume(receiver), produce(sender.clone(), [1, 2])];
        tasks.push(produce(sender, [3, 4]));
        let aborter = monitor.clone();
        tasks.push(spawn(async move {
            yield_now().await;
            aborter.abort()
        }));
        assert_eq!(together(tasks).await, [1, 2, 3, 4]);
        monitor.join().await.unwrap();
    });
}

#[test]
fn q3a_a_receiver_that_gives_up_loses_nothing() {
    explore_async(|| async {
        let (sender, receiver) = bounded::<u32>(1);
        let fickle = receiver.clone();
        let fickle = spawn(async move {
            let mut items = Vec::new();
            for polls in 0..3 {
                let ticket = lose(fickle.recv(), polls).await.flatten();
                items.extend(ticket.map(|ticket| ticket.done()));
            }
            items
        });
        let tasks = vec![
            consume(receiver),
            fickle,
            produce(sender.clone(), [1, 2]),
            produce(sender, [3, 4]),
        ];
        assert_eq!(together(tasks).await, [1, 2, 3, 4]);
    });
}

#[test]
fn q3c_a_sender_that_gives_up_loses_no_slot() {
    explore_async(|| async {
        let (sender, receiver) = bounded::<u32>(1);
        let monitor = sender.monitor();
        let fickle = sender.clone();
        let fickle = spawn(async move {
            let mut back = Vec::new();
            for polls in 0..2 {
                match lose(fickle.reserve(), polls).await {
                    Some(Ok(slot)) => back.extend(slot.send(3).err().map(|error| error.0)),
                    _ => back.push(3),
                }
            }
            back
        });
        let tasks = vec![consume(receiver), fickle, produce(sender, [1, 2])];
        assert_eq!(together(tasks).await, [1, 2, 3, 3]);
        monitor.join().await.unwrap();
    });
}

#[test]
fn q2e_the_end_is_an_error_when_the_last_consumer_leaves_items() {
    explore_async(|| async {
        let (sender, receiver) = bounded::<u32>(2);
        let monitor = sender.monitor();
        let producer = produce(sender, [1, 2]);
        let leaver = spawn(async move {
            let ticket = receiver.recv().await;
            Vec::from_iter(ticket.map(|ticket| ticket.done()))
        });
        let received = together(vec![leaver]).await;
        let refused = together(vec![producer]).await;
        let left = 2 - received.len() - refused.len();
        match monitor.join().await {
            Ok(tally) => assert_eq!((tally.done, left), (1, 0)),
            Err(unfinished) => assert_eq!(unfinished.unfinished, left),
        }
    });
}

#[test]
fn q2d_the_wait_for_the_end_is_not_fooled_by_requeues_and_drops() {
    explore_async(|| async {
        let (sender, receiver) = bounded::<u32>(2);
        let monitor = sender.monitor();
        let end = spawn(async move { monitor.join().await.map(|tally| tally.done + tally.failed) });
        let consumers: Vec<_> = [receiver.clone(), receiver]
            .into_iter()
            .map(|receiver| {
                spawn(async move {
                    let mut first = true;
                    while let Some(ticket) = receiver.recv().await {
                        yield_now().await;
                        let again = std::mem::take(&mut first);
                        // Once back into the queue, or to its end if that is closed.
                        if again && let Err(ticket) = ticket.requeue() {
                            drop(ticket);
                        }
                    }
                })
            })
            .collect();
        assert!(together(vec![produce(sender, [1, 2])]).await.is_empty());
        assert_eq!(end.await.unwrap().unwrap(), 2);
        for consumer in consumers {
            consumer.await.unwrap();
        }
    });
}

#[test]
fn q2d_a_moment_without_work_is_seen_by_who_waits_for_it() {
    explore(|| {
        let (sender, receiver) = bounded::<u32>(2);
        let monitor = sender.monitor();
        sender.try_send(2).unwrap();
        let crawler = thread::spawn(move || {
            block_on(async {
                while let Some(ticket) = receiver.recv().await {
                    // It sends what it finds before it settles.
                    if *ticket > 0 {
                        sender.send(*ticket - 1).await.unwrap();
                    }
                    ticket.done();
                }
            });
        });
        let tally = block_on(monitor.wait_idle()).unwrap();
        assert_eq!(tally.done, 3);
        monitor.close();
        crawler.join().unwrap();
    });
}
