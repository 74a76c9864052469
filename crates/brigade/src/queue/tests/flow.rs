//! Q1: order, bounds, and the end of a queue.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::spawn;
use crate::queue::{SendError, TryRecvError, TrySendError, bounded};

#[tokio::test(start_paused = true)]
async fn q1a_items_are_received_in_the_order_in_which_they_were_sent() {
    let (sender, receiver) = bounded(3);
    let produce = spawn(async move {
        for number in 0..100 {
            sender.send(number).await.unwrap();
        }
    });
    let mut received = Vec::new();
    while let Some(ticket) = receiver.recv().await {
        received.push(ticket.done());
    }
    produce.await.unwrap();
    assert_eq!(received, (0..100).collect::<Vec<_>>());
}

/// What a queue of this capacity is refused with.
fn refusal(capacity: usize) -> String {
    let panic = std::panic::catch_unwind(|| drop(bounded::<u32>(capacity))).unwrap_err();
    *panic.downcast().unwrap()
}

#[test]
fn q1c_a_capacity_that_is_no_bound_is_refused_with_the_call_the_bound_and_the_fix() {
    #[cfg(target_pointer_width = "64")]
    let wrong = [0, usize::MAX];
    #[cfg(not(target_pointer_width = "64"))]
    let wrong = [0];
    for capacity in wrong {
        let expected = format!(
            "queue::bounded({capacity}): a queue has 1 to 4294967295 slots; give it as many as may \
             wait and be worked on at once"
        );
        assert_eq!(refusal(capacity), expected);
    }
    drop(bounded::<u32>(u32::MAX as usize));
}

#[tokio::test(start_paused = true)]
async fn q1b_the_queue_ends_with_its_last_producer_and_every_consumer_sees_the_end() {
    let (sender, receiver) = bounded::<char>(2);
    let consumers: Vec<_> = (0..5)
        .map(|_| {
            let receiver = receiver.clone();
            spawn(async move {
                let mut count = 0;
                while let Some(ticket) = receiver.recv().await {
                    ticket.done();
                    count += 1;
                }
                count
            })
        })
        .collect();
    drop(receiver);
    let second = sender.clone();
    sender.send('a').await.unwrap();
    drop(sender);
    second.send('b').await.unwrap();
    assert_eq!(second.join().await.unwrap().done, 2);
    let mut all = 0;
    for consumer in consumers {
        all += consumer.await.unwrap();
    }
    assert_eq!(all, 2);
}

#[tokio::test(start_paused = true)]
async fn q1b_close_refuses_producers_that_wait_and_lets_consumers_drain() {
    let (sender, receiver) = bounded(1);
    sender.send(1).await.unwrap();
    let waiting = spawn({
        let sender = sender.clone();
        async move { sender.send(2).await }
    });
    while sender.stats().producers_waiting == 0 {
        tokio::task::yield_now().await;
    }
    let monitor = sender.monitor();
    monitor.close();
    assert_eq!(waiting.await.unwrap(), Err(SendError(2)));
    assert_eq!(sender.send(3).await, Err(SendError(3)));
    assert_eq!(receiver.recv().await.unwrap().done(), 1);
    assert!(receiver.recv().await.is_none());
    assert_eq!(receiver.try_recv().err(), Some(TryRecvError::Ended));
}

