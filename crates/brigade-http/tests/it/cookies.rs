//! H13: a client with a jar against servers that set cookies.

use std::convert::Infallible;
use std::future::ready;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use brigade_http::tls::TlsConfig;
use brigade_http::{Backoff, Client, ClientBuilder, CookieJar, Kind, RetryPolicy};
use brigade_testkit::server::{Reply, Request, Server};
use brigade_testkit::websocket::{WsConn, WsServer};
use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::Full;
use hyper::Response;
use tokio::net::TcpListener;
use tower::service_fn;

use super::{builder, client, read, secure, spawn};

const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// Says what cookies the request came with, and sets the one that the query names: `?a` sets `a=1`.
fn echo(request: &Request) -> Reply {
    let cookies = request.header("cookie").unwrap_or("none").to_owned();
    let reply = Reply::ok(cookies);
    match request.target().split_once('?') {
        Some((_, name)) => reply.header("set-cookie", format!("{name}=1")),
        None => reply,
    }
}

fn with(jar: &CookieJar) -> ClientBuilder {
    builder().cookies(jar.clone())
}

async fn text(client: &Client, url: String) -> String {
    String::from_utf8(read(client, url).await).unwrap()
}

fn named(server: &Server, scheme: &str, name: &str, path: &str) -> String {
    format!("{scheme}://{name}:{}{path}", server.address().port())
}

/// The Cookie header of each request that came.
fn sent(server: &Server) -> Vec<Option<String>> {
    let requests = server.requests();
    let header = |request: &Request| request.header("cookie").map(str::to_owned);
    requests.iter().map(header).collect()
}

#[tokio::test]
async fn h13a_what_a_redirect_sets_is_sent_at_the_next_hop_and_ever_after() {
    let server = Server::start(|request| match request.path() {
        "/login" => Reply::redirect(302, "/step")
            .header("set-cookie", "session=1; Path=/; HttpOnly")
            .header("set-cookie", "other=2; Path=/elsewhere"),
        "/step" => Reply::redirect(302, "/home").header("set-cookie", "session=2; Path=/"),
        _ => echo(request),
    });
    let server = server.await.unwrap();
    let client = with(&CookieJar::new()).build().unwrap();
    assert_eq!(text(&client, server.url("/login")).await, "session=2");
    assert_eq!(text(&client, server.url("/")).await, "session=2");
    assert_eq!(
        text(&client, server.url("/elsewhere")).await,
        "other=2; session=2"
    );
    assert_eq!(sent(&server)[1].as_deref(), Some("session=1"));
}

#[tokio::test]
async fn h13a_what_a_failed_attempt_sets_is_sent_with_the_next_one() {
    let server = Server::start(|request| match request.header("cookie") {
        None => Reply::status(503).header("set-cookie", "ticket=1"),
        Some(_) => echo(request),
    });
    let server = server.await.unwrap();
    let base = Duration::from_millis(5);
    let policy = RetryPolicy::default().backoff(Backoff {
        base,
        ..Backoff::default()
    });
    let client = with(&CookieJar::new()).retry(policy).build().unwrap();
    assert_eq!(text(&client, server.url("/")).await, "ticket=1");
    assert_eq!(sent(&server), [None, Some("ticket=1".to_owned())]);
}

/// A server of h2c that answers with the cookies that came, and sets one.
async fn http2() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(socket).await.unwrap();
        while let Some(Ok((request, mut respond))) = connection.accept().await {
            let cookies = request.headers().get_all("cookie").iter();
            let cookies: Vec<&[u8]> = cookies.map(|value| value.as_bytes()).collect();
            let body = Bytes::from(cookies.join(&b"; "[..]));
            let head = http::Response::builder().header("set-cookie", "two=2; Path=/");
            let mut body_of = respond
                .send_response(head.body(()).unwrap(), false)
                .unwrap();
            body_of.send_data(body, true).unwrap();
        }
    });
    address
}

#[tokio::test]
async fn h13a_http_2_and_a_service_in_place_of_the_network_have_cookies_as_well() {
    let url = format!("http://{}/", http2().await);
    let jar = CookieJar::new();
    jar.add(&url, "one=1").unwrap();
    let client = with(&jar).http2_prior_knowledge().build().unwrap();
    for expected in ["one=1", "one=1; two=2"] {
        assert_eq!(text(&client, url.clone()).await, expected);
    }
    let service = service_fn(|request: http::Request<_>| {
        let cookies = request.headers().get("cookie").cloned();
        let body = cookies.map_or(Bytes::new(), Bytes::from_owner);
        let response = Response::builder().header("set-cookie", "s=1");
        ready(Ok::<_, Infallible>(response.body(Full::new(body)).unwrap()))
    });
    let client = with(&CookieJar::new()).service(service).build().unwrap();
    for expected in ["", "s=1"] {
        let url = "https://anywhere.example/".to_owned();
        assert_eq!(text(&client, url).await, expected);
    }
}

