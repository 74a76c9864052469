//! H9: the client as a service of tower, and services in place of the network.

use std::convert::Infallible;
use std::future::{pending, ready};
use std::io::{self, Write};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use brigade_http::service::{RequestBody, ResponseBody};
use brigade_http::{Backoff, Client, Error, Kind, Phase, PoolLimits, RetryPolicy, Timeouts, Url};
use brigade_testkit::server::{Reply, Server};
use brigade_testkit::wait::until;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::{Body, Frame, SizeHint};
use hyper::{Request, Response};
use tokio::time::Instant;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

use super::{builder, client, read, refused, spawn, tell};

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn get(url: String) -> Request<Empty<Bytes>> {
    Request::get(url).body(Empty::new()).unwrap()
}

async fn text(response: Response<ResponseBody>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn h9a_a_client_is_a_service() {
    let server = Server::start(|request| {
        assert_eq!(request.header("content-length"), Some("6"));
        assert_eq!(request.header("x-kind"), Some("wood"));
        let echo = gzip(std::str::from_utf8(request.body()).unwrap());
        match request.path() {
            "/old" => Reply::redirect(307, "/echo"),
            _ => Reply::status(201)
                .body(echo)
                .header("content-encoding", "gzip"),
        }
    });
    let server = server.await.unwrap();
    let client = client();
    let request = Request::put(server.url("/old"))
        .header("content-length", "999")
        .header("x-kind", "wood");
    let request = request.body(Full::new(Bytes::from("bucket"))).unwrap();
    let response = (&client).oneshot(request).await.unwrap();
    assert_eq!(response.status(), 201);
    // They were about the body as it was sent.
    assert!(!response.headers().contains_key("content-encoding"));
    assert!(!response.headers().contains_key("content-length"));
    let url = response.extensions().get::<Url>().unwrap();
    assert_eq!(url.as_str(), server.url("/echo"));
    assert_eq!(text(response).await, "bucket");
}

#[tokio::test]
async fn h9a_the_errors_and_limits_of_the_client_hold() {
    let server = Server::start(|_| Reply::ok("0123456789").chunked(["0123456789"]));
    let server = server.await.unwrap();
    let limits = PoolLimits::default().total(1);
    let client = builder().limits(limits).max_body(5).build().unwrap();
    let response = client.clone().oneshot(get(server.url("/"))).await.unwrap();
    let error = response.into_body().collect().await.unwrap_err();
    assert_eq!(error.kind(), Kind::TooLarge);
    let unread = client.clone().oneshot(get(server.url("/"))).await.unwrap();
    drop(unread);
    until(|| client.stats().active == 0).await;
    let relative = client.clone().oneshot(get("/path".to_owned())).await;
    assert_eq!(relative.unwrap_err().kind(), Kind::BadUrl);
}

/// Sends a request again while the answer is 503.
#[derive(Clone)]
struct Again(usize);

impl<B: Clone> tower::retry::Policy<Request<B>, Response<ResponseBody>, Error> for Again {
    type Future = std::future::Ready<()>;

    fn retry(
        &mut self,
        _: &mut Request<B>,
        result: &mut Result<Response<ResponseBody>, Error>,
    ) -> Option<Self::Future> {
        let is_busy = result
            .as_ref()
            .is_ok_and(|response| response.status() == 503);
        self.0 = self.0.checked_sub(1).filter(|_| is_busy)?;
        Some(ready(()))
    }

    fn clone_request(&mut self, request: &Request<B>) -> Option<Request<B>> {
        Some(request.clone())
    }
}

#[tokio::test]
async fn h9b_layers_of_tower_lie_around_a_client() {
    let asked = AtomicUsize::new(0);
    let server =
        Server::start(
            move |request| match (request.path(), asked.fetch_add(1, Relaxed) % 3) {
                ("/hang", _) => Reply::hang(),
                (_, 2) => Reply::ok("hello").delay(Duration::from_millis(5)),
                _ => Reply::status(503),
            },
        );
    let server = server.await.unwrap();
    let client = client();
    let service = ServiceBuilder::new()
        .buffer(4)
        .concurrency_limit(1)
        .timeout(Duration::from_millis(300))
        .retry(Again(2))
        .service(client.clone());
    let answers = (0..3).map(|_| {
        let asking = service.clone().oneshot(get(server.url("/")));
        spawn(async move { text(asking.await.unwrap()).await })
    });
    for answer in answers.collect::<Vec<_>>() {
        assert_eq!(answer.await.unwrap(), "hello");
    }
    assert_eq!(server.requests().len(), 9);
    // One at a time needs one connection.
    assert_eq!(client.stats().total(), 1);
    let error = service.oneshot(get(server.url("/hang"))).await.unwrap_err();
    assert!(error.is::<tower::timeout::error::Elapsed>(), "{error}");
    until(|| client.stats().active == 0).await;
}

fn pieces(pieces: Vec<Bytes>) -> impl Body<Data = Bytes, Error = io::Error> + Send + 'static {
    let pieces = pieces.into_iter().map(|piece| Ok(Frame::data(piece)));
    StreamBody::new(stream::iter(pieces))
}

