//! The server against a client that is nothing but a socket.

use super::*;
use crate::wait::until;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const GET: &str = "GET / HTTP/1.1\r\nhost: test\r\n\r\n";

/// Sends `request` and reads to the end of the connection.
async fn exchange(server: &Server, request: &str) -> (String, Option<ErrorKind>) {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let error = stream
        .read_to_end(&mut answer)
        .await
        .err()
        .map(|error| error.kind());
    (String::from_utf8(answer).unwrap(), error)
}

async fn answer_to(request: &str, reply: Reply) -> (String, Option<ErrorKind>) {
    let server = Server::start(move |_| reply.clone()).await.unwrap();
    exchange(&server, request).await
}

#[tokio::test]
async fn a_reply_has_a_length_and_says_when_the_connection_closes() {
    let (answer, error) = answer_to(GET, Reply::ok("hello").keep_alive(false)).await;
    assert_eq!(
        answer,
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello"
    );
    assert_eq!(error, None);
}

#[tokio::test]
async fn a_server_that_closes_without_a_word_does_not_announce_it() {
    let (answer, _) = answer_to(GET, Reply::ok("hello").then_close()).await;
    assert_eq!(answer, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
}

#[tokio::test]
async fn one_connection_serves_many_requests_and_the_log_has_them_all() {
    let server = Server::start(|request| Reply::ok(request.target().to_owned()))
        .await
        .unwrap();
    let two = "POST /a?x=1&y HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc\
               GET /b HTTP/1.1\r\nConnection: close\r\n\r\n";
    let (answer, _) = exchange(&server, two).await;
    assert!(
        answer.contains("/a?x=1&y") && answer.ends_with("/b"),
        "{answer}"
    );
    let count = server.connections();
    assert_eq!((count.peak, count.total), (1, 1));
    assert_eq!(server.exchanges().total, 2);
    let requests = server.finish().await;
    assert_eq!(requests[0].method(), "POST");
    assert_eq!(requests[0].path(), "/a");
    assert_eq!(requests[0].query("x"), Some("1"));
    assert_eq!(requests[0].query("y"), Some(""));
    assert_eq!(requests[0].header("content-length"), Some("3"));
    assert_eq!(&requests[0].body()[..], b"abc");
    assert_eq!(requests[1].connection(), 0);
    assert!(requests[1].at() >= requests[0].at());
}

#[tokio::test]
async fn chunked_requests_are_decoded() {
    let server = Server::start(|request| Reply::ok(request.body().clone()))
        .await
        .unwrap();
    let request = "PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n\
                   3;x=y\r\nabc\r\n2\r\nde\r\n0\r\ntrailer: 1\r\n\r\n";
    let (answer, _) = exchange(&server, request).await;
    assert!(answer.ends_with("\r\n\r\nabcde"), "{answer}");
}

#[tokio::test]
async fn an_expected_continue_is_sent_before_the_body_is_read() {
    let server = Server::start(|_| Reply::ok("done").keep_alive(false))
        .await
        .unwrap();
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let head = "PUT / HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"ok").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("done"));
}

#[tokio::test]
async fn chunks_go_out_piece_by_piece() {
    let reply = Reply::status(200)
        .chunked(["ab", "", "cde"])
        .keep_alive(false);
    let (answer, _) = answer_to(GET, reply).await;
    assert!(
        answer.contains("transfer-encoding: chunked\r\n"),
        "{answer}"
    );
    assert!(
        answer.ends_with("\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn heads_and_statuses_without_a_body_send_none() {
    let head = "HEAD / HTTP/1.1\r\nconnection: close\r\n\r\n";
    let (answer, _) = answer_to(head, Reply::ok("hello")).await;
    assert!(
        answer.contains("content-length: 5\r\n") && answer.ends_with("\r\n\r\n"),
        "{answer}"
    );
    let (answer, _) = answer_to(GET, Reply::status(304).keep_alive(false)).await;
    assert_eq!(
        answer,
        "HTTP/1.1 304 Not Modified\r\nconnection: close\r\n\r\n"
    );
}

#[tokio::test]
async fn interim_heads_come_first_and_a_length_can_lie() {
    let reply = Reply::ok("hello")
        .header("content-length", "9")
        .interim(103, &[("link", "</x>")])
        .then_close();
    let (answer, _) = answer_to(GET, reply).await;
    assert_eq!(
        answer,
        "HTTP/1.1 103 Interim\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello"
    );
}

#[tokio::test]
async fn a_reset_is_a_reset_and_a_close_is_a_close() {
    assert_eq!(
        answer_to(GET, Reply::reset()).await,
        (String::new(), Some(ErrorKind::ConnectionReset))
    );
    assert_eq!(answer_to(GET, Reply::close()).await, (String::new(), None));
    let (answer, error) = answer_to(GET, Reply::ok("hello").reset_after(2)).await;
    assert!(answer.ends_with("\r\n\r\nhe"), "{answer}");
    assert_eq!(error, Some(ErrorKind::ConnectionReset));
    let (answer, error) = answer_to(GET, Reply::ok("hello").close_after(2)).await;
    assert!(answer.ends_with("\r\n\r\nhe"), "{answer}");
    assert_eq!(error, None);
}

#[tokio::test]
async fn raw_bytes_go_out_as_they_are() {
    let (answer, error) = answer_to(GET, Reply::raw("garbage\r\n")).await;
    assert_eq!((answer.as_str(), error), ("garbage\r\n", None));
}

#[tokio::test]
async fn a_slow_body_takes_its_time_and_a_delay_comes_first() {
    let reply = Reply::ok("abcdef")
        .delay(Duration::from_millis(20))
        .slow(2, Duration::from_millis(20))
        .keep_alive(false);
    let before = tokio::time::Instant::now();
    let (answer, _) = answer_to(GET, reply).await;
    assert!(answer.ends_with("\r\n\r\nabcdef"), "{answer}");
    assert!(before.elapsed() >= Duration::from_millis(80));
}

#[tokio::test]
async fn an_endless_body_ends_with_its_client() {
    let server = Server::start(|_| Reply::status(200).endless())
        .await
        .unwrap();
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(GET.as_bytes()).await.unwrap();
    let mut seen = vec![0; 1 << 20];
    stream.read_exact(&mut seen).await.unwrap();
    drop(stream);
    until(|| server.connections().open == 0).await;
}

#[tokio::test]
async fn a_hanging_connection_is_counted_until_its_client_leaves() {
    let server = Server::start(|_| Reply::hang()).await.unwrap();
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(GET.as_bytes()).await.unwrap();
    until(|| server.exchanges().open == 1).await;
    drop(stream);
    until(|| server.connections().open == 0).await;
    assert_eq!(
        server.exchanges(),
        Count {
            open: 0,
            peak: 1,
            total: 1
        }
    );
}

#[tokio::test]
async fn a_connection_closes_silently_after_its_last_request() {
    let server = Server::builder()
        .close_after_requests(2)
        .start(|_| Reply::ok("x"))
        .await
        .unwrap();
    let (answer, _) = exchange(&server, &GET.repeat(3)).await;
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 2);
    assert!(!answer.contains("connection: close"));
}

#[tokio::test]
async fn a_reply_can_come_before_the_body_was_read() {
    let server = Server::builder()
        .leave_bodies_unread()
        .start(|_| Reply::status(413).keep_alive(false))
        .await
        .unwrap();
    let (answer, error) = exchange(&server, "PUT / HTTP/1.1\r\ncontent-length: 9\r\n\r\nab").await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert_eq!(error, None);
}

#[tokio::test]
async fn the_log_keeps_the_newest_requests_only() {
    let server = Server::builder()
        .log_max(2)
        .start(|_| Reply::ok(""))
        .await
        .unwrap();
    let requests: String = (0..5)
        .map(|n| format!("GET /{n} HTTP/1.1\r\n\r\n"))
        .collect();
    let last = "GET /5 HTTP/1.0\r\n\r\n";
    exchange(&server, &(requests + last)).await;
    let targets: Vec<_> = server
        .requests()
        .iter()
        .map(|r| r.target().to_owned())
        .collect();
    assert_eq!(targets, ["/4", "/5"]);
    assert_eq!(server.exchanges().total, 6);
}

#[tokio::test]
async fn nonsense_is_answered_with_a_400() {
    let server = Server::start(|_| Reply::ok("")).await.unwrap();
    let (answer, _) = exchange(&server, "nonsense\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test]
async fn a_panic_of_the_closure_reaches_the_owner() {
    let server = Server::start(|_| panic!("no such page")).await.unwrap();
    let (answer, _) = exchange(&server, GET).await;
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    let payload = std::panic::catch_unwind(AssertUnwindSafe(|| drop(server))).unwrap_err();
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"no such page"));
}

#[tokio::test]
async fn finishing_closes_the_port_and_every_connection() {
    let server = Server::start(|_| Reply::hang()).await.unwrap();
    let address = server.address();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(GET.as_bytes()).await.unwrap();
    until(|| server.exchanges().open == 1).await;
    server.finish().await;
    assert!(
        stream
            .read(&mut [0; 8])
            .await
            .map_or(true, |read| read == 0)
    );
    assert_eq!(
        TcpStream::connect(address).await.unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
}

#[test]
fn a_server_on_its_own_thread_serves_programs_without_a_runtime() {
    let server = Server::start_thread(|_| Reply::ok("hello").keep_alive(false)).unwrap();
    let mut stream = std::net::TcpStream::connect(server.address()).unwrap();
    stream.write_all(GET.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("hello"));
    let address: SocketAddr = server.address();
    drop(server);
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[tokio::test]
async fn a_server_on_its_own_thread_can_be_started_and_dropped_inside_a_runtime() {
    let server = Server::start_thread(|_| Reply::ok("hello").keep_alive(false)).unwrap();
    let (answer, _) = exchange(&server, GET).await;
    assert!(answer.ends_with("hello"));
}

#[tokio::test]
async fn a_wrapped_connection_speaks_through_the_wrapper_and_can_still_be_reset() {
    let server = Server::builder()
        .wrap(async |mut tcp: TcpStream| {
            tcp.write_all(b"hello from the wrapper\n").await?;
            Ok(tcp)
        })
        .start(|_| Reply::reset())
        .await
        .unwrap();
    assert!(server.url("/").starts_with("https://"));
    let (answer, error) = exchange(&server, GET).await;
    assert_eq!(answer, "hello from the wrapper\n");
    assert_eq!(error, Some(ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn ports_refuse_stay_silent_or_never_connect() {
    let refusing = Port::refusing().unwrap();
    let error = TcpStream::connect(refusing.address()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);

    let silent = Port::silent().unwrap();
    TcpStream::connect(silent.address()).await.unwrap();

    let full = Port::full().await.unwrap();
    let connecting = TcpStream::connect(full.address());
    assert!(
        tokio::time::timeout(Duration::from_millis(200), connecting)
            .await
            .is_err()
    );
}

#[test]
fn several_servers_are_several_hosts() {
    let here = Server::start_thread(|_| Reply::ok("")).unwrap();
    let there = Server::builder()
        .address(([127, 0, 0, 2], here.address().port()))
        .start_thread(|_| Reply::ok(""))
        .unwrap();
    assert_ne!(here.address().ip(), there.address().ip());
    assert!(there.url("/x").starts_with("http://127.0.0.2:"));
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a real duration is what this measures"
)]
fn ten_thousand_requests_take_little_time_and_no_log() {
    let body = bytes::Bytes::from(vec![b'x'; 10 * 1024]);
    let server = Server::builder()
        .log_max(0)
        .start_thread(move |_| Reply::ok(body.clone()))
        .unwrap();
    let mut stream = std::net::TcpStream::connect(server.address()).unwrap();
    let mut input = vec![0; 10 * 1024 + "HTTP/1.1 200 OK\r\ncontent-length: 10240\r\n\r\n".len()];
    let before = Instant::now();
    for _ in 0..10_000 {
        stream.write_all(GET.as_bytes()).unwrap();
        stream.read_exact(&mut input).unwrap();
    }
    assert!(before.elapsed() < Duration::from_secs(20));
    assert_eq!(server.connections().total, 1);
    assert_eq!(server.exchanges().total, 10_000);
    assert!(server.requests().is_empty());
}