/// Two servers that redirect to each other once: from the first `/` to the second, and back to
/// `/end`. Each sets a cookie with its own name.
async fn pair(first: &'static str, second: &'static str) -> (Server, Server) {
    let back: Arc<OnceLock<String>> = Arc::default();
    let there = Server::start({
        let back = back.clone();
        move |_| {
            let back = back.get().cloned().unwrap_or_default();
            Reply::redirect(302, back).header("set-cookie", "second=2; Path=/")
        }
    });
    let there = there.await.unwrap();
    let to = named(&there, "http", second, "/");
    let here = Server::start(move |request| match request.path() {
        "/" => Reply::redirect(302, to.clone()).header("set-cookie", "first=1; Path=/"),
        _ => echo(request),
    });
    let here = here.await.unwrap();
    back.set(named(&here, "http", first, "/end")).unwrap();
    (here, there)
}

#[tokio::test]
async fn h13b_each_hop_gets_the_cookies_of_its_own_url() {
    let (here, there) = pair("shop.test", "bank.test").await;
    let jar = CookieJar::new();
    let client = with(&jar)
        .resolve("shop.test", [LOOPBACK])
        .resolve("bank.test", [LOOPBACK])
        .build()
        .unwrap();
    jar.add("http://bank.test/", "pin=9").unwrap();
    let start = named(&here, "http", "shop.test", "/");
    for _ in 0..2 {
        assert_eq!(text(&client, start.clone()).await, "first=1");
    }
    let first = Some("first=1".to_owned());
    assert_eq!(sent(&here), [None, first.clone(), first.clone(), first]);
    let at_bank = ["pin=9", "pin=9; second=2"].map(|header| Some(header.to_owned()));
    assert_eq!(sent(&there), at_bank);
}

#[tokio::test]
async fn h13c_without_a_jar_no_cookie_is_kept() {
    let server = Server::start(|request| match request.path() {
        "/" => Reply::redirect(302, "/end").header("set-cookie", "a=1; Path=/"),
        _ => echo(request),
    });
    let server = server.await.unwrap();
    let client = client();
    for _ in 0..2 {
        assert_eq!(text(&client, server.url("/")).await, "none");
    }
}

#[tokio::test]
async fn h13d_a_cookie_header_set_by_hand_is_sent_as_it_is_and_not_across_origins() {
    let (here, there) = pair("127.0.0.1", "localhost").await;
    let jar = CookieJar::new();
    jar.add("http://127.0.0.1/", "kept=1").unwrap();
    jar.add("http://localhost/", "there=1").unwrap();
    let by_client = with(&jar).header("cookie", "own=1").build().unwrap();
    let plain = with(&jar).build().unwrap();
    for (client, own) in [(&by_client, None), (&plain, Some("own=1"))] {
        let mut request = client.get(here.url("/")).unwrap();
        if let Some(own) = own {
            request = request.header("cookie", own);
        }
        // What came from `/` is in the jar by now.
        let end = request.send().await.unwrap().text().await.unwrap();
        assert_eq!(
            end, "kept=1; first=1",
            "back from elsewhere, the header is gone"
        );
        assert_eq!(sent(&here)[sent(&here).len() - 2].as_deref(), Some("own=1"));
        let elsewhere = sent(&there).pop().unwrap().unwrap();
        assert!(elsewhere.starts_with("there=1"), "{elsewhere}");
    }
    assert_eq!(
        jar.get(here.url("/"), "first").as_deref(),
        Some("1"),
        "it is kept all the same"
    );
}

#[tokio::test]
async fn h13g_a_secure_cookie_of_https_is_neither_sent_nor_replaced_in_plain() {
    let plain = Server::start(|request| {
        echo(request)
            .header("set-cookie", "id=stolen; Path=/")
            .header("set-cookie", "mine=1; Secure")
    });
    let plain = plain.await.unwrap();
    let to = named(&plain, "http", "shop.test", "/");
    let (acceptor, pem) = secure::identity_of("shop.test");
    let safe = Server::builder().wrap(move |tcp| acceptor.accept(tcp));
    let safe = safe.start(move |request| match request.path() {
        "/login" => Reply::redirect(302, to.clone())
            .header("set-cookie", "__Host-id=1; Secure; Path=/")
            .header("set-cookie", "id=2; Secure; Path=/")
            .header("set-cookie", "open=3; Path=/"),
        _ => echo(request),
    });
    let safe = safe.await.unwrap();
    let tls = TlsConfig::new().add_root_pem(pem.as_bytes()).unwrap();
    let client = with(&CookieJar::new())
        .tls(tls)
        .resolve("shop.test", [LOOPBACK]);
    let client = client.build().unwrap();
    let login = named(&safe, "https", "shop.test", "/login");
    assert_eq!(text(&client, login).await, "open=3");
    let home = named(&safe, "https", "shop.test", "/");
    assert_eq!(text(&client, home).await, "__Host-id=1; id=2; open=3");
}