/// A body that never comes.
struct Never;

impl Body for Never {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

/// Answers with the length of what it was sent.
async fn measure(
    request: Request<RequestBody>,
) -> Result<Response<String>, Box<dyn std::error::Error + Send + Sync>> {
    let announced = request.headers().get("content-length").cloned();
    let length = request.into_body().collect().await?.to_bytes().len();
    let length = length.to_string();
    assert!(announced.is_none_or(|announced| announced == *length));
    Ok(Response::new(length))
}

#[tokio::test(start_paused = true)]
async fn h9c_a_body_is_streamed_as_it_comes() {
    let total = Timeouts::NONE.total(Duration::from_secs(7));
    let client = builder().timeouts(total).service(service_fn(measure));
    let client = client.build().unwrap();
    let mebibyte = Bytes::from(vec![0; 1 << 20]);
    let large = Request::post("http://a/").body(pieces(vec![mebibyte; 40]));
    let sent = client.clone().oneshot(large.unwrap()).await.unwrap();
    assert_eq!(text(sent).await, (40 << 20).to_string());
    for before in [0, 1, 100] {
        let pieces = (0..before).map(|_| Ok(Frame::data(Bytes::from("1"))));
        let broken = Err(io::Error::other("the disk is gone"));
        let broken = StreamBody::new(stream::iter(pieces.chain([broken]).collect::<Vec<_>>()));
        let broken = Request::post("http://a/").body(broken).unwrap();
        let error = client.clone().oneshot(broken).await.unwrap_err();
        assert_eq!(error.kind(), Kind::RequestBody);
        let text = tell(&error);
        assert!(text.contains("the disk is gone"), "{text}");
    }
    let before = Instant::now();
    let never = Request::post("http://a/").body(Never).unwrap();
    let error = client.clone().oneshot(never).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout(Phase::Total));
    assert_eq!(before.elapsed().as_secs(), 7);
}

#[tokio::test]
async fn h9c_a_body_that_is_there_at_once_can_be_sent_again() {
    let server = Server::start(|request| match request.path() {
        "/old" => Reply::redirect(307, "/new"),
        _ => Reply::ok(request.body().len().to_string()),
    });
    let server = server.await.unwrap();
    let put = |body| {
        let request = Request::put(server.url("/old")).body(body).unwrap();
        client().oneshot(request)
    };
    let small = Bytes::from(vec![0; 1000]);
    let large = Bytes::from(vec![0; 1 << 20]);
    for (body, size) in [(vec![small.clone(); 60], 60_000), (vec![], 0)] {
        assert_eq!(
            text(put(pieces(body)).await.unwrap()).await,
            size.to_string()
        );
    }
    for body in [vec![small; 70], vec![large.clone(); 2]] {
        let error = put(pieces(body)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::RequestBody);
    }
    let request = Request::put(server.url("/old")).body(Full::new(large));
    let sent = client().oneshot(request.unwrap()).await.unwrap();
    assert_eq!(text(sent).await, (1 << 20).to_string());
    let own = RequestBody::repeatable(|| stream::iter(vec!["x"; 1000]).map(Ok::<_, io::Error>));
    let request = Request::put(server.url("/old")).body(own).unwrap();
    let sent = client().oneshot(request).await.unwrap();
    assert_eq!(text(sent).await, "1000");
}

