//! H4: what is sent again, and which connections are used again.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use brigade_http::{Backoff, Client, Kind, Method, PoolLimits, RetryPolicy, Timeouts};
use brigade_testkit::server::{Reply, Request, Server};
use brigade_testkit::wait::until;

use super::{client, limited, read, refused};

/// A server that answers the first request on a connection and treats the second in another way.
async fn server(second: impl Fn() -> Reply + Send + Sync + 'static) -> Server {
    let seen = std::sync::Mutex::new(std::collections::HashSet::new());
    let answer = move |request: &Request| match seen.lock().unwrap().insert(request.connection()) {
        true => Reply::ok("fine"),
        false => second(),
    };
    Server::start(answer).await.unwrap()
}

async fn warm(client: &Client, server: &Server, idle: usize) {
    read(client, server.url("/warm")).await;
    until(|| client.stats().idle == idle).await;
}

fn count(server: &Server, path: &str) -> usize {
    server
        .requests()
        .iter()
        .filter(|request| request.path() == path)
        .count()
}

#[tokio::test]
async fn h4a_an_idempotent_request_on_a_dead_reused_connection_is_sent_once_more() {
    for second in [Reply::close, Reply::reset] {
        for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE] {
            let server = server(second).await;
            // With room for one connection, the dead one must go before the new one comes.
            let client = limited(PoolLimits::default().total(1));
            warm(&client, &server, 1).await;
            let request = client.request(method.clone(), server.url("/x")).unwrap();
            let response = request.body("again").send().await.unwrap();
            assert_eq!(response.status(), 200);
            assert_eq!(count(&server, "/x"), 2, "{method}");
            assert!(
                server
                    .requests()
                    .iter()
                    .filter(|r| r.path() == "/x")
                    .all(|r| r.body() == "again")
            );
        }
    }
}

#[tokio::test]
async fn h4y_a_request_that_kills_connections_does_not_kill_all_that_are_idle_in_turn() {
    let server = Server::start(|request| match request.path() {
        "/poison" => Reply::reset(),
        _ => Reply::ok("fine").delay(Duration::from_millis(10)),
    });
    let server = server.await.unwrap();
    let client = client();
    for _ in 0..3 {
        let warm = || warm(&client, &server, 4);
        tokio::join!(warm(), warm(), warm(), warm());
        let error = refused(&client, server.url("/poison")).await;
        assert_eq!(error.kind(), Kind::Protocol);
    }
    assert_eq!(
        count(&server, "/poison"),
        6,
        "twice each, however many connections were idle"
    );
}

#[tokio::test]
async fn h4b_a_post_of_which_bytes_were_written_is_never_repeated() {
    for second in [Reply::close, Reply::reset] {
        for method in [Method::POST, Method::PATCH] {
            let server = server(second).await;
            let client = client();
            warm(&client, &server, 1).await;
            let request = client.request(method.clone(), server.url("/x")).unwrap();
            let error = request.body("once").send().await.unwrap_err();
            assert_eq!(error.kind(), Kind::Protocol);
            assert_eq!(count(&server, "/x"), 1, "{method}");
        }
    }
}

#[tokio::test]
async fn h4c_a_post_never_arrives_twice_whenever_its_connection_dies() {
    // The server closes each connection without a word, and the client sends the next request
    // before, while and after it notices.
    let server = Server::start(|_| Reply::ok("fine").then_close())
        .await
        .unwrap();
    let client = client();
    let mut failed = 0;
    for round in 0..60 {
        let post = client
            .post(server.url("/"))
            .unwrap()
            .body(format!("body {round}"));
        match post.send().await {
            Ok(response) => assert_eq!(response.text().await.unwrap(), "fine"),
            Err(error) => {
                assert_eq!(error.kind(), Kind::Protocol);
                failed += 1;
            }
        }
        for _ in 0..round % 12 {
            tokio::task::yield_now().await;
        }
    }
    assert!(failed < 60);
    let requests = server.requests();
    for round in 0..60 {
        let body = format!("body {round}");
        let arrived = requests
            .iter()
            .filter(|request| **request.body() == *body.as_bytes());
        assert!(arrived.count() <= 1, "{body}");
    }
}

#[tokio::test]
async fn h4d_a_fresh_connection_that_breaks_is_an_error() {
    for reply in [Reply::close, Reply::reset] {
        let server = Server::start(move |_| reply()).await.unwrap();
        let error = refused(&client(), server.url("/x")).await;
        assert_eq!(error.kind(), Kind::Protocol);
        assert_eq!(count(&server, "/x"), 1);
    }
}