#[tokio::test]
async fn h13k_of_one_response_a_number_of_cookies_is_taken() {
    let server = Server::start(|_| {
        let set = (0..80).map(|n| format!("c{n}=1"));
        set.fold(Reply::ok(""), |reply, cookie| {
            reply.header("set-cookie", cookie)
        })
    });
    let server = server.await.unwrap();
    let jar = CookieJar::new();
    let client = with(&jar).build().unwrap();
    read(&client, server.url("/")).await;
    let last = jar.cookies().pop().unwrap();
    assert_eq!((jar.len(), last.name()), (50, "c49"), "the first ones");
}

#[tokio::test]
async fn h13l_a_server_cannot_break_the_requests_that_follow() {
    let server = Server::start(|request| {
        let reply = Reply::raw(
            b"HTTP/1.1 200 OK\r\nset-cookie: a=\x80\xff\r\nset-cookie: b=\xc3\xa9\r\n\
              set-cookie: =\r\nset-cookie:\r\nset-cookie: c=1; Expires=\xfe; Path=/\r\n\
              set-cookie: d=\t\x22;;=;\r\ncontent-length: 0\r\n\r\n"
                .as_slice(),
        );
        match request.path() {
            "/end" => echo(request),
            _ => reply.keep_alive(true),
        }
    });
    let server = server.await.unwrap();
    let client = with(&CookieJar::new()).build().unwrap();
    for _ in 0..3 {
        read(&client, server.url("/")).await;
    }
    assert_eq!(text(&client, server.url("/end")).await, "b=\u{e9}; d=\"");
    assert_eq!(server.connections().total, 1);
}

#[tokio::test]
async fn h13m_the_next_run_of_a_program_is_still_logged_in() {
    let server = Server::start(|request| match request.path() {
        "/login" => Reply::ok("")
            .header("set-cookie", "token=1; Path=/; Max-Age=3600")
            .header("set-cookie", "tab=1; Path=/"),
        _ => echo(request),
    });
    let server = server.await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cookies.json");
    let jar = CookieJar::new();
    read(&with(&jar).build().unwrap(), server.url("/login")).await;
    for (saved, expected) in [
        (jar.to_json(), "token=1"),
        (jar.to_json_all(), "token=1; tab=1"),
    ] {
        std::fs::write(&file, saved).unwrap();
        let jar = CookieJar::from_json(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let client = with(&jar).build().unwrap();
        assert_eq!(text(&client, server.url("/")).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn h13o_clients_that_share_a_jar_share_its_cookies_also_at_once() {
    let server = Server::start(echo).await.unwrap();
    let jar = CookieJar::new();
    let clients = [with(&jar), with(&jar)].map(|client| client.build().unwrap());
    let requests = (0..40).map(|n| {
        let (client, url) = (clients[n % 2].clone(), server.url(&format!("/?c{n}")));
        spawn(async move { read(&client, url).await })
    });
    for done in join_all(requests).await {
        done.unwrap();
    }
    let all = text(&clients[0], server.url("/")).await;
    let mut names: Vec<&str> = all.split("; ").collect();
    names.sort_unstable();
    let mut expected: Vec<String> = (0..40).map(|n| format!("c{n}=1")).collect();
    expected.sort_unstable();
    assert_eq!(names, expected);
    jar.clear();
    assert_eq!(text(&clients[1], server.url("/")).await, "none");
}

#[tokio::test]
async fn h13a_what_comes_with_a_redirect_that_is_not_followed_is_kept() {
    let server = Server::start(|_| Reply::redirect(302, "/again").header("set-cookie", "a=1"));
    let server = server.await.unwrap();
    let jar = CookieJar::new();
    let client = with(&jar).redirects(2).build().unwrap();
    let error = client
        .get(server.url("/"))
        .unwrap()
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::TooManyRedirects);
    assert_eq!(jar.get(server.url("/"), "a").as_deref(), Some("1"));
}

#[tokio::test]
async fn h13a_a_websocket_opens_with_cookies_and_keeps_those_that_it_is_answered_with() {
    let server = WsServer::start(|mut conn: WsConn| async move {
        assert_eq!(conn.header("cookie"), Some("one=1"));
        conn.agree("set-cookie: two=2\r\n").await?;
        conn.message().await.map(drop)
    });
    let server = server.unwrap();
    let jar = CookieJar::new();
    let plain = server.url("/").replacen("ws", "http", 1);
    jar.add(&plain, "one=1").unwrap();
    let client = with(&jar).build().unwrap();
    let socket = client.websocket(server.url("/")).unwrap().connect().await;
    drop(socket.unwrap());
    // The same server, whichever of its schemes one names.
    assert_eq!(jar.get(&plain, "two").as_deref(), Some("2"));
    assert_eq!(jar.get(server.url("/"), "two").as_deref(), Some("2"));
    jar.add("wss://a.test/", "three=3; Secure").unwrap();
    assert_eq!(jar.get("https://a.test/", "three").as_deref(), Some("3"));
    assert!(jar.add("ftp://a.test/", "four=4").is_err());
}