/// Whatever a closure says about a request.
fn fake<F>(answer: F) -> Client
where
    F: Fn(&Request<RequestBody>) -> Response<Full<Bytes>> + Clone + Send + Sync + 'static,
{
    let answer = move |request| ready(Ok::<_, Infallible>(answer(&request)));
    builder().service(service_fn(answer)).build().unwrap()
}

fn status(status: u16) -> hyper::http::response::Builder {
    Response::builder().status(status)
}

fn full(text: &'static str) -> Full<Bytes> {
    Full::new(text.into())
}

#[tokio::test(start_paused = true)]
async fn h9d_all_above_one_hop_is_the_clients() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    let client = fake(move |request| {
        let value = |name| Some(request.headers().get(name)?.to_str().unwrap().to_owned());
        let (uri, agent) = (request.uri().to_string(), value("user-agent"));
        log.lock()
            .unwrap()
            .push((uri, value("host"), value("authorization").is_some()));
        assert!(agent.is_some_and(|agent| agent.starts_with("brigade/")));
        let times = log.lock().unwrap().len();
        match request.uri().path() {
            "/1" => status(302)
                .header("location", "https://b.example/2?q")
                .body(full("")),
            "/2" if times < 4 => status(503).header("retry-after", "30").body(full("")),
            _ => status(200)
                .header("content-encoding", "gzip")
                .body(Full::new(gzip("hello").into())),
        }
        .unwrap()
    });
    let before = Instant::now();
    let request = client.get("http://me:secret@a.example:81/1").unwrap();
    let request = request.retry(RetryPolicy::default()).timeout(None);
    let response = request.send().await.unwrap();
    assert_eq!(response.url().as_str(), "https://b.example/2?q");
    assert_eq!(response.text().await.unwrap(), "hello");
    let waited = before.elapsed().as_secs();
    assert!((60..70).contains(&waited), "it waited as it was told");
    let first = (
        "http://a.example:81/1".to_owned(),
        Some("a.example:81".to_owned()),
        true,
    );
    let other = (
        "https://b.example/2?q".to_owned(),
        Some("b.example".to_owned()),
        false,
    );
    assert_eq!(
        *seen.lock().unwrap(),
        [first, other.clone(), other.clone(), other]
    );
    assert_eq!(client.stats().total(), 0);
}

#[tokio::test(start_paused = true)]
async fn h9d_the_limit_on_bodies_holds() {
    let client = fake(|_| status(200).body(full("0123456789")).unwrap());
    let request = client.get("http://a/").unwrap().max_body(9);
    let error = request.send().await.unwrap().bytes().await.unwrap_err();
    assert_eq!(error.kind(), Kind::TooLarge);
    let request = client.get("http://a/").unwrap().max_body(10);
    assert_eq!(
        request.send().await.unwrap().bytes().await.unwrap(),
        "0123456789"
    );
}

