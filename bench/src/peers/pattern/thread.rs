//! Closures that add one, run on threads, awaited by 64 tasks one after the other each.

use brigade::thread::{to_cpu, to_thread};
use tokio::sync::oneshot;
use tokio::task::{JoinSet, spawn_blocking};

use crate::Result;

const IN_FLIGHT: usize = 64;

pub(super) async fn run(side: &str, count: usize) -> Result<()> {
    let each = count / IN_FLIGHT;
    let mut tasks = JoinSet::new();
    for _ in 0..IN_FLIGHT {
        match side {
            "to-thread" => tasks.spawn(async move {
                for n in 0..each {
                    to_thread(move || n + 1).await;
                }
            }),
            "to-cpu" => tasks.spawn(async move {
                for n in 0..each {
                    to_cpu(move || n + 1).await;
                }
            }),
            "spawn-blocking" => tasks.spawn(async move {
                for n in 0..each {
                    let _ = spawn_blocking(move || n + 1).await;
                }
            }),
            "rayon-oneshot" => tasks.spawn(async move {
                for n in 0..each {
                    let (sender, receiver) = oneshot::channel();
                    rayon::spawn(move || {
                        let _ = sender.send(n + 1);
                    });
                    let _ = receiver.await;
                }
            }),
            _ => return super::unknown(side),
        };
    }
    tasks.join_all().await;
    Ok(())
}
