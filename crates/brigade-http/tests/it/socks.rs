//! H8 through SOCKS5 proxies: every byte of the handshake, and every way to be refused.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brigade_http::proxy::Proxy;
use brigade_http::tls::TlsConfig;
use brigade_http::{Kind, Phase, PoolLimits, Timeouts};
use brigade_testkit::peer::Script;
use brigade_testkit::server::{Reply, Server};
use brigade_testkit::wait::until;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::proxies::{crowd, fuzz};
use super::secure::identity;
use super::{builder, read, refused, tell};

const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// The answer that the proxy is connected, with an address of each kind.
const CONNECTED: [&[u8]; 3] = [
    &[5, 0, 0, 1, 10, 0, 0, 1, 0, 80],
    &[5, 0, 0, 3, 3, b'a', b'b', b'c', 0, 80],
    &[
        5, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 80,
    ],
];

/// The request for the port 80 of a name.
fn by_name(name: &str) -> Vec<u8> {
    let length = u8::try_from(name.len()).unwrap();
    [&[5, 1, 0, 3, length], name.as_bytes(), &[0, 80]].concat()
}

/// The hosts that proxies were asked for, as they were named.
type Asked = Arc<Mutex<Vec<Vec<u8>>>>;

/// Plays the proxy: grants whatever it is asked for.
async fn grant(mut tcp: TcpStream, asked: Asked) -> io::Result<TcpStream> {
    let mut three = [0; 3];
    tcp.read_exact(&mut three).await?;
    assert_eq!(three, [5, 1, 0]);
    tcp.write_all(&[5, 0]).await?;
    let mut head = [0; 4];
    tcp.read_exact(&mut head).await?;
    let length = match head[3] {
        1 => 4,
        4 => 16,
        _ => usize::from(tcp.read_u8().await?),
    };
    let mut host = vec![0; length + 2];
    tcp.read_exact(&mut host).await?;
    asked.lock().unwrap().push([&head[3..], &host].concat());
    tcp.write_all(CONNECTED[0]).await?;
    Ok(tcp)
}

async fn proxy(reply: Reply) -> (Server, Asked) {
    let asked = Asked::default();
    let log = asked.clone();
    let server = Server::builder().wrap(move |tcp| grant(tcp, log.clone()));
    (server.start(move |_| reply.clone()).await.unwrap(), asked)
}

#[tokio::test]
async fn h8g_socks5h_names_the_server_and_socks5_resolves_it_first() {
    let (proxy, asked) = proxy(Reply::ok("ok")).await;
    let at = proxy.address();
    for (scheme, url) in [
        ("socks5h", "http://a.example/"),
        ("socks5h", "http://10.1.2.3:8080/"),
        ("socks5", "http://[fd00::1]/"),
        ("socks5", "http://localhost/"),
    ] {
        let client = builder().proxy(Proxy::all(format!("{scheme}://{at}")).unwrap());
        assert_eq!(read(&client.build().unwrap(), url.to_owned()).await, b"ok");
    }
    let asked = asked.lock().unwrap();
    assert_eq!(asked[0], b"\x03a.example\x00\x50");
    assert_eq!(asked[1], [1, 10, 1, 2, 3, 31, 144]);
    assert_eq!(
        asked[2],
        [4, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 80]
    );
    let local: [&[u8]; 2] = [
        &[1, 127, 0, 0, 1, 0, 80],
        &[4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 80],
    ];
    assert!(local.contains(&&asked[3][..]), "{:?}", asked[3]);
    for request in proxy.requests() {
        assert_eq!(
            (request.target(), request.header("proxy-authorization")),
            ("/", None)
        );
    }
}

