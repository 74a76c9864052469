//! H10 where a connection ends, early, late or not at all: cut responses, bodies without a length,
//! and what a server says about keeping the connection.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use brigade_http::{Kind, Method, Phase, PoolLimits, Timeouts};
use brigade_testkit::server::{Reply, Server};
use brigade_testkit::wait::until;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::framing::{answer, get};
use super::{limited, read, secure, spawn};

const SIZED: &str = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123456789";
const CHUNKED: &str =
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n";

#[tokio::test]
async fn h10k_a_response_cut_anywhere_is_an_error_or_complete_and_costs_no_slot() {
    let client = limited(PoolLimits::default().total(1));
    for whole in [SIZED, CHUNKED] {
        for cut in 0..=whole.len() {
            let reply = Reply::raw(whole);
            for reply in [reply.clone().close_after(cut), reply.reset_after(cut)] {
                let shown = format!("{:?}", &whole[..cut]);
                let server = Server::start(move |request| match request.path() {
                    "/cut" => reply.clone(),
                    _ => Reply::ok("next"),
                });
                let server = server.await.unwrap();
                let cut_off = get(&client, server.url("/cut")).await;
                match cut == whole.len() {
                    true => assert_eq!(cut_off, Ok((200, "0123456789".to_owned())), "{shown}"),
                    false => assert_eq!(cut_off, Err(Kind::Protocol), "{shown}"),
                }
                let next = get(&client, server.url("/")).await;
                assert_eq!(next, Ok((200, "next".to_owned())), "after {shown}");
            }
        }
    }
}

#[tokio::test]
async fn h10l_a_body_without_a_length_ends_with_its_connection_unless_that_breaks() {
    let open = "HTTP/1.1 200 OK\r\n\r\n0123456789";
    let (read, kept) = answer(Reply::raw(open)).await;
    assert_eq!((read, kept), (Ok((200, "0123456789".to_owned())), false));
    for bytes in 0..=10 {
        let reply = Reply::status(200).until_close("0123456789");
        let (read, kept) = answer(reply.reset_after(bytes)).await;
        assert_eq!((read, kept), (Err(Kind::Protocol), false), "{bytes}");
    }
}

/// TLS of which the end says no goodbye, as it is when somebody in between cuts the connection.
struct Torn(TlsStream<TcpStream>);

impl AsyncRead for Torn {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Torn {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.0.get_mut().0).poll_shutdown(context)
    }
}

#[tokio::test]
async fn h10m_over_tls_a_body_without_a_length_is_complete_only_after_a_goodbye() {
    let open = || Reply::status(200).until_close("0123456789");
    let (polite, pem) = secure::server(open()).await;
    let client = secure::trusting(&pem);
    let text = get(&client, secure::url(&polite, "localhost")).await;
    assert_eq!(text, Ok((200, "0123456789".to_owned())));

    let (acceptor, pem) = secure::identity();
    let replies = [
        (open(), Err(Kind::Protocol)),
        // Where the length is known, nothing is missing.
        (Reply::raw(SIZED), Ok((200, "0123456789".to_owned()))),
        (Reply::raw(CHUNKED), Ok((200, "0123456789".to_owned()))),
        (Reply::raw(&CHUNKED[..70]), Err(Kind::Protocol)),
    ];
    for (reply, expected) in replies {
        let acceptor = acceptor.clone();
        let torn = Server::builder().wrap(move |tcp| {
            let accept = acceptor.accept(tcp);
            async { accept.await.map(Torn) }
        });
        let torn = torn.start(move |_| reply.clone()).await.unwrap();
        let client = secure::trusting(&pem);
        let text = get(&client, secure::url(&torn, "localhost")).await;
        assert_eq!(text, expected);
        until(|| client.stats().total() == 0).await;
    }
}