#[tokio::test]
async fn h4e_a_request_whose_response_has_begun_is_not_repeated() {
    let partial = || Reply::raw("HTTP/1.1 200 OK\r\ncontent-le");
    let server = server(partial).await;
    let client = client();
    warm(&client, &server, 1).await;
    let error = refused(&client, server.url("/x")).await;
    assert_eq!(error.kind(), Kind::Protocol);
    assert_eq!(count(&server, "/x"), 1);
}

#[tokio::test]
async fn h4f_a_timeout_is_never_a_reason_to_send_again() {
    let server = server(Reply::hang).await;
    let client = client();
    warm(&client, &server, 1).await;
    let timeouts = Timeouts::NONE.read(Duration::from_millis(50));
    let request = client.get(server.url("/x")).unwrap().timeouts(timeouts);
    assert!(request.send().await.unwrap_err().is_timeout());
    assert_eq!(count(&server, "/x"), 1);
}

#[tokio::test]
async fn h4g_a_connection_is_used_again_only_after_its_response_is_complete() {
    let server = Server::start(|_| Reply::ok(vec![0; 8 << 20]))
        .await
        .unwrap();
    let client = client();
    let first = client.get(server.url("/")).unwrap().send().await.unwrap();
    let second = client.get(server.url("/")).unwrap().send().await.unwrap();
    assert_eq!(server.connections().total, 2);
    first.bytes().await.unwrap();
    second.bytes().await.unwrap();
    until(|| client.stats().idle == 2).await;
    read(&client, server.url("/")).await;
    assert_eq!(server.connections().total, 2);
}

#[tokio::test]
async fn h4h_a_connection_that_the_server_ends_is_not_kept() {
    let endings = [
        Reply::ok("x").keep_alive(false),
        Reply::status(200).until_close("x"),
        Reply::raw("HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx").keep_alive(true),
    ];
    for reply in endings {
        let server = Server::start(move |_| reply.clone()).await.unwrap();
        let client = client();
        for _ in 0..2 {
            let response = client.get(server.url("/")).unwrap().send().await.unwrap();
            assert_eq!(response.text().await.unwrap(), "x");
            until(|| client.stats().total() == 0).await;
        }
        assert_eq!(server.connections().total, 2);
    }
}

#[tokio::test]
async fn h4i_a_response_that_comes_before_the_request_was_sent_is_heard_and_its_connection_closed()
{
    let early = || Reply::status(413).body("too much").hang_after(8);
    let server = Server::builder()
        .leave_bodies_unread()
        .start(move |_| early())
        .await
        .unwrap();
    let client = client();
    let request = client
        .post(server.url("/"))
        .unwrap()
        .body(vec![0; 64 << 20]);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 413);
    assert_eq!(response.text().await.unwrap(), "too much");
    let soon = Duration::from_secs(5);
    let closed = tokio::time::timeout(soon, until(|| client.stats().total() == 0)).await;
    closed.expect("it is closed long before its timeouts");
}

#[tokio::test]
async fn h4i_an_early_response_that_leads_to_another_request_frees_its_connection_too() {
    let server = Server::builder()
        .leave_bodies_unread()
        .start(|request| match request.path() {
            "/moved" => Reply::redirect(307, "/end").body("moved").hang_after(5),
            "/busy" if request.connection() == 1 => Reply::status(503).body("x").hang_after(1),
            _ => Reply::ok("end").then_close(),
        });
    let server = server.await.unwrap();
    let backoff = Backoff {
        base: Duration::from_millis(1),
        ..Backoff::default()
    };
    let policy = RetryPolicy::default().any_method().backoff(backoff);
    for path in ["/busy", "/moved"] {
        let client = limited(PoolLimits::default().total(1));
        let request = client.post(server.url(path)).unwrap().retry(policy.clone());
        let sent = request.body(vec![0; 16 << 20]).send();
        let soon = tokio::time::timeout(Duration::from_secs(5), sent);
        let response = soon.await.expect("long before its timeouts").unwrap();
        assert_eq!(response.status(), 200, "{path}");
    }
}

#[tokio::test]
async fn h4z_a_response_dropped_late_does_not_end_the_next_request_on_its_connection() {
    let server = Server::builder()
        .leave_bodies_unread()
        .start(|request| match request.path() {
            "/slow" => Reply::ok("heard").delay(Duration::from_millis(300)),
            _ => Reply::ok("x"),
        });
    let server = server.await.unwrap();
    let client = limited(PoolLimits::default().total(1));
    let first = client.get(server.url("/")).unwrap().send().await.unwrap();
    until(|| client.stats().idle == 1).await;
    // More than the system buffers, so that bytes of it wait while the first response is dropped.
    let post = client.post(server.url("/slow")).unwrap();
    let second = super::spawn(post.body(vec![0; 16 << 20]).send());
    until(|| server.requests().len() == 2).await;
    drop(first);
    assert_eq!(
        second.await.unwrap().unwrap().text().await.unwrap(),
        "heard"
    );
    assert_eq!(server.connections().total, 1);
}

