//! A pipeline: what `run_pipeline` of the producer-consumer snippet grows into, with more than one
//! kind of work.
//!
//! Each stage has its own concurrency, and a slow one slows the source instead of filling memory.
//! What fails is a dead letter, a half-full batch is not forgotten at the end, and the numbers of
//! items that went in and came out add up.

use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brigade::pipeline::{Batch, Pipeline, Stage};
use tokio::time::sleep;

type Error = Box<dyn std::error::Error + Send + Sync>;

struct Page {
    host: usize,
    number: usize,
    body: String,
}

fn main() -> ExitCode {
    brigade::run(async {
        let dead = Arc::new(Mutex::new(Vec::new()));
        let letters = dead.clone();
        let written = Arc::new(Mutex::new(Vec::new()));
        let disk = written.clone();

        let pipeline = Pipeline::from_iter(0..200)
            .stage("fetch", Stage::new().concurrency(8).ordered(), fetch)
            // Pages of one host are parsed in their order, those of different hosts in parallel.
            // A page without words is dropped here, and counts as delivered.
            .expand(
                "parse",
                Stage::new().concurrency(4).by_key(|page: &Page| page.host),
                parse,
            )
            .batch(
                "pack",
                Batch::of(50)
                    .bytes(1 << 10, |(_, _, line): &(usize, usize, String)| line.len())
                    .every(Duration::from_millis(100)),
            )
            .stage("write", Stage::new(), move |batch| {
                let disk = disk.clone();
                async move {
                    disk.lock().expect("no writer panics").push(batch);
                    Ok(())
                }
            })
            .dead_letters(move |letter| {
                let letters = letters.clone();
                async move {
                    let text = letter.to_string();
                    letters.lock().expect("no reader panics").push(text);
                    Ok(())
                }
            });
        let handle = pipeline.handle();
        let run = pipeline.run();

        // Somebody who watches; `handle.drain()` would end the pipeline without losing anything.
        let watch = async {
            sleep(Duration::from_millis(50)).await;
            println!("{}", handle.stats());
        };
        let (stats, ()) = tokio::join!(run, watch);
        let stats = stats?;
        println!("{stats}");

        let counts = stats.counts;
        assert_eq!(
            (counts.taken, counts.delivered, counts.dead),
            (200, 190, 10)
        );
        let dead = std::mem::take(&mut *dead.lock().expect("the pipeline has ended"));
        assert_eq!(dead.len(), 10);
        assert_eq!(dead[0], "fetch: page 0 is gone");

        let batches = std::mem::take(&mut *written.lock().expect("the pipeline has ended"));
        assert!(batches.iter().all(|batch| batch.len() <= 50));
        let lines = batches.iter().flatten().count();
        assert_eq!(lines, 190 - 27, "the others had no words");
        for host in 0..5 {
            let of_host = batches.iter().flatten().filter(|line| line.0 == host);
            let numbers: Vec<_> = of_host.map(|line| line.1).collect();
            assert!(numbers.is_sorted(), "the order of each host was kept");
        }
        assert_eq!(stats.slowest().map(|stage| &*stage.name), Some("fetch"));
        Ok::<_, Error>(())
    })
}

async fn fetch(number: usize) -> Result<Page, Error> {
    sleep(Duration::from_millis(5 + number as u64 % 3)).await;
    match number % 20 {
        0 => Err(format!("page {number} is gone").into()),
        _ => Ok(Page {
            host: number % 5,
            number,
            body: "word ".repeat(number % 7),
        }),
    }
}

async fn parse(page: Page) -> Result<Option<(usize, usize, String)>, Error> {
    tokio::task::yield_now().await;
    let words = page.body.split_whitespace().count();
    let line = format!("{} has {words} words", page.number);
    Ok((words > 0).then_some((page.host, page.number, line)))
}
