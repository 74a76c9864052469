//! One operation of one pattern, a million times, as a process of its own.
//!
//! The sides of a comparison do the same work in the same shape on a current-thread runtime.

use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;

use crate::Result;

const WINDOW: usize = 64;
const SLOTS: usize = 100;

pub(super) async fn run(name: &str, count: usize) -> Result<()> {
    match name {
        "group" => group(count).await,
        "joinset" => joinset(count).await,
        "tasktracker" => tasktracker(count).await,
        "futuresunordered" => futuresunordered(count).await,
        "async-channel-1-5" => async_channel(count, 1, 5).await,
        "async-channel-4-4" => async_channel(count, 4, 4).await,
        "spawn-blocking" => spawn_blocking(count).await,
        "rayon-oneshot" => rayon(count).await,
        "governor" => governor(count).await,
        "tokio-semaphore" => tokio_semaphore(count).await,
        "tokio-semaphore-contended" => tokio_semaphore_contended(count).await,
        _ => ours::run(name, count).await,
    }
}

async fn group(count: usize) -> Result<()> {
    for _ in 0..count / WINDOW {
        brigade::group::task_group(async |group| {
            for n in 0..WINDOW {
                group.spawn(async move { Ok::<_, std::io::Error>(n) });
            }
            Ok(())
        })
        .await
        .map_err(|error| error.to_string())?;
    }
    Ok(())
}

async fn joinset(count: usize) -> Result<()> {
    for _ in 0..count / WINDOW {
        let mut tasks = JoinSet::new();
        for n in 0..WINDOW {
            tasks.spawn(async move { Ok::<_, std::io::Error>(n) });
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
    }
    Ok(())
}

async fn tasktracker(count: usize) -> Result<()> {
    for _ in 0..count / WINDOW {
        let tasks = TaskTracker::new();
        for n in 0..WINDOW {
            tasks.spawn(async move { Ok::<_, std::io::Error>(n) });
        }
        tasks.close();
        tasks.wait().await;
    }
    Ok(())
}

async fn futuresunordered(count: usize) -> Result<()> {
    for _ in 0..count / WINDOW {
        let mut tasks: FuturesUnordered<_> = (0..WINDOW)
            .map(|n| async move { Ok::<_, std::io::Error>(n) })
            .collect();
        while let Some(done) = tasks.next().await {
            done?;
        }
    }
    Ok(())
}

async fn async_channel(count: usize, producers: usize, consumers: usize) -> Result<()> {
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
    tasks.join_all().await;
    Ok(())
}

async fn spawn_blocking(count: usize) -> Result<()> {
    let mut workers = JoinSet::new();
    for _ in 0..WINDOW {
        workers.spawn(async move {
            for n in 0..count / WINDOW {
                let _ = tokio::task::spawn_blocking(move || n + 1).await;
            }
        });
    }
    workers.join_all().await;
    Ok(())
}

async fn rayon(count: usize) -> Result<()> {
    let mut workers = JoinSet::new();
    for _ in 0..WINDOW {
        workers.spawn(async move {
            for n in 0..count / WINDOW {
                let (sender, receiver) = tokio::sync::oneshot::channel();
                rayon::spawn(move || {
                    let _ = sender.send(n + 1);
                });
                let _ = receiver.await;
            }
        });
    }
    workers.join_all().await;
    Ok(())
}

async fn governor(count: usize) -> Result<()> {
    let quota = governor::Quota::per_second(std::num::NonZeroU32::MAX);
    let limiter = governor::RateLimiter::direct(quota);
    for _ in 0..count {
        limiter.until_ready().await;
    }
    Ok(())
}

async fn tokio_semaphore(count: usize) -> Result<()> {
    let semaphore = tokio::sync::Semaphore::new(10);
    for _ in 0..count {
        drop(semaphore.acquire().await?);
    }
    Ok(())
}

async fn tokio_semaphore_contended(count: usize) -> Result<()> {
    let semaphore = Arc::new(tokio::sync::Semaphore::new(10));
    let mut tasks = JoinSet::new();
    for _ in 0..100 {
        let semaphore = semaphore.clone();
        tasks.spawn(async move {
            for _ in 0..count / 100 {
                let permit = semaphore.acquire().await;
                tokio::task::yield_now().await;
                drop(permit);
            }
        });
    }
    tasks.join_all().await;
    Ok(())
}

/// Our sides of the comparisons.
mod ours {
    use std::sync::Arc;

    use brigade::limit::{Rate, RateLimit, Semaphore};
    use brigade::queue;
    use brigade::thread::to_thread;
    use tokio::task::JoinSet;

    use super::{SLOTS, WINDOW};
    use crate::Result;

    pub(super) async fn run(name: &str, count: usize) -> Result<()> {
        match name {
            "queue-1-5" => queue(count, 1, 5).await,
            "queue-4-4" => queue(count, 4, 4).await,
            "to-thread" => threads(count).await,
            "bucket" => bucket(count).await,
            "semaphore" => semaphore(count).await,
            "semaphore-contended" => contended(count).await,
            _ => return Err(format!("no such pattern: {name}").into()),
        }
        Ok(())
    }

    async fn queue(count: usize, producers: usize, consumers: usize) {
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

    async fn threads(count: usize) {
        let mut workers = JoinSet::new();
        for _ in 0..WINDOW {
            workers.spawn(async move {
                for n in 0..count / WINDOW {
                    to_thread(move || n + 1).await;
                }
            });
        }
        workers.join_all().await;
    }

    async fn bucket(count: usize) {
        let limit = RateLimit::new(Rate::per_second(u32::MAX).burst(u32::MAX));
        for _ in 0..count {
            limit.acquire().await;
        }
    }

    async fn semaphore(count: usize) {
        let semaphore = Semaphore::new(10);
        for _ in 0..count {
            drop(semaphore.acquire().await);
        }
    }

    async fn contended(count: usize) {
        let semaphore = Arc::new(Semaphore::new(10));
        let mut tasks = JoinSet::new();
        for _ in 0..100 {
            let semaphore = semaphore.clone();
            tasks.spawn(async move {
                for _ in 0..count / 100 {
                    let permit = semaphore.acquire().await;
                    tokio::task::yield_now().await;
                    drop(permit);
                }
            });
        }
        tasks.join_all().await;
    }
}
