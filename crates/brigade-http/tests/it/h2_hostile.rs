//! H5 against servers of HTTP/2 that do what no library lets them do, frame by frame.

use std::io;
use std::time::Duration;

use brigade_http::{Client, Kind, Method, Phase, PoolLimits, Timeouts};
use brigade_testkit::h2::{Frame, H2Conn, H2Server, code, flag, kind, setting};
use brigade_testkit::wait::until;

use super::{spawn, tell};

pub(super) const SHORT: Duration = Duration::from_millis(100);

/// A client that speaks HTTP/2 from the first byte.
pub(super) fn client() -> Client {
    super::builder().http2_prior_knowledge().build().unwrap()
}

pub(super) async fn get(client: &Client, url: String) -> Result<(u16, String), Kind> {
    let sent = client.get(url).unwrap().send().await;
    let response = sent.map_err(|error| error.kind())?;
    let status = response.status().as_u16();
    let text = response.text().await.map_err(|error| error.kind())?;
    Ok((status, text))
}

pub(super) fn fine(text: &str) -> Result<(u16, String), Kind> {
    Ok((200, text.to_owned()))
}

/// Serves everything that comes as it should be.
pub(super) async fn serve(mut conn: H2Conn) -> io::Result<()> {
    conn.settings(&[]).await?;
    go_on(conn).await
}

pub(super) async fn go_on(mut conn: H2Conn) -> io::Result<()> {
    while let Some(request) = conn.request().await? {
        conn.body(request.stream).await?;
        conn.respond(request.stream, 200, "next").await?;
    }
    Ok(())
}

#[tokio::test]
async fn h5n_a_stream_that_a_goaway_leaves_out_is_sent_again_and_one_that_it_includes_is_not() {
    let server = H2Server::start(|mut conn| async move {
        if conn.number() > 0 {
            return serve(conn).await;
        }
        conn.settings(&[(setting::MAX_CONCURRENT_STREAMS, 2)])
            .await?;
        let first = conn.request().await?.unwrap();
        conn.headers(first.stream, 200, flag::NONE).await?;
        let second = conn.request().await?.unwrap();
        conn.goaway(first.stream, code::NO_ERROR).await?;
        conn.data(first.stream, "included", flag::END_STREAM)
            .await?;
        assert!(second.stream > first.stream);
        conn.fall_silent().await;
        Ok(())
    });
    let server = server.unwrap();
    let client = client();
    let first = client.get(server.url("/1")).unwrap().send().await.unwrap();
    // Whatever its method: the server said that it did not look at it.
    let second = client.post(server.url("/2")).unwrap().body("posted").send();
    let second = second.await.unwrap();
    assert_eq!(second.text().await.unwrap(), "next");
    assert_eq!(first.text().await.unwrap(), "included");
    assert_eq!(server.connections().total, 2);
    until(|| server.connections().open == 1).await;
}

#[tokio::test]
async fn h5o_a_goaway_says_nothing_of_what_it_includes() {
    // The connection ends although it had promised an answer: a POST may have been done.
    for reason in [
        code::NO_ERROR,
        code::INTERNAL_ERROR,
        code::ENHANCE_YOUR_CALM,
    ] {
        for method in [Method::POST, Method::GET] {
            let server = H2Server::start(move |mut conn| async move {
                if conn.number() > 0 {
                    return serve(conn).await;
                }
                conn.settings(&[]).await?;
                conn.request().await?;
                conn.goaway(1, reason).await
            });
            let server = server.unwrap();
            let request = client().request(method.clone(), server.url("/")).unwrap();
            let sent = request.send().await;
            if method == Method::POST {
                assert_eq!(sent.unwrap_err().kind(), Kind::Protocol, "{reason}");
                assert_eq!(server.connections().total, 1, "{reason}");
            }
        }
    }
}

#[tokio::test]
async fn h5p_a_refused_stream_is_sent_again_whatever_its_method_but_not_for_ever() {
    let server = H2Server::start(|mut conn| async move {
        conn.settings(&[]).await?;
        let mut refused = 0;
        while let Some(request) = conn.request().await? {
            if request.path() == "/never" || refused == 0 {
                refused += 1;
                conn.reset_stream(request.stream, code::REFUSED_STREAM)
                    .await?;
            } else {
                conn.respond(request.stream, 200, "next").await?;
            }
        }
        Ok(())
    });
    let server = server.unwrap();
    let client = client();
    let post = client.post(server.url("/once")).unwrap();
    assert_eq!(post.send().await.unwrap().text().await.unwrap(), "next");
    assert_eq!(
        get(&client, server.url("/never")).await,
        Err(Kind::Protocol)
    );
    let frames = server.frames();
    let requests = frames
        .iter()
        .filter(|(_, frame)| frame.kind == kind::HEADERS);
    let count = requests.count();
    assert!(count < 12, "{count} requests");
}

