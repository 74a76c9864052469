//! H16: bodies of requests that are streams, over HTTP/1.1, HTTP/2 and to a service.

use std::convert::Infallible;
use std::error::Error as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll};
use std::time::Duration;

use brigade_http::{
    Client, ClientBuilder, Error, Kind, Method, Phase, PoolLimits, RequestBody, RequestBuilder,
    RetryPolicy, Timeouts, Versions,
};
use brigade_testkit::h2::{H2Conn, H2Server, code, flag, kind, setting};
use brigade_testkit::peer::{Script, listen};
use brigade_testkit::server::{Reply, Server};
use brigade_testkit::wait::until;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tokio::sync::mpsc;
use tower::service_fn;

use super::{builder, client, limited, read, tell};

const CHUNK: usize = 64 << 10;
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// What a test knows of a stream.
#[derive(Clone, Default)]
struct Seen {
    chunks: Arc<AtomicUsize>,
    is_gone: Arc<AtomicBool>,
}

impl Seen {
    fn chunks(&self) -> usize {
        self.chunks.load(SeqCst)
    }

    fn is_gone(&self) -> bool {
        self.is_gone.load(SeqCst)
    }

    /// `stream`, whose chunks and end are seen.
    fn see<S>(&self, stream: S) -> Watched<S> {
        let seen = self.clone();
        Watched { stream, seen }
    }
}

struct Watched<S> {
    stream: S,
    seen: Seen,
}

impl<S: Stream + Unpin> Stream for Watched<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let next = self.stream.poll_next_unpin(cx);
        if let Poll::Ready(Some(_)) = next {
            self.seen.chunks.fetch_add(1, SeqCst);
        }
        next
    }
}

impl<S> Drop for Watched<S> {
    fn drop(&mut self) {
        self.seen.is_gone.store(true, SeqCst);
    }
}

/// Chunks whose bytes tell their place.
fn chunks(count: usize, size: usize) -> impl Stream<Item = io::Result<Vec<u8>>> + Unpin + Send {
    let chunk = move |number: usize| (0..size).map(|at| (number * 7 + at) as u8).collect();
    stream::iter((0..count).map(move |number| Ok(chunk(number))))
}

fn content(count: usize, size: usize) -> Vec<u8> {
    let bytes = |number: usize| (0..size).map(move |at| (number * 7 + at) as u8);
    (0..count).flat_map(bytes).collect()
}

/// A chunk, and then nothing for ever.
fn begun() -> impl Stream<Item = io::Result<&'static str>> + Unpin + Send {
    stream::iter([Ok("begun")]).chain(stream::pending())
}

fn http2() -> ClientBuilder {
    builder().versions(Versions::Http2)
}

fn one(versions: Versions) -> Client {
    let limits = PoolLimits::default().total(1);
    let builder = builder().versions(versions).limits(limits);
    builder.build().unwrap()
}

/// A server of HTTP/2 that answers each request with the number of bytes it had.
fn counting() -> H2Server {
    H2Server::start(|mut conn: H2Conn| async move {
        conn.settings(&[(setting::INITIAL_WINDOW_SIZE, 100_000)])
            .await?;
        while let Some(request) = conn.request().await? {
            let Ok(body) = conn.body(request.stream).await else {
                // It was reset, or the client has left.
                continue;
            };
            let length = request.header("content-length").unwrap_or("none");
            let answer = format!("{} {length}", body.len());
            conn.respond(request.stream, 200, answer).await?;
        }
        Ok(())
    })
    .unwrap()
}

/// A client whose service says how many bytes came, and what length was announced.
fn measured() -> Client {
    let measure = service_fn(async |request: Request<RequestBody>| {
        let length = request.headers().get("content-length").cloned();
        let length = length.map_or("none".into(), |value| value.to_str().unwrap().to_owned());
        assert!(!request.headers().contains_key("transfer-encoding"));
        let body = request
            .into_body()
            .collect()
            .await
            .map_err(io::Error::other)?;
        Ok::<_, io::Error>(Response::new(format!("{} {length}", body.to_bytes().len())))
    });
    builder().service(measure).build().unwrap()
}

async fn text(request: RequestBuilder) -> String {
    request.send().await.unwrap().text().await.unwrap()
}

async fn failed(request: RequestBuilder) -> Error {
    request.send().await.unwrap_err()
}

