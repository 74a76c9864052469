//! H5: requests over connections of HTTP/2, against a server made of the `h2` crate.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brigade_http::{Client, ClientBuilder, Kind, Method, Phase, PoolLimits, Timeouts, Version};
use brigade_testkit::cancel::fuzz_cancel;
use brigade_testkit::wait::until;
use bytes::Bytes;
use h2::server::{Builder, SendResponse};
use h2::{Reason, RecvStream};
use http::{Request, Response};
use tokio::net::{TcpListener, TcpStream};

use super::{builder, own_sockets, spawn};

type Respond = SendResponse<Bytes>;

/// What a test's server does with a request.
type Handler = Arc<dyn Fn(Request<RecvStream>, Respond) -> Answering + Send + Sync>;
type Answering = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// A server of h2c that counts.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    peak: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    async fn start<F>(
        settings: Builder,
        handler: impl Fn(Request<RecvStream>, Respond) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |request, respond| {
            let answering: Answering = Box::pin(handler(request, respond));
            answering
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let counts = [(); 3].map(|()| Arc::new(AtomicUsize::new(0)));
        let [connections, _, peak] = counts.clone();
        let task = spawn(async move {
            let mut tasks = tokio::task::JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                counts[0].fetch_add(1, SeqCst);
                let (settings, handler) = (settings.clone(), handler.clone());
                let (in_flight, peak) = (counts[1].clone(), counts[2].clone());
                tasks.spawn(async move {
                    let _ = serve(socket, settings, handler, in_flight, peak).await;
                });
            }
        });
        Self {
            address,
            connections,
            peak,
            task,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }
}

async fn serve(
    socket: TcpStream,
    settings: Builder,
    handler: Handler,
    in_flight: Arc<AtomicUsize>,
    peak: Arc<AtomicUsize>,
) -> Result<(), h2::Error> {
    let mut connection = settings.handshake(socket).await?;
    let mut tasks = tokio::task::JoinSet::new();
    while let Some(accepted) = connection.accept().await {
        let (request, respond) = accepted?;
        peak.fetch_max(in_flight.fetch_add(1, SeqCst) + 1, SeqCst);
        let in_flight = in_flight.clone();
        let answering = handler(request, respond);
        tasks.spawn(async move {
            answering.await;
            in_flight.fetch_sub(1, SeqCst);
        });
    }
    Ok(())
}

fn ok(mut respond: Respond, body: impl Into<Bytes>) {
    let mut stream = respond.send_response(Response::new(()), false).unwrap();
    let _ = stream.send_data(body.into(), true);
}

/// Reads what a client uploads.
async fn uploaded(request: Request<RecvStream>) -> Vec<u8> {
    let mut body = request.into_body();
    let mut all = Vec::new();
    while let Some(Ok(bytes)) = body.data().await {
        body.flow_control().release_capacity(bytes.len()).unwrap();
        all.extend_from_slice(&bytes);
    }
    all
}

fn prior() -> ClientBuilder {
    builder().http2_prior_knowledge()
}

async fn get(client: &Client, url: &str) -> brigade_http::Result<Bytes> {
    client.get(url)?.send().await?.bytes().await
}

#[tokio::test]
async fn h5d_a_request_and_its_response_arrive_as_they_are() {
    let server = Server::start(Builder::new(), |request, respond| async move {
        let line = format!("{} {}", request.method(), request.uri());
        let headers = format!("{:?}", request.headers());
        assert!(!headers.contains("connection") && !headers.contains("upgrade"));
        assert_eq!(request.headers().get("x-mine").unwrap(), "kept");
        let body = uploaded(request).await;
        ok(respond, format!("{line} {}", body.len()));
    });
    let server = server.await;
    let client = prior().build().unwrap();
    for (method, size) in [
        (Method::GET, 0),
        (Method::POST, 0),
        (Method::PUT, 5),
        (Method::POST, 3 << 20),
    ] {
        let request = client
            .request(method.clone(), server.url("/a?b=c"))
            .unwrap();
        let request = request
            .header("x-mine", "kept")
            .header("connection", "upgrade");
        let request = request.header("upgrade", "h3").body(vec![7; size]);
        let response = request.send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), response.version()),
            (200, Version::HTTP_2)
        );
        let expected = format!("{method} http://{}/a?b=c {size}", server.address);
        assert_eq!(response.text().await.unwrap(), expected);
    }
    assert_eq!(server.connections(), 1);
    let stats = client.stats();
    assert!(stats.connections[0].is_http2);
    assert_eq!((stats.idle, stats.connections[0].requests), (1, 4));
    client.close().await;
    assert_eq!(own_sockets([server.address]), [0]);
}

