//! H6: bodies are streamed and bounded.

use std::time::Duration;

use brigade_http::{Kind, PoolLimits};
use brigade_testkit::server::{Reply, Server};
use brigade_testkit::wait::until;

use super::{client, limited, refused, tell};

#[tokio::test]
async fn h6c_a_body_beyond_its_limit_is_an_error_that_frees_the_connection() {
    let replies = [
        Reply::ok(vec![b'x'; 100_001]),
        Reply::status(200).endless(),
        Reply::status(200).until_close(vec![b'x'; 100_001]),
    ];
    for reply in replies {
        let server = Server::start(move |_| reply.clone()).await.unwrap();
        let client = limited(PoolLimits::default().total(1));
        let request = client.get(server.url("/")).unwrap().max_body(100_000);
        let error = request.send().await.unwrap().bytes().await.unwrap_err();
        assert_eq!(error.kind(), Kind::TooLarge);
        assert!(tell(&error).contains("100000"), "{}", tell(&error));
        until(|| client.stats().active == 0).await;
    }
}

#[tokio::test]
async fn h6d_a_body_of_exactly_its_limit_is_fine() {
    let server = Server::start(|_| Reply::ok(vec![b'x'; 100_000]))
        .await
        .unwrap();
    let request = client().get(server.url("/")).unwrap().max_body(100_000);
    assert_eq!(
        request.send().await.unwrap().bytes().await.unwrap().len(),
        100_000
    );
}

#[tokio::test]
async fn h6e_a_body_is_read_only_as_fast_as_it_is_asked_for() {
    let server = Server::start(|_| Reply::status(200).endless())
        .await
        .unwrap();
    let client = client();
    let request = client.get(server.url("/")).unwrap().max_body(None);
    let mut response = request.send().await.unwrap();
    let mut largest = 0;
    for _ in 0..200 {
        largest = largest.max(response.chunk().await.unwrap().unwrap().len());
    }
    assert!(largest <= 512 << 10, "one chunk had {largest} bytes");
    // What the server can send ahead is what the sockets hold.
    let mut before = server.connections();
    tokio::time::sleep(Duration::from_millis(50)).await;
    before.open = server.connections().open;
    assert_eq!(before.open, 1);
    drop(response);
    until(|| server.connections().open == 0).await;
}

#[tokio::test]
async fn h6f_a_head_of_too_many_bytes_or_lines_is_an_error() {
    let long = format!("HTTP/1.1 200 OK\r\nx-bomb: {}\r\n\r\n", "x".repeat(1 << 20));
    let lines = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x-bomb: x\r\n".repeat(10_000));
    for bomb in [long, lines] {
        let server = Server::start(move |_| Reply::raw(bomb.clone()))
            .await
            .unwrap();
        let client = client();
        let error = refused(&client, server.url("/")).await;
        assert_eq!(error.kind(), Kind::Protocol, "{}", tell(&error));
        until(|| client.stats().total() == 0).await;
    }
}

#[tokio::test]
async fn a_body_cut_short_is_an_error_and_never_a_short_body() {
    let replies = [
        Reply::ok("0123456789").close_after(4),
        Reply::status(200).chunked(["0123", "4567"]).close_after(12),
    ];
    for reply in replies {
        let server = Server::start(move |_| reply.clone()).await.unwrap();
        let mut response = client().get(server.url("/")).unwrap().send().await.unwrap();
        let mut error = None;
        for _ in 0..10 {
            match response.chunk().await {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(failed) => {
                    error = Some(failed);
                    break;
                }
            }
        }
        assert_eq!(
            error
                .expect("the body has an end it should not have")
                .kind(),
            Kind::Protocol
        );
    }
}

#[tokio::test]
async fn text_that_is_not_utf_8_is_an_error() {
    let server = Server::start(|_| Reply::ok(vec![0xff, 0xff]))
        .await
        .unwrap();
    let response = client().get(server.url("/")).unwrap().send().await.unwrap();
    assert_eq!(response.text().await.unwrap_err().kind(), Kind::Decode);
}