#[tokio::test]
async fn h16a_a_stream_arrives_whole_over_http_1() {
    let server = Server::start(|request| {
        let length = request.header("content-length");
        let coding = request.header("transfer-encoding");
        assert!(coding.is_none_or(|coding| length.is_none() && coding == "chunked"));
        Reply::ok(request.body().clone())
    });
    let server = server.await.unwrap();
    let client = client();
    for method in [
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::GET,
        Method::DELETE,
    ] {
        for (count, size) in [(0, 1), (1, 1), (3, 10), (40, CHUNK)] {
            let body = || RequestBody::stream(chunks(count, size));
            for body in [body(), body().length((count * size) as u64)] {
                let request = client.request(method.clone(), server.url("/")).unwrap();
                let answer = request
                    .body(body)
                    .send()
                    .await
                    .unwrap()
                    .bytes()
                    .await
                    .unwrap();
                assert!(
                    answer == content(count, size),
                    "{method} {count} times {size}"
                );
                until(|| client.stats().idle == 1).await;
            }
        }
    }
    assert_eq!(
        server.connections().total,
        1,
        "each left the connection to the next"
    );
}

#[tokio::test]
async fn h16a_a_stream_arrives_whole_over_http_2_and_at_a_service() {
    let server = counting();
    let clients = [
        (http2().build().unwrap(), server.url("/")),
        (measured(), "http://a/".into()),
    ];
    for (client, url) in clients {
        for (count, size) in [(1, 1), (3, 10), (40, CHUNK)] {
            let bytes = count * size;
            let body = RequestBody::stream(chunks(count, size));
            let request = client.post(&url).unwrap().body(body);
            assert_eq!(text(request).await, format!("{bytes} none"));
            let body = RequestBody::stream(chunks(count, size)).length(bytes as u64);
            let request = client.post(&url).unwrap().body(body);
            assert_eq!(text(request).await, format!("{bytes} {bytes}"));
        }
        let empty = RequestBody::stream(stream::empty::<io::Result<Bytes>>());
        assert_eq!(text(client.post(&url).unwrap().body(empty)).await, "0 none");
    }
}

#[tokio::test]
async fn h16a_empty_chunks_are_no_end() {
    let server = Server::start(|request| Reply::ok(request.body().clone()));
    let server = server.await.unwrap();
    let pieces = ["", "", "one", "", "two", ""].map(Ok::<_, io::Error>);
    let body = RequestBody::stream(stream::iter(pieces));
    assert_eq!(
        text(client().post(server.url("/")).unwrap().body(body)).await,
        "onetwo"
    );
}

#[tokio::test]
async fn h16b_a_stream_is_read_only_as_fast_as_the_server_takes_it() {
    let server = Server::builder().leave_bodies_unread();
    let server = server.start(|_| Reply::hang()).await.unwrap();
    let silent = H2Server::start(|mut conn: H2Conn| async move {
        conn.settings(&[]).await?;
        conn.request().await?;
        conn.fall_silent().await;
        Ok(())
    });
    let silent = silent.unwrap();
    let peers = [
        (client(), server.url("/")),
        (http2().build().unwrap(), silent.url("/")),
    ];
    for (client, url) in peers {
        let seen = Seen::default();
        let endless = stream::repeat_with(|| Ok::<_, io::Error>(vec![0; CHUNK]));
        let body = RequestBody::stream(seen.see(Box::pin(endless)));
        let request = client.post(url).unwrap().body(body);
        let timeouts = Timeouts::NONE.write(Duration::from_millis(300));
        let error = failed(request.timeouts(timeouts)).await;
        assert_eq!(error.kind(), Kind::Timeout(Phase::Write));
        // What the sockets of this system take, and some 400 KiB.
        let read = seen.chunks() * CHUNK;
        assert!(read < 16 << 20, "{read} bytes were read ahead");
        until(|| seen.is_gone()).await;
    }
}

