//! H8 over a connector: the whole client without a socket, and with time that is paused.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use brigade_http::tls::TlsConfig;
use brigade_http::transport::{Connect, Connecting, Destination};
use brigade_http::{Kind, Phase, PoolLimits, Timeouts};
use brigade_testkit::cancel::fuzz_cancel;
use brigade_testkit::peer::{Peer, Script, Stream};
use brigade_testkit::wait::until;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{DuplexStream, duplex};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use super::secure::identity;
use super::{builder, read, refused, spawn, tell};

/// Connects to a hyper server in the same process, which takes half a minute for each answer.
#[derive(Debug, Default)]
struct Inside {
    opened: AtomicUsize,
    open: Arc<AtomicUsize>,
    peak: Arc<AtomicUsize>,
}

async fn answer(request: Request<Incoming>) -> Result<Response<String>, Infallible> {
    tokio::time::sleep(Duration::from_secs(30)).await;
    let host = request.headers()["host"].to_str().unwrap().to_owned();
    Ok(Response::new(format!("{host}{}", request.uri())))
}

impl Connect for Inside {
    fn connect(&self, _to: Destination) -> Connecting {
        let (ours, theirs) = duplex(1024);
        self.opened.fetch_add(1, Relaxed);
        let open = self.open.clone();
        self.peak.fetch_max(open.fetch_add(1, Relaxed) + 1, Relaxed);
        spawn(async move {
            let served = http1::Builder::new()
                .serve_connection(TokioIo::new(theirs), service_fn(answer))
                .await;
            open.fetch_sub(1, Relaxed);
            served
        });
        Box::pin(async { Ok(Box::new(ours) as _) })
    }
}

/// Hands out the one stream that a script plays on.
#[derive(Debug)]
struct Once(Arc<Mutex<Option<Stream>>>);

impl Connect for Once {
    fn connect(&self, _to: Destination) -> Connecting {
        let stream = self.0.clone();
        Box::pin(async move {
            let stream = stream.lock().await.take();
            Ok(Box::new(stream.ok_or(io::ErrorKind::ConnectionRefused)?) as _)
        })
    }
}

fn scripted(script: Script) -> (Once, Peer) {
    let (stream, peer) = script.in_memory();
    (Once(Arc::new(Mutex::new(Some(stream)))), peer)
}

/// Never gets there.
#[derive(Debug)]
struct Nowhere;

impl Connect for Nowhere {
    fn connect(&self, _to: Destination) -> Connecting {
        Box::pin(std::future::pending())
    }
}

/// Never gets there at first, and is refused from then on.
#[derive(Debug, Default)]
struct Lost(AtomicUsize);

impl Connect for Lost {
    fn connect(&self, _to: Destination) -> Connecting {
        let is_first = self.0.fetch_add(1, Relaxed) == 0;
        Box::pin(async move {
            match is_first {
                true => std::future::pending().await,
                false => Err(io::ErrorKind::ConnectionRefused.into()),
            }
        })
    }
}

/// Opens one end of a pipe whose other end is kept and never read.
#[derive(Debug, Default)]
struct Deaf(Arc<Mutex<Vec<DuplexStream>>>);

impl Connect for Deaf {
    fn connect(&self, _to: Destination) -> Connecting {
        let kept = self.0.clone();
        Box::pin(async move {
            let (ours, theirs) = duplex(64);
            kept.lock().await.push(theirs);
            Ok(Box::new(ours) as _)
        })
    }
}

#[tokio::test(start_paused = true)]
async fn h8b_requests_run_over_what_the_connector_opens_in_paused_time() {
    let inside = Arc::new(Inside::default());
    let client = builder().connector(inside.clone());
    let client = client.timeouts(Timeouts::NONE).build().unwrap();
    let before = Instant::now();
    for path in ["/1", "/2"] {
        let body = read(&client, format!("http://a.example{path}")).await;
        assert_eq!(body, format!("a.example{path}").as_bytes());
    }
    assert_eq!(before.elapsed().as_secs(), 60);
    assert_eq!(
        inside.opened.load(Relaxed),
        1,
        "the connection was used again"
    );
    client.close().await;
    until(|| inside.open.load(Relaxed) == 0).await;
}

