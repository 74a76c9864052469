//! A stream while it lives: timeouts, dropped calls, its end by the caller, and how soon events come.

use std::convert::Infallible;
use std::future::ready;
use std::io::Write;
use std::time::Duration;

use brigade_http::events::EventSource;
use brigade_http::{Kind, Phase, Timeouts};
use brigade_testkit::cancel::{Fuzz, Outcome};
use brigade_testkit::peer::Script;
use brigade_testkit::server::Server;
use brigade_testkit::wait::until;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::{StreamExt, stream};
use http_body_util::StreamBody;
use hyper::Response;
use hyper::body::Frame;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tower::service_fn;

use super::super::{builder, client, spawn};
use super::{HOUR, Line, MINUTE, URL, answer, done, drain, fails, open, status, stream_of};

#[tokio::test(start_paused = true)]
async fn h14i_no_timeout_cuts_a_stream_that_lives() {
    let mut script = open("data: first\n\n");
    for _ in 0..60 {
        script = script.pause(MINUTE / 3).send(": still here\n");
    }
    let line = Line::new([Some(script.send("data: last\n\n"))]);
    let timeouts = Timeouts::default().total(MINUTE).read(MINUTE / 2);
    let request = line.client().get(URL).unwrap().timeouts(timeouts);
    let mut source = request.max_body(20).events().reconnects(0);
    let begun = Instant::now();
    assert_eq!(drain(&mut source).await.0, ["first", "last"]);
    assert_eq!(begun.elapsed(), MINUTE * 20);
}

#[tokio::test(start_paused = true)]
async fn h14i_a_server_that_falls_silent_is_left_for_another_try() {
    let silent = || Some(open("data: x\n\n").expect_end());
    let line = Line::new([silent(), done()]);
    let timeouts = Timeouts::default().read(MINUTE);
    let mut source = line.client().get(URL).unwrap().timeouts(timeouts).events();
    assert_eq!(drain(&mut source).await.0, ["x"]);
    assert_eq!(line.waits(), [63]);

    let mute = Script::new()
        .patience(HOUR)
        .expect_head("GET /live")
        .expect_end();
    let line = Line::new([Some(mute.clone()), done()]);
    let timeouts = Timeouts::NONE.total(MINUTE);
    let mut source = line.client().get(URL).unwrap().timeouts(timeouts).events();
    assert!(drain(&mut source).await.1.is_none());
    assert_eq!(line.waits(), [63], "the total timeout bounds the head");

    let line = Line::new([Some(mute)]);
    let source = line.client().get(URL).unwrap().timeouts(timeouts).events();
    let error = fails(&mut source.reconnects(0)).await;
    assert_eq!(error.kind(), Kind::Timeout(Phase::Total));
}

#[tokio::test(start_paused = true)]
async fn h14j_a_next_that_is_dropped_loses_nothing_and_sends_nothing_twice() {
    let stage = Mutex::new((Line::default(), None::<EventSource>, Vec::new()));
    let make = || {
        let pieces = |body: &str, piece| {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
            let script = Script::new().patience(HOUR).expect_head("GET /live");
            Some(
                script
                    .send(head)
                    .send_in_pieces(body.to_owned(), piece, MINUTE / 6),
            )
        };
        let line = Line::new([
            pieces("id: 1\ndata: one\n\nid: 2\ndata: two\n\ndata: lo", 7),
            None,
            status("503 Busy"),
            pieces("id: 3\ndata: three\n\n", 4),
            done(),
        ]);
        let source = line.source();
        *stage.try_lock().unwrap() = (line, Some(source), Vec::new());
        async {
            let (_, source, seen) = &mut *stage.lock().await;
            go_on(source.as_mut().unwrap(), seen).await;
        }
    };
    let check = async |outcome: Outcome<()>| {
        let (line, source, seen) = &mut *stage.lock().await;
        go_on(source.as_mut().unwrap(), seen).await;
        assert_eq!(*seen, ["one", "two", "three"], "{outcome:?}");
        assert_eq!(line.dials(), 5, "{outcome:?}");
        assert_eq!(line.received().await.len(), 4);
    };
    let report = Fuzz::new()
        .patience(HOUR)
        .seeds(0..3)
        .run(make, check)
        .await;
    assert!(report.polls > 10, "{report:?}");
}

async fn go_on(source: &mut EventSource, seen: &mut Vec<String>) {
    while let Some(event) = source.next().await {
        seen.push(event.unwrap().into_data());
    }
}

#[tokio::test(start_paused = true)]
async fn h14k_a_source_that_is_closed_or_dropped_frees_its_connection_at_once() {
    for close in [true, false] {
        let line = Line::new([Some(open("data: x\n\ndata: y\n\n").expect_end())]);
        let client = line.client();
        let mut source = client.get(URL).unwrap().events();
        assert_eq!(source.next().await.unwrap().unwrap().data(), "x");
        assert_eq!(client.stats().active, 1);
        let begun = Instant::now();
        if close {
            source.close();
            assert!(source.next().await.is_none());
        } else {
            drop(source);
        }
        until(|| client.stats().total() == 0).await;
        assert!(begun.elapsed() < Duration::from_secs(1));
        line.received().await;
    }
}

#[tokio::test(start_paused = true)]
async fn h14k_closing_the_client_ends_the_wait_for_another_try() {
    let line = Line::new([answer("retry: 600000\ndata: x\n\n")]);
    let client = line.client();
    let mut source = client.get(URL).unwrap().events();
    source.next().await.unwrap().unwrap();
    let begun = Instant::now();
    let waiting = spawn(async move { source.next().await.unwrap().unwrap_err().kind() });
    tokio::time::sleep(MINUTE).await;
    client.close().await;
    assert_eq!(waiting.await.unwrap(), Kind::Closed);
    assert_eq!(begun.elapsed().as_secs(), 60);
}

#[tokio::test]
async fn h14l_an_event_arrives_while_the_stream_goes_on() {
    let server = Server::start(|_| stream_of("data: x\r\rdata: y").hang_after(15));
    let server = server.await.unwrap();
    let mut source = client().get(server.url("/")).unwrap().events();
    assert_eq!(source.next().await.unwrap().unwrap().data(), "x");
}

#[tokio::test(start_paused = true)]
async fn h14l_an_event_of_a_compressed_stream_arrives_when_it_was_flushed() {
    let service = service_fn(|_| {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(b"data: x\n\n").unwrap();
        gzip.flush().unwrap();
        let flushed = Frame::data(Bytes::from(gzip.get_ref().clone()));
        let body = stream::iter([Ok::<_, Infallible>(flushed)]).chain(stream::pending());
        let response = Response::builder()
            .header("content-type", "text/event-stream")
            .header("content-encoding", "gzip");
        ready(response.body(StreamBody::new(body)))
    });
    let client = builder().service(service).build().unwrap();
    let mut source = client.get(URL).unwrap().events();
    let begun = Instant::now();
    assert_eq!(source.next().await.unwrap().unwrap().data(), "x");
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn h14n_no_data_id_or_credential_is_shown() {
    let line = Line::new([answer("id: s3cret\ndata: s3cret\n\n"), done()]);
    let request = line.client().get("http://u:s3cret@events.example/live");
    let mut source = request.unwrap().header("x-token", "s3cret").events();
    let mut shown = format!("{source:?}");
    while let Some(event) = StreamExt::next(&mut source).await {
        event.unwrap();
        shown.push_str(&format!("{source:?}"));
    }
    shown.push_str(&format!("{source:?}"));
    assert!(
        shown.contains("EventSource") && !shown.contains("s3cret"),
        "{shown}"
    );
}
