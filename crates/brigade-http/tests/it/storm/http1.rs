//! A server of HTTP/1.1 that does with each request what the plan says.
//!
//! It speaks bytes, because no library breaks off as it has to. It never reuses a connection after
//! it has lied on it.

use std::io::{self, ErrorKind};

use brigade_http::transport::Io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;

use super::plan::{Answer, Break, Framing, Oddity, content};
use super::stage::Stage;
use super::wire::Cut;

/// An answer that belongs to nobody.
const EXTRA: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nextra";

type Stream = Box<dyn Io>;

struct Head {
    request: usize,
    length: usize,
}

/// Serves a connection until either side leaves.
pub(super) async fn serve(stage: &Stage, mut stream: Stream, cut: Cut) -> io::Result<()> {
    let mut input = Vec::new();
    loop {
        let Some(head) = read_head(&mut stream, &mut input).await? else {
            return stream.shutdown().await;
        };
        let plan = &stage.plan.asks[head.request];
        let mut answer = plan.answer.clone();
        if stage.book.arrived(head.request) > 0 {
            answer.oddity = Oddity::None;
        }
        if !matches!(answer.oddity, Oddity::Early) {
            read_body(stage, &mut stream, &mut input, &head).await?;
        }
        let body = content(head.request, plan.download);
        if !play(&mut stream, &answer, &body, &cut).await? {
            return Ok(());
        }
        if matches!(answer.oddity, Oddity::Early) {
            read_body(stage, &mut stream, &mut input, &head).await?;
        }
    }
}

async fn more(stream: &mut Stream, input: &mut Vec<u8>) -> io::Result<bool> {
    Ok(stream.read_buf(input).await? > 0)
}

async fn read_head(stream: &mut Stream, input: &mut Vec<u8>) -> io::Result<Option<Head>> {
    loop {
        if let Some(end) = input.windows(4).position(|window| window == b"\r\n\r\n") {
            let head: Vec<u8> = input.drain(..end + 4).collect();
            return parse(&head).map(Some).ok_or(ErrorKind::InvalidData.into());
        }
        if !more(stream, input).await? {
            return Ok(None);
        }
    }
}

fn parse(head: &[u8]) -> Option<Head> {
    let head = std::str::from_utf8(head).ok()?.to_ascii_lowercase();
    let mut lines = head.split("\r\n");
    let path = lines.next()?.split(' ').nth(1)?;
    let mut lengths = lines.filter_map(|line| line.strip_prefix("content-length:"));
    let length = lengths
        .next()
        .map_or(Some(0), |length| length.trim().parse().ok());
    Some(Head {
        request: path.strip_prefix('/')?.parse().ok()?,
        length: length?,
    })
}

async fn read_body(
    stage: &Stage,
    stream: &mut Stream,
    input: &mut Vec<u8>,
    head: &Head,
) -> io::Result<()> {
    while input.len() < head.length {
        if !more(stream, input).await? {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    let body: Vec<u8> = input.drain(..head.length).collect();
    if body
        != content(
            head.request,
            stage.plan.asks[head.request].upload.unwrap_or(0),
        )
    {
        let text = format!("request {} arrived with a wrong body", head.request);
        stage.watch.report(|| text);
    }
    Ok(())
}

/// Sends an answer; whether the connection goes on.
async fn play(stream: &mut Stream, answer: &Answer, body: &[u8], cut: &Cut) -> io::Result<bool> {
    sleep(answer.delay).await;
    if let Oddity::NoHead(broken) = answer.oddity {
        return break_off(stream, broken, cut).await;
    }
    if answer.is_hinted {
        stream
            .write_all(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            .await?;
    }
    let mut pieces = frame(answer, body);
    if let Oddity::Half(broken) = answer.oddity {
        pieces.truncate(pieces.len().div_ceil(2));
        // At least one byte is missing.
        pieces.last_mut().map(Vec::pop);
        send(stream, answer, pieces).await?;
        return break_off(stream, broken, cut).await;
    }
    if let Oddity::Extra = answer.oddity {
        // In one piece, or it would be the answer to whatever is asked next.
        let mut all = pieces.concat();
        if answer.framing != Framing::UntilClose {
            all.extend_from_slice(EXTRA);
        }
        pieces = vec![all];
    }
    send(stream, answer, pieces).await?;
    let is_last = matches!(
        answer.oddity,
        Oddity::CloseAfter | Oddity::SaysClose | Oddity::GoneAfter
    );
    if is_last || answer.framing == Framing::UntilClose {
        stream.shutdown().await?;
        return Ok(false);
    }
    Ok(true)
}

/// The head and the body in pieces.
fn frame(answer: &Answer, body: &[u8]) -> Vec<Vec<u8>> {
    let mut head = b"HTTP/1.1 200 OK\r\n".to_vec();
    match answer.framing {
        Framing::Length => head.extend(format!("content-length: {}\r\n", body.len()).bytes()),
        Framing::Chunked => head.extend(b"transfer-encoding: chunked\r\n"),
        Framing::UntilClose => {}
    }
    match answer.oddity {
        Oddity::SaysClose | Oddity::GoneAfter => head.extend(b"connection: close\r\n"),
        Oddity::KeepAlive => head.extend(b"keep-alive: timeout=1\r\n"),
        _ => {}
    }
    head.extend(b"\r\n");
    let mut pieces = vec![head];
    let size = body.len().div_ceil(answer.pieces).max(1);
    pieces.extend(body.chunks(size).map(|piece| match answer.framing {
        Framing::Chunked => [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat(),
        _ => piece.to_vec(),
    }));
    if answer.framing == Framing::Chunked {
        pieces.push(b"0\r\n\r\n".to_vec());
    }
    pieces
}

async fn send(stream: &mut Stream, answer: &Answer, pieces: Vec<Vec<u8>>) -> io::Result<()> {
    for piece in pieces {
        stream.write_all(&piece).await?;
        stream.flush().await?;
        sleep(answer.gap).await;
    }
    Ok(())
}

async fn break_off(stream: &mut Stream, broken: Break, cut: &Cut) -> io::Result<bool> {
    match broken {
        Break::Reset => cut.set(),
        Break::Close | Break::Stream => {}
        Break::Silence => while more(stream, &mut Vec::new()).await? {},
    }
    Ok(false)
}
