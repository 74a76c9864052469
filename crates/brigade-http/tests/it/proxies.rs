//! H8 through HTTP proxies: what the proxy sees, what the origin sees, and every way to be refused.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brigade_http::proxy::Proxy;
use brigade_http::tls::TlsConfig;
use brigade_http::{Client, ClientBuilder, Kind, Phase, PoolLimits, Timeouts};
use brigade_testkit::cancel::fuzz_cancel;
use brigade_testkit::peer::{Script, listen};
use brigade_testkit::server::{Port, Reply, Server};
use brigade_testkit::wait::until;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use super::secure::identity;
use super::{builder, own_sockets, read, refused, spawn, tell};

/// Of the user joe, with the password hunter2.
const AUTHORIZATION: &str = "Basic am9lOmh1bnRlcjI=";

fn joe(scheme: &str, address: impl std::fmt::Display) -> String {
    format!("{scheme}://joe:hunter2@{address}")
}

fn through(proxy: Proxy) -> ClientBuilder {
    builder().proxy(proxy)
}

fn trusting(pem: &str) -> TlsConfig {
    TlsConfig::new().add_root_pem(pem.as_bytes()).unwrap()
}

/// The heads that were sent to a proxy for tunnels.
type Heads = Arc<Mutex<Vec<String>>>;

/// Plays the proxy: hears a request for a tunnel and grants it.
async fn grant<S>(mut stream: S, heads: Heads) -> io::Result<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    heads.lock().unwrap().push(String::from_utf8(head).unwrap());
    let answer = b"HTTP/1.1 200 Connection established\r\nvia: test\r\n\r\n";
    stream.write_all(answer).await?;
    Ok(stream)
}

/// A proxy that grants tunnels, with the server for localhost at their end.
async fn tunnels(reply: Reply) -> (Server, String, Heads) {
    let (acceptor, pem) = identity();
    let heads = Heads::default();
    let log = heads.clone();
    let server = Server::builder().wrap(move |tcp| {
        let (acceptor, log) = (acceptor.clone(), log.clone());
        async move { acceptor.accept(grant(tcp, log).await?).await }
    });
    let server = server.start(move |_| reply.clone()).await.unwrap();
    (server, pem, heads)
}

#[tokio::test]
async fn h8d_an_http_proxy_is_asked_for_the_whole_url_with_its_own_login() {
    let proxy = Server::start(|_| Reply::ok("via")).await.unwrap();
    let client = through(Proxy::http(joe("http", proxy.address())).unwrap());
    let client = client.build().unwrap();
    let urls = [
        "http://u:p@a.example/p?q=1#part",
        "http://a.example",
        "http://[::1]:81/",
    ];
    for url in urls {
        assert_eq!(read(&client, url.to_owned()).await, b"via");
    }
    let requests = proxy.requests();
    let targets: Vec<_> = requests.iter().map(|request| request.target()).collect();
    let expected = [
        "http://a.example/p?q=1",
        "http://a.example/",
        "http://[::1]:81/",
    ];
    assert_eq!(targets, expected);
    let hosts: Vec<_> = requests.iter().map(|r| r.header("host").unwrap()).collect();
    assert_eq!(hosts, ["a.example", "a.example", "[::1]:81"]);
    for request in &requests {
        assert_eq!(request.header("proxy-authorization"), Some(AUTHORIZATION));
    }
    assert_eq!(requests[0].header("authorization"), Some("Basic dTpw"));
    assert_eq!(proxy.connections().total, 2, "one for each origin");
}

#[tokio::test]
async fn h8d_an_answer_of_the_proxy_to_a_forwarded_request_is_the_response() {
    let proxy = Server::start(|_| Reply::status(407)).await.unwrap();
    let client = through(Proxy::all(proxy.url("/")).unwrap())
        .build()
        .unwrap();
    let response = client
        .get("http://a.example/")
        .unwrap()
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 407);
    assert_eq!(proxy.requests()[0].header("proxy-authorization"), None);
}