/// Streams that are wrong, and what the error says.
fn wrong() -> Vec<(RequestBody, &'static str)> {
    let three = || stream::iter(["one", "two", "three"].map(Ok::<_, io::Error>));
    let broken = || {
        let gone = io::Error::new(io::ErrorKind::NotConnected, "the disk is gone");
        stream::iter([Ok("one"), Err(gone)])
    };
    let panics = three().map(|piece| match piece {
        Ok("two") => panic!("as it shall"),
        piece => piece,
    });
    vec![
        (
            RequestBody::stream(three()).length(12),
            "ended after 11 of 12 bytes",
        ),
        (
            RequestBody::stream(three()).length(10),
            "longer than the 10 bytes",
        ),
        // All that was said is there, and then there is more.
        (
            RequestBody::stream(three()).length(6),
            "longer than the 6 bytes",
        ),
        (RequestBody::stream(broken()), "the disk is gone"),
        (RequestBody::stream(broken()).length(3), "the disk is gone"),
        (RequestBody::stream(broken()).length(10), "the disk is gone"),
        (RequestBody::stream(panics), "panicked"),
    ]
}

#[tokio::test]
async fn h16c_a_wrong_stream_is_an_error_and_never_a_request_over_http_1() {
    for (body, reason) in wrong() {
        let server = Server::start(|_| Reply::ok("hello")).await.unwrap();
        let client = one(Versions::default());
        // Also on a connection that is used again, with a method that is sent again.
        read(&client, server.url("/first")).await;
        let error = failed(put(&client, server.url("/")).body(body)).await;
        assert_eq!(error.kind(), Kind::RequestBody, "{}", tell(&error));
        assert!(tell(&error).contains(reason), "{}", tell(&error));
        let cause = error.source().unwrap();
        assert!(cause.is::<io::Error>(), "it is the caller's: {cause:?}");
        until(|| server.connections().open == 0 && client.stats().total() == 0).await;
        let requests = server.requests();
        assert_eq!(requests.len(), 1, "{reason}: {requests:?}");
        assert_eq!(read(&client, server.url("/")).await, b"hello");
    }
}

#[tokio::test]
async fn h16c_a_wrong_stream_is_an_error_and_never_a_request_over_http_2() {
    for (body, reason) in wrong() {
        let server = counting();
        let client = http2().build().unwrap();
        let error = failed(put(&client, server.url("/")).body(body)).await;
        assert_eq!(error.kind(), Kind::RequestBody, "{}", tell(&error));
        assert!(tell(&error).contains(reason), "{}", tell(&error));
        assert!(error.source().unwrap().is::<io::Error>());
        client.close().await;
        let frames = server.finish().await;
        let ended = frames
            .iter()
            .filter(|(_, frame)| frame.has(flag::END_STREAM));
        let ended = ended.filter(|(_, frame)| [kind::DATA, kind::HEADERS].contains(&frame.kind));
        assert_eq!(ended.count(), 0, "{reason}: {frames:?}");
    }
}

#[tokio::test]
async fn h16c_a_wrong_stream_is_an_error_whatever_a_service_makes_of_it() {
    for (body, reason) in wrong() {
        let error = failed(put(&measured(), "http://a/").body(body)).await;
        assert_eq!(error.kind(), Kind::RequestBody, "{}", tell(&error));
        assert!(tell(&error).contains(reason), "{}", tell(&error));
        assert!(error.source().unwrap().is::<io::Error>());
    }
}

#[tokio::test]
async fn h16c_a_stream_that_fails_is_not_mistaken_for_a_dead_connection() {
    let server = Server::start(|_| Reply::ok("hello")).await.unwrap();
    let client = one(Versions::default());
    read(&client, server.url("/")).await;
    let made = Arc::new(AtomicUsize::new(0));
    let count = made.clone();
    let body = RequestBody::repeatable(move || {
        count.fetch_add(1, SeqCst);
        stream::iter([Ok("one"), Err(io::Error::other("the disk is gone"))])
    });
    let error = failed(put(&client, server.url("/")).body(body)).await;
    assert_eq!(error.kind(), Kind::RequestBody);
    assert_eq!(made.load(SeqCst), 1);
}

/// A connection that answers once, and hangs up when the next request comes.
fn stale() -> Script {
    let first = Script::new().expect_head("GET /").send(OK);
    first.expect_head("PUT /").expect("5\r\nbegun\r\n").reset()
}

#[tokio::test]
async fn h16d_a_stream_that_was_begun_is_not_sent_again_on_another_connection() {
    let (address, peer) = listen([stale()]).unwrap();
    let client = one(Versions::default());
    let url = format!("http://{address}/");
    read(&client, url.clone()).await;
    let body = RequestBody::stream(begun());
    let error = failed(put(&client, &url).body(body)).await;
    assert_eq!(error.kind(), Kind::Protocol, "{}", tell(&error));
    peer.finish().await.unwrap();
}