#[tokio::test(start_paused = true)]
async fn h8b_the_limits_hold_for_what_the_connector_opens() {
    let inside = Arc::new(Inside::default());
    let limits = PoolLimits::default().total(3).per_host(2);
    let client = builder().connector(inside.clone()).limits(limits);
    let client = client.timeouts(Timeouts::NONE).build().unwrap();
    let tasks: Vec<_> = (0..24)
        .map(|number| {
            let (client, url) = (client.clone(), format!("http://h{}.example/", number % 4));
            spawn(async move { read(&client, url).await })
        })
        .collect();
    let before = Instant::now();
    for task in tasks {
        assert!(!task.await.unwrap().is_empty());
    }
    // One more may be seen while the server's side of a closed one notices that.
    let peak = inside.peak.load(Relaxed);
    assert!((3..=4).contains(&peak), "{peak}");
    assert_eq!(before.elapsed().as_secs(), 24 / 3 * 30);
}

#[tokio::test(start_paused = true)]
async fn h8c_each_timeout_runs_over_a_connector_to_the_second() {
    let five = Duration::from_secs(5);
    let get = async |client: brigade_http::ClientBuilder, timeouts: Timeouts| {
        let client = client.timeouts(timeouts).build().unwrap();
        let before = Instant::now();
        let body = vec![b'x'; 10_000];
        let request = client.post("http://a.example/").unwrap().body(body);
        let error = request.send().await.unwrap_err();
        until(|| client.stats().total() == 0).await;
        assert_eq!(before.elapsed().as_secs(), 5, "{}", tell(&error));
        error.kind()
    };
    let connect = get(builder().connector(Nowhere), Timeouts::NONE.connect(five)).await;
    assert_eq!(connect, Kind::Timeout(Phase::Connect));
    let deaf = builder().connector(Deaf::default());
    let write = get(deaf, Timeouts::NONE.write(five)).await;
    assert_eq!(write, Kind::Timeout(Phase::Write));
    let silent = Script::new()
        .expect_head("POST /")
        .skip(10_000)
        .expect_end();
    let (silent, peer) = scripted(silent);
    let read = get(builder().connector(silent), Timeouts::NONE.read(five)).await;
    assert_eq!(read, Kind::Timeout(Phase::Read));
    peer.finish().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn h8b_what_the_connector_says_is_the_cause_of_a_connect_error() {
    let (used, peer) = scripted(Script::new());
    used.0.lock().await.take();
    let client = builder().connector(used).build().unwrap();
    let error = refused(&client, "http://a.example/".to_owned()).await;
    assert_eq!(error.kind(), Kind::Connect);
    assert!(
        tell(&error).contains("connection refused"),
        "{}",
        tell(&error)
    );
    assert_eq!(client.stats().total(), 0);
    peer.finish().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn h8b_a_dropped_request_loses_no_slot_over_a_connector() {
    let inside = Arc::new(Inside::default());
    let client = builder().connector(inside.clone()).timeouts(Timeouts::NONE);
    let client = client
        .limits(PoolLimits::default().total(1))
        .build()
        .unwrap();
    let url = || "http://a.example/".to_owned();
    let polls = fuzz_cancel(
        || async { read(&client, url()).await.len() },
        async |outcome| {
            until(|| client.stats().active + client.stats().dialing == 0).await;
            assert!(!read(&client, url()).await.is_empty(), "{outcome:?}");
        },
    );
    assert!(polls.await > 1);
}

/// Speaks TLS at the other end.
struct Secured(TlsAcceptor);

impl fmt::Debug for Secured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secured")
    }
}

