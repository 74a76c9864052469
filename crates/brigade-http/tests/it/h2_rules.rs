//! H5 against servers of HTTP/2 that break the rules, by what they send or by how much of it.

use std::io;
use std::pin::Pin;

use brigade_http::{Kind, Phase, Timeouts};
use brigade_testkit::h2::{Frame, H2Conn, H2Server, block, code, flag, kind, setting};
use brigade_testkit::wait::until;

use super::h2_hostile::{SHORT, client, fine, get, go_on, serve};
use super::tell;

type Playing<'a> = Pin<Box<dyn Future<Output = io::Result<()>> + Send + 'a>>;
type Part = fn(&mut H2Conn) -> Playing<'_>;

macro_rules! part {
    (|$conn:ident| $($step:expr),+ $(,)?) => {
        (|$conn| Box::pin(async move { $($step.await?;)+ Ok(()) })) as Part
    };
}

/// The first connection answers its first request as `part` says, then falls silent; all others are
/// served.
fn odd(part: Part) -> H2Server {
    H2Server::start(move |mut conn| async move {
        if conn.number() > 0 {
            return serve(conn).await;
        }
        conn.settings(&[]).await?;
        if conn.request().await?.is_some() {
            part(&mut conn).await?;
        }
        conn.fall_silent().await;
        Ok(())
    })
    .unwrap()
}

