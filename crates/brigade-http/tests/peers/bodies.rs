//! Bodies arrive whole, unchanged, and no faster than they are read.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use brigade_http::{Client, PoolLimits};
use libtest_mimic::Failed;
use tokio::task::JoinSet;

use crate::nginx::Nginx;
use crate::{Outcome, close};

const FILES: usize = 2000;
const WORKERS: usize = 16;
const LARGE: u64 = 50 << 20;
const MEMORY_MAX: u64 = 8 << 20;

/// The content of a file by its number: sizes from nothing to 100 kB, bytes that do not repeat.
fn content(number: usize) -> Vec<u8> {
    let mut state = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let size = match number % 100 {
        0 => 0,
        1 => 1,
        2..90 => number * 7 % 9_000,
        _ => number * 53 % 100_000,
    };
    let noise = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    });
    noise.take(size).collect()
}

fn write_files(folder: &Path) -> std::io::Result<()> {
    (0..FILES).try_for_each(|number| fs::write(folder.join(number.to_string()), content(number)))
}

pub(crate) async fn two_thousand_files_arrive_as_they_are() -> Outcome {
    let nginx = Arc::new(Nginx::start("", write_files)?);
    let limits = PoolLimits::default().total(WORKERS / 2);
    let client = Client::builder().limits(limits).build()?;
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        let (nginx, client) = (Arc::clone(&nginx), client.clone());
        workers.spawn(async move {
            for number in (worker..FILES).step_by(WORKERS) {
                fetch(&client, &nginx, number).await?;
            }
            Ok::<(), Failed>(())
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker??;
    }
    let log = nginx.log(FILES)?;
    if log.len() != FILES || log.iter().any(|entry| entry.status != 200) {
        return Err(format!("the server counted {} requests", log.len()).into());
    }
    let connections = log.iter().map(|entry| entry.connection);
    let connections = connections.collect::<std::collections::BTreeSet<_>>().len();
    if connections > WORKERS / 2 {
        return Err(format!("{connections} connections were opened").into());
    }
    close(client).await
}

async fn fetch(client: &Client, nginx: &Nginx, number: usize) -> Outcome {
    let response = client.get(nginx.url(&format!("/{number}")))?.send().await?;
    let status = response.status();
    let body = response.bytes().await?;
    if status != 200 || body != content(number) {
        return Err(format!("file {number}: status {status}, {} bytes", body.len()).into());
    }
    Ok(())
}

fn write_large(folder: &Path) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(folder.join("large"))?);
    (0..LARGE / 8).try_for_each(|number| file.write_all(&number.to_be_bytes()))?;
    file.flush()
}

pub(crate) async fn a_large_body_is_streamed_in_bounded_memory() -> Outcome {
    let nginx = Nginx::start("", write_large)?;
    let client = Client::new()?;
    let before = memory_now();
    let mut response = client.get(nginx.url("/large"))?.send().await?;
    let mut place = 0_u64;
    while let Some(chunk) = response.chunk().await? {
        for byte in chunk {
            if byte != (place / 8).to_be_bytes()[(place % 8) as usize] {
                return Err(format!("byte {place} is wrong").into());
            }
            place += 1;
        }
    }
    if place != LARGE {
        return Err(format!("{place} bytes arrived").into());
    }
    // Where the system does not tell, only the content was tried.
    if let (Some(before), Some(after)) = (before, memory_max()) {
        let grown = after.saturating_sub(before);
        if grown > MEMORY_MAX {
            return Err(format!("memory grew by {grown} bytes").into());
        }
    }
    close(client).await
}

/// The memory of this process in bytes; its maximum is counted from here on.
fn memory_now() -> Option<u64> {
    fs::write("/proc/self/clear_refs", "5").ok()?;
    memory_max()
}

fn memory_max() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes << 10)
}
