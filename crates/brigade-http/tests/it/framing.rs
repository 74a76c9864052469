//! H6 where the rules of HTTP are bent: responses whose end is doubtful, and those without a body.

use std::time::Duration;

use brigade_http::{Client, Kind, PoolLimits};
use brigade_testkit::server::{Reply, Server};
use brigade_testkit::wait::until;

use super::{limited, tell};

/// What a client makes of a response, and whether it keeps the connection.
pub(super) async fn read(bytes: String) -> (Result<(u16, String), Kind>, bool) {
    answer(Reply::raw(bytes).keep_alive(true)).await
}

/// The same for any reply.
pub(super) async fn answer(reply: Reply) -> (Result<(u16, String), Kind>, bool) {
    let server = Server::start(move |request| match request.path() {
        "/odd" => reply.clone(),
        _ => Reply::ok("plain"),
    });
    let server = server.await.unwrap();
    let client = limited(PoolLimits::default().total(1));
    let read = get(&client, server.url("/odd")).await;
    let next = get(&client, server.url("/")).await;
    assert_eq!(next, Ok((200, "plain".to_owned())), "after {read:?}");
    until(|| client.stats().active == 0).await;
    (read, server.connections().total == 1)
}

pub(super) async fn get(client: &Client, url: String) -> Result<(u16, String), Kind> {
    let request = client.get(url).unwrap().timeout(Duration::from_secs(5));
    let response = request.send().await.map_err(|error| error.kind())?;
    let status = response.status().as_u16();
    let text = response.text().await.map_err(|error| error.kind())?;
    Ok((status, text))
}

#[tokio::test]
async fn h6s_a_response_whose_end_is_doubtful_is_an_error_or_the_last_on_its_connection() {
    let doubtful = [
        (
            "content-length: 50\r\ntransfer-encoding: chunked",
            Some("x"),
        ),
        ("transfer-encoding: chunked, identity", None),
        ("transfer-encoding: gzip, chunked", None),
        ("transfer-encoding: identity", None),
        (
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
            None,
        ),
        ("content-length: 1\r\ncontent-length: 2", None),
        ("content-length: 1, 2", None),
        ("content-length: -1", None),
        ("content-length: +1", None),
        ("content-length : 1", None),
        ("x-folded: a\r\n b\r\ncontent-length: 1", None),
    ];
    for (headers, body) in doubtful {
        let bytes = format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n1\r\nx\r\n0\r\n\r\n");
        let (read, kept) = read(bytes).await;
        let expected = body.map(|body| (200, body.to_owned()));
        assert_eq!(read, expected.ok_or(Kind::Protocol), "{headers}");
        assert!(!kept, "{headers}");
    }
}

#[tokio::test]
async fn h6t_what_belongs_to_a_body_beside_its_bytes_is_bounded() {
    let bombs = [
        format!("1;{}\r\nx\r\n0\r\n\r\n", "a".repeat(1 << 20)),
        format!("1\r\nx\r\n0\r\n{}\r\n", "a: b\r\n".repeat(100_000)),
        format!("1\r\nx\r\n0\r\na: {}\r\n\r\n", "b".repeat(1 << 20)),
        "fffffffffffffffff\r\nx\r\n0\r\n\r\n".to_owned(),
    ];
    for bomb in bombs {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let (read, kept) = read(format!("{head}{bomb}")).await;
        assert_eq!((read, kept), (Err(Kind::Protocol), false), "{}", &bomb[..9]);
    }
}

#[tokio::test]
async fn responses_without_a_body_have_none_whatever_their_headers_say() {
    let without = [
        (
            304,
            "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n",
            true,
        ),
        (204, "HTTP/1.1 204 No Content\r\n\r\n", true),
        (
            204,
            "HTTP/1.1 204 No Content\r\ncontent-length: 1\r\n\r\nx",
            false,
        ),
        (
            101,
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n",
            false,
        ),
    ];
    for (status, bytes, keeps) in without {
        let (read, kept) = read(bytes.to_owned()).await;
        assert_eq!(read, Ok((status, String::new())), "{bytes}");
        assert_eq!(kept, keeps, "{bytes}");
    }
}

#[tokio::test]
async fn h1l_a_request_that_cannot_be_sent_costs_no_connection() {
    let server = Server::start(|_| Reply::ok("x")).await.unwrap();
    let client = limited(PoolLimits::default().total(1));
    let long = server.url(&format!("/{}", "x".repeat(70_000)));
    for _ in 0..2 {
        let error = client.get(&long).unwrap().send().await.unwrap_err();
        assert_eq!(error.kind(), Kind::BadUrl);
        let text = tell(&error.without_url());
        assert!(text.contains("too long"), "{text}");
    }
    assert_eq!(client.stats().total(), 0);
    assert_eq!(server.connections().total, 0);
}