#[tokio::test]
async fn h5s_a_server_that_breaks_the_rules_of_the_connection_loses_it() {
    let wrong = [
        part!(|conn| conn.raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")),
        part!(|conn| conn.header_block(1, vec![0xff; 10], flag::END_HEADERS)),
        part!(|conn| conn.headers_with(1, 200, &[("Upper", "x")], flag::END_STREAM)),
        part!(|conn| conn.headers_with(1, 200, &[("a", "b\r\nc: d")], flag::END_STREAM)),
        part!(
            |conn| conn.headers(1, 101, flag::NONE),
            conn.data(1, "x", flag::END_STREAM)
        ),
        part!(|conn| conn.headers(0, 200, flag::END_STREAM)),
        part!(|conn| conn.headers(2, 200, flag::END_STREAM)),
        part!(|conn| conn.headers(3, 200, flag::END_STREAM)),
        part!(|conn| conn.push_promise(1, 2, &[(":method", "GET"), (":path", "/")])),
        part!(|conn| conn.data(1, "before its head", flag::END_STREAM)),
        part!(|conn| conn.data(0, "x", flag::END_STREAM)),
        part!(|conn| conn.send(Frame::new(kind::DATA, flag::PADDED, 1, "\u{7f}short"))),
        part!(|conn| conn.data(1, vec![0; 70_000], flag::NONE)),
        part!(|conn| conn.raw(b"\xff\xff\xff\x00\x00\x00\x00\x00\x01")),
        part!(
            |conn| conn.header_block(1, "", flag::NONE),
            conn.ping([0; 8])
        ),
        part!(|conn| conn.continuation(1, "", flag::END_HEADERS)),
        part!(|conn| conn.reset_stream(0, code::CANCEL)),
        part!(|conn| conn.reset_stream(99, code::CANCEL)),
        part!(|conn| conn.window_update(0, 0)),
        part!(|conn| conn.window_update(0, 0x7fff_ffff)),
        part!(
            |conn| conn.goaway(1, code::NO_ERROR),
            conn.goaway(9, code::NO_ERROR)
        ),
        part!(|conn| conn.settings(&[(setting::INITIAL_WINDOW_SIZE, 1 << 31)])),
        part!(|conn| conn.settings(&[(setting::MAX_FRAME_SIZE, 1)])),
        part!(|conn| conn.settings(&[(setting::ENABLE_PUSH, 7)])),
        part!(|conn| conn.send(Frame::new(kind::SETTINGS, flag::NONE, 0, "12345"))),
    ];
    for (number, part) in wrong.into_iter().enumerate() {
        let server = odd(part);
        let client = client();
        // A POST, of which nobody can say that nothing was done.
        let post = client.post(server.url("/")).unwrap().body("once");
        let read = async { post.send().await?.text().await };
        let error = read.await.expect_err(&format!("number {number}"));
        assert_eq!(
            error.kind(),
            Kind::Protocol,
            "number {number}: {}",
            tell(&error)
        );
        assert_eq!(
            get(&client, server.url("/")).await,
            fine("next"),
            "number {number}"
        );
        assert_eq!(server.connections().total, 2, "number {number}");
        until(|| server.connections().open == 1).await;
    }
}

#[tokio::test]
async fn h5t_a_response_that_breaks_the_rules_is_an_error_of_its_stream_only() {
    let wrong = [
        part!(|conn| conn.trailers(1, &[("no", "status")])),
        part!(|conn| conn.trailers(1, &[(":status", "200"), (":status", "404")])),
        part!(|conn| conn.trailers(1, &[("late", "x"), (":status", "200")])),
        part!(|conn| conn.headers(1, 100, flag::END_STREAM)),
        part!(|conn| conn.headers_with(1, 200, &[("connection", "close")], flag::END_STREAM)),
        part!(|conn| conn.headers_with(1, 200, &[("transfer-encoding", "chunked")], flag::NONE)),
        part!(|conn| conn.headers_with(1, 200, &[("content-length", "9")], flag::END_STREAM)),
        part!(|conn| conn.headers_with(1, 200, &[("content-length", "+1")], flag::NONE)),
        part!(
            |conn| conn.headers_with(1, 200, &[("content-length", "3")], flag::NONE),
            conn.data(1, "four", flag::END_STREAM)
        ),
        part!(
            |conn| conn.headers_with(1, 200, &[("content-length", "5")], flag::NONE),
            conn.data(1, "four", flag::END_STREAM)
        ),
        part!(
            |conn| conn.headers(1, 200, flag::NONE),
            conn.headers(1, 200, flag::NONE)
        ),
    ];
    for (number, part) in wrong.into_iter().enumerate() {
        let server = H2Server::start(move |mut conn| async move {
            conn.settings(&[]).await?;
            if conn.request().await?.is_some() {
                part(&mut conn).await?;
            }
            go_on(conn).await
        });
        let server = server.unwrap();
        let client = client();
        assert_eq!(
            get(&client, server.url("/")).await,
            Err(Kind::Protocol),
            "number {number}"
        );
        assert_eq!(
            get(&client, server.url("/")).await,
            fine("next"),
            "number {number}"
        );
        assert_eq!(server.connections().total, 1, "number {number}");
    }
}

#[tokio::test]
async fn h5u_a_flood_ends_in_an_error_or_is_over_when_it_is_over() {
    let hurtful = [
        part!(
            |conn| conn.header_block(1, block(&[(":status", "200")]), flag::NONE),
            many(conn, Frame::new(kind::CONTINUATION, flag::NONE, 1, ""))
        ),
        part!(
            |conn| conn.headers(1, 200, flag::NONE),
            many(conn, Frame::new(kind::DATA, flag::NONE, 1, ""))
        ),
        part!(
            |conn| conn.headers(1, 200, flag::NONE),
            many(conn, Frame::new(kind::DATA, flag::PADDED, 1, "\u{3}\0\0\0"))
        ),
    ];
    for (number, part) in hurtful.into_iter().enumerate() {
        let server = odd(part);
        let client = client();
        assert_eq!(
            get(&client, server.url("/")).await,
            Err(Kind::Protocol),
            "number {number}"
        );
        assert_eq!(
            get(&client, server.url("/")).await,
            fine("next"),
            "number {number}"
        );
    }
    let tedious = [
        Frame::new(kind::SETTINGS, flag::NONE, 0, ""),
        Frame::new(kind::PING, flag::NONE, 0, "12345678"),
        Frame::new(kind::PING, flag::ACK, 0, "12345678"),
        Frame::new(kind::WINDOW_UPDATE, flag::NONE, 0, &b"\0\0\0\x01"[..]),
        Frame::new(kind::PRIORITY, flag::NONE, 1, "12345"),
        Frame::new(99, 255, 77, "unknown"),
        Frame::new(
            kind::HEADERS,
            flag::END_HEADERS,
            1,
            block(&[(":status", "103")]),
        ),
    ];
    for frame in tedious {
        let shown = frame.kind;
        let server = H2Server::start(move |mut conn| {
            let frame = frame.clone();
            async move {
                conn.settings(&[]).await?;
                conn.request().await?;
                many(&mut conn, frame).await?;
                conn.respond(1, 200, "over").await?;
                go_on(conn).await
            }
        });
        let server = server.unwrap();
        let client = client();
        assert_eq!(
            get(&client, server.url("/")).await,
            fine("over"),
            "type {shown}"
        );
        assert_eq!(
            get(&client, server.url("/")).await,
            fine("next"),
            "type {shown}"
        );
    }
}

/// Sends a frame 20,000 times, and reads meanwhile what the client answers.
async fn many(conn: &mut H2Conn, frame: Frame) -> io::Result<()> {
    let burst = frame.to_bytes().repeat(100);
    for _ in 0..200 {
        conn.raw(&burst).await?;
    }
    Ok(())
}

#[tokio::test]
async fn h5z_interim_responses_without_end_end_at_the_total_timeout() {
    let server = H2Server::start(|mut conn| async move {
        conn.settings(&[]).await?;
        conn.request().await?;
        let head = Frame::new(
            kind::HEADERS,
            flag::END_HEADERS,
            1,
            block(&[(":status", "103")]),
        );
        loop {
            many(&mut conn, head.clone()).await?;
        }
    });
    let server = server.unwrap();
    let client = client();
    let request = client.get(server.url("/")).unwrap();
    let request = request.timeouts(Timeouts::NONE.total(SHORT));
    let error = request.send().await.unwrap_err();
    assert_eq!(
        error.kind(),
        Kind::Timeout(Phase::Total),
        "{}",
        tell(&error)
    );
    client.close().await;
    until(|| server.connections().open == 0).await;
}