#[tokio::test]
async fn h16f_a_repeatable_stream_is_sent_again_on_another_connection() {
    let again = Script::new().expect_head("PUT /").expect("5\r\nbegun\r\n");
    let (address, peer) = listen([stale(), again.send(OK)]).unwrap();
    let client = one(Versions::default());
    let url = format!("http://{address}/");
    read(&client, url.clone()).await;
    let body = RequestBody::repeatable(begun);
    let request = put(&client, &url).body(body);
    assert_eq!(request.send().await.unwrap().status(), 200);
    peer.finish().await.unwrap();
}

/// A server of HTTP/2 that does not look at the first request, in one of two ways.
fn refusing(goes_away: bool, asked: Arc<AtomicUsize>) -> H2Server {
    H2Server::start(move |mut conn: H2Conn| {
        let asked = asked.clone();
        async move {
            conn.settings(&[]).await?;
            while let Some(request) = conn.request().await? {
                let is_first = asked.fetch_add(1, SeqCst) == 0;
                if is_first {
                    // The stream was begun when a part of it is here.
                    conn.frame_of(kind::DATA).await?;
                    match goes_away {
                        true => conn.goaway(0, code::NO_ERROR).await?,
                        false => {
                            conn.reset_stream(request.stream, code::REFUSED_STREAM)
                                .await?
                        }
                    }
                    continue;
                }
                conn.body(request.stream).await?;
                conn.respond(request.stream, 200, "ok").await?;
            }
            Ok(())
        }
    })
    .unwrap()
}

#[tokio::test]
async fn h16d_a_stream_that_was_begun_is_not_sent_again_where_it_was_not_looked_at() {
    for goes_away in [false, true] {
        let asked = Arc::new(AtomicUsize::new(0));
        let server = refusing(goes_away, asked.clone());
        let client = http2().build().unwrap();
        let body = RequestBody::stream(chunks(3, 10));
        let error = failed(put(&client, server.url("/")).body(body)).await;
        assert_eq!(error.kind(), Kind::Protocol, "{}", tell(&error));
        assert_eq!(asked.load(SeqCst), 1);
    }
}

#[tokio::test]
async fn h16f_a_repeatable_stream_is_sent_again_where_it_was_not_looked_at() {
    for goes_away in [false, true] {
        let asked = Arc::new(AtomicUsize::new(0));
        let server = refusing(goes_away, asked.clone());
        let client = http2().build().unwrap();
        let body = RequestBody::repeatable(|| chunks(3, 10));
        assert_eq!(text(put(&client, server.url("/")).body(body)).await, "ok");
        assert_eq!(asked.load(SeqCst), 2);
    }
}