#[tokio::test]
async fn h8d_a_proxy_is_asked_in_http1_whatever_the_origin_is_known_to_speak() {
    let proxy = Server::start(|_| Reply::ok("via")).await.unwrap();
    let client = through(Proxy::http(proxy.url("/")).unwrap()).http2_prior_knowledge();
    let client = client.build().unwrap();
    assert_eq!(read(&client, "http://a.example/".to_owned()).await, b"via");
}

#[tokio::test]
async fn h8e_tls_goes_through_a_tunnel_of_which_the_proxy_sees_only_the_target() {
    let (proxy, pem, heads) = tunnels(Reply::ok(vec![b'x'; 200_000])).await;
    let client = through(Proxy::https(joe("http", proxy.address())).unwrap());
    let client = client.tls(trusting(&pem)).build().unwrap();
    for _ in 0..2 {
        let url = "https://u:p@localhost/path?q".to_owned();
        assert_eq!(read(&client, url).await.len(), 200_000);
    }
    let head = format!(
        "CONNECT localhost:443 HTTP/1.1\r\nhost: localhost:443\r\n\
         proxy-authorization: {AUTHORIZATION}\r\n\r\n"
    );
    assert_eq!(
        *heads.lock().unwrap(),
        [head],
        "one tunnel for both requests"
    );
    for request in proxy.requests() {
        assert_eq!(request.target(), "/path?q");
        assert_eq!(request.header("host"), Some("localhost"));
        assert_eq!(request.header("proxy-authorization"), None);
    }
    client.close().await;
    until(|| proxy.connections().open == 0).await;
}

#[tokio::test]
async fn h8e_the_server_behind_a_tunnel_must_be_whom_the_url_names() {
    let (proxy, pem, _) = tunnels(Reply::ok("secret")).await;
    let client = through(Proxy::all(proxy.address().to_string()).unwrap());
    let client = client.tls(trusting(&pem));
    let error = refused(&client.build().unwrap(), "https://bank.example/".to_owned()).await;
    assert_eq!(error.kind(), Kind::Tls, "{}", tell(&error));
    assert!(
        !error.to_string().contains("proxy"),
        "it is not the proxy's fault"
    );
    assert!(proxy.requests().is_empty());
}

#[tokio::test]
async fn h8e_interim_answers_come_before_the_tunnel() {
    let script = Script::new()
        .expect_head("CONNECT a.example:443")
        .send_in_pieces(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102\r\nx: y\r\n\r\nHTTP/1.0 200\r\n\r\n",
            3,
            Duration::ZERO,
        )
        .skip(5);
    let (address, peer) = script.listen().unwrap();
    let client = through(Proxy::all(address.to_string()).unwrap())
        .build()
        .unwrap();
    let error = refused(&client, "https://a.example/".to_owned()).await;
    assert_eq!(error.kind(), Kind::Tls, "TLS began: {}", tell(&error));
    let received = &peer.finish().await.unwrap()[0];
    assert!(
        received.windows(3).any(|three| three == [22, 3, 1]),
        "a client hello"
    );
}