#[tokio::test(start_paused = true)]
async fn q1c_a_full_queue_takes_nothing_until_an_item_is_settled() {
    let (sender, receiver) = bounded(2);
    assert_eq!(sender.try_send(1), Ok(()));
    assert_eq!(sender.try_send(2), Ok(()));
    assert_eq!(sender.try_send(3), Err(TrySendError::Full(3)));
    let ticket = receiver.recv().await.unwrap();
    assert_eq!(sender.try_send(3), Err(TrySendError::Full(3)), "in work");
    ticket.done();
    assert_eq!(sender.try_send(3), Ok(()));
    let stats = sender.stats();
    assert_eq!((stats.capacity, stats.depth, stats.outstanding), (2, 2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_queue_without_consumers_gives_the_item_back() {
    let (sender, receiver) = bounded(2);
    drop(receiver);
    assert_eq!(sender.send("item").await, Err(SendError("item")));
}

#[tokio::test(start_paused = true)]
async fn l1c_producers_and_consumers_that_nobody_polls_stop_nobody() {
    let (sender, receiver) = bounded(1);
    sender.send(0).await.unwrap();
    let mut unpolled = Box::pin(sender.send(100));
    assert!(timeout(Duration::ZERO, unpolled.as_mut()).await.is_err());
    let produce = spawn({
        let sender = sender.clone();
        async move {
            for number in 1..50 {
                sender.send(number).await.unwrap();
            }
        }
    });
    let consume = async {
        let mut received = Vec::new();
        while received.len() < 50 {
            received.push(receiver.recv().await.unwrap().done());
        }
        received
    };
    let received = timeout(Duration::from_millis(100), consume).await.unwrap();
    assert_eq!(received, (0..50).collect::<Vec<_>>());
    produce.await.unwrap();
    unpolled.await.unwrap();
    assert_eq!(receiver.recv().await.unwrap().done(), 100);

    let mut unpolled = Box::pin(receiver.recv());
    assert!(timeout(Duration::ZERO, unpolled.as_mut()).await.is_err());
    let other = spawn({
        let receiver = receiver.clone();
        async move { receiver.recv().await.unwrap().done() }
    });
    tokio::task::yield_now().await;
    sender.send(7).await.unwrap();
    let received = timeout(Duration::from_millis(100), other).await.unwrap();
    assert_eq!(received.unwrap(), 7);
}

/// Real threads and real time: the interleavings are the point. Nothing is measured.
#[test]
fn q1d_many_producers_and_consumers_on_many_threads_lose_and_double_nothing() {
    const PRODUCERS: u32 = 6;
    const EACH: u32 = 2_000;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_time()
        .build()
        .unwrap();
    let seen = Arc::new(Mutex::new(HashSet::new()));
    let tally = runtime.block_on(async {
        let (sender, receiver) = bounded(7);
        sender.monitor().set_patience(Duration::from_micros(100));
        let mut tasks = JoinSet::new();
        for producer in 0..PRODUCERS {
            let sender = sender.clone();
            tasks.spawn(async move {
                for number in 0..EACH {
                    let item = producer * EACH + number;
                    if number % 3 == 0 {
                        sender.reserve().await.unwrap().send(item).unwrap();
                    } else {
                        sender.send(item).await.unwrap();
                    }
                }
            });
        }
        for consumer in 0..5u64 {
            let (receiver, seen) = (receiver.clone(), seen.clone());
            tasks.spawn(async move {
                let mut turn = consumer;
                loop {
                    turn += 1;
                    let short = Duration::from_micros(turn % 50);
                    let Ok(received) = timeout(short, receiver.recv()).await else {
                        continue;
                    };
                    let Some(ticket) = received else { return };
                    match turn % 7 {
                        0 => drop(ticket.requeue().map_err(|ticket| {
                            assert!(seen.lock().unwrap().insert(ticket.done()));
                        })),
                        _ => assert!(seen.lock().unwrap().insert(ticket.done())),
                    }
                }
            });
        }
        drop(receiver);
        let all = async {
            let tally = sender.join().await.unwrap();
            while let Some(task) = tasks.join_next().await {
                task.unwrap();
            }
            tally
        };
        timeout(Duration::from_secs(60), all).await.unwrap()
    });
    assert_eq!(tally.done, u64::from(PRODUCERS * EACH));
    assert_eq!(seen.lock().unwrap().len(), (PRODUCERS * EACH) as usize);
}

#[tokio::test(start_paused = true)]
async fn q5d_stats_say_where_items_are_and_who_waits_for_whom() {
    let (sender, receiver) = bounded::<char>(2);
    let (waiting, monitor) = (receiver.clone(), receiver.monitor());
    let consumer = spawn(async move { waiting.recv().await.map(|ticket| ticket.done()) });
    brigade_testkit::wait::until(|| monitor.stats().consumers_waiting == 1).await;
    let ends = (monitor.stats().producers, monitor.stats().consumers);
    assert_eq!((monitor.stats().capacity, ends), (2, (1, 2)));
    sender.send('a').await.unwrap();
    assert_eq!(consumer.await.unwrap(), Some('a'));

    sender.send('b').await.unwrap();
    sender.send('c').await.unwrap();
    let ticket = receiver.recv().await.unwrap();
    let late = sender.clone();
    let producer = spawn(async move { late.send('d').await });
    brigade_testkit::wait::until(|| monitor.stats().producers_waiting == 1).await;
    let stats = monitor.stats();
    assert_eq!((stats.depth, stats.outstanding, stats.done), (1, 1, 1));
    ticket.fail("no");
    producer.await.unwrap().unwrap();
    let stats = sender.stats();
    assert_eq!((stats.depth, stats.outstanding, stats.failed), (2, 0, 1));
    assert_eq!((stats.producers_waiting, stats.closed), (0, false));
}
