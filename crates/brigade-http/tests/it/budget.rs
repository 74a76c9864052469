//! H19: what a client sends again, all its requests taken together.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use brigade_http::service::RequestBody;
use brigade_http::{Backoff, Client, Kind, RetryBudget, RetryPolicy, Timeouts};
use brigade_testkit::server::{Reply, Server};
use http::{Request, Response};
use tokio::time::Instant;
use tower::service_fn;

use super::{builder, read};

fn policy() -> RetryPolicy {
    RetryPolicy::default().backoff(Backoff {
        base: Duration::from_millis(2),
        ..Backoff::default()
    })
}

/// A server that is up or down, and how often it was asked.
#[derive(Default)]
struct Moody {
    is_down: AtomicBool,
    asked: AtomicUsize,
}

/// A client without a network. `down.example` always fails, and so does the other host while it is
/// down; `/busy` says when to come back.
fn moody(policy: RetryPolicy) -> (Client, Arc<Moody>) {
    let server = Arc::new(Moody::default());
    let state = server.clone();
    let service = service_fn(move |request: Request<RequestBody>| {
        let (host, path) = (request.uri().host().unwrap(), request.uri().path());
        let is_down = state.is_down.load(Relaxed) || host == "down.example";
        state.asked.fetch_add(1, Relaxed);
        let response = match (is_down, path) {
            (_, "/busy") => Response::builder().status(429).header("retry-after", "1"),
            (true, _) => Response::builder().status(503),
            _ => Response::builder(),
        };
        let response = response.body(String::new()).unwrap();
        async move { Ok::<_, Infallible>(response) }
    });
    let client = Client::builder().timeouts(Timeouts::NONE).service(service);
    (client.retry(policy).build().unwrap(), server)
}

/// How often the server is asked for so many requests.
async fn asked(client: &Client, server: &Moody, url: &str, requests: usize) -> usize {
    let before = server.asked.load(Relaxed);
    for _ in 0..requests {
        client.get(url).unwrap().send().await.unwrap();
    }
    server.asked.load(Relaxed) - before
}

#[tokio::test(start_paused = true)]
async fn h19a_a_server_that_is_down_gets_each_request_once_until_it_is_up_again() {
    let (client, server) = moody(policy().budget(RetryBudget::new(10, 0.5)));
    let url = "http://a.example/";
    assert_eq!(asked(&client, &server, url, 20).await, 20);
    server.is_down.store(true, Relaxed);
    // Three attempts, then the fifth failure is the one that is final for all.
    assert_eq!(asked(&client, &server, url, 20).await, 20 + 4 - 1);
    server.is_down.store(false, Relaxed);
    // Each success gives half of a token back, and two more than half of them allow two more.
    asked(&client, &server, url, 16).await;
    server.is_down.store(true, Relaxed);
    assert_eq!(asked(&client, &server, url, 1).await, 3);
    assert_eq!(asked(&client, &server, url, 10).await, 10);
}

#[tokio::test(start_paused = true)]
async fn h19a_by_default_there_is_a_budget_and_it_can_be_switched_off() {
    let (client, server) = moody(policy());
    let sent = asked(&client, &server, "http://down.example/", 500).await;
    // Failure 50 is the first that is not followed by another attempt, and every third is final.
    assert_eq!(sent, 500 + 33);
    let (client, server) = moody(policy().budget(None));
    let sent = asked(&client, &server, "http://down.example/", 500).await;
    assert_eq!(sent, 1500);
}

#[tokio::test(start_paused = true)]
async fn h19b_each_origin_has_a_budget_of_its_own() {
    let (client, server) = moody(policy().budget(RetryBudget::new(4, 1.0)));
    assert_eq!(asked(&client, &server, "http://down.example/", 5).await, 6);
    for other in ["https://down.example/", "http://down.example:81/"] {
        let sent = asked(&client, &server, other, 1).await;
        assert_eq!(sent, 2, "{other}");
    }
    let (client, server) = moody(policy());
    asked(&client, &server, "http://down.example/", 100).await;
    server.is_down.store(true, Relaxed);
    assert_eq!(asked(&client, &server, "http://a.example/", 1).await, 3);
}

