//! Producer and consumers: a bounded queue, five workers, and the end of the work known for sure.
//!
//! Replaces: "Queue, producer-consumer". The trap that is gone: the pill that ends the workers stays
//! in the queue, so that whoever waits for the queue to be done waits for ever. Nothing marks the
//! end here but the end itself: the queue closes with its producer. Every item is settled as done,
//! failed or requeued, also when a worker dies with it.

use std::process::ExitCode;

use brigade::queue::{Receiver, Sender, bounded};
use brigade::task_group;

type Error = Box<dyn std::error::Error + Send + Sync>;

struct Job {
    id: usize,
    url: String,
    attempts: u32,
}

fn main() -> ExitCode {
    brigade::run(async {
        let urls: Vec<String> = (0..200).map(|n| format!("/page/{n}")).collect();
        let (sender, receiver) = bounded::<Job>(100);
        let monitor = sender.monitor();

        let mut lengths = task_group(async |group| {
            group.spawn(produce(sender, urls));
            let workers = (0..5).map(|_| group.spawn(work(receiver.clone())));
            let workers: Vec<_> = workers.collect();
            drop(receiver);
            let mut lengths = Vec::new();
            for worker in workers {
                lengths.extend(worker.await);
            }
            Ok::<_, Error>(lengths)
        })
        .await?;

        let tally = monitor.join().await?;
        println!("{} done, {} failed", tally.done, tally.failed);
        assert_eq!((tally.done, tally.failed), (190, 10));
        assert_eq!(
            tally.first_failure.as_deref(),
            Some("gone after 2 attempts")
        );
        lengths.sort();
        assert_eq!(lengths.len(), 190);
        assert_eq!(lengths[0], (1, "/page/1".len()));
        Ok::<_, Error>(())
    })
}

/// Waits while the queue is full; ends the queue by dropping its end of it, when nothing is left
/// that might be put back.
async fn produce(queue: Sender<Job>, urls: Vec<String>) -> Result<(), Error> {
    for (id, url) in urls.into_iter().enumerate() {
        let job = Job {
            id,
            url,
            attempts: 0,
        };
        queue.send(job).await?;
    }
    queue.monitor().wait_idle().await?;
    Ok(())
}

async fn work(queue: Receiver<Job>) -> Result<Vec<(usize, usize)>, Error> {
    let mut results = Vec::new();
    while let Some(mut job) = queue.recv().await {
        job.attempts += 1;
        match process(&job).await {
            Ok(length) => results.push((job.done().id, length)),
            // A second try waits behind the others, in the slot that the job has. To a closed queue
            // nothing can be put back, and the ticket is ours to settle.
            Err(_) if job.attempts < 2 => {
                if let Err(job) = job.requeue() {
                    job.fail("gone, and too late for a second try");
                }
            }
            Err(_) => drop(job.fail("gone after 2 attempts")),
        }
    }
    Ok(results)
}

async fn process(job: &Job) -> Result<usize, &'static str> {
    tokio::task::yield_now().await;
    match job.id % 20 {
        0 => Err("gone"),
        _ => Ok(job.url.len()),
    }
}
