//! How a stream travels: compressed, over HTTP/2, by way of other origins.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::ready;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use brigade_http::Timeouts;
use brigade_testkit::peer::Script;
use brotli::CompressorWriter;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use futures_util::{StreamExt, stream};
use http_body_util::{Full, StreamBody};
use hyper::Response;
use hyper::body::Frame;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::Instant;
use tower::service_fn;
use zstd_safe::zstd_sys::ZSTD_EndDirective::ZSTD_e_flush;
use zstd_safe::{CCtx, InBuffer};

use super::super::{builder, spawn};
use super::{HOUR, Line, URL, answer, done, drain, fails, status};

const EVENTS: [&str; 3] = ["data: one\n\n", "data: two\n\n", "data: three\n\n"];

/// What a compressor has made after each event, which it was told to flush.
fn flushed<W: Write>(mut compressor: W, made: impl Fn(&W) -> Vec<u8>) -> Vec<Vec<u8>> {
    let mut seen = 0;
    let pieces = EVENTS.map(|event| {
        compressor.write_all(event.as_bytes()).unwrap();
        compressor.flush().unwrap();
        let all = made(&compressor);
        let piece = all[seen..].to_vec();
        seen = all.len();
        piece
    });
    pieces.into()
}

fn gzip() -> Vec<Vec<u8>> {
    let encoder = GzEncoder::new(Vec::new(), Compression::default());
    flushed(encoder, |encoder| encoder.get_ref().clone())
}

fn zlib() -> Vec<Vec<u8>> {
    let encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    flushed(encoder, |encoder| encoder.get_ref().clone())
}

fn brotli() -> Vec<Vec<u8>> {
    let encoder = CompressorWriter::new(Vec::new(), 4096, 5, 18);
    flushed(encoder, |encoder| encoder.get_ref().clone())
}

fn zstd() -> Vec<Vec<u8>> {
    let mut encoder = CCtx::create();
    let pieces = EVENTS.map(|event| {
        let mut piece = Vec::with_capacity(1024);
        let mut output = zstd_safe::OutBuffer::around(&mut piece);
        let mut input = InBuffer::around(event.as_bytes());
        let left = encoder.compress_stream2(&mut output, &mut input, ZSTD_e_flush);
        assert_eq!(left, Ok(0));
        piece
    });
    pieces.into()
}

#[tokio::test(start_paused = true)]
async fn h14l_each_event_of_a_stream_in_any_coding_arrives_when_it_was_flushed() {
    let second = Duration::from_secs(1);
    for (coding, pieces) in [
        ("gzip", gzip()),
        ("deflate", zlib()),
        ("br", brotli()),
        ("zstd", zstd()),
    ] {
        let service = service_fn(move |_| {
            let pieces = stream::iter(pieces.clone()).then(move |piece| async move {
                tokio::time::sleep(second).await;
                Ok::<_, Infallible>(Frame::data(Bytes::from(piece)))
            });
            let body = pieces.chain(stream::pending());
            let response = Response::builder()
                .header("content-type", "text/event-stream")
                .header("content-encoding", coding);
            ready(response.body(StreamBody::new(Box::pin(body))))
        });
        let client = builder().service(service).build().unwrap();
        let mut source = client.get(URL).unwrap().events();
        let begun = Instant::now();
        for (seconds, data) in (1..).zip(["one", "two", "three"]) {
            let event = source.next().await.unwrap().unwrap();
            assert_eq!(event.data(), data, "{coding}");
            assert_eq!(begun.elapsed(), second * seconds, "{coding}: {data}");
        }
    }
}

/// Answers with a compressed stream whose end never comes, though that of the connection does.
fn cut_off(coding: &str, pieces: &[Vec<u8>]) -> Option<Script> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: {coding}\r\n\r\n"
    );
    let script = Script::new().patience(HOUR).expect_head("GET /live");
    Some(script.send([head.into_bytes(), pieces.concat()].concat()))
}

#[tokio::test(start_paused = true)]
async fn h14e_a_compressed_stream_that_is_cut_off_goes_on_like_any_other() {
    for (coding, pieces) in [("gzip", gzip()), ("br", brotli()), ("zstd", zstd())] {
        let line = Line::new([cut_off(coding, &pieces), answer("data: four\n\n"), done()]);
        let (seen, error) = drain(&mut line.source()).await;
        assert!(error.is_none(), "{coding}: {error:?}");
        assert_eq!(seen, ["one", "two", "three", "four"], "{coding}");
    }
    let line = Line::new([cut_off("gzip", &[b"no gzip at all".to_vec()]), done()]);
    let error = fails(&mut line.source()).await;
    assert_eq!(
        error.kind(),
        brigade_http::Kind::Decode,
        "what is wrong stays wrong"
    );
    assert_eq!(line.dials(), 1);
}

