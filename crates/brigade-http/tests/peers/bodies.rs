//! Bodies arrive whole, unchanged, and no faster than they are read.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use brigade_http::{Client, ClientBuilder, PoolLimits};
use brotli::CompressorWriter;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::CONTENT_ENCODING;
use libtest_mimic::Failed;
use tokio::task::JoinSet;

use crate::nginx::Nginx;
use crate::{Outcome, close};

const FILES: usize = 2000;
const WORKERS: usize = 16;
/// How many numbers of 8 bytes are in a large body: 50 MiB.
pub(crate) const LARGE: u64 = 50 << 17;
/// The same for one that is compressed first, which takes long without optimisation: 16 MiB.
const LARGE_ENCODED: u64 = 16 << 17;
const MEMORY_MAX: u64 = 4 << 20;

/// The content of a file by its number: sizes from nothing to 100 kB, bytes that do not repeat.
pub(crate) fn content(number: usize) -> Vec<u8> {
    let size = match number % 100 {
        0 => 0,
        1 => 1,
        2..90 => number * 7 % 9_000,
        _ => number * 53 % 100_000,
    };
    noise(number as u64, size)
}

/// Bytes that do not repeat, others for each seed.
pub(crate) fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut state = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let noise = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    });
    noise.take(size).collect()
}

pub(crate) async fn two_thousand_files_arrive_as_they_are() -> Outcome {
    let nginx = Nginx::start("", write_files)?;
    all_files_arrive(Arc::new(nginx), Client::builder(), None).await
}

pub(crate) async fn compressed_files_arrive_as_they_are() -> Outcome {
    let directives = "gzip on; gzip_min_length 1; gzip_types *; gzip_comp_level 1;";
    let nginx = Nginx::start(directives, write_files)?;
    all_files_arrive(Arc::new(nginx), Client::builder(), Some("gzip")).await
}

pub(crate) async fn files_that_nginx_packs_with_brotli_arrive_as_they_are() -> Outcome {
    let directives = "brotli on; brotli_min_length 1; brotli_types *; brotli_comp_level 1;";
    let nginx = Nginx::start(directives, write_files)?;
    all_files_arrive(Arc::new(nginx), Client::builder(), Some("br")).await
}