/// What a proxy answers, and what the error says about it.
fn refusals() -> Vec<(Script, &'static str)> {
    let answer = |text: &str| {
        Script::new()
            .expect_head("CONNECT a.example:443")
            .send(text.to_owned())
    };
    let endless = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(17_000));
    let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(700);
    vec![
        (
            Script::new().expect_head("CONNECT a.example:443"),
            "it closed the connection",
        ),
        (
            Script::new().expect_head("CONNECT").reset(),
            "the connection to it broke",
        ),
        (
            answer("HTTP/1.1 200 OK\r\nserver"),
            "it closed the connection",
        ),
        (
            answer("SSH-2.0-OpenSSH_9.2\r\n").expect_end(),
            "not answer in HTTP/1.1",
        ),
        (answer("HTTP/2 200 OK\r\n\r\n"), "not answer in HTTP/1.1"),
        (answer("HTTP/1.1 2000 OK\r\n\r\n"), "not answer in HTTP/1.1"),
        (answer("HTTP/1.1 OK\r\n\r\n"), "not answer in HTTP/1.1"),
        (
            answer(&endless).expect_end(),
            "the head of its answer has no end",
        ),
        (
            answer(&interim).expect_end(),
            "the head of its answer has no end",
        ),
        (
            answer("HTTP/1.1 200 OK\r\n\r\nmore").expect_end(),
            "it sent bytes into the tunnel",
        ),
        (
            answer("HTTP/1.1 101 Switch\r\n\r\n").expect_end(),
            "101 Switching Protocols",
        ),
        (
            answer("HTTP/1.1 302 Found\r\nlocation: /\r\n\r\n"),
            "302 Found",
        ),
        (
            answer("HTTP/1.1 403 Joe's hunter2\r\n\r\nno"),
            "403 Forbidden",
        ),
        (
            answer("HTTP/1.1 407 X\r\n\r\n"),
            "407 Proxy Authentication Required: it wants another",
        ),
        (
            answer("HTTP/1.1 599\r\n\r\n"),
            "it refused the tunnel with 599",
        ),
    ]
}

#[tokio::test]
async fn h8f_a_refused_tunnel_is_a_connect_error_that_names_the_proxy_and_its_reason() {
    for (script, expected) in refusals() {
        let (address, peer) = script.listen().unwrap();
        let client = through(Proxy::all(joe("http", address)).unwrap())
            .build()
            .unwrap();
        let error = refused(&client, "https://a.example/".to_owned()).await;
        assert_eq!(error.kind(), Kind::Connect, "{expected}: {}", tell(&error));
        let text = error.to_string();
        assert!(text.contains(&format!(": proxy {address}: ")), "{text}");
        assert!(text.contains(expected), "{expected}: {text}");
        let all = format!("{} {error:?}", tell(&error));
        assert!(!all.contains("hunter2") && !all.contains("am9l"), "{all}");
        until(|| client.stats().total() == 0).await;
        peer.finish().await.unwrap();
    }
}

#[tokio::test]
async fn h8f_a_proxy_that_is_not_there_is_named() {
    let port = Port::refusing().unwrap();
    for (url, kind) in [
        (joe("http", port.address()), Kind::Connect),
        (joe("socks5h", port.address()), Kind::Connect),
        (joe("https", "no-such-proxy.invalid:1"), Kind::Dns),
    ] {
        let client = through(Proxy::all(&url).unwrap()).build().unwrap();
        let error = refused(&client, "http://a.example/".to_owned()).await;
        assert_eq!(error.kind(), kind, "{}", tell(&error));
        let (_, address) = url.split_once('@').unwrap();
        assert!(
            error.to_string().contains(&format!("proxy {address}")),
            "{error}"
        );
    }
}

#[tokio::test]
async fn h8i_an_https_proxy_is_spoken_to_in_tls_and_tls_to_the_server_lies_within() {
    let ((outer, outer_pem), (inner, inner_pem)) = (identity(), identity());
    let heads = Heads::default();
    let log = heads.clone();
    let server = Server::builder().wrap(move |tcp| {
        let (outer, inner, log) = (outer.clone(), inner.clone(), log.clone());
        async move {
            inner
                .accept(grant(outer.accept(tcp).await?, log).await?)
                .await
        }
    });
    let reply = |_: &_| Reply::ok(vec![b'x'; 300_000]);
    let server = server.start(reply).await.unwrap();
    let proxy = Proxy::all(joe(
        "https",
        format!("localhost:{}", server.address().port()),
    ));
    let client = |tls| {
        through(proxy.as_ref().unwrap().clone())
            .tls(tls)
            .build()
            .unwrap()
    };
    let both = trusting(&outer_pem)
        .add_root_pem(inner_pem.as_bytes())
        .unwrap();
    let url = || "https://localhost:8443/".to_owned();
    assert_eq!(read(&client(both), url()).await.len(), 300_000);
    assert!(heads.lock().unwrap()[0].starts_with("CONNECT localhost:8443 HTTP/1.1\r\n"));
    let error = refused(&client(trusting(&inner_pem)), url()).await;
    assert_eq!(error.kind(), Kind::Tls);
    assert!(error.to_string().contains("proxy localhost:"), "{error}");
    assert_eq!(
        heads.lock().unwrap().len(),
        1,
        "nothing was told to a stranger"
    );
}

