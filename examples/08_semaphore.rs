//! At most so many at once: a semaphore, and the group that needs none.
//!
//! Replaces: "Semaphore, rate limiting". The trap that is gone: a task for each item of the list
//! waits at the semaphore, so that memory grows with the list. A semaphore bounds a resource that
//! unrelated tasks share. To bound the tasks of one list, give the limit to `collect` instead: then
//! memory is bounded by the limit too, not by the list.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use brigade::group::collect;
use brigade::limit::Semaphore;
use brigade::task_group;
use tokio::time::sleep;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Counts how many are inside at once.
#[derive(Clone, Default)]
struct Gauge(Arc<(AtomicUsize, AtomicUsize)>);

impl Gauge {
    async fn visit(&self) {
        let (now, peak) = &*self.0;
        peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        sleep(Duration::from_millis(2)).await;
        now.fetch_sub(1, Ordering::SeqCst);
    }

    fn peak(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }
}

fn main() -> ExitCode {
    brigade::run(async {
        let (at_once, gauge) = (Semaphore::new(10), Gauge::default());
        task_group(async |group| {
            let tasks: Vec<_> = (0..100)
                .map(|_| group.spawn(limited_visit(at_once.clone(), gauge.clone())))
                .collect();
            for task in tasks {
                task.await;
            }
            Ok::<_, Error>(())
        })
        .await?;
        println!("semaphore: at most {} at once", gauge.peak());
        assert_eq!(gauge.peak(), 10);
        assert_eq!(at_once.stats().taken, 0);

        let gauge = Gauge::default();
        let visited = collect(0..100, 10, |_| {
            let gauge = gauge.clone();
            async move {
                gauge.visit().await;
                Ok::<_, Error>(())
            }
        })
        .await;
        println!("collect:   at most {} at once", gauge.peak());
        assert!(gauge.peak() <= 10);
        assert_eq!(visited.values().count(), 100);
        Ok::<_, Error>(())
    })
}

async fn limited_visit(at_once: Semaphore, gauge: Gauge) -> Result<(), Error> {
    let _permit = at_once.acquire().await;
    gauge.visit().await;
    Ok(())
}