/// Fetches all files over a few connections and compares them byte for byte.
pub(crate) async fn all_files_arrive(
    nginx: Arc<Nginx>,
    builder: ClientBuilder,
    encoding: Option<&'static str>,
) -> Outcome {
    let limits = PoolLimits::default().total(WORKERS / 2);
    let client = builder.limits(limits).build()?;
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        let (nginx, client) = (Arc::clone(&nginx), client.clone());
        workers.spawn(async move {
            for number in (worker..FILES).step_by(WORKERS) {
                fetch(&client, &nginx, number, encoding).await?;
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
    let connections = connections.collect::<BTreeSet<_>>().len();
    if connections > WORKERS / 2 {
        return Err(format!("{connections} connections were opened").into());
    }
    close(client).await
}

async fn fetch(client: &Client, nginx: &Nginx, number: usize, encoding: Option<&str>) -> Outcome {
    let response = client.get(nginx.url(&format!("/{number}")))?.send().await?;
    let status = response.status();
    let encoded = response.headers().get(CONTENT_ENCODING);
    let encoded = encoded.map(|value| value.to_str()).transpose()?;
    // What is empty is not worth an encoding.
    if encoded != encoding && !content(number).is_empty() {
        return Err(format!("file {number} came encoded as {encoded:?}").into());
    }
    let body = response.bytes().await?;
    if status != 200 || body != content(number) {
        return Err(format!("file {number}: status {status}, {} bytes", body.len()).into());
    }
    Ok(())
}

pub(crate) fn write_files(folder: &Path) -> std::io::Result<()> {
    (0..FILES).try_for_each(|number| fs::write(folder.join(number.to_string()), content(number)))
}

fn large(words: u64) -> impl Iterator<Item = [u8; 8]> {
    (0..words).map(u64::to_be_bytes)
}

pub(crate) fn write_large(folder: &Path) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(folder.join("large"))?);
    large(LARGE).try_for_each(|bytes| file.write_all(&bytes))?;
    file.flush()
}

/// A gzip file of several members, as archives of logs are.
fn write_members(folder: &Path) -> std::io::Result<()> {
    const EACH: usize = 500_000;
    let mut file = BufWriter::new(File::create(folder.join("large"))?);
    let mut words = large(LARGE_ENCODED).peekable();
    while words.peek().is_some() {
        let mut member = GzEncoder::new(&mut file, Compression::fast());
        for bytes in words.by_ref().take(EACH) {
            member.write_all(&bytes)?;
        }
        member.finish()?;
    }
    file.flush()
}

/// A file of many frames, as parallel compressors make them.
fn write_frames(folder: &Path) -> std::io::Result<()> {
    const EACH: usize = 1 << 20;
    let mut file = BufWriter::new(File::create(folder.join("large"))?);
    let words: Vec<u8> = large(LARGE_ENCODED).flatten().collect();
    let mut frame = Vec::with_capacity(zstd_safe::compress_bound(EACH));
    for part in words.chunks(EACH) {
        zstd_safe::compress(&mut frame, part, 1).map_err(|code| {
            let why = zstd_safe::get_error_name(code);
            std::io::Error::other(why)
        })?;
        file.write_all(&frame)?;
    }
    file.flush()
}

fn write_brotli(folder: &Path) -> std::io::Result<()> {
    const BUFFER: usize = 1 << 16;
    const WINDOW_LOG: u32 = 18;
    let file = File::create(folder.join("large"))?;
    let stream = CompressorWriter::new(file, BUFFER, 0, WINDOW_LOG);
    let mut stream = BufWriter::with_capacity(BUFFER, stream);
    large(LARGE_ENCODED).try_for_each(|bytes| stream.write_all(&bytes))?;
    stream.flush()
}

pub(crate) async fn a_large_body_is_streamed_in_bounded_memory() -> Outcome {
    large_body_arrives(Nginx::start("", write_large)?, LARGE).await
}

pub(crate) async fn a_large_gzip_body_is_decoded_in_bounded_memory() -> Outcome {
    let directives = "location / { add_header Content-Encoding gzip; }";
    large_body_arrives(Nginx::start(directives, write_members)?, LARGE_ENCODED).await
}

pub(crate) async fn a_large_zstd_body_is_decoded_in_bounded_memory() -> Outcome {
    let directives = "location / { add_header Content-Encoding zstd; }";
    large_body_arrives(Nginx::start(directives, write_frames)?, LARGE_ENCODED).await
}

pub(crate) async fn a_large_brotli_body_is_decoded_in_bounded_memory() -> Outcome {
    let directives = "location / { add_header Content-Encoding br; }";
    large_body_arrives(Nginx::start(directives, write_brotli)?, LARGE_ENCODED).await
}

async fn large_body_arrives(nginx: Nginx, words: u64) -> Outcome {
    let client = Client::new()?;
    let before = memory_now();
    let mut response = client.get(nginx.url("/large"))?.send().await?;
    let mut expected = large(words).flatten();
    let mut place = 0_u64;
    while let Some(chunk) = response.chunk().await? {
        if !chunk
            .iter()
            .copied()
            .eq(expected.by_ref().take(chunk.len()))
        {
            return Err(format!("a byte at or after {place} is wrong").into());
        }
        place += chunk.len() as u64;
    }
    if place != words * 8 {
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
pub(crate) fn memory_now() -> Option<u64> {
    fs::write("/proc/self/clear_refs", "5").ok()?;
    memory_max()
}

pub(crate) fn memory_max() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes << 10)
}