#[tokio::test]
async fn h8i_an_https_proxy_hears_of_http_urls_in_tls_only() {
    let (acceptor, pem) = identity();
    let mut config = ServerConfig::clone(acceptor.config());
    // It would rather be asked in HTTP/2, which no proxy is.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let proxy = Server::builder().wrap(move |tcp| acceptor.accept(tcp));
    let proxy = proxy.start(|_| Reply::ok("via")).await.unwrap();
    let url = joe("https", format!("localhost:{}", proxy.address().port()));
    let client = through(Proxy::all(url).unwrap()).tls(trusting(&pem));
    let client = client.build().unwrap();
    assert_eq!(read(&client, "http://a.example/".to_owned()).await, b"via");
    assert_eq!(proxy.requests()[0].target(), "http://a.example/");
}

#[tokio::test]
async fn h8m_no_origin_ever_sees_what_is_for_a_proxy() {
    let origin = Server::start(|_| Reply::ok("origin")).await.unwrap();
    let target = origin.url("/");
    let reply = move |_: &_| Reply::redirect(307, target.clone());
    let proxy = Server::start(reply).await.unwrap();
    let (tunnel, pem, _) = tunnels(Reply::redirect(302, origin.url("/"))).await;
    let own = |client: ClientBuilder| client.header("proxy-authorization", "Basic b3du");
    for client in [builder(), own(builder())] {
        let http = Proxy::http(joe("http", proxy.address())).unwrap();
        let https = Proxy::https(joe("http", tunnel.address())).unwrap();
        let client = client.proxy(http.no_proxy("127.0.0.1")).proxy(https);
        let client = client.tls(trusting(&pem)).build().unwrap();
        for url in [
            "http://a.example/",
            "https://localhost/",
            &origin.url("/direct"),
        ] {
            assert_eq!(read(&client, url.to_owned()).await, b"origin");
        }
    }
    let asked: Vec<_> = proxy.requests();
    let seen = asked.iter().map(|r| r.header("proxy-authorization"));
    assert_eq!(
        seen.collect::<Vec<_>>(),
        [Some(AUTHORIZATION), Some("Basic b3du")]
    );
    let (origin, tunnel) = (origin.requests(), tunnel.requests());
    assert_eq!((origin.len(), tunnel.len()), (6, 2));
    for request in origin.iter().chain(&tunnel) {
        assert_eq!(
            request.header("proxy-authorization"),
            None,
            "{}",
            request.target()
        );
    }
}

#[tokio::test]
async fn h8n_the_connect_timeout_bounds_a_proxy_that_is_silent_or_slow() {
    let drip = Script::new()
        .expect_head("CONNECT a.example:443")
        .send_in_pieces("HTTP/1.1 200 OK\r\n\r\n", 1, Duration::from_millis(60));
    let (dripping, peer) = listen([drip]).unwrap();
    let silent = Port::silent().unwrap();
    for address in [silent.address(), dripping] {
        let client = through(Proxy::all(address.to_string()).unwrap());
        let timeouts = Timeouts::NONE.connect(Duration::from_millis(150));
        let client = client.timeouts(timeouts).build().unwrap();
        let error = refused(&client, "https://a.example/".to_owned()).await;
        assert_eq!(error.kind(), Kind::Timeout(Phase::Connect));
        until(|| client.stats().total() == 0).await;
    }
    assert!(
        peer.finish().await.is_err(),
        "nobody was there for the last byte"
    );
}