impl Connect for Secured {
    fn connect(&self, to: Destination) -> Connecting {
        let to = (to.host(), to.port(), to.is_https());
        assert_eq!(to, ("localhost".to_owned(), 443, true));
        let (ours, theirs) = duplex(1024);
        let accepting = self.0.accept(theirs);
        spawn(async move {
            let served = http1::Builder::new()
                .serve_connection(TokioIo::new(accepting.await.unwrap()), service_fn(greet));
            served.await
        });
        Box::pin(async { Ok(Box::new(ours) as _) })
    }
}

async fn greet(_: Request<Incoming>) -> Result<Response<String>, Infallible> {
    Ok(Response::new("hello".to_owned()))
}

#[tokio::test]
async fn h8b_tls_is_the_clients_over_a_connector() {
    let (acceptor, pem) = identity();
    let tls = TlsConfig::new().add_root_pem(pem.as_bytes()).unwrap();
    let client = builder().connector(Secured(acceptor)).tls(tls);
    let client = client.build().unwrap();
    assert_eq!(
        read(&client, "https://localhost/".to_owned()).await,
        b"hello"
    );
}

/// Time does not wait for a thread, so certificates that are given as text are read without one.
#[tokio::test(start_paused = true)]
async fn h8b_tls_with_given_authorities_runs_in_paused_time() {
    let (acceptor, pem) = identity();
    let tls = TlsConfig::new().add_root_pem(pem.as_bytes()).unwrap();
    let tls = tls.without_platform_roots();
    let client = builder().connector(Secured(acceptor)).tls(tls);
    let client = client.build().unwrap();
    let before = Instant::now();
    let url = "https://localhost/".to_owned();
    assert_eq!(read(&client, url).await, b"hello");
    assert!(before.elapsed() < Duration::from_secs(1));
}

/// Panics instead of connecting.
#[derive(Debug)]
struct Panicking;

impl Connect for Panicking {
    fn connect(&self, _to: Destination) -> Connecting {
        Box::pin(async { panic!("the pipe has burst") })
    }
}

#[tokio::test]
async fn h8b_a_connector_that_panics_is_named_as_such_and_costs_no_slot() {
    let client = builder().connector(Panicking);
    let client = client
        .limits(PoolLimits::default().total(1))
        .build()
        .unwrap();
    for _ in 0..2 {
        let error = refused(&client, "http://a.example/".to_owned()).await;
        assert_eq!(error.kind(), Kind::Connect);
        let text = error.to_string();
        assert!(
            text.contains("panicked") && !text.contains("runtime"),
            "{text}"
        );
    }
    until(|| client.stats().total() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn h1o_a_dial_without_a_limit_of_its_own_ends_when_its_request_has_been_gone_for_long() {
    let shared = builder().http2_prior_knowledge();
    let client = shared.connector(Lost::default()).build().unwrap();
    let get = |timeouts| {
        let get = client.get("http://a.test/").unwrap();
        get.timeouts(timeouts).send()
    };
    let patient = get(Timeouts::NONE);
    let dropped = tokio::time::timeout(Duration::from_secs(60), patient);
    assert!(dropped.await.is_err(), "it may take as long as it wants");
    let next = get(Timeouts::NONE.total(Duration::from_secs(60)));
    let kind = next.await.unwrap_err().kind();
    assert_eq!(kind, Kind::Connect, "its own dial is refused");
}

#[tokio::test(start_paused = true)]
async fn h2a_the_pool_timeout_does_not_end_a_dial_of_ones_own() {
    let limits = PoolLimits::default().per_host(1);
    let client = builder().connector(Nowhere).limits(limits).build().unwrap();
    let (one, five) = (Duration::from_secs(1), Duration::from_secs(5));
    let get = async || {
        let get = client.get("http://a.test/").unwrap();
        let get = get.timeouts(Timeouts::NONE.pool(one).connect(five));
        let before = Instant::now();
        let error = get.send().await.unwrap_err();
        (error.kind(), before.elapsed().as_secs())
    };
    let (dials, waits) = tokio::join!(get(), get());
    assert_eq!(dials, (Kind::Timeout(Phase::Connect), 5));
    assert_eq!(waits, (Kind::Timeout(Phase::Pool), 1));
}
