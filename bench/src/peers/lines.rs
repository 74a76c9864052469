//! The lines of one response, read in the ways that there are; each prints how many are not blank.
//!
//! `memchr` is the floor: it finds the ends of lines in what hyper gives, and touches no line.

use std::hint::black_box;

use bytes::Bytes;
use futures_util::StreamExt;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use memchr::memchr_iter;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncRead};
use tokio::net::TcpStream;
use tokio_util::codec::{FramedRead, LinesCodec};
use tokio_util::io::StreamReader;

use crate::Result;

/// A line, as a program takes it.
#[derive(Debug, Deserialize)]
struct Row {
    id: u64,
    user: String,
    tags: Vec<String>,
    text: String,
}

pub(super) async fn run(side: &str, url: &str) -> Result<()> {
    let count = match side {
        "discard" => discard(bare(url).await?).await?,
        "memchr" => count_bare(bare(url).await?).await?,
        "brigade-batches" => batches(url).await?,
        "brigade-bytes" => batches_of_bytes(url).await?,
        "brigade-next" => next(url).await?,
        "brigade-ndjson" => ndjson(url).await?,
        "reqwest-memchr" => reqwest_memchr(url).await?,
        "reqwest-read-until" => read_until(reader(url).await?, |line| Ok(line.len())).await?,
        "reqwest-ndjson" => read_until(reader(url).await?, parsed).await?,
        "reqwest-lines" => reqwest_lines(url).await?,
        "reqwest-codec" => codec(url).await?,
        _ => return Err(format!("no such way to read lines: {side}").into()),
    };
    println!("{count}");
    Ok(())
}

/// The body of a response from a connection that hyper speaks.
async fn bare(url: &str) -> Result<Incoming> {
    let uri: Uri = url.parse()?;
    let host = uri.authority().ok_or("no host")?.as_str();
    let socket = TcpStream::connect(host).await?;
    let (mut sender, driver) = http1::handshake(TokioIo::new(socket)).await?;
    tokio::spawn(driver);
    let path = uri.path_and_query().ok_or("no path")?.as_str();
    let request = Request::get(path).header("host", host);
    let response = sender
        .send_request(request.body(Empty::<Bytes>::new())?)
        .await?;
    Ok(response.into_body())
}

async fn discard(mut body: Incoming) -> Result<usize> {
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        bytes += frame?.data_ref().map_or(0, Bytes::len);
    }
    Ok(bytes)
}

/// Lines that are not empty, across the ends of chunks.
#[derive(Default)]
struct Count {
    lines: usize,
    /// The line at hand has something in it.
    begun: bool,
}

impl Count {
    fn chunk(&mut self, chunk: &[u8]) {
        let mut start = 0;
        for end in memchr_iter(b'\n', chunk) {
            self.lines += usize::from(self.begun || end > start);
            (self.begun, start) = (false, end + 1);
        }
        self.begun |= start < chunk.len();
    }

    fn end(self) -> usize {
        self.lines + usize::from(self.begun)
    }
}

async fn count_bare(mut body: Incoming) -> Result<usize> {
    let mut count = Count::default();
    while let Some(frame) = body.frame().await {
        if let Some(chunk) = frame?.data_ref() {
            count.chunk(chunk);
        }
    }
    Ok(count.end())
}

async fn response(url: &str) -> Result<brigade_http::Response> {
    let client = brigade_http::Client::builder().max_body(None).build()?;
    let response = client.get(url)?.timeout(None).send().await?;
    Ok(response.error_for_status()?)
}

async fn batches(url: &str) -> Result<usize> {
    let mut lines = response(url).await?.lines().skip_blank();
    let mut count = 0;
    while let Some(batch) = lines.next_batch().await? {
        for line in batch {
            count += black_box(line?).len().min(1);
        }
    }
    Ok(count)
}

async fn batches_of_bytes(url: &str) -> Result<usize> {
    let mut lines = response(url).await?.lines().bytes().skip_blank();
    let mut count = 0;
    while let Some(batch) = lines.next_batch().await? {
        for line in batch {
            count += black_box(line?).len().min(1);
        }
    }
    Ok(count)
}

async fn next(url: &str) -> Result<usize> {
    let mut lines = response(url).await?.lines().skip_blank();
    let mut count = 0;
    while let Some(line) = lines.next().await {
        count += black_box(line?).len().min(1);
    }
    Ok(count)
}

async fn ndjson(url: &str) -> Result<usize> {
    let mut rows = response(url).await?.ndjson::<Row>();
    let mut count = 0;
    while let Some(row) = rows.next().await {
        count += used(&row?);
    }
    Ok(count)
}

fn used(row: &Row) -> usize {
    black_box((row.id, row.user.len(), row.tags.len(), row.text.len()));
    1
}

fn parsed(line: &[u8]) -> Result<usize> {
    Ok(used(&serde_json::from_slice(line)?))
}

async fn reqwest_response(url: &str) -> Result<reqwest::Response> {
    Ok(reqwest::get(url).await?.error_for_status()?)
}

async fn reader(url: &str) -> Result<impl AsyncRead + AsyncBufReadExt + Unpin> {
    let chunks = reqwest_response(url).await?.bytes_stream();
    Ok(StreamReader::new(
        chunks.map(|chunk| chunk.map_err(std::io::Error::other)),
    ))
}

async fn reqwest_memchr(url: &str) -> Result<usize> {
    let mut chunks = reqwest_response(url).await?.bytes_stream();
    let mut count = Count::default();
    while let Some(chunk) = chunks.next().await {
        count.chunk(&chunk?);
    }
    Ok(count.end())
}

async fn read_until(
    mut reader: impl AsyncBufReadExt + Unpin,
    take: impl Fn(&[u8]) -> Result<usize>,
) -> Result<usize> {
    let (mut count, mut line) = (0, Vec::new());
    while reader.read_until(b'\n', &mut line).await? > 0 {
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        if !text.is_empty() {
            count += black_box(take(text)?).min(1);
        }
        line.clear();
    }
    Ok(count)
}

async fn reqwest_lines(url: &str) -> Result<usize> {
    let mut lines = reader(url).await?.lines();
    let mut count = 0;
    while let Some(line) = lines.next_line().await? {
        count += black_box(line).len().min(1);
    }
    Ok(count)
}

async fn codec(url: &str) -> Result<usize> {
    let mut lines = FramedRead::new(reader(url).await?, LinesCodec::new());
    let mut count = 0;
    while let Some(line) = lines.next().await {
        count += black_box(line?).len().min(1);
    }
    Ok(count)
}
