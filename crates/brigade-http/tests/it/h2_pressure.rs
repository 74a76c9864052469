//! H5 where more is under way on a connection of HTTP/2 than its two ends can take at once.

use brigade_testkit::h2::{H2Server, flag, kind};

use super::h2_hostile::{client, fine, get, go_on};

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
