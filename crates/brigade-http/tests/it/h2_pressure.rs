//! H5 where more is under way on a connection of HTTP/2 than its two ends can take at once.

use std::time::Duration;

use brigade_http::{Client, Kind, Phase, PoolLimits, Timeouts};
use brigade_testkit::h2::{H2Conn, H2Server, flag, kind, setting};

use super::h2_hostile::{SHORT, client, fine, get, go_on};

/// More than the system takes for a socket that nobody reads.
const LARGE: usize = 48 << 20;

fn limited(limits: PoolLimits) -> Client {
    let builder = super::builder().http2_prior_knowledge();
    builder.limits(limits).build().unwrap()
}

/// Windows into which any body goes at once.
async fn open_wide(conn: &mut H2Conn) -> std::io::Result<()> {
    let window = (1 << 31) - 1;
    conn.settings(&[(setting::INITIAL_WINDOW_SIZE, window)])
        .await?;
    conn.window_update(0, window - 65_535).await
}

#[tokio::test]
async fn h5w_a_server_that_reads_no_more_costs_no_slot_and_holds_up_no_close() {
    let server = H2Server::start(|mut conn| async move {
        open_wide(&mut conn).await?;
        conn.request().await?;
        conn.respond(1, 200, "read").await?;
        conn.request().await?;
        std::future::pending().await
    });
    let server = server.unwrap();
    let client = limited(PoolLimits::default().total(1));
    assert_eq!(get(&client, server.url("/")).await, fine("read"));
    let post = client.post(server.url("/")).unwrap().body(vec![0; LARGE]);
    let error = post.timeouts(Timeouts::NONE.write(SHORT)).send().await;
    assert_eq!(error.unwrap_err().kind(), Kind::Timeout(Phase::Write));
    let gone = tokio::time::timeout(Duration::from_secs(5), client.close());
    gone.await.expect("a goodbye takes a second at most");
    assert_eq!(client.stats().total(), 0);
}

#[tokio::test]
async fn h2c_a_body_that_waits_behind_another_one_for_the_socket_times_out_by_itself() {
    let server = H2Server::start(|mut conn| async move {
        open_wide(&mut conn).await?;
        conn.request().await?;
        conn.respond(1, 200, "read").await?;
        conn.request().await?;
        std::future::pending().await
    });
    let server = server.unwrap();
    let client = limited(PoolLimits::default().total(1));
    assert_eq!(get(&client, server.url("/")).await, fine("read"));
    let post = |length, timeouts| {
        let post = client.post(server.url("/")).unwrap();
        post.body(vec![0; length]).timeouts(timeouts).send()
    };
    // Both hand all that they may to the connection before that finds its socket full.
    let large = super::spawn(post(LARGE, Timeouts::NONE));
    let small = super::spawn(post(64 << 10, Timeouts::NONE.write(SHORT)));
    let small = tokio::time::timeout(Duration::from_secs(5), small);
    let small = small.await.expect("nobody else ends it").unwrap();
    assert_eq!(small.unwrap_err().kind(), Kind::Timeout(Phase::Write));
    large.abort();
}

#[tokio::test]
async fn h2e_a_body_that_is_read_more_slowly_than_it_comes_ends_at_the_total_timeout_too() {
    const PARTS: usize = 2_000;
    let server = H2Server::start(|mut conn| async move {
        conn.settings(&[]).await?;
        let stream = conn.request().await?.unwrap().stream;
        conn.headers(stream, 200, flag::NONE).await?;
        for _ in 0..PARTS {
            conn.data(stream, "x", flag::NONE).await?;
        }
        go_on(conn).await
    });
    let server = server.unwrap();
    let get = client().get(server.url("/")).unwrap();
    let get = get.timeouts(Timeouts::NONE.total(SHORT));
    let mut response = get.send().await.unwrap();
    let mut parts = 0;
    let error = loop {
        tokio::time::sleep(Duration::from_millis(2)).await;
        match response.chunk().await {
            Ok(part) => parts += part.map_or(0, |part| part.len()),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), Kind::Timeout(Phase::Total));
    assert!(parts < PARTS, "the total timeout has passed long ago");
}

#[tokio::test]
async fn h5f_however_many_bodies_are_dropped_at_once_their_connection_goes_on() {
    const DROPPED: usize = 90;
    let server = H2Server::start(|mut conn| async move {
        conn.settings(&[]).await?;
        let mut streams = Vec::new();
        while streams.len() <= DROPPED {
            let stream = conn.request().await?.unwrap().stream;
            conn.headers(stream, 200, flag::NONE).await?;
            streams.push(stream);
        }
        for _ in 0..DROPPED {
            conn.frame_of(kind::RST_STREAM).await?;
        }
        // What was under way when the resets arrived.
        for _ in 0..40 {
            for stream in &streams[1..] {
                conn.data(*stream, "late", flag::NONE).await?;
            }
        }
        conn.data(streams[0], "kept", flag::END_STREAM).await?;
        go_on(conn).await
    });
    let server = server.unwrap();
    let client = client();
    let kept = client.get(server.url("/")).unwrap().send().await.unwrap();
    let mut dropped = Vec::new();
    for _ in 0..DROPPED {
        dropped.push(client.get(server.url("/")).unwrap().send().await.unwrap());
    }
    drop(dropped);
    assert_eq!(kept.text().await.unwrap(), "kept");
    assert_eq!(get(&client, server.url("/")).await, fine("next"));
    assert_eq!(server.connections().total, 1);
}

#[tokio::test]
async fn h5w_a_connection_of_which_nothing_was_heard_during_a_timeout_gets_no_more_requests() {
    let server = H2Server::start(|mut conn| async move {
        conn.settings(&[]).await?;
        conn.request().await?;
        conn.respond(1, 200, "first").await?;
        // Silent from now on, as a path that has gone dead.
        while conn.request().await?.is_some() {}
        Ok(())
    });
    let server = server.unwrap();
    let client = client();
    assert_eq!(get(&client, server.url("/")).await, fine("first"));
    let silent = client.get(server.url("/")).unwrap();
    let error = silent.timeouts(Timeouts::NONE.read(SHORT)).send().await;
    assert_eq!(error.unwrap_err().kind(), Kind::Timeout(Phase::Read));
    assert_eq!(get(&client, server.url("/")).await, fine("first"));
    assert_eq!(server.connections().total, 2);
}