#[tokio::test(start_paused = true)]
async fn h14e_an_id_that_no_server_would_take_is_not_sent() {
    for (length, is_sent) in [(8 << 10, true), ((8 << 10) + 1, false)] {
        let id = "7".repeat(length);
        let line = Line::new([answer(&format!("id: {id}\ndata: x\n\n")), done()]);
        let mut source = line.source();
        assert_eq!(drain(&mut source).await.0, ["x"]);
        assert_eq!(source.last_event_id(), id);
        let again = line.received().await.pop().unwrap();
        assert_eq!(again.contains("last-event-id"), is_sent, "{length} bytes");
    }
}

#[tokio::test(start_paused = true)]
async fn h14e_credentials_stay_at_the_first_url_when_a_redirect_leads_elsewhere() {
    let line = Line::new([
        status("307 Go\r\nlocation: http://other.example/live"),
        answer("id: 1\ndata: x\n\n"),
        done(),
    ]);
    let request = line.client().get(URL).unwrap().bearer_auth("s3cret");
    assert_eq!(drain(&mut request.events()).await.0, ["x"]);
    let heads = line.received().await;
    let has = |head: usize, text: &str| heads[head].contains(text);
    assert!(has(0, "host: events.example\r\n") && has(0, "s3cret"));
    assert!(has(1, "host: other.example\r\n") && !has(1, "s3cret"));
    assert!(has(2, "host: events.example\r\n") && has(2, "s3cret"));
    assert!(has(2, "\r\nlast-event-id: 1\r\n"), "{}", heads[2]);
}

/// Sends two events and resets the stream when it is told to, and one more behind the second.
async fn http2(reset: Arc<Notify>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(socket).await.unwrap();
        let mut open = Vec::new();
        while let Some(Ok((request, mut respond))) = connection.accept().await {
            let head = http::Response::builder().header("content-type", "text/event-stream");
            let mut body = respond
                .send_response(head.body(()).unwrap(), false)
                .unwrap();
            if let Some(id) = request.headers().get("last-event-id") {
                let event = format!("id: 3\ndata: {}\n\n", id.to_str().unwrap());
                body.send_data(event.into(), false).unwrap();
                open.push(body);
                continue;
            }
            let events = "retry: 1\nid: 1\ndata: x\n\nid: 2\ndata: y\n\ndata: z";
            body.send_data(events.into(), false).unwrap();
            let reset = reset.clone();
            spawn(async move {
                reset.notified().await;
                body.send_reset(h2::Reason::INTERNAL_ERROR);
            });
        }
    });
    address
}

#[tokio::test]
async fn h14e_a_stream_of_http_2_that_is_reset_goes_on_on_its_connection() {
    let reset = Arc::new(Notify::new());
    let url = format!("http://{}/", http2(reset.clone()).await);
    let client = builder().http2_prior_knowledge().build().unwrap();
    let mut source = client.get(&url).unwrap().events();
    for data in ["x", "y"] {
        assert_eq!(source.next().await.unwrap().unwrap().data(), data);
    }
    reset.notify_one();
    let event = source.next().await.unwrap().unwrap();
    assert_eq!(event.data(), "2", "behind the last one that was complete");
    assert_eq!((source.reconnected(), source.last_event_id()), (1, "3"));
    assert_eq!(client.stats().total(), 1);
}

#[tokio::test(start_paused = true)]
async fn h14i_a_caller_that_takes_its_time_is_no_silence_of_the_server() {
    let mut script = super::open("data: 1\n\n");
    for _ in 0..60 {
        script = script.pause(super::MINUTE / 3).send(":\n");
    }
    let line = Line::new([Some(script.send("data: 2\n\n")), done()]);
    let timeouts = Timeouts::default().read(super::MINUTE / 2);
    let mut source = line.client().get(URL).unwrap().timeouts(timeouts).events();
    assert_eq!(source.next().await.unwrap().unwrap().data(), "1");
    tokio::time::sleep(super::MINUTE * 10).await;
    assert_eq!(source.next().await.unwrap().unwrap().data(), "2");
    assert_eq!((line.dials(), source.reconnected()), (1, 0));
}

#[tokio::test]
async fn h14o_comments_without_end_let_others_run() {
    let line = format!(":{}\n", "x".repeat(60_000));
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(b"data: 1\n\n").unwrap();
    for _ in 0..400 {
        encoder.write_all(line.as_bytes()).unwrap();
    }
    encoder.write_all(b"data: 2\n\n").unwrap();
    let body = Bytes::from(encoder.finish().unwrap());
    let service = service_fn(move |_| {
        let response = Response::builder()
            .header("content-type", "text/event-stream")
            .header("content-encoding", "gzip");
        ready(response.body(Full::new(body.clone())))
    });
    let client = builder().service(service).build().unwrap();
    let mut source = client.get(URL).unwrap().events();
    source.next().await.unwrap().unwrap();
    let is_over = Cell::new(false);
    let reads = async {
        assert_eq!(source.next().await.unwrap().unwrap().data(), "2");
        is_over.set(true);
    };
    tokio::join!(biased; reads, async { assert!(!is_over.get()) });
}
