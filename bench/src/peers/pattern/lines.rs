//! Lines of about 100 bytes out of chunks of 16 KiB that are in memory, each counted with its bytes.
//!
//! An operation is a line. `memchr-count` finds the ends of lines and touches no line: it is the
//! floor. Ours are `batch-bytes`, which lends the lines of a chunk, `batch-text`, which also checks
//! that they are UTF-8, and `next-text`, a `String` for each. `read-until` uses its buffer again and
//! checks nothing, `lines-codec` gives a checked `String` for each line.

use std::hint::black_box;
use std::io;

use brigade::stream::lines;
use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt};
use tokio::io::AsyncBufReadExt;
use tokio_util::codec::{FramedRead, LinesCodec};
use tokio_util::io::StreamReader;

use crate::Result;

const CHUNK: usize = 16 * 1024;
const LINE: usize = 100;

pub(super) async fn run(side: &str, count: usize) -> Result<()> {
    let chunks = stream::iter(chunks(count).map(io::Result::Ok));
    let counted = match side {
        "batch-bytes" => batch_bytes(chunks).await?,
        "batch-text" => batch_text(chunks).await?,
        "next-text" => next_text(chunks).await?,
        "memchr-count" => memchr_count(chunks).await?,
        "read-until" => read_until(chunks).await?,
        "lines-codec" => lines_codec(chunks).await?,
        _ => return super::unknown(side),
    };
    match counted == count {
        true => Ok(()),
        false => Err(format!("{counted} lines instead of {count}").into()),
    }
}

/// The same chunk over and over, cut so that lines run across the ends of chunks.
fn chunks(lines: usize) -> impl Iterator<Item = Bytes> {
    let text: Vec<u8> = (0..LINE * CHUNK)
        .map(|n| match n % LINE {
            99 => b'\n',
            column => b'a' + (column % 26) as u8,
        })
        .collect();
    let text = Bytes::from(text);
    let total = lines * LINE;
    (0..total).step_by(CHUNK).map(move |start| {
        let at = start % text.len();
        let end = at + CHUNK.min(total - start);
        text.slice(at..end)
    })
}

async fn batch_bytes(chunks: impl Stream<Item = io::Result<Bytes>> + Unpin) -> Result<usize> {
    let mut lines = lines(chunks).bytes();
    let mut count = 0;
    while let Some(batch) = lines.next_batch().await? {
        for line in batch {
            count += black_box(line?).len().min(1);
        }
    }
    Ok(count)
}

async fn batch_text(chunks: impl Stream<Item = io::Result<Bytes>> + Unpin) -> Result<usize> {
    let mut lines = lines(chunks);
    let mut count = 0;
    while let Some(batch) = lines.next_batch().await? {
        for line in batch {
            count += black_box(line?).len().min(1);
        }
    }
    Ok(count)
}

async fn next_text(chunks: impl Stream<Item = io::Result<Bytes>> + Unpin) -> Result<usize> {
    let mut lines = lines(chunks);
    let mut count = 0;
    while let Some(line) = lines.next().await {
        count += black_box(line?).len().min(1);
    }
    Ok(count)
}

async fn memchr_count(mut chunks: impl Stream<Item = io::Result<Bytes>> + Unpin) -> Result<usize> {
    let mut lines = 0;
    while let Some(chunk) = chunks.next().await {
        lines += memchr::memchr_iter(b'\n', &chunk?).count();
    }
    Ok(lines)
}

async fn read_until(chunks: impl Stream<Item = io::Result<Bytes>> + Unpin) -> Result<usize> {
    let mut reader = StreamReader::new(chunks);
    let (mut lines, mut line) = (0, Vec::new());
    while reader.read_until(b'\n', &mut line).await? > 0 {
        lines += black_box(&line).len().min(1);
        line.clear();
    }
    Ok(lines)
}

async fn lines_codec(chunks: impl Stream<Item = io::Result<Bytes>> + Unpin) -> Result<usize> {
    let mut framed = FramedRead::new(StreamReader::new(chunks), LinesCodec::new());
    let mut lines = 0;
    while let Some(line) = framed.next().await {
        lines += black_box(line?).len().min(1);
    }
    Ok(lines)
}