#[tokio::test]
async fn h10n_a_body_where_none_may_be_is_never_a_part_of_the_next_response() {
    let forged = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged";
    for (method, status) in [(Method::HEAD, 200), (Method::GET, 204), (Method::GET, 304)] {
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n",
            forged.len()
        );
        let reply = Reply::raw(format!("{head}{forged}")).keep_alive(true);
        let server = Server::start(move |request| match request.path() {
            "/odd" => reply.clone(),
            _ => Reply::ok("plain"),
        });
        let server = server.await.unwrap();
        let client = limited(PoolLimits::default().total(1));
        for round in 1..3 {
            let odd = client.request(method.clone(), server.url("/odd")).unwrap();
            let odd = odd.send().await.unwrap();
            assert_eq!(odd.status(), status);
            assert_eq!(odd.text().await.unwrap(), "");
            assert_eq!(read(&client, server.url("/")).await, b"plain");
            assert_eq!(server.connections().total, round + 1, "{method} {status}");
        }
    }
}

#[tokio::test]
async fn h10o_an_older_server_that_says_so_keeps_its_connection() {
    let headers = [
        ("connection: keep-alive", true),
        ("Connection: Keep-Alive, x", true),
        ("connection: close", false),
        ("connection: x", false),
        ("keep-alive: timeout=100", false),
    ];
    for (header, keeps) in headers {
        let bytes = format!("HTTP/1.0 200 OK\r\n{header}\r\ncontent-length: 1\r\n\r\nx");
        let (read, kept) = answer(Reply::raw(bytes).keep_alive(true)).await;
        assert_eq!((read, kept), (Ok((200, "x".to_owned())), keeps), "{header}");
    }
}

#[tokio::test]
async fn h10p_a_time_to_keep_a_connection_that_makes_no_sense_is_not_minded() {
    let values = [
        ("timeout=0", false),
        ("timeout=0, max=0", false),
        ("timeout=4294967295", true),
        ("timeout=4294967296", true),
        ("timeout=99999999999999999999", true),
        ("timeout=-1", true),
        ("timeout=", true),
        ("timeout", true),
        ("timeout=soon, max", true),
        (",,=,;", true),
        ("\u{e4}", true),
        ("max=1", true),
    ];
    for (value, keeps) in values {
        let (read, kept) = answer(Reply::ok("x").header("keep-alive", value)).await;
        assert_eq!((read, kept), (Ok((200, "x".to_owned())), keeps), "{value}");
    }
}

#[tokio::test]
async fn h10q_those_who_wait_behind_a_request_that_times_out_are_served() {
    let server = Server::start(|request| match request.path() {
        "/hang" => Reply::hang(),
        _ => Reply::ok("fine"),
    });
    let server = server.await.unwrap();
    let client = limited(PoolLimits::default().total(2));
    let short = Timeouts::default().read(Duration::from_millis(40));
    let hopeless = Timeouts::default().pool(Duration::from_millis(1));
    for _ in 0..5 {
        let send = |path: &str, timeouts| {
            let request = client.get(server.url(path)).unwrap().timeouts(timeouts);
            async move { request.send().await?.text().await }
        };
        let hanging = [0; 2].map(|_| spawn(send("/hang", short)));
        until(|| client.stats().active == 2).await;
        let patient = [0; 20].map(|_| spawn(send("/", Timeouts::default())));
        let impatient = [0; 20].map(|_| spawn(send("/", hopeless)));
        let kind = |result: Result<String, brigade_http::Error>| result.map_err(|e| e.kind());
        for task in hanging {
            let timeout = Kind::Timeout(Phase::Read);
            assert_eq!(kind(task.await.unwrap()), Err(timeout));
        }
        for task in patient {
            assert_eq!(kind(task.await.unwrap()), Ok("fine".to_owned()));
        }
        for task in impatient {
            let timeout = Kind::Timeout(Phase::Pool);
            assert_eq!(kind(task.await.unwrap()), Err(timeout));
        }
    }
    assert_eq!(client.stats().waiting, 0);
    assert!(server.connections().peak <= 2);
}
