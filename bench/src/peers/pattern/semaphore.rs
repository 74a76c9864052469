//! Taking a permit and giving it back: alone, and 100 tasks at 10 permits with a yield inside.

use std::sync::Arc;

use brigade::limit::Semaphore;
use tokio::task::{JoinSet, yield_now};

use crate::Result;

const PERMITS: u32 = 10;
const TASKS: usize = 100;

pub(super) async fn run(side: &str, count: usize) -> Result<()> {
    match side {
        "alone-brigade" => {
            let semaphore = Semaphore::new(PERMITS);
            for _ in 0..count {
                drop(semaphore.acquire().await);
            }
        }
        "alone-tokio" => {
            let semaphore = tokio::sync::Semaphore::new(PERMITS as usize);
            for _ in 0..count {
                drop(semaphore.acquire().await?);
            }
        }
        "crowded-brigade" => {
            let semaphore = Semaphore::new(PERMITS);
            let mut tasks = JoinSet::new();
            for _ in 0..TASKS {
                let semaphore = semaphore.clone();
                tasks.spawn(async move {
                    for _ in 0..count / TASKS {
                        let permit = semaphore.acquire().await;
                        yield_now().await;
                        drop(permit);
                    }
                });
            }
            tasks.join_all().await;
        }
        "crowded-tokio" => {
            let semaphore = Arc::new(tokio::sync::Semaphore::new(PERMITS as usize));
            let mut tasks = JoinSet::new();
            for _ in 0..TASKS {
                let semaphore = semaphore.clone();
                tasks.spawn(async move {
                    for _ in 0..count / TASKS {
                        let permit = semaphore.acquire().await;
                        yield_now().await;
                        drop(permit);
                    }
                });
            }
            tasks.join_all().await;
        }
        _ => return super::unknown(side),
    }
    Ok(())
}
