//! Spawning tasks and joining them, 64 at a time: a window is opened, filled, and waited for.
//!
//! `ready` tasks have their value at the first poll. `wait` tasks keep 128 bytes across one await
//! and so are scheduled twice, which is nearer to what tasks do. Every side sees every result but
//! `tasktracker`, which gives none, and looks at the errors; `futuresunordered` runs the futures
//! inside the one task, so none of them could run on another thread.

use std::io;

use brigade::group::task_group;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::task::{JoinSet, yield_now};
use tokio_util::task::TaskTracker;

use crate::Result;

const WINDOW: usize = 64;

pub(super) async fn run(side: &str, count: usize) -> Result<()> {
    for _ in 0..count / WINDOW {
        match side {
            "ready-group" => group(ready).await?,
            "ready-group-await" => group_await(ready).await?,
            "ready-joinset" => joinset(ready).await?,
            "ready-tasktracker" => tasktracker(ready).await,
            "ready-futuresunordered" => futuresunordered(ready).await?,
            "wait-group" => group(wait).await?,
            "wait-group-await" => group_await(wait).await?,
            "wait-joinset" => joinset(wait).await?,
            "wait-tasktracker" => tasktracker(wait).await,
            "wait-futuresunordered" => futuresunordered(wait).await?,
            _ => return super::unknown(side),
        }
    }
    Ok(())
}

async fn ready(n: usize) -> io::Result<usize> {
    Ok(n)
}

async fn wait(n: usize) -> io::Result<usize> {
    let kept = std::hint::black_box([n; 16]);
    yield_now().await;
    Ok(kept[n % kept.len()])
}

/// The group waits for its children and looks at their errors by itself.
async fn group<F>(task: fn(usize) -> F) -> Result<()>
where
    F: Future<Output = io::Result<usize>> + Send + 'static,
{
    let done = task_group(async |group| {
        for n in 0..WINDOW {
            group.spawn(task(n));
        }
        Ok::<_, io::Error>(())
    });
    done.await.map_err(|error| error.to_string().into())
}

/// The body awaits each child's value on top.
async fn group_await<F>(task: fn(usize) -> F) -> Result<()>
where
    F: Future<Output = io::Result<usize>> + Send + 'static,
{
    let done = task_group(async |group| {
        let tasks: Vec<_> = (0..WINDOW).map(|n| group.spawn(task(n))).collect();
        for task in tasks {
            task.await;
        }
        Ok::<_, io::Error>(())
    });
    done.await.map_err(|error| error.to_string().into())
}

async fn joinset<F>(task: fn(usize) -> F) -> Result<()>
where
    F: Future<Output = io::Result<usize>> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for n in 0..WINDOW {
        tasks.spawn(task(n));
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

async fn tasktracker<F>(task: fn(usize) -> F)
where
    F: Future<Output = io::Result<usize>> + Send + 'static,
{
    let tasks = TaskTracker::new();
    for n in 0..WINDOW {
        tasks.spawn(task(n));
    }
    tasks.close();
    tasks.wait().await;
}

async fn futuresunordered<F>(task: fn(usize) -> F) -> Result<()>
where
    F: Future<Output = io::Result<usize>>,
{
    let mut tasks: FuturesUnordered<_> = (0..WINDOW).map(task).collect();
    while let Some(done) = tasks.next().await {
        done?;
    }
    Ok(())
}