/// Drops a request at each of its awaits; the one slot must serve another then.
pub(super) async fn fuzz(client: &Client, server: &Server, url: &str) {
    let polls = fuzz_cancel(
        || async { read(client, url.to_owned()).await.len() },
        async |outcome| {
            until(|| client.stats().active + client.stats().dialing == 0).await;
            let next = read(client, url.to_owned()).await;
            assert!(!next.is_empty(), "after {outcome:?}");
            // So that the next request begins with a dial again.
            until(|| client.stats().total() == 0).await;
        },
    );
    assert!(polls.await > 2);
    assert!(server.connections().peak <= 2, "{:?}", server.connections());
}

#[tokio::test]
async fn h8n_a_request_dropped_in_a_tunnels_handshake_loses_no_slot() {
    let (proxy, pem, heads) = tunnels(Reply::ok("x").then_close()).await;
    let client = through(Proxy::all(proxy.address().to_string()).unwrap());
    let client = client.tls(trusting(&pem));
    let client = client
        .limits(PoolLimits::default().total(1))
        .build()
        .unwrap();
    fuzz(&client, &proxy, "https://localhost/").await;
    assert!(heads.lock().unwrap().len() > 5, "most requests dialed");
}

/// Many requests to eight origins; no more than three sockets to the proxy.
pub(super) async fn crowd(client: ClientBuilder, proxy: &Server) {
    let limits = PoolLimits::default().total(3).per_host(2).idle(2);
    let client = client.limits(limits).build().unwrap();
    let tasks: Vec<_> = (0..80)
        .map(|number| {
            let (client, url) = (
                client.clone(),
                format!("http://h{}.example/", number * 3 % 8),
            );
            let patience = Duration::from_millis(if number % 4 == 0 { number } else { 30_000 });
            spawn(async move { tokio::time::timeout(patience, read(&client, url)).await })
        })
        .collect();
    let mut peak = 0;
    while tasks.iter().any(|task| !task.is_finished()) {
        let [sockets] = own_sockets([proxy.address()]);
        assert!(sockets <= 3, "{sockets} sockets");
        peak = peak.max(sockets);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    for task in tasks {
        if let Ok(body) = task.await.unwrap() {
            assert_eq!(body, b"x");
        }
    }
    assert!(peak >= 2, "the test saw at most {peak} sockets at once");
    client.close().await;
    assert_eq!(client.stats().total(), 0);
}

#[tokio::test]
async fn h8o_the_limits_hold_for_connections_to_a_proxy() {
    let reply = |_: &_| Reply::ok("x").delay(Duration::from_millis(2));
    let proxy = Server::start(reply).await.unwrap();
    crowd(through(Proxy::all(proxy.url("")).unwrap()), &proxy).await;
}

#[tokio::test]
async fn h8p_the_first_proxy_that_is_for_a_url_is_used_and_none_if_that_was_said() {
    let proxies = [
        Server::start(|_| Reply::ok("first")).await.unwrap(),
        Server::start(|_| Reply::ok("second")).await.unwrap(),
        Server::start(|_| Reply::ok("origin")).await.unwrap(),
    ];
    let [first, second, origin] = &proxies;
    let first = Proxy::http(first.url(""))
        .unwrap()
        .no_proxy("b.example,127.0.0.1");
    let second = Proxy::all(second.url("")).unwrap().no_proxy("127.0.0.1");
    let client = builder().proxy(first).proxy(second);
    let client = client.build().unwrap();
    for (url, expected) in [
        ("http://a.example/", "first"),
        ("http://b.example/", "second"),
        (origin.url("/").as_str(), "origin"),
    ] {
        assert_eq!(read(&client, url.to_owned()).await, expected.as_bytes());
    }
    let dead = Proxy::all("http://127.0.0.1:1").unwrap();
    let client = builder().proxy(dead).no_proxy().build().unwrap();
    assert_eq!(read(&client, origin.url("/")).await, b"origin");
}
