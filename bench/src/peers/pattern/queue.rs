//! Items through a queue of 100 slots, between tasks of one runtime, until the producers are gone.
//!
//! Ours gives a ticket with each item and settles it; the others give the item. `tokio-mpsc` has
//! one consumer by its type, so several share it behind a lock, as its users do.

use std::sync::Arc;

use brigade::queue;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use crate::Result;

const SLOTS: usize = 100;

pub(super) async fn run(side: &str, count: usize) -> Result<()> {
    match side {
        "ticket-1-5" => ours(count, 1, 5).await,
        "ticket-4-4" => ours(count, 4, 4).await,
        "async-channel-1-5" => async_channel(count, 1, 5).await,
        "async-channel-4-4" => async_channel(count, 4, 4).await,
        "flume-1-5" => flume(count, 1, 5).await,
        "flume-4-4" => flume(count, 4, 4).await,
        "tokio-mpsc-1-5" => tokio_mpsc(count, 1, 5).await,
        "tokio-mpsc-4-4" => tokio_mpsc(count, 4, 4).await,
        _ => return super::unknown(side),
    }
    Ok(())
}

async fn ours(count: usize, producers: usize, consumers: usize) {
    let (sender, receiver) = queue::bounded::<usize>(SLOTS);
    let mut tasks = JoinSet::new();
    for _ in 0..producers {
        let sender = sender.clone();
        tasks.spawn(async move {
            for n in 0..count / producers {
                let _ = sender.send(n).await;
            }
        });
    }
    drop(sender);
    for _ in 0..consumers {
        let receiver = receiver.clone();
        tasks.spawn(async move {
            while let Some(ticket) = receiver.recv().await {
                ticket.done();
            }
        });
    }
    drop(receiver);
    tasks.join_all().await;
}

async fn async_channel(count: usize, producers: usize, consumers: usize) {
    let (sender, receiver) = async_channel::bounded::<usize>(SLOTS);
    let mut tasks = JoinSet::new();
    for _ in 0..producers {
        let sender = sender.clone();
        tasks.spawn(async move {
            for n in 0..count / producers {
                let _ = sender.send(n).await;
            }
        });
    }
    drop(sender);
    for _ in 0..consumers {
        let receiver = receiver.clone();
        tasks.spawn(async move { while receiver.recv().await.is_ok() {} });
    }
    drop(receiver);
    tasks.join_all().await;
}

async fn flume(count: usize, producers: usize, consumers: usize) {
    let (sender, receiver) = flume::bounded::<usize>(SLOTS);
    let mut tasks = JoinSet::new();
    for _ in 0..producers {
        let sender = sender.clone();
        tasks.spawn(async move {
            for n in 0..count / producers {
                let _ = sender.send_async(n).await;
            }
        });
    }
    drop(sender);
    for _ in 0..consumers {
        let receiver = receiver.clone();
        tasks.spawn(async move { while receiver.recv_async().await.is_ok() {} });
    }
    drop(receiver);
    tasks.join_all().await;
}

async fn tokio_mpsc(count: usize, producers: usize, consumers: usize) {
    let (sender, receiver) = mpsc::channel::<usize>(SLOTS);
    let receiver = Arc::new(Mutex::new(receiver));
    let mut tasks = JoinSet::new();
    for _ in 0..producers {
        let sender = sender.clone();
        tasks.spawn(async move {
            for n in 0..count / producers {
                let _ = sender.send(n).await;
            }
        });
    }
    drop(sender);
    for _ in 0..consumers {
        let receiver = receiver.clone();
        tasks.spawn(async move {
            loop {
                let item = receiver.lock().await.recv().await;
                if item.is_none() {
                    return;
                }
            }
        });
    }
    tasks.join_all().await;
}