#[tokio::test(start_paused = true)]
async fn h19c_an_answer_that_says_when_to_come_back_is_neither_counted_nor_stopped() {
    let (client, server) = moody(policy().budget(RetryBudget::new(2, 1.0)));
    let before = Instant::now();
    assert_eq!(
        asked(&client, &server, "http://a.example/busy", 10).await,
        30
    );
    assert!(before.elapsed() >= Duration::from_secs(20));
    server.is_down.store(true, Relaxed);
    asked(&client, &server, "http://a.example/", 5).await;
    server.is_down.store(false, Relaxed);
    assert_eq!(asked(&client, &server, "http://a.example/busy", 1).await, 3);
}

#[tokio::test(start_paused = true)]
async fn h19d_a_budget_allows_nothing_that_the_policy_does_not_and_counts_what_it_forbids() {
    let (client, server) = moody(policy().budget(RetryBudget::new(10, 1.0)));
    let url = "http://down.example/";
    for _ in 0..5 {
        client.post(url).unwrap().send().await.unwrap();
    }
    assert_eq!(server.asked.load(Relaxed), 5, "a POST is sent once");
    assert_eq!(
        asked(&client, &server, url, 1).await,
        1,
        "and has told that the server is down"
    );
    let lone = client.get(url).unwrap().retry(RetryPolicy::none());
    assert_eq!(lone.send().await.unwrap().status(), 503);
}

#[tokio::test]
async fn h19d_connections_that_fail_are_counted_too() {
    let server = Server::start(|_| Reply::reset()).await.unwrap();
    let policy = policy().budget(RetryBudget::new(8, 1.0));
    let client = builder().retry(policy).build().unwrap();
    for _ in 0..6 {
        let error = client
            .get(server.url("/"))
            .unwrap()
            .send()
            .await
            .unwrap_err();
        assert_eq!(error.kind(), Kind::Protocol);
    }
    assert_eq!(server.requests().len(), 6 + 2);
}

#[tokio::test]
async fn h19e_a_post_with_an_idempotency_key_is_sent_again_with_it() {
    let asked = AtomicUsize::new(0);
    let server = Server::start(move |request| {
        let place = asked.fetch_add(1, Relaxed);
        assert_eq!(
            (request.method(), &request.body()[..]),
            ("POST", &b"order"[..])
        );
        match (request.header("idempotency-key"), place) {
            (Some("17"), 0) => Reply::reset(),
            (Some("17"), 1) => Reply::status(503),
            (Some("17"), _) => Reply::ok("bought"),
            _ => Reply::status(503),
        }
    });
    let server = server.await.unwrap();
    let client = builder().retry(policy()).build().unwrap();
    let order = || client.post(server.url("/")).unwrap().body("order");
    let response = order()
        .header("Idempotency-Key", "17")
        .send()
        .await
        .unwrap();
    assert_eq!(response.text().await.unwrap(), "bought");
    assert_eq!(server.requests().len(), 3);
    assert_eq!(order().send().await.unwrap().status(), 503);
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn h19f_a_request_can_have_another_policy_than_its_client_or_none() {
    let server = Server::start(|request| match request.path() {
        "/ok" => Reply::ok("ok"),
        _ => Reply::status(500),
    });
    let server = server.await.unwrap();
    let client = builder().retry(policy()).build().unwrap();
    let get = || client.get(server.url("/")).unwrap();
    for (request, times) in [
        (get(), 3),
        (get().retry(RetryPolicy::none()), 1),
        (get().retry(policy().attempts(5)), 5),
    ] {
        let before = server.requests().len();
        assert_eq!(request.send().await.unwrap().status(), 500);
        assert_eq!(server.requests().len() - before, times);
    }
    assert_eq!(read(&client, server.url("/ok")).await, b"ok");
}