#[tokio::test]
async fn h16d_no_policy_and_no_redirect_sends_a_stream_again_that_was_begun() {
    let server = Server::start(|request| match request.path() {
        "/busy" => Reply::status(503),
        "/moved" => Reply::redirect(307, "/new"),
        "/other" => Reply::redirect(303, "/new"),
        _ => Reply::ok(request.method().to_owned()),
    });
    let server = server.await.unwrap();
    let policy = || RetryPolicy::default().attempts(5);
    let client = builder().retry(policy()).build().unwrap();
    let put = |path| put(&client, server.url(path));
    let body = || RequestBody::stream(chunks(3, 10));
    let busy = put("/busy").body(body()).send().await.unwrap();
    assert_eq!(busy.status(), 503, "the answer stands");
    let error = failed(put("/moved").body(body())).await;
    assert_eq!(error.kind(), Kind::RequestBody);
    assert!(
        error.to_string().contains("RequestBody::repeatable"),
        "{error}"
    );
    assert_eq!(text(put("/other").body(body())).await, "GET");
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn h16f_policies_and_redirects_send_a_repeatable_stream_again() {
    let asked = AtomicUsize::new(0);
    let server = Server::start(move |request| match request.path() {
        "/moved" => Reply::redirect(308, "/busy"),
        _ if asked.fetch_add(1, SeqCst) == 0 => Reply::status(503).header("retry-after", "0"),
        _ => Reply::ok(request.body().clone()),
    });
    let server = server.await.unwrap();
    let client = builder()
        .retry(RetryPolicy::default().attempts(2))
        .build()
        .unwrap();
    let body = RequestBody::repeatable(|| chunks(3, 10)).length(30);
    let request = put(&client, server.url("/moved")).body(body);
    let response = request.send().await.unwrap();
    assert_eq!(response.bytes().await.unwrap(), content(3, 10));
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn h16e_a_stream_that_was_not_begun_is_sent_again() {
    let nobody = Server::start(|_| Reply::ok("")).await.unwrap();
    let refused = nobody.url("/");
    nobody.finish().await;
    let seen = Seen::default();
    let body = RequestBody::stream(seen.see(chunks(3, 10)));
    let policy = RetryPolicy::default().attempts(3);
    let request = client().post(refused).unwrap().body(body).retry(policy);
    let error = failed(request).await;
    assert_eq!((error.kind(), seen.chunks()), (Kind::Connect, 0));
    // And where a service was asked, which did not read of it.
    let asked = AtomicUsize::new(0);
    let asked: &_ = Box::leak(Box::new(asked));
    let busy = service_fn(async |request: Request<RequestBody>| {
        if asked.fetch_add(1, SeqCst) < 2 {
            return Err(Error::from(Kind::Connect));
        }
        let body = request.into_body().collect().await;
        let body = body.map_err(|_| Error::from(Kind::RequestBody))?;
        Ok(Response::new(Full::new(body.to_bytes())))
    });
    let policy = RetryPolicy::default().attempts(3);
    let client = builder().service(busy).retry(policy).build().unwrap();
    let body = RequestBody::stream(chunks(3, 10));
    let response = client
        .post("http://a/")
        .unwrap()
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(response.bytes().await.unwrap(), content(3, 10));
    assert_eq!(asked.load(SeqCst), 3);
}

/// A body that is fed by hand.
fn fed() -> (mpsc::Sender<&'static str>, RequestBody) {
    let (feed, source) = mpsc::channel(1);
    let source = stream::unfold(source, async |mut source| {
        let chunk = source.recv().await?;
        Some((Ok::<_, Infallible>(chunk), source))
    });
    (feed, RequestBody::stream(source))
}

/// A PUT, which may be sent again.
fn put(client: &Client, url: impl AsRef<str>) -> RequestBuilder {
    client.request(Method::PUT, url.as_ref()).unwrap()
}

/// The same limit on reading and writing, and a long one on all.
fn short() -> Timeouts {
    let short = Duration::from_millis(100);
    let timeouts = Timeouts::NONE.read(short).write(short);
    timeouts.total(Duration::from_secs(20))
}

async fn feed_slowly(client: &Client, url: &str) -> Result<String, Error> {
    let (feed, body) = fed();
    let request = client.post(url).unwrap().body(body).timeouts(short());
    let answer = async { request.send().await?.text().await };
    let feeding = async {
        for chunk in ["one", "two", "three"] {
            // Longer than the timeouts, which is what this is about.
            tokio::time::sleep(Duration::from_millis(250)).await;
            let _ = feed.send(chunk).await;
        }
        drop(feed);
    };
    let (answer, ()) = tokio::join!(answer, feeding);
    answer
}

#[tokio::test]
async fn h16g_nobody_is_to_blame_for_a_slow_stream() {
    let server = Server::start(|request| Reply::ok(request.body().len().to_string()));
    let server = server.await.unwrap();
    assert_eq!(
        feed_slowly(&client(), &server.url("/")).await.unwrap(),
        "11"
    );
    let server = counting();
    let client = http2().build().unwrap();
    assert_eq!(
        feed_slowly(&client, &server.url("/")).await.unwrap(),
        "11 none"
    );
    assert_eq!(
        feed_slowly(&measured(), "http://a/").await.unwrap(),
        "11 none"
    );
}

#[tokio::test]
async fn h16g_an_interim_response_during_a_slow_stream_blames_nobody_either() {
    let script = Script::new().expect_head("POST /");
    let script = script
        .send("HTTP/1.1 103 Early Hints\r\n\r\n")
        .expect("3\r\none\r\n");
    let script = script
        .expect("3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n")
        .send(OK);
    let (address, peer) = script.listen().unwrap();
    let url = format!("http://{address}/");
    assert_eq!(feed_slowly(&client(), &url).await.unwrap(), "ok");
    peer.finish().await.unwrap();
}

#[tokio::test]
async fn h16g_the_read_timeout_runs_once_the_stream_has_ended() {
    let server = Server::start(|_| Reply::hang()).await.unwrap();
    let silent = H2Server::start(|mut conn: H2Conn| async move {
        conn.settings(&[]).await?;
        while conn.polite_frame().await?.is_some() {}
        Ok(())
    });
    let silent = silent.unwrap();
    let hanging = service_fn(async |request: Request<RequestBody>| {
        let _ = request.into_body().collect().await;
        std::future::pending::<Result<Response<String>, Infallible>>().await
    });
    let hanging = builder().service(hanging).build().unwrap();
    let peers = [
        (client(), server.url("/")),
        (http2().build().unwrap(), silent.url("/")),
        (hanging, "http://a/".to_owned()),
    ];
    for (client, url) in peers {
        let error = feed_slowly(&client, &url).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Timeout(Phase::Read), "{url}");
    }
}

#[tokio::test]
async fn h16g_the_total_timeout_runs_while_the_stream_is_waited_for() {
    let server = Server::start(|_| Reply::ok("")).await.unwrap();
    let h2 = counting();
    let peers = [
        (client(), server.url("/")),
        (http2().build().unwrap(), h2.url("/")),
        (measured(), "http://a/".to_owned()),
    ];
    for (client, url) in peers {
        let seen = Seen::default();
        let body = RequestBody::stream(seen.see(begun()));
        let request = client.post(&url).unwrap().body(body);
        let error = failed(request.timeout(Duration::from_millis(200))).await;
        assert_eq!(error.kind(), Kind::Timeout(Phase::Total), "{url}");
        until(|| seen.is_gone()).await;
        until(|| client.stats().active == 0).await;
    }
}

#[tokio::test]
async fn h16h_a_response_before_the_end_of_the_stream_is_heard_and_ends_it() {
    let early = "HTTP/1.1 413 Too Much\r\ncontent-length: 8\r\n\r\ntoo much";
    let script = Script::new().expect_head("POST /").expect("5\r\nbegun\r\n");
    let (address, peer) = script.send(early).expect_end().listen().unwrap();
    let h2 = H2Server::start(|mut conn: H2Conn| async move {
        conn.settings(&[]).await?;
        while let Some(request) = conn.request().await? {
            conn.frame_of(kind::DATA).await?;
            conn.respond(request.stream, 413, "too much").await?;
        }
        Ok(())
    });
    let h2 = h2.unwrap();
    let peers = [
        (one(Versions::default()), format!("http://{address}/")),
        (http2().build().unwrap(), h2.url("/")),
    ];
    for (client, url) in peers {
        let seen = Seen::default();
        let body = RequestBody::stream(seen.see(begun()));
        let response = client.post(&url).unwrap().body(body).send().await.unwrap();
        assert_eq!(response.status(), 413);
        assert_eq!(response.text().await.unwrap(), "too much");
        until(|| seen.is_gone()).await;
        until(|| client.stats().active == 0).await;
    }
    peer.finish().await.unwrap();
}

#[tokio::test]
async fn h16h_a_response_that_is_dropped_ends_the_stream() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf";
    let script = Script::new()
        .expect_head("POST /")
        .send(head)
        .expect("5\r\nbegun\r\n");
    let (address, peer) = script.expect_end().listen().unwrap();
    let client = one(Versions::default());
    let seen = Seen::default();
    let body = RequestBody::stream(seen.see(begun()));
    let url = format!("http://{address}/");
    let response = client.post(url).unwrap().body(body).send().await.unwrap();
    assert!(!seen.is_gone());
    drop(response);
    until(|| seen.is_gone() && client.stats().total() == 0).await;
    peer.finish().await.unwrap();
}