#[tokio::test]
async fn h8g_a_user_name_and_password_are_given_if_the_proxy_asks_for_them() {
    let hello = || Script::new().expect([5, 2, 0, 2].to_vec());
    let served = |script: Script, connected: &'static [u8]| {
        let script = script.expect(by_name("a.example")).send(connected);
        script.expect_head("GET /").send(ANSWER)
    };
    let login = b"\x01\x03joe\x08hunter 2".to_vec();
    let asked = hello().send(vec![5, 2]).expect(login.clone());
    let other_version = hello().send(vec![5, 2]).expect(login);
    for script in [
        served(asked.send(vec![1, 0]), CONNECTED[0]),
        served(other_version.send(vec![5, 0]), CONNECTED[1]),
        served(hello().send(vec![5, 0]), CONNECTED[2]),
    ] {
        let (address, peer) = script.listen().unwrap();
        let proxy = Proxy::http(format!("socks5h://joe:hunter%202@{address}")).unwrap();
        let client = builder().proxy(proxy).build().unwrap();
        assert_eq!(read(&client, "http://a.example/".to_owned()).await, b"ok");
        client.close().await;
        peer.finish().await.unwrap();
    }
}

#[tokio::test]
async fn h8g_a_name_that_is_not_found_here_is_no_fault_of_the_proxy() {
    let (proxy, asked) = proxy(Reply::ok("ok")).await;
    let client = builder().proxy(Proxy::all(format!("socks5://{}", proxy.address())).unwrap());
    let client = client.build().unwrap();
    let error = refused(&client, "http://no-such-host.invalid/".to_owned()).await;
    assert_eq!(error.kind(), Kind::Dns, "{}", tell(&error));
    assert!(!error.to_string().contains("proxy"));
    assert_eq!(proxy.connections().total, 0);
    assert!(asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn h8g_tls_is_with_the_server_behind_the_proxy() {
    let (acceptor, pem) = identity();
    let asked = Asked::default();
    let log = asked.clone();
    let server = Server::builder().wrap(move |tcp| {
        let (acceptor, log) = (acceptor.clone(), log.clone());
        async move { acceptor.accept(grant(tcp, log).await?).await }
    });
    let server = server.start(|_| Reply::ok("secret")).await.unwrap();
    let tls = TlsConfig::new().add_root_pem(pem.as_bytes()).unwrap();
    let proxy = Proxy::all(format!("socks5h://{}", server.address())).unwrap();
    let client = builder().proxy(proxy).tls(tls).build().unwrap();
    assert_eq!(
        read(&client, "https://localhost/".to_owned()).await,
        b"secret"
    );
    assert_eq!(asked.lock().unwrap()[0], b"\x03localhost\x01\xbb");
}

/// What a proxy answers, and what the error says about it.
fn refusals() -> Vec<(Script, &'static str)> {
    let hello = || Script::new().expect([5, 2, 0, 2].to_vec());
    let login = || {
        hello()
            .send(vec![5, 2])
            .expect(b"\x01\x03joe\x07hunter2".to_vec())
    };
    let request = || hello().send(vec![5, 0]).expect(by_name("a.example"));
    let closed = "it closed the connection instead of answering";
    let unknown = "not answer in SOCKS5";
    vec![
        (hello(), closed),
        (hello().reset(), "the connection to it broke"),
        (hello().send(vec![5]), closed),
        (
            hello()
                .send("HTTP/1.1 400 Bad Request\r\n\r\n")
                .expect_end(),
            unknown,
        ),
        (hello().send(vec![4, 0]), unknown),
        (
            hello().send(vec![5, 255]),
            "it takes no user name and password",
        ),
        (
            hello().send(vec![5, 1]),
            "it chose a way to log in that was not offered",
        ),
        (login(), closed),
        (
            login().send(vec![1, 1]),
            "it refused the user name and password of its URL",
        ),
        (request(), closed),
        (request().send(vec![4, 0, 0, 1]), unknown),
        (
            request().send(vec![5, 1]),
            "general failure (SOCKS reply 1)",
        ),
        (
            request().send(vec![5, 5, 0, 1, 0, 0, 0, 0, 0, 0]),
            "connection refused (SOCKS reply 5)",
        ),
        (
            request().send(vec![5, 200]),
            "unknown reason (SOCKS reply 200)",
        ),
        (
            request().send(vec![5, 0, 0, 2]),
            "an address of unknown kind",
        ),
        (request().send(vec![5, 0, 0, 1, 127, 0]), closed),
        (request().send(vec![5, 0, 0, 3, 9, b'x']), closed),
    ]
}

#[tokio::test]
async fn h8h_a_refusal_is_a_connect_error_that_names_the_proxy_and_its_reason() {
    for (script, expected) in refusals() {
        let (address, peer) = script.listen().unwrap();
        let proxy = Proxy::all(format!("socks5h://joe:hunter2@{address}")).unwrap();
        let client = builder().proxy(proxy).build().unwrap();
        let error = refused(&client, "http://a.example/".to_owned()).await;
        assert_eq!(error.kind(), Kind::Connect, "{expected}: {}", tell(&error));
        let text = error.to_string();
        assert!(text.contains(&format!(": proxy {address}: ")), "{text}");
        assert!(text.contains(expected), "{expected}: {text}");
        let all = format!("{} {error:?}", tell(&error));
        assert!(!all.contains("hunter2"), "{all}");
        until(|| client.stats().total() == 0).await;
        peer.finish().await.unwrap();
    }
}

#[tokio::test]
async fn h8h_a_proxy_that_wants_a_login_says_so() {
    let script = Script::new().expect([5, 1, 0].to_vec()).send(vec![5, 255]);
    let (address, peer) = script.listen().unwrap();
    let client = builder().proxy(Proxy::all(format!("socks5h://{address}")).unwrap());
    let client = client.build().unwrap();
    let error = refused(&client, "http://a.example/".to_owned()).await;
    assert!(
        error
            .to_string()
            .contains("it wants a user name and password"),
        "{error}"
    );
    peer.finish().await.unwrap();
}

#[tokio::test]
async fn h8h_a_name_of_more_than_255_bytes_cannot_be_asked_for() {
    let name = vec!["a".repeat(60); 5].join(".");
    let script = Script::new().expect([5, 1, 0].to_vec()).send(vec![5, 0]);
    let (address, peer) = script.listen().unwrap();
    let client = builder().proxy(Proxy::all(format!("socks5h://{address}")).unwrap());
    let error = refused(&client.build().unwrap(), format!("http://{name}/")).await;
    assert_eq!(error.kind(), Kind::Connect);
    assert!(error.to_string().contains("more than 255 bytes"), "{error}");
    peer.finish().await.unwrap();
}

#[tokio::test]
async fn h8n_the_connect_timeout_bounds_the_handshake_of_socks_in_every_phase() {
    let hello = || Script::new().expect([5, 1, 0].to_vec());
    let asked = || hello().send(vec![5, 0]).expect(by_name("a.example"));
    for script in [hello(), asked(), asked().send(vec![5, 0, 0, 1, 9])] {
        let (address, peer) = script.expect_end().listen().unwrap();
        let client = builder().proxy(Proxy::all(format!("socks5h://{address}")).unwrap());
        let timeouts = Timeouts::NONE.connect(Duration::from_millis(400));
        let client = client.timeouts(timeouts).build().unwrap();
        let error = refused(&client, "http://a.example/".to_owned()).await;
        assert_eq!(error.kind(), Kind::Timeout(Phase::Connect));
        until(|| client.stats().total() == 0).await;
        peer.finish().await.unwrap();
    }
}

#[tokio::test]
async fn h8n_a_request_dropped_in_the_handshake_of_socks_loses_no_slot() {
    let (proxy, asked) = proxy(Reply::ok("x").then_close()).await;
    let client = builder().proxy(Proxy::all(format!("socks5h://{}", proxy.address())).unwrap());
    let client = client
        .limits(PoolLimits::default().total(1))
        .build()
        .unwrap();
    fuzz(&client, &proxy, "http://a.example/").await;
    assert!(asked.lock().unwrap().len() > 5, "most requests dialed");
}

#[tokio::test]
async fn h8o_the_limits_hold_for_connections_to_a_socks_proxy() {
    let (proxy, _) = proxy(Reply::ok("x").delay(Duration::from_millis(2))).await;
    let through = Proxy::all(format!("socks5h://{}", proxy.address())).unwrap();
    crowd(builder().proxy(through), &proxy).await;
}