#[tokio::test]
async fn h5a_requests_share_connections_within_what_the_server_takes() {
    let mut settings = Builder::new();
    settings.max_concurrent_streams(5);
    let server = Server::start(settings, |_, respond| async move {
        tokio::time::sleep(Duration::from_millis(20)).await;
        ok(respond, "x");
    });
    let server = server.await;
    let client = prior()
        .limits(PoolLimits::default().per_host(3))
        .build()
        .unwrap();
    let tasks: Vec<_> = (0..60)
        .map(|_| {
            let (client, url) = (client.clone(), server.url("/"));
            spawn(async move { get(&client, &url).await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap(), "x");
    }
    assert_eq!(
        server.connections(),
        3,
        "a further connection where one is full"
    );
    let peak = server.peak.load(SeqCst);
    assert!((6..=15).contains(&peak), "{peak} at once");
}

#[tokio::test]
async fn h5a_where_a_server_takes_one_request_at_a_time_they_follow_each_other() {
    let mut settings = Builder::new();
    settings.max_concurrent_streams(1);
    let server = Server::start(settings, |_, respond| async move {
        tokio::time::sleep(Duration::from_millis(5)).await;
        ok(respond, "x");
    });
    let server = server.await;
    let client = prior()
        .limits(PoolLimits::default().per_host(1))
        .build()
        .unwrap();
    let all: Vec<_> = (0..8).map(|_| server.url("/")).collect();
    let all = all.iter().map(|url| get(&client, url));
    for result in futures_util::future::join_all(all).await {
        assert_eq!(result.unwrap(), "x");
    }
    assert_eq!((server.connections(), server.peak.load(SeqCst)), (1, 1));
}

#[tokio::test]
async fn h5f_a_dropped_request_or_body_resets_its_stream_and_frees_its_place() {
    let resets = Arc::new(Mutex::new(Vec::new()));
    let noted = resets.clone();
    let server = Server::start(Builder::new(), move |_, mut respond| {
        let noted = noted.clone();
        async move {
            let mut stream = respond.send_response(Response::new(()), false).unwrap();
            stream
                .send_data(Bytes::from_static(b"begun"), false)
                .unwrap();
            let reason = poll_fn(|cx| stream.poll_reset(cx)).await;
            noted.lock().unwrap().push(reason.unwrap());
        }
    });
    let server = server.await;
    let limits = PoolLimits::default().total(1).streams(1);
    let client = prior().limits(limits).build().unwrap();
    for _ in 0..3 {
        // Each waits for the place of the one before.
        let response = client.get(server.url("/")).unwrap().send().await.unwrap();
        drop(response);
    }
    until(|| resets.lock().unwrap().len() == 3).await;
    assert!(
        resets
            .lock()
            .unwrap()
            .iter()
            .all(|reason| *reason == Reason::CANCEL)
    );
    assert_eq!((server.connections(), client.stats().idle), (1, 1));
}

#[tokio::test]
async fn h5g_the_timeouts_end_a_stream_and_not_its_connection() {
    let server = Server::start(Builder::new(), |request, mut respond| async move {
        match request.uri().path() {
            "/hang" => std::future::pending().await,
            "/body" => {
                let mut stream = respond.send_response(Response::new(()), false).unwrap();
                stream
                    .send_data(Bytes::from_static(b"begun"), false)
                    .unwrap();
                let _ = poll_fn(|cx| stream.poll_reset(cx)).await;
            }
            "/unread" => {
                let _request = request;
                std::future::pending().await
            }
            _ => {
                tokio::time::sleep(Duration::from_millis(400)).await;
                ok(respond, "slow");
            }
        }
    });
    let server = server.await;
    let client = prior().build().unwrap();
    let beside = spawn({
        let (client, url) = (client.clone(), server.url("/slow"));
        async move { get(&client, &url).await }
    });
    let short = Duration::from_millis(80);
    let cases = [
        ("/hang", 0, Timeouts::NONE.read(short), Phase::Read),
        ("/body", 0, Timeouts::NONE.read(short), Phase::Read),
        ("/hang", 0, Timeouts::NONE.total(short), Phase::Total),
        ("/body", 0, Timeouts::NONE.total(short), Phase::Total),
        (
            "/unread",
            8 << 20,
            Timeouts::NONE.write(short),
            Phase::Write,
        ),
    ];
    for (path, size, timeouts, phase) in cases {
        let request = client.post(server.url(path)).unwrap().timeouts(timeouts);
        let failed = async { request.body(vec![0; size]).send().await?.bytes().await };
        assert_eq!(
            failed.await.unwrap_err().kind(),
            Kind::Timeout(phase),
            "{path}"
        );
    }
    assert_eq!(beside.await.unwrap().unwrap(), "slow");
}

/// The first connection ends gracefully with the first request that it was given; what comes
/// meanwhile goes to another one.
#[tokio::test]
async fn h5h_a_server_that_goes_away_loses_no_request_and_gets_none_twice() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = seen.clone();
    let server = spawn(async move {
        let mut tasks = tokio::task::JoinSet::new();
        while let Ok((socket, _)) = listener.accept().await {
            let noted = noted.clone();
            tasks.spawn(async move {
                let mut connection = Builder::new().handshake::<_, Bytes>(socket).await.unwrap();
                let mut served = 0;
                while let Some(Ok((request, respond))) = connection.accept().await {
                    noted.lock().unwrap().push(request.uri().path().to_owned());
                    ok(respond, "x");
                    served += 1;
                    if served == 10 {
                        connection.graceful_shutdown();
                    }
                }
            });
        }
    });
    let client = prior().build().unwrap();
    let paths: Vec<_> = (0..200).map(|n| format!("/{n}")).collect();
    let mut tasks = Vec::new();
    for path in &paths {
        let (client, url) = (client.clone(), format!("http://{address}{path}"));
        tasks.push(spawn(async move {
            // A POST, which nothing but the server's word allows to be sent again.
            let request = client.post(url).unwrap().body("once");
            request.send().await?.bytes().await
        }));
        tokio::task::yield_now().await;
    }
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap(), "x");
    }
    let mut seen = seen.lock().unwrap().clone();
    seen.sort_by_key(|path| path[1..].parse::<u32>().unwrap());
    assert_eq!(seen, paths, "each arrives once");
    server.abort();
}