#[tokio::test]
async fn h5q_a_body_that_is_cut_is_an_error_whatever_the_reason_and_of_its_stream_only() {
    let reasons = [
        code::NO_ERROR,
        code::CANCEL,
        code::REFUSED_STREAM,
        code::HTTP_1_1_REQUIRED,
        999,
    ];
    for reason in reasons {
        let server = H2Server::start(move |mut conn| async move {
            conn.settings(&[]).await?;
            conn.request().await?;
            conn.headers(1, 200, flag::NONE).await?;
            conn.data(1, "0123", flag::NONE).await?;
            conn.reset_stream(1, reason).await?;
            go_on(conn).await
        });
        let server = server.unwrap();
        let client = client();
        assert_eq!(
            get(&client, server.url("/")).await,
            Err(Kind::Protocol),
            "{reason}"
        );
        assert_eq!(
            get(&client, server.url("/")).await,
            fine("next"),
            "{reason}"
        );
        assert_eq!(server.connections().total, 1, "{reason}");
    }
    // A connection that ends cuts every body on it.
    let server = H2Server::start(|mut conn| async move {
        conn.settings(&[]).await?;
        conn.request().await?;
        conn.headers(1, 200, flag::NONE).await?;
        conn.data(1, "0123", flag::NONE).await
    });
    let server = server.unwrap();
    assert_eq!(get(&client(), server.url("/")).await, Err(Kind::Protocol));
}

#[tokio::test]
async fn h5r_a_server_that_takes_fewer_streams_from_now_on_gets_no_more() {
    let server = H2Server::start(|mut conn| async move {
        let mut most = 3;
        conn.settings(&[(setting::MAX_CONCURRENT_STREAMS, most)])
            .await?;
        let mut open = Vec::new();
        while let Some(request) = conn.request().await? {
            if request.path() == "/shrink" {
                most = 1;
                conn.settings(&[(setting::MAX_CONCURRENT_STREAMS, most)])
                    .await?;
                conn.respond(request.stream, 200, "1 from now on").await?;
                continue;
            }
            open.push(request.stream);
            // Whatever the client sends before it hears of a ping is under way together.
            conn.ping([0; 8]).await?;
            while conn
                .polite_frame()
                .await?
                .is_some_and(|frame| frame.kind != kind::PING)
            {
                while let Some(request) = conn.waiting() {
                    open.push(request.stream);
                }
            }
            assert!(open.len() <= most as usize, "{open:?} are more than {most}");
            for stream in open.drain(..) {
                conn.respond(stream, 200, "next").await?;
            }
        }
        Ok(())
    });
    let server = server.unwrap();
    let limits = PoolLimits::default().total(1);
    let client = super::builder()
        .http2_prior_knowledge()
        .limits(limits)
        .build()
        .unwrap();
    let crowd = async || {
        let requests = [0; 20].map(|_| {
            let (client, url) = (client.clone(), server.url("/"));
            spawn(async move { get(&client, url).await })
        });
        for request in requests {
            assert_eq!(request.await.unwrap(), fine("next"));
        }
    };
    crowd().await;
    assert_eq!(
        server.connections().total,
        1,
        "one connection serves them all"
    );
    assert_eq!(
        get(&client, server.url("/shrink")).await,
        fine("1 from now on")
    );
    crowd().await;
    assert_eq!(server.connections().total, 1);
}

#[tokio::test]
async fn h5r_a_server_that_takes_no_streams_keeps_requests_waiting_until_it_does() {
    let server = H2Server::start(|mut conn| async move {
        conn.settings(&[(setting::MAX_CONCURRENT_STREAMS, 0)])
            .await?;
        // The client has heard of it when it has answered.
        conn.frame_of(kind::SETTINGS).await?;
        conn.frame_of(kind::SETTINGS).await?;
        tokio::time::sleep(2 * SHORT).await;
        conn.settings(&[(setting::MAX_CONCURRENT_STREAMS, 1)])
            .await?;
        go_on(conn).await
    });
    let server = server.unwrap();
    let limits = PoolLimits::default().total(1);
    let client = super::builder()
        .http2_prior_knowledge()
        .limits(limits)
        .build()
        .unwrap();
    let hasty = client.get(server.url("/")).unwrap();
    let hasty = hasty.timeouts(Timeouts::NONE.total(SHORT));
    let error = hasty.send().await.unwrap_err();
    assert!(error.is_timeout(), "{}", tell(&error));
    assert_eq!(get(&client, server.url("/")).await, fine("next"));
}