#[tokio::test]
async fn h4j_what_the_server_says_about_keeping_the_connection_is_honoured() {
    let server = Server::start(|_| Reply::ok("x").header("keep-alive", "timeout=1, max=100"));
    let server = server.await.unwrap();
    let client = client();
    read(&client, server.url("/")).await;
    until(|| client.stats().idle == 1).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    read(&client, server.url("/")).await;
    assert_eq!(
        server.connections().total,
        2,
        "half a second before its end it is too risky"
    );
}

#[tokio::test]
async fn h4k_bytes_that_nobody_asked_for_end_an_idle_connection() {
    let two = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nxHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged";
    let server = Server::start(move |_| Reply::raw(two).keep_alive(true))
        .await
        .unwrap();
    let client = client();
    for _ in 0..3 {
        let response = client.get(server.url("/")).unwrap().send().await.unwrap();
        assert_eq!(
            response.text().await.unwrap(),
            "x",
            "never the answer to another question"
        );
    }
    assert_eq!(server.connections().total, 3);
}

#[tokio::test]
async fn f3m_a_request_is_checked_when_it_has_a_connection_and_each_time_it_is_sent() {
    let server = server(Reply::close).await;
    let client = limited(PoolLimits::default().total(1));
    // So many times it may leave.
    let left = Arc::new(AtomicUsize::new(0));
    let send = |path: &str| {
        let left = left.clone();
        let check = move || {
            let take = |left: usize| left.checked_sub(1);
            left.fetch_update(SeqCst, SeqCst, take).is_ok()
        };
        let request = client.get(server.url(path)).unwrap();
        request.only_if(check).send()
    };
    let error = send("/withheld").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Withheld, "{}", super::tell(&error));
    // The connection that it had waited for stays for others.
    until(|| client.stats().idle == 1).await;
    assert_eq!(
        (server.requests().len(), server.connections().total),
        (0, 1)
    );

    left.store(1, SeqCst);
    assert_eq!(send("/first").await.unwrap().bytes().await.unwrap(), "fine");
    until(|| client.stats().idle == 1).await;
    assert_eq!(server.connections().total, 1);

    // This one kills its connection, and would be sent on another.
    left.store(1, SeqCst);
    let error = send("/again").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Withheld, "{}", super::tell(&error));
    assert_eq!(count(&server, "/again"), 1);
}

#[tokio::test]
async fn f3m_a_connection_that_is_not_tried_takes_nothing_of_what_may_leave() {
    let server = server(Reply::close).await;
    let client = client();
    // Two connections that a second request kills.
    let both = [server.url("/a"), server.url("/b")].map(|url| read(&client, url));
    futures_util::future::join_all(both).await;
    until(|| client.stats().idle == 2).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count_asked = asked.clone();
    let check = move || count_asked.fetch_add(1, SeqCst) < 2;
    let request = client.get(server.url("/x")).unwrap();
    let answer = request.only_if(check).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!((count(&server, "/x"), asked.load(SeqCst)), (2, 2));
}

#[tokio::test]
async fn f3m_what_is_withheld_after_a_redirect_is_the_next_hop() {
    let server = Server::start(|request| match request.path() {
        "/create" => Reply::redirect(303, "/made"),
        _ => Reply::ok("made"),
    });
    let server = server.await.unwrap();
    let client = client();
    let left = AtomicUsize::new(1);
    let check = move || left.swap(0, SeqCst) == 1;
    let request = client.post(server.url("/create")).unwrap();
    let retry = RetryPolicy::default().any_method();
    let error = request
        .only_if(check)
        .retry(retry)
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Withheld, "{}", super::tell(&error));
    assert_eq!(error.url().unwrap().as_str(), server.url("/made"));
    assert_eq!((count(&server, "/create"), count(&server, "/made")), (1, 0));
}

#[tokio::test]
async fn f3m_a_download_asks_before_each_of_its_requests() {
    let server = Server::start(|_| Reply::ok("fine")).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let request = client().get(server.url("/")).unwrap().only_if(|| false);
    let error = request.download(&path).run().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Withheld, "{}", super::tell(&error));
    assert_eq!(server.requests().len(), 0);
}
