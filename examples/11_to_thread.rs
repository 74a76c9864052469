//! Blocking work off the event loop: files where it waits, compression where it computes.
//!
//! Replaces: "asyncio.to_thread, wrapping sync code". The traps that are gone: files and computing
//! share one pool of threads, so that each can starve the other; a caller that is cancelled leaves a
//! thread running that nobody knows of, and the end of the program waits for it without a word.
//!
//! A tick every few milliseconds shows that the event loop stays responsive meanwhile. At the end
//! the program checks that what was packed unpacks to the file, and cancels a long computation.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use brigade::thread::{self, to_cpu, to_thread};
use brigade::{living, task_group};
use tokio::time::{MissedTickBehavior, interval};

/// Run-length coding, standing in for a real compressor: pairs of a count and a byte.
fn pack(data: &[u8]) -> Vec<u8> {
    data.chunk_by(|a, b| a == b)
        .flat_map(|run| run.chunks(255))
        .flat_map(|run| [run.len() as u8, run[0]])
        .collect()
}

fn unpack(packed: &[u8]) -> Vec<u8> {
    let runs = packed.chunks_exact(2);
    runs.flat_map(|run| std::iter::repeat_n(run[1], run[0].into()))
        .collect()
}

/// A file is read where work waits, and packed where work computes.
async fn process_file(path: PathBuf) -> io::Result<Vec<u8>> {
    let content = to_thread(move || std::fs::read(path)).name("read").await?;
    Ok(to_cpu(move || pack(&content)).name("pack").await)
}

/// Ticks until it is dropped, if the event loop lets it.
async fn tick() {
    let mut ticks = interval(Duration::from_millis(5));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        print!(".");
    }
}

/// Computes until it is told to stop; it says how it ended.
fn search() -> &'static str {
    while !thread::cancelled() {
        std::thread::sleep(Duration::from_millis(1));
    }
    "stopped when it was told"
}

async fn work(path: PathBuf, content: &[u8]) -> io::Result<()> {
    let packed = process_file(path).await?;
    println!("\n{} bytes packed to {}", content.len(), packed.len());
    assert_eq!(unpack(&packed), content);

    // A closure cannot be stopped from outside. It asks, and until it answers it is listed by name.
    let found = task_group(async |group| {
        let search = group.spawn(async { Ok::<_, io::Error>(to_cpu(search).name("search").await) });
        let running = || living::list().iter().any(|living| living.name == "search");
        while !running() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(search.cancel().await)
    });
    let found = found.await.map_err(io::Error::other)?;
    println!("\nthe search: {found:?}");
    Ok(())
}

fn main() -> ExitCode {
    brigade::run(async {
        let path = std::env::temp_dir().join(format!("brigade-11-{}", std::process::id()));
        let content = "a page of many equal bytes "
            .replace(' ', &" ".repeat(1000))
            .repeat(200);
        let (file, text) = (path.clone(), content.clone());
        to_thread(move || std::fs::write(file, text)).await?;
        let done = tokio::select! {
            done = work(path.clone(), content.as_bytes()) => done,
            () = tick() => unreachable!("ticks have no end"),
        };
        to_thread(move || std::fs::remove_file(path)).await?;
        done
    })
}