#[tokio::test]
async fn h5w_a_server_that_falls_silent_is_a_timeout_and_costs_no_slot() {
    for said in 0..4 {
        let server = H2Server::start(move |mut conn| async move {
            conn.request().await?;
            if said > 0 {
                conn.settings(&[]).await?;
            }
            if said > 1 {
                conn.headers(1, 200, flag::NONE).await?;
            }
            if said > 2 {
                conn.data(1, "0123", flag::NONE).await?;
            }
            conn.fall_silent().await;
            Ok(())
        });
        let server = server.unwrap();
        for timeouts in [Timeouts::NONE.read(SHORT), Timeouts::NONE.total(SHORT)] {
            let limits = PoolLimits::default().total(1);
            let client = super::builder()
                .http2_prior_knowledge()
                .limits(limits)
                .build()
                .unwrap();
            let request = client.get(server.url("/")).unwrap().timeouts(timeouts);
            let read = async { request.send().await?.text().await };
            let error = read.await.unwrap_err();
            assert!(error.is_timeout(), "after {said}: {}", tell(&error));
            until(|| client.stats().active == 0).await;
            client.close().await;
        }
        until(|| server.connections().open == 0).await;
    }
}

#[tokio::test]
async fn h5x_a_response_that_comes_before_the_request_was_sent_is_heard() {
    for reason in [None, Some(code::NO_ERROR)] {
        let server = H2Server::start(move |mut conn| async move {
            conn.settings(&[]).await?;
            let request = conn.request().await?.unwrap();
            conn.respond(request.stream, 413, "too much").await?;
            if let Some(reason) = reason {
                conn.reset_stream(request.stream, reason).await?;
            }
            go_on(conn).await
        });
        let server = server.unwrap();
        let client = client();
        let post = client
            .post(server.url("/"))
            .unwrap()
            .body(vec![0; 16 << 20]);
        let response = post.send().await.unwrap();
        assert_eq!(response.status(), 413);
        assert_eq!(response.text().await.unwrap(), "too much");
        assert_eq!(get(&client, server.url("/")).await, fine("next"));
        assert_eq!(server.connections().total, 1);
    }
}

#[tokio::test]
async fn h5v_a_request_for_which_the_server_has_no_room_times_out_and_others_go_on() {
    let server = H2Server::start(|mut conn| async move {
        conn.settings(&[(setting::INITIAL_WINDOW_SIZE, 10)]).await?;
        // No window is given back to the first one.
        conn.request().await?;
        while let Some(request) = conn.request().await? {
            conn.respond(request.stream, 200, "next").await?;
        }
        Ok(())
    });
    let server = server.unwrap();
    let client = client();
    let post = client.post(server.url("/")).unwrap().body(vec![0; 100_000]);
    let post = spawn(post.timeouts(Timeouts::NONE.write(SHORT)).send());
    until(|| !server.frames().is_empty()).await;
    assert_eq!(get(&client, server.url("/")).await, fine("next"));
    let error = post.await.unwrap().unwrap_err();
    assert_eq!(
        error.kind(),
        Kind::Timeout(Phase::Write),
        "{}",
        tell(&error)
    );
    assert_eq!(get(&client, server.url("/")).await, fine("next"));
    assert_eq!(server.connections().total, 1);
    let reset = |(_, frame): &(_, Frame)| frame.code() == Some(code::CANCEL);
    until(|| server.frames().iter().any(reset)).await;
}

#[tokio::test]
async fn h5y_responses_that_nobody_reads_do_not_hold_up_the_others() {
    let server = H2Server::start(|mut conn| async move {
        conn.settings(&[]).await?;
        while let Some(request) = conn.request().await? {
            if request.path() == "/big" {
                conn.headers(request.stream, 200, flag::NONE).await?;
                // All that the client has room for.
                while conn.room(request.stream) > 0 {
                    let part = conn.room(request.stream).min(16 * 1024);
                    conn.data(request.stream, vec![0; part], flag::NONE).await?;
                }
                continue;
            }
            conn.respond(request.stream, 200, "next").await?;
        }
        Ok(())
    });
    let server = server.unwrap();
    let limits = PoolLimits::default().total(1);
    let client = super::builder()
        .http2_prior_knowledge()
        .limits(limits)
        .build()
        .unwrap();
    let mut unread = Vec::new();
    for _ in 0..20 {
        unread.push(
            client
                .get(server.url("/big"))
                .unwrap()
                .send()
                .await
                .unwrap(),
        );
        assert_eq!(
            get(&client, server.url("/")).await,
            fine("next"),
            "{}",
            unread.len()
        );
    }
    // What is dropped unread gives its room back.
    drop(unread);
    assert_eq!(get(&client, server.url("/")).await, fine("next"));
    assert_eq!(server.connections().total, 1);
}