#[tokio::test]
async fn h16i_who_drops_the_request_drops_the_stream() {
    let server = Server::start(|_| Reply::ok("")).await.unwrap();
    let h2 = counting();
    let peers = [
        (one(Versions::default()), server.url("/")),
        (http2().build().unwrap(), h2.url("/")),
        (measured(), "http://a/".to_owned()),
    ];
    for (client, url) in peers {
        let seen = Seen::default();
        let body = RequestBody::stream(seen.see(begun()));
        let mut sending = Box::pin(client.post(&url).unwrap().body(body).send());
        tokio::select! {
            _ = &mut sending => panic!("the stream has no end"),
            () = until(|| seen.chunks() == 1) => {}
        }
        assert!(!seen.is_gone());
        drop(sending);
        until(|| seen.is_gone()).await;
        until(|| client.stats().active == 0).await;
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn h16j_interim_responses_are_passed_over() {
    let script = Script::new().expect_head("POST /");
    let script = script
        .send("HTTP/1.1 100 Continue\r\n\r\n")
        .expect("3\r\none\r\n");
    let script = script.send("HTTP/1.1 100 Continue\r\n\r\n");
    let script = script.expect("3\r\ntwo\r\n0\r\n\r\n").send(OK);
    let (address, peer) = script.listen().unwrap();
    let client = limited(PoolLimits::default().total(1));
    let request = client.post(format!("http://{address}/")).unwrap();
    let request = request.header("expect", "100-continue");
    let body = RequestBody::stream(stream::iter(["one", "two"].map(Ok::<_, io::Error>)));
    assert_eq!(text(request.body(body)).await, "ok");
    peer.finish().await.unwrap();
}

#[tokio::test]
async fn h16k_a_reader_is_sent_to_its_end() {
    let server = Server::start(|request| Reply::ok(request.body().clone()));
    let server = server.await.unwrap();
    let large = content(10, 100_000);
    for bytes in [Vec::new(), b"x".to_vec(), large] {
        let body = RequestBody::reader(io::Cursor::new(bytes.clone()));
        let request = client().post(server.url("/")).unwrap().body(body);
        assert!(request.send().await.unwrap().bytes().await.unwrap() == bytes);
    }
    let broken = broken_reader();
    let error = failed(client().post(server.url("/")).unwrap().body(broken)).await;
    assert_eq!(error.kind(), Kind::RequestBody);
    assert!(
        tell(&error).contains("the disk is gone"),
        "{}",
        tell(&error)
    );
}

/// A reader that fails after a byte.
fn broken_reader() -> RequestBody {
    struct Broken(bool);
    impl tokio::io::AsyncRead for Broken {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut tokio::io::ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            if std::mem::replace(&mut self.0, true) {
                return Poll::Ready(Err(io::Error::other("the disk is gone")));
            }
            buffer.put_slice(b"x");
            Poll::Ready(Ok(()))
        }
    }
    RequestBody::reader(Broken(false))
}

#[tokio::test]
async fn h16l_a_file_is_sent_with_its_length_and_opened_anew_each_time() {
    let server = Server::start(|request| match request.path() {
        "/old" => Reply::redirect(307, "/new"),
        _ => {
            let length = request.header("content-length").map(str::to_owned);
            assert_eq!(length, Some(request.body().len().to_string()));
            Reply::ok(request.body().clone())
        }
    });
    let server = server.await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let chunk = 128 << 10;
    for size in [0, 1, chunk - 1, chunk, chunk + 1, 5 * chunk + 3] {
        std::fs::write(&path, content(1, size)).unwrap();
        let request = put(&client(), server.url("/old"));
        let request = request.body(RequestBody::file(&path));
        let answer = request.send().await.unwrap().bytes().await.unwrap();
        assert!(answer == content(1, size), "{size} bytes");
    }
}

#[tokio::test]
async fn h16l_a_file_that_cannot_be_read_is_an_error_that_names_it() {
    let server = Server::start(|_| Reply::ok("")).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    for path in [missing.as_path(), folder.path()] {
        let request = put(&client(), server.url("/"));
        let error = failed(request.body(RequestBody::file(path))).await;
        assert_eq!(error.kind(), Kind::RequestBody);
        assert!(
            error.to_string().contains(&path.display().to_string()),
            "{error}"
        );
        assert!(error.source().unwrap().is::<io::Error>());
        assert!(!tell(&error).contains('\n'));
    }
    assert_eq!(server.connections().total, 0);
}

#[tokio::test]
async fn h16l_a_file_that_changes_its_length_is_an_error() {
    for size in [100, 300_000] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, content(1, 200_000)).unwrap();
        let change = path.clone();
        // What is sent first is the head, and the file changes before it is opened.
        let server = Server::start(move |request| match request.path() {
            "/old" => {
                std::fs::write(&change, content(1, size)).unwrap();
                Reply::redirect(307, "/new")
            }
            _ => Reply::ok(""),
        });
        let server = server.await.unwrap();
        let request = put(&client(), server.url("/old"));
        let error = failed(request.body(RequestBody::file(&path))).await;
        assert_eq!(error.kind(), Kind::RequestBody, "{}", tell(&error));
        assert!(tell(&error).contains("200000 bytes"), "{}", tell(&error));
        assert_eq!(server.requests().len(), 1);
    }
}
