//! H10 where a server speaks at a time of its own: interim responses, answers before the request
//! was sent, and bytes that nobody asked for.

use std::time::Duration;

use brigade_http::{Kind, Phase, PoolLimits, Timeouts};
use brigade_testkit::peer::{Script, listen};
use brigade_testkit::server::{Reply, Server};
use brigade_testkit::wait::until;

use super::{client, limited, read, tell};

/// An interim response that says nothing.
const HINT: &str = "HTTP/1.1 103 Early Hints\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx";

#[tokio::test]
async fn h10g_any_number_of_interim_responses_is_passed_over() {
    for (count, status) in [(1, 100), (1, 102), (1, 199), (10_000, 103)] {
        let interim = format!("HTTP/1.1 {status} Interim\r\nlink: </a>\r\n\r\n").repeat(count);
        let server = Server::start(move |_| Reply::raw(format!("{interim}{OK}")).keep_alive(true));
        let server = server.await.unwrap();
        let client = client();
        for _ in 0..2 {
            assert_eq!(read(&client, server.url("/")).await, b"x", "{status}");
            until(|| client.stats().idle == 1).await;
        }
        assert_eq!(server.connections().total, 1);
    }
}

#[tokio::test]
async fn h10g_responses_that_come_as_fast_as_they_are_read_end_at_the_total_timeout_too() {
    // So many that it takes seconds to read them all.
    let hints = HINT.repeat((64 << 20) / HINT.len());
    let floods = [Reply::raw(hints), Reply::status(200).endless()];
    for flood in floods {
        let server = Server::start_thread(move |_| flood.clone()).unwrap();
        let client = limited(PoolLimits::default().total(1));
        let timeouts = Timeouts::default().total(Duration::from_millis(100));
        let request = client.get(server.url("/")).unwrap().timeouts(timeouts);
        let read = async { request.max_body(None).send().await?.bytes().await };
        let error = read.await.unwrap_err();
        assert_eq!(
            error.kind(),
            Kind::Timeout(Phase::Total),
            "{}",
            tell(&error)
        );
        until(|| client.stats().total() == 0).await;
    }
}

#[tokio::test]
async fn h10h_a_switch_of_protocols_that_nobody_asked_for_ends_the_connection() {
    let switch = format!("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n{OK}");
    let server = Server::start(move |_| Reply::raw(switch.clone()).keep_alive(true));
    let server = server.await.unwrap();
    let client = limited(PoolLimits::default().total(1));
    for round in 1..4 {
        let response = client.get(server.url("/")).unwrap().send().await.unwrap();
        assert_eq!(response.status(), 101);
        assert_eq!(response.text().await.unwrap(), "", "it has no body");
        assert_eq!(server.connections().total, round);
    }
}

#[tokio::test]
async fn h10i_a_refusal_is_heard_although_the_server_resets_the_connection() {
    let refusal = "HTTP/1.1 413 Too Much\r\nconnection: close\r\ncontent-length: 8\r\n\r\ntoo much";
    for pause in [0, 20, 0, 20, 0, 20] {
        let script = Script::new().expect_head("POST /").send(refusal);
        let script = script.pause(Duration::from_millis(pause)).reset();
        let (address, peer) = script.listen().unwrap();
        let client = limited(PoolLimits::default().total(1));
        let post = client.post(format!("http://{address}/")).unwrap();
        let response = post.body(vec![0; 32 << 20]).send().await.unwrap();
        assert_eq!(response.status(), 413);
        assert_eq!(response.text().await.unwrap(), "too much");
        until(|| client.stats().total() == 0).await;
        peer.finish().await.unwrap();
    }
}

#[tokio::test]
async fn h10j_a_word_on_an_idle_connection_ends_it_and_answers_nobody() {
    let timed_out =
        "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    for word in [timed_out, "HTTP/1.1 100 Continue\r\n\r\n", "\r\n", "\0"] {
        let (address, peer) = listen([
            Script::new()
                .expect_head("GET /")
                .send(OK)
                .pause(Duration::from_millis(50))
                .send(word),
            Script::new().expect_head("POST /").send(OK),
        ])
        .unwrap();
        let client = limited(PoolLimits::default().total(1));
        assert_eq!(read(&client, format!("http://{address}/")).await, b"x");
        until(|| client.stats().idle == 1).await;
        until(|| client.stats().total() == 0).await;
        let post = client.post(format!("http://{address}/")).unwrap();
        assert_eq!(post.send().await.unwrap().status(), 200, "{word:?}");
        peer.finish().await.unwrap();
    }
}
