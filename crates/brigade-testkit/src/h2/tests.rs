//! Scripts against a client that writes and reads raw frames itself, in memory and over sockets.

use super::*;
use crate::wait::until;
use bytes::{Bytes, BytesMut};
use std::io::{self, ErrorKind};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::TcpStream;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const LAST: u8 = flag::END_HEADERS | flag::END_STREAM;

/// The small client of these tests: it knows frames and nothing else.
struct Client<S> {
    stream: S,
    input: BytesMut,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    async fn new(mut stream: S) -> Self {
        stream.write_all(PREFACE).await.unwrap();
        Self {
            stream,
            input: BytesMut::new(),
        }
    }

    async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: impl Into<Bytes>) {
        let frame = Frame::new(kind, flags, stream, payload);
        self.stream.write_all(&frame.to_bytes()).await.unwrap();
    }

    async fn get(&mut self, stream: u32, path: &str) {
        let block = block(&[(":method", "GET"), (":path", path)]);
        self.send(kind::HEADERS, LAST, stream, block).await;
    }

    async fn next(&mut self) -> io::Result<Option<Frame>> {
        loop {
            if let Some(frame) = Frame::take(&mut self.input) {
                return Ok(Some(frame));
            }
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return Ok(None);
            }
        }
    }

    async fn expect(&mut self, kind: u8, flags: u8, stream: u32, payload: impl Into<Bytes>) {
        let frame = self.next().await.unwrap().expect("a frame comes");
        assert_eq!(frame, Frame::new(kind, flags, stream, payload));
    }
}

async fn in_memory() -> (Client<DuplexStream>, H2Conn) {
    let (one, other) = duplex(1 << 20);
    (Client::new(one).await, H2Conn::over(other))
}

async fn connect(server: &H2Server) -> Client<TcpStream> {
    Client::new(TcpStream::connect(server.address()).await.unwrap()).await
}

#[tokio::test]
async fn a_polite_script_serves_requests_and_says_goodbye() {
    let server = H2Server::start(|mut conn| async move {
        conn.settings(&[(setting::MAX_CONCURRENT_STREAMS, 2)])
            .await?;
        for path in ["/a", "/b"] {
            let request = conn.request().await?.expect("there are two");
            assert_eq!((request.method(), request.path()), ("GET", path));
            assert!(request.end_stream);
            conn.respond(request.stream, 200, path).await?;
        }
        conn.goaway(3, code::NO_ERROR).await
    });
    let server = server.unwrap();
    let mut client = connect(&server).await;
    client.send(kind::SETTINGS, flag::NONE, 0, "").await;
    client.send(kind::PING, flag::NONE, 0, "12345678").await;
    client.get(1, "/a").await;
    client.get(3, "/b").await;
    client
        .expect(kind::SETTINGS, flag::NONE, 0, &b"\0\x03\0\0\0\x02"[..])
        .await;
    client.expect(kind::SETTINGS, flag::ACK, 0, "").await;
    client.expect(kind::PING, flag::ACK, 0, "12345678").await;
    for (stream, body) in [(1, "/a"), (3, "/b")] {
        let head = block(&[(":status", "200")]);
        client
            .expect(kind::HEADERS, flag::END_HEADERS, stream, head)
            .await;
        client
            .expect(kind::DATA, flag::END_STREAM, stream, body)
            .await;
    }
    client
        .expect(kind::GOAWAY, flag::NONE, 0, &b"\0\0\0\x03\0\0\0\0"[..])
        .await;
    assert_eq!(client.next().await.unwrap(), None, "the script is over");
    assert_eq!(server.connections().open, 1, "until the client closes, too");
    drop(client);
    until(|| server.connections().open == 0).await;
    let kinds: Vec<_> = server
        .finish()
        .await
        .iter()
        .map(|(_, frame)| frame.kind)
        .collect();
    assert_eq!(
        kinds,
        [kind::SETTINGS, kind::PING, kind::HEADERS, kind::HEADERS]
    );
}