#[tokio::test]
async fn h5i_a_refused_request_moves_on_a_few_times_at_most() {
    for (refusals, arrives) in [(1, true), (3, true), (usize::MAX, false)] {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = asked.clone();
        let server = Server::start(Builder::new(), move |_, mut respond| {
            let number = counted.fetch_add(1, SeqCst);
            async move {
                match number < refusals {
                    true => respond.send_reset(Reason::REFUSED_STREAM),
                    false => ok(respond, "x"),
                }
            }
        });
        let server = server.await;
        let client = prior().build().unwrap();
        let answer = client.post(server.url("/")).unwrap().body("x").send().await;
        assert_eq!(answer.is_ok(), arrives);
        if let Err(error) = answer {
            assert_eq!(error.kind(), Kind::Protocol);
            assert_eq!(asked.load(SeqCst), 6);
        }
    }
}

#[tokio::test]
async fn h5j_a_stream_that_the_server_resets_is_an_error_and_is_not_sent_again() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let server = Server::start(Builder::new(), move |request, mut respond| {
        counted.fetch_add(1, SeqCst);
        async move {
            if request.uri().path() == "/late" {
                let mut stream = respond.send_response(Response::new(()), false).unwrap();
                let _ = stream.send_data(Bytes::from_static(b"begun"), false);
                tokio::time::sleep(Duration::from_millis(10)).await;
                stream.send_reset(Reason::INTERNAL_ERROR);
            } else {
                respond.send_reset(Reason::INTERNAL_ERROR);
            }
        }
    });
    let server = server.await;
    let client = prior().build().unwrap();
    for (number, path) in ["/early", "/late"].iter().enumerate() {
        let error = get(&client, &server.url(path)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Protocol);
        assert_eq!(asked.load(SeqCst), number + 1);
    }
    assert_eq!((server.connections(), client.stats().idle), (1, 1));
}

#[tokio::test]
async fn h5c_hosts_share_a_total_of_one_with_requests_that_overlap() {
    let handler = |_, respond| async move {
        tokio::time::sleep(Duration::from_millis(10)).await;
        ok(respond, "x");
    };
    let servers = [
        Server::start(Builder::new(), handler).await,
        Server::start(Builder::new(), handler).await,
    ];
    let client = prior()
        .limits(PoolLimits::default().total(1))
        .build()
        .unwrap();
    let urls: Vec<_> = (0..40).map(|n| servers[n % 2].url("/")).collect();
    let all = urls.iter().map(|url| get(&client, url));
    for result in futures_util::future::join_all(all).await {
        assert_eq!(result.unwrap(), "x");
    }
    assert!(client.stats().total() <= 1);
}

