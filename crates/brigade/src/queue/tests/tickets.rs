//! Q2: tickets and the wait for the end of work.

use std::time::Duration;

use tokio::time::timeout;

use super::spawn;
use crate::queue::bounded;

#[tokio::test(start_paused = true)]
async fn q2a_a_ticket_says_what_became_of_its_item() {
    let (sender, receiver) = bounded(3);
    for item in ["good", "bad", "ugly"] {
        sender.send(item).await.unwrap();
    }
    assert_eq!(receiver.recv().await.unwrap().done(), "good");
    assert_eq!(receiver.recv().await.unwrap().fail("no good"), "bad");
    let (item, receipt) = receiver.recv().await.unwrap().into_parts();
    assert_eq!(item, "ugly");
    receipt.fail(format!("{item} too"));
    let tally = sender.join().await.unwrap();
    assert_eq!((tally.done, tally.failed), (1, 2));
    assert_eq!(tally.first_failure.as_deref(), Some("no good"));
}

#[tokio::test(start_paused = true)]
async fn q2b_a_ticket_that_is_dropped_by_a_panic_or_an_abort_is_a_failure() {
    let (sender, receiver) = bounded(2);
    sender.send(1).await.unwrap();
    sender.send(2).await.unwrap();
    let panics = spawn({
        let receiver = receiver.clone();
        async move {
            let ticket = receiver.recv().await;
            assert!(ticket.is_none(), "a consumer that dies");
        }
    });
    assert!(panics.await.unwrap_err().is_panic());
    let aborted = spawn(async move {
        let _ticket = receiver.recv().await;
        std::future::pending::<()>().await;
    });
    while sender.stats().outstanding == 0 {
        tokio::task::yield_now().await;
    }
    aborted.abort();
    let tally = timeout(Duration::from_secs(1), sender.join())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(tally.failed, 2);
    assert_eq!(tally.first_failure.as_deref(), Some("dropped"));
}

#[tokio::test(start_paused = true)]
async fn q2b_the_compiler_warns_of_an_item_that_is_received_and_not_looked_at() {
    let (sender, receiver) = bounded(1);
    sender.send(1).await.unwrap();
    #[expect(unused_must_use, reason = "the warning is what is tested")]
    {
        receiver.recv().await;
    }
    assert_eq!(sender.join().await.unwrap().failed, 1);
}

#[tokio::test(start_paused = true)]
async fn q2c_a_requeued_item_comes_again_and_never_waits_for_room() {
    let (sender, receiver) = bounded(2);
    sender.send("first").await.unwrap();
    sender.send("second").await.unwrap();
    let waiting = spawn({
        let sender = sender.clone();
        async move { sender.send("third").await }
    });
    tokio::task::yield_now().await;
    receiver.recv().await.unwrap().requeue().unwrap();
    assert_eq!(receiver.recv().await.unwrap().done(), "second");
    waiting.await.unwrap().unwrap();
    assert_eq!(receiver.recv().await.unwrap().done(), "first");
    let last = receiver.recv().await.unwrap();
    sender.close();
    let last = last.requeue().unwrap_err();
    assert_eq!(*last, "third");
    last.done();
    assert_eq!(sender.join().await.unwrap().done, 3);
}

#[tokio::test(start_paused = true)]
async fn q2d_join_waits_for_the_last_producer_and_the_last_ticket() {
    let (sender, receiver) = bounded(2);
    let monitor = sender.monitor();
    let mut join = Box::pin(monitor.join());
    assert!(
        timeout(Duration::from_secs(1), join.as_mut())
            .await
            .is_err()
    );
    sender.send(1).await.unwrap();
    let ticket = receiver.recv().await.unwrap();
    drop(sender);
    assert!(
        timeout(Duration::from_secs(1), join.as_mut())
            .await
            .is_err()
    );
    ticket.done();
    assert_eq!(join.await.unwrap().done, 1);
}

#[tokio::test(start_paused = true)]
async fn q2d_a_crawler_finds_the_end_of_its_work_while_it_holds_both_ends() {
    let (sender, receiver) = bounded(64);
    let monitor = sender.monitor();
    sender.send(5u32).await.unwrap();
    let crawlers: Vec<_> = (0..3)
        .map(|_| {
            let (sender, receiver) = (sender.clone(), receiver.clone());
            spawn(async move {
                while let Some(ticket) = receiver.recv().await {
                    for _ in 0..2 {
                        if *ticket > 0 {
                            sender.send(*ticket - 1).await.unwrap();
                        }
                    }
                    ticket.done();
                }
            })
        })
        .collect();
    let tally = monitor.wait_idle().await.unwrap();
    assert_eq!(tally.done, 63);
    monitor.close();
    for crawler in crawlers {
        crawler.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn q2e_join_is_an_error_with_a_number_when_the_last_consumer_is_gone() {
    let (sender, receiver) = bounded(5);
    for number in 0..5 {
        sender.send(number).await.unwrap();
    }
    let monitor = sender.monitor();
    let join = spawn({
        let monitor = monitor.clone();
        async move { monitor.join().await }
    });
    let dies = spawn(async move {
        receiver.recv().await.unwrap().done();
        let _dropped = receiver.recv().await;
    });
    dies.await.unwrap();
    let unfinished = timeout(Duration::from_secs(1), join)
        .await
        .unwrap()
        .unwrap();
    let unfinished = unfinished.unwrap_err();
    assert_eq!(unfinished.unfinished, 3);
    assert_eq!((unfinished.tally.done, unfinished.tally.failed), (1, 1));
    assert_eq!(
        unfinished.to_string(),
        "finish 3 items: the last consumer is gone"
    );
    assert_eq!(monitor.abort(), [2, 3, 4]);
}