#[tokio::test(start_paused = true)]
async fn everything_that_a_script_sends_arrives_as_it_was_sent() {
    let (mut client, mut conn) = in_memory().await;
    conn.headers_with(1, 99, &[("x", "y")], flag::END_STREAM)
        .await
        .unwrap();
    conn.header_block(3, "junk", flag::NONE).await.unwrap();
    conn.continuation(3, "more", flag::END_HEADERS)
        .await
        .unwrap();
    conn.trailers(1, &[("a", "b")]).await.unwrap();
    conn.push_promise(1, 2, &[(":path", "/")]).await.unwrap();
    conn.data(5, "", flag::NONE).await.unwrap();
    conn.reset_stream(7, code::REFUSED_STREAM).await.unwrap();
    conn.window_update(0, 0).await.unwrap();
    conn.ping(*b"abcdefgh").await.unwrap();
    conn.send(Frame::new(99, 255, 0x8000_0001, "unknown"))
        .await
        .unwrap();
    conn.raw(b"\0\0\x01 and then the end").await.unwrap();
    drop(conn);
    let head = block(&[(":status", "99"), ("x", "y")]);
    client.expect(kind::HEADERS, LAST, 1, head).await;
    client.expect(kind::HEADERS, flag::NONE, 3, "junk").await;
    client
        .expect(kind::CONTINUATION, flag::END_HEADERS, 3, "more")
        .await;
    client
        .expect(kind::HEADERS, LAST, 1, &b"\0\x01a\x01b"[..])
        .await;
    let promise = [&[0, 0, 0, 2][..], &block(&[(":path", "/")])].concat();
    client
        .expect(kind::PUSH_PROMISE, flag::END_HEADERS, 1, promise)
        .await;
    client.expect(kind::DATA, flag::NONE, 5, "").await;
    client
        .expect(kind::RST_STREAM, flag::NONE, 7, &[0, 0, 0, 7][..])
        .await;
    client
        .expect(kind::WINDOW_UPDATE, flag::NONE, 0, &[0; 4][..])
        .await;
    client.expect(kind::PING, flag::NONE, 0, "abcdefgh").await;
    client.expect(99, 255, 1, "unknown").await;
    assert!(
        client.next().await.unwrap().is_some(),
        "one frame of one byte"
    );
    assert_eq!(client.next().await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_request_is_put_together_from_its_frames() {
    let (mut client, mut conn) = in_memory().await;
    let whole = block(&[
        (":method", "POST"),
        (":path", "/p"),
        ("x", &"y".repeat(300)),
    ]);
    // Two bytes of padding, and a priority that means nothing.
    let first = [&[2, 0, 0, 0, 0, 9][..], &whole[..7], &[0, 0]].concat();
    let flags = flag::PADDED | flag::PRIORITY;
    client.send(kind::HEADERS, flags, 1, first).await;
    client
        .send(kind::CONTINUATION, flag::NONE, 1, whole.slice(7..9))
        .await;
    client
        .send(kind::CONTINUATION, flag::END_HEADERS, 1, whole.slice(9..))
        .await;
    client
        .send(kind::DATA, flag::PADDED, 1, &b"\x01hello \0"[..])
        .await;
    client.get(3, "/g").await;
    client.send(kind::DATA, flag::NONE, 1, "world").await;
    client
        .send(kind::HEADERS, LAST, 1, block(&[("trailer", "t")]))
        .await;
    let post = conn.request().await.unwrap().unwrap();
    assert_eq!((post.method(), post.path(), post.stream), ("POST", "/p", 1));
    assert_eq!(post.header("x").map(str::len), Some(300));
    assert!(!post.end_stream);
    assert_eq!(conn.body(1).await.unwrap(), "hello world");
    let get = conn.request().await.unwrap().unwrap();
    assert_eq!((get.path(), get.stream), ("/g", 3));
    // The window is given back, padding included.
    for (stream, bytes) in [(0, 8), (1, 8), (0, 5), (1, 5)] {
        client
            .expect(
                kind::WINDOW_UPDATE,
                flag::NONE,
                stream,
                vec![0, 0, 0, bytes],
            )
            .await;
    }
    client
        .send(
            kind::HEADERS,
            flag::END_HEADERS,
            5,
            block(&[(":path", "/")]),
        )
        .await;
    client
        .send(kind::RST_STREAM, flag::NONE, 5, &[0, 0, 0, 8][..])
        .await;
    let error = conn.body(5).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
    assert_eq!(error.to_string(), "the client reset stream 5 with code 8");
}

#[tokio::test(start_paused = true)]
async fn a_whole_body_goes_out_as_fast_as_the_client_lets_it() {
    let (mut client, mut conn) = in_memory().await;
    client
        .send(kind::SETTINGS, flag::NONE, 0, &b"\0\x04\0\0\0\x04"[..])
        .await;
    client.get(1, "/").await;
    let script = async {
        let request = conn.request().await.unwrap().unwrap();
        conn.respond(request.stream, 200, "0123456789")
            .await
            .unwrap();
        // The client may take the rest of its window back; then nothing has room.
        assert_eq!(conn.room(1), 0);
    };
    let reader = async {
        client.expect(kind::SETTINGS, flag::ACK, 0, "").await;
        client.next().await.unwrap();
        client.expect(kind::DATA, flag::NONE, 1, "0123").await;
        let silent = tokio::time::timeout(Duration::from_secs(5), client.next()).await;
        assert!(silent.is_err(), "there is no room for more");
        client
            .send(kind::WINDOW_UPDATE, flag::NONE, 1, &[0, 0, 0, 6][..])
            .await;
        client
            .expect(kind::DATA, flag::END_STREAM, 1, "456789")
            .await;
    };
    tokio::join!(script, reader);
    client.get(3, "/").await;
    client
        .send(kind::RST_STREAM, flag::NONE, 3, &[0, 0, 0, 8][..])
        .await;
    conn.request().await.unwrap();
    conn.frame().await.unwrap();
    conn.respond(3, 200, "to nobody").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_breaks_the_rules_or_says_nothing_is_an_error() {
    let kind_of = async |bytes: &[u8]| {
        let (mut client, other) = duplex(1 << 20);
        client.write_all(bytes).await.unwrap();
        let mut conn = H2Conn::over(other);
        let error = conn.request().await.unwrap_err();
        (error.kind(), error.to_string())
    };
    let (kind, text) = kind_of(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(kind, ErrorKind::InvalidData);
    assert!(text.contains("preface"), "{text}");
    let (kind, text) = kind_of(b"PRI *").await;
    assert_eq!(
        (kind, &*text),
        (ErrorKind::TimedOut, "the client sent nothing for 10s")
    );
    let wrong = [
        (
            vec![(kind::HEADERS, flag::END_HEADERS, 1, "\u{ff}")],
            "header block that is none",
        ),
        (
            vec![(kind::HEADERS, flag::PADDED, 1, "\x05")],
            "wrong padding",
        ),
        (
            vec![(kind::CONTINUATION, flag::END_HEADERS, 1, "")],
            "continuation of nothing",
        ),
        (
            vec![(kind::HEADERS, 0, 1, ""), (kind::PING, 0, 0, "")],
            "within a header block",
        ),
        (
            vec![(kind::HEADERS, 0, 1, ""), (kind::CONTINUATION, 4, 3, "")],
            "of nothing",
        ),
        (vec![(kind::WINDOW_UPDATE, 0, 0, "abc")], "no size"),
    ];
    for (frames, expected) in wrong {
        let frames = frames.iter().map(|(kind, flags, stream, payload)| {
            Frame::new(*kind, *flags, *stream, payload.as_bytes().to_vec()).to_bytes()
        });
        let bytes = [PREFACE.to_vec(), frames.collect::<Vec<_>>().concat()].concat();
        let (kind, text) = kind_of(&bytes).await;
        assert_eq!(kind, ErrorKind::InvalidData, "{text}");
        assert!(text.contains(expected), "{text}");
    }
}

#[tokio::test]
async fn a_reset_is_seen_as_one_and_an_end_loses_nothing() {
    let server = H2Server::start(|mut conn| async move {
        conn.raw(&[b'x'; 100_000]).await?;
        match conn.number() {
            0 => Ok(()),
            _ => {
                conn.frame_of(kind::PING).await?;
                conn.reset()
            }
        }
    });
    let server = server.unwrap();
    let mut client = connect(&server).await;
    // The script never reads these.
    client.send(kind::PING, flag::NONE, 0, "12345678").await;
    let mut all = Vec::new();
    client.stream.read_to_end(&mut all).await.unwrap();
    assert_eq!(all.len(), 100_000);
    drop(client);
    until(|| server.connections().open == 0).await;
    let mut client = connect(&server).await;
    client.send(kind::PING, flag::NONE, 0, "12345678").await;
    let error = client.stream.read_to_end(&mut all).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    drop(client);
    until(|| server.connections().open == 0).await;
    assert_eq!(
        (server.connections().peak, server.connections().total),
        (1, 2)
    );
}

#[tokio::test]
async fn a_client_that_leaves_is_no_failure() {
    let server = H2Server::start(|mut conn| async move {
        match conn.number() {
            0 => conn.fall_silent().await,
            1 => drop(conn.frame_of(kind::GOAWAY).await?),
            _ => loop {
                conn.ping([0; 8]).await?;
                tokio::task::yield_now().await;
            },
        }
        Ok(())
    });
    let server = server.unwrap();
    for _ in 0..3 {
        drop(connect(&server).await);
    }
    until(|| server.connections().total == 3 && server.connections().open == 0).await;
    assert_eq!(server.finish().await, []);
}

#[tokio::test]
#[should_panic(expected = "the script of connection 0 failed: out of order")]
async fn the_error_of_a_script_is_raised_in_the_test() {
    let server = H2Server::start(|_| async { Err(io::Error::other("out of order")) }).unwrap();
    let mut client = connect(&server).await;
    assert_eq!(client.next().await.unwrap(), None);
    drop(client);
    until(|| server.connections().open == 0).await;
    drop(server);
}

#[tokio::test]
#[should_panic(expected = "the script stumbled")]
async fn the_panic_of_a_script_is_raised_in_the_test() {
    let server = H2Server::start(|_| async { panic!("the script stumbled") }).unwrap();
    let mut client = connect(&server).await;
    let _ = client.next().await;
    server.finish().await;
}

#[tokio::test]
async fn a_wrapped_server_speaks_through_what_it_was_given() {
    let server = H2Server::start_wrapped(
        |tcp| async move { Ok(tokio::io::BufStream::new(tcp)) },
        |mut conn| async move { conn.ping(*b"12345678").await },
    );
    let server = server.unwrap();
    assert!(server.url("/").starts_with("https://127.0.0.1:"));
    let mut client = connect(&server).await;
    client.expect(kind::PING, flag::NONE, 0, "12345678").await;
}