#[tokio::test(start_paused = true)]
async fn h9e_timeouts_hold_to_the_second() {
    let silent = service_fn(|_| pending::<Result<Response<String>, Infallible>>());
    let torn = service_fn(|_| async {
        let begin = begin_only();
        Ok::<_, Infallible>(Response::new(StreamBody::new(begin)))
    });
    let five = Duration::from_secs(5);
    for (timeouts, phase) in [
        (Timeouts::NONE.read(five), Phase::Read),
        (Timeouts::NONE.total(five), Phase::Total),
    ] {
        let before = Instant::now();
        let client = builder()
            .timeouts(timeouts)
            .service(silent)
            .build()
            .unwrap();
        let error = refused(&client, "http://a/".to_owned()).await;
        assert_eq!(error.kind(), Kind::Timeout(phase));
        assert_eq!(before.elapsed(), five);

        let before = Instant::now();
        let client = builder().timeouts(timeouts).service(torn).build().unwrap();
        let mut response = client.get("http://a/").unwrap().send().await.unwrap();
        assert_eq!(response.chunk().await.unwrap().unwrap(), "begin");
        // The caller takes its time, which is none of the server's.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let error = response.chunk().await.unwrap_err();
        assert_eq!(error.kind(), Kind::Timeout(phase));
        let taken = before.elapsed().as_secs();
        assert_eq!(taken, if phase == Phase::Read { 8 } else { 5 });
    }
}

#[tokio::test(start_paused = true)]
async fn h9e_each_part_of_a_body_starts_the_read_timeout_again() {
    let dribbling = service_fn(|_| async {
        let pieces = stream::unfold(0, async |piece| {
            tokio::time::sleep(Duration::from_secs(3)).await;
            let data = Ok::<_, Infallible>(Frame::data(Bytes::from("x")));
            (piece < 4).then_some((data, piece + 1))
        });
        Ok::<_, Infallible>(Response::new(StreamBody::new(Box::pin(pieces))))
    });
    let timeouts = Timeouts::NONE.read(Duration::from_secs(5));
    let client = builder().timeouts(timeouts).service(dribbling);
    let client = client.build().unwrap();
    assert_eq!(read(&client, "http://a/".to_owned()).await, b"xxxx");
}

/// A body that begins and then falls silent.
fn begin_only() -> impl futures_util::Stream<Item = Result<Frame<Bytes>, Infallible>> {
    let begin = stream::iter([Ok(Frame::data(Bytes::from("begin")))]);
    begin.chain(stream::pending())
}

#[tokio::test]
async fn h9f_a_router_of_axum_and_another_client_can_answer() {
    let router = axum::Router::new().route(
        "/hello/{name}",
        axum::routing::post(
            |axum::extract::Path(name): axum::extract::Path<String>, body: String| async move {
                format!("{body} {name}")
            },
        ),
    );
    let inner = builder().service(router).build().unwrap();
    let layered = ServiceBuilder::new()
        .map_request(|mut request: Request<RequestBody>| {
            request
                .headers_mut()
                .insert("x-layer", "1".parse().unwrap());
            request
        })
        .service(inner);
    let client = builder().service(layered).build().unwrap();
    let request = client.post("https://any.example/hello/bucket").unwrap();
    let response = request.body("full").send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "full bucket");
    let missing = client.get("https://any.example/well").unwrap().send().await;
    assert_eq!(missing.unwrap().status(), 404);
}

#[tokio::test(start_paused = true)]
async fn h9g_an_error_of_the_service_is_that_of_the_request() {
    let failing = service_fn(|request: Request<RequestBody>| {
        let error: Box<dyn std::error::Error + Send + Sync> = match request.uri().path() {
            "/pool" => Error::from(Kind::Timeout(Phase::Pool)).into(),
            _ => io::Error::other("the cable is cut").into(),
        };
        ready(Err::<Response<String>, _>(error))
    });
    let client = builder().service(failing).build().unwrap();
    let error = refused(&client, "http://a/".to_owned()).await;
    assert_eq!(error.kind(), Kind::Protocol);
    assert!(
        tell(&error).contains("the cable is cut"),
        "{}",
        tell(&error)
    );
    assert_eq!(error.url().unwrap().as_str(), "http://a/");
    let error = refused(&client, "http://a/pool".to_owned()).await;
    assert_eq!(error.kind(), Kind::Timeout(Phase::Pool));
}