#[tokio::test]
async fn h3l_a_connection_that_is_too_old_is_replaced() {
    let server = Server::start(Builder::new(), |_, respond| async move { ok(respond, "x") });
    let server = server.await;
    let limits = PoolLimits::default().max_age(Duration::from_millis(50));
    let client = prior().limits(limits).build().unwrap();
    assert_eq!(get(&client, &server.url("/")).await.unwrap(), "x");
    assert_eq!(client.stats().total(), 1);
    until(|| client.stats().total() == 0).await;
    assert_eq!(get(&client, &server.url("/")).await.unwrap(), "x");
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn h5k_a_server_of_http1_that_was_to_speak_http2_is_an_error() {
    let server =
        brigade_testkit::server::Server::start(|_| brigade_testkit::server::Reply::ok("x"));
    let server = server.await.unwrap();
    let client = prior().build().unwrap();
    let error = get(&client, &server.url("/")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Protocol, "{error}");
    until(|| client.stats().total() == 0).await;
}

#[tokio::test]
async fn h1h_dropping_a_request_of_http2_at_any_await_loses_no_place_and_no_connection() {
    let server = Server::start(Builder::new(), |request, respond| async move {
        let body = uploaded(request).await;
        ok(respond, body);
    });
    let server = server.await;
    let limits = PoolLimits::default().total(1).streams(1);
    let client = prior().limits(limits).build().unwrap();
    let echo = async |size: usize| {
        let request = client.post(server.url("/")).unwrap().body(vec![1; size]);
        let response = request.send().await?;
        Ok::<_, brigade_http::Error>(response.bytes().await?.len())
    };
    // The larger one is more than the server's window, so that the rest of it has a task.
    for size in [3, 200_000] {
        let polls = fuzz_cancel(
            || async { echo(size).await.unwrap() },
            async |outcome| {
                until(|| client.stats().active + client.stats().dialing == 0).await;
                assert_eq!(echo(size).await.unwrap(), size, "after {outcome:?}");
                assert!(client.stats().total() <= 1);
            },
        );
        assert!(polls.await > 2);
    }
    assert_eq!(server.connections(), 1, "no drop costs the connection");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn h1k_the_limits_hold_for_http2_with_a_client_that_threads_share() {
    let mut settings = Builder::new();
    settings.max_concurrent_streams(3);
    let servers = [
        Server::start(
            settings.clone(),
            |_, respond| async move { ok(respond, "x") },
        )
        .await,
        Server::start(settings, |_, respond| async move { ok(respond, "x") }).await,
    ];
    let limits = PoolLimits::default()
        .total(3)
        .per_host(2)
        .streams(4)
        .idle(2);
    let client = prior().limits(limits).build().unwrap();
    let tasks: Vec<_> = (0..400_usize)
        .map(|number| {
            let (client, url) = (client.clone(), servers[number % 2].url("/"));
            let patience = match number % 5 {
                0 => Duration::from_micros(number as u64 * 13 % 3_000),
                _ => Duration::from_secs(30),
            };
            spawn(async move {
                let request = get(&client, &url);
                tokio::time::timeout(patience, request).await
            })
        })
        .collect();
    while tasks.iter().any(|task| !task.is_finished()) {
        let stats = client.stats();
        assert!(stats.total() <= 3, "{stats:?}");
        for connection in &stats.connections {
            assert!(connection.in_flight <= 4, "{stats:?}");
        }
        tokio::task::yield_now().await;
    }
    for task in tasks {
        if let Ok(result) = task.await.unwrap() {
            assert_eq!(result.unwrap(), "x");
        }
    }
    until(|| client.stats().total() == client.stats().idle).await;
    client.close().await;
    assert_eq!(client.stats().total(), 0);
}

#[tokio::test]
async fn f3m_what_is_withheld_of_http2_opens_no_stream_and_gives_its_place_back() {
    let mut settings = Builder::new();
    settings.max_concurrent_streams(1);
    let came = Arc::new(AtomicUsize::new(0));
    let counted = came.clone();
    let server = Server::start(settings, move |_, respond| {
        counted.fetch_add(1, SeqCst);
        async move { ok(respond, "x") }
    });
    let server = server.await;
    let limits = PoolLimits::default().per_host(1);
    let client = prior().limits(limits).build().unwrap();
    for round in 1..=3 {
        let request = client.get(server.url("/")).unwrap().only_if(|| false);
        assert_eq!(request.send().await.unwrap_err().kind(), Kind::Withheld);
        let url = server.url("/");
        let answer = tokio::time::timeout(Duration::from_secs(20), get(&client, &url));
        assert_eq!(answer.await.expect("its place is free").unwrap(), "x");
        assert_eq!((came.load(SeqCst), server.connections()), (round, 1));
    }
}