#[tokio::test(start_paused = true)]
async fn h9g_a_failure_that_is_made_up_is_retried_like_a_real_one() {
    let asked = Arc::new(AtomicUsize::new(0));
    let times = asked.clone();
    let failing = service_fn(move |_| {
        ready(match times.fetch_add(1, Relaxed) {
            0 => Err(Error::from(Kind::Connect)),
            _ => Ok(Response::new("hello".to_owned())),
        })
    });
    let client = builder().service(failing).build().unwrap();
    let retry = RetryPolicy::default().backoff(Backoff::default());
    let request = client.post("http://a/").unwrap().retry(retry);
    assert_eq!(request.send().await.unwrap().text().await.unwrap(), "hello");
    assert_eq!(asked.load(Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn h9h_a_closed_client_asks_no_service() {
    let asked = Arc::new(AtomicUsize::new(0));
    let times = asked.clone();
    let silent = service_fn(move |_| {
        times.fetch_add(1, Relaxed);
        pending::<Result<Response<String>, Infallible>>()
    });
    let client = builder().service(silent).build().unwrap();
    let waiting = spawn({
        let client = client.clone();
        async move { refused(&client, "http://a/".to_owned()).await }
    });
    until(|| asked.load(Relaxed) == 1).await;
    client.close().await;
    assert_eq!(waiting.await.unwrap().kind(), Kind::Closed);
    let error = refused(&client, "http://a/".to_owned()).await;
    assert_eq!((error.kind(), asked.load(Relaxed)), (Kind::Closed, 1));
}

#[tokio::test(start_paused = true)]
async fn h9i_a_body_that_http_does_not_have_is_dropped() {
    let client = fake(|request| match request.uri().path() {
        "/204" => status(204).body(full("surplus")).unwrap(),
        _ => status(200).body(full("hello")).unwrap(),
    });
    assert_eq!(read(&client, "http://a/204".to_owned()).await, b"");
    assert_eq!(read(&client, "http://a/".to_owned()).await, b"hello");
    let head = client
        .request(brigade_http::Method::HEAD, "http://a/")
        .unwrap();
    assert_eq!(head.send().await.unwrap().bytes().await.unwrap(), "");
}

/// Not ready the first time it is asked.
#[derive(Clone, Default)]
struct Shy {
    is_ready: bool,
}

impl Service<Request<RequestBody>> for Shy {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if std::mem::replace(&mut self.is_ready, true) {
            return Poll::Ready(Ok(()));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn call(&mut self, _: Request<RequestBody>) -> Self::Future {
        assert!(self.is_ready, "it was not asked whether it is ready");
        ready(Ok(Response::new("hello".to_owned())))
    }
}

#[tokio::test(start_paused = true)]
async fn h9d_a_service_is_called_when_it_is_ready() {
    let client = builder().service(Shy::default()).build().unwrap();
    for _ in 0..2 {
        assert_eq!(read(&client, "http://a/".to_owned()).await, b"hello");
    }
}

/// A body that says another length than it has.
struct Lying(Full<Bytes>);

impl Body for Lying {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(5)
    }
}

#[tokio::test]
async fn h9c_a_body_that_is_there_at_once_is_as_long_as_it_says() {
    let server = Server::start(|_| Reply::ok("")).await.unwrap();
    for content in ["", "1234", "123456"] {
        let body = Lying(Full::from(content));
        let request = Request::post(server.url("/")).body(body).unwrap();
        let error = client().oneshot(request).await.unwrap_err();
        assert_eq!(error.kind(), Kind::RequestBody, "{}", tell(&error));
    }
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn h9c_an_empty_piece_beside_a_large_one_changes_nothing() {
    let client = builder().service(service_fn(measure)).build().unwrap();
    let large = Bytes::from(vec![0; 17 << 20]);
    for body in [vec![large.clone(), Bytes::new()], vec![Bytes::new(), large]] {
        let request = Request::post("http://a/").body(pieces(body)).unwrap();
        let sent = client.clone().oneshot(request).await.unwrap();
        assert_eq!(text(sent).await, (17 << 20).to_string());
    }
}

#[tokio::test]
async fn h9e_the_total_timeout_ends_a_body_that_comes_as_fast_as_it_is_read() {
    let limit = Duration::from_millis(200);
    for piece in [&b"x"[..], b""] {
        let flood = service_fn(move |_| {
            let piece = Bytes::from_static(piece);
            let piece = move || Ok::<_, Infallible>(Frame::data(piece.clone()));
            let pieces = stream::repeat_with(piece);
            ready(Ok::<_, Infallible>(Response::new(StreamBody::new(pieces))))
        });
        let client = builder()
            .timeouts(Timeouts::NONE.total(limit))
            .service(flood);
        let client = client.max_body(1 << 40).build().unwrap();
        let mut response = client.get("http://a/").unwrap().send().await.unwrap();
        let before = Instant::now();
        let error = loop {
            match response.chunk().await {
                Ok(Some(_)) => assert!(before.elapsed() < 25 * limit, "it goes on"),
                Ok(None) => panic!("it has no end"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), Kind::Timeout(Phase::Total));
    }
}

#[tokio::test(start_paused = true)]
async fn h9h_a_request_that_waits_to_be_sent_again_fails_as_closed_at_once() {
    let asked = Arc::new(AtomicUsize::new(0));
    let times = asked.clone();
    let busy = service_fn(move |_| {
        times.fetch_add(1, Relaxed);
        let answer = status(503).header("retry-after", "60").body(full("busy"));
        ready(Ok::<_, Infallible>(answer.unwrap()))
    });
    let client = builder().timeouts(Timeouts::NONE).service(busy);
    let client = client.retry(RetryPolicy::default()).build().unwrap();
    let before = Instant::now();
    let waiting = spawn({
        let client = client.clone();
        async move { refused(&client, "http://a/".to_owned()).await }
    });
    until(|| asked.load(Relaxed) == 1).await;
    client.close().await;
    assert_eq!(waiting.await.unwrap().kind(), Kind::Closed);
    assert!(before.elapsed().as_secs() < 30, "{:?}", before.elapsed());
    assert_eq!(asked.load(Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn h9c_the_time_that_a_body_takes_is_a_part_of_the_whole() {
    let silent = service_fn(|_| pending::<Result<Response<String>, Infallible>>());
    let total = Timeouts::NONE.total(Duration::from_secs(7));
    let client = builder().timeouts(total).service(silent).build().unwrap();
    let slow = stream::once(Box::pin(async {
        tokio::time::sleep(Duration::from_secs(4)).await;
        Ok::<_, Infallible>(Frame::data(Bytes::from("late")))
    }));
    let request = Request::post("http://a/").body(StreamBody::new(slow));
    let before = Instant::now();
    let error = client.oneshot(request.unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout(Phase::Total));
    assert_eq!(before.elapsed().as_secs(), 7);
}

#[tokio::test(start_paused = true)]
async fn h9a_a_body_that_has_failed_is_not_at_its_end() {
    let client = fake(|_| {
        let torn = status(200).header("content-encoding", "gzip");
        torn.body(full("not gzip")).unwrap()
    });
    let response = client.oneshot(get("http://a/".to_owned())).await.unwrap();
    let mut body = response.into_body();
    assert!(body.frame().await.unwrap().is_err());
    assert!(!body.is_end_stream());
    assert!(body.frame().await.unwrap().is_err(), "it fails again");
}

#[tokio::test]
async fn f3m_a_service_is_not_called_for_what_is_withheld() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let client = fake(move |_| {
        counted.fetch_add(1, Relaxed);
        Response::new(full("fine"))
    });
    let request = client.get("http://a.test/").unwrap().only_if(|| false);
    let error = request.send().await.unwrap_err();
    assert_eq!((error.kind(), asked.load(Relaxed)), (Kind::Withheld, 0));
    read(&client, "http://a.test/".to_owned()).await;
    assert_eq!(asked.load(Relaxed), 1);
}
