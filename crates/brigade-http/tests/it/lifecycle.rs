//! H7: what a client shows of its connections, and how they end.

use std::time::Duration;

use brigade_http::{Client, ConnectionState, Kind, PoolLimits};
use brigade_testkit::leak::LeakCheck;
use brigade_testkit::server::{Port, Reply, Server};
use brigade_testkit::wait::until;

use super::{client, limited, read, refused, spawn};

#[tokio::test]
async fn h7b_a_body_dropped_unread_frees_its_slot() {
    let replies = [
        Reply::ok("small"),
        Reply::ok(vec![0; 16 << 20]),
        Reply::status(200).endless(),
        Reply::ok("0123456789").hang_after(3),
    ];
    let client = limited(PoolLimits::default().total(1));
    for reply in replies {
        let server = Server::start(move |_| reply.clone()).await.unwrap();
        for _ in 0..3 {
            // Each waits for the slot of the one before.
            let response = client.get(server.url("/")).unwrap().send().await.unwrap();
            drop(response);
        }
        until(|| client.stats().active == 0).await;
    }
}

#[tokio::test]
async fn h7c_stats_show_the_state_of_every_connection() {
    let server = Server::start(|request| match request.path() {
        "/hang" => Reply::hang(),
        _ => Reply::ok("x"),
    });
    let server = server.await.unwrap();
    let port = Port::full().await.unwrap();
    let client = limited(PoolLimits::default().total(3).per_host(2));
    assert_eq!(client.stats().total(), 0);
    let dialing = spawn(client.get(port.url("/")).unwrap().send());
    let hanging = spawn(client.get(server.url("/hang")).unwrap().send());
    until(|| client.stats().active == 1).await;
    for _ in 0..2 {
        read(&client, server.url("/")).await;
        until(|| client.stats().idle == 1).await;
    }
    let stats = client.stats();
    assert_eq!(
        (stats.dialing, stats.active, stats.idle, stats.total()),
        (1, 1, 1, 3)
    );
    let of = |state| stats.connections.iter().find(|c| c.state == state).unwrap();
    let idle = of(ConnectionState::Idle);
    assert_eq!(idle.requests, 2);
    assert_eq!(idle.peer, Some(server.address()));
    assert_eq!(*idle.origin, *format!("http://{}", server.address()));
    assert_eq!(of(ConnectionState::Active).requests, 1);
    assert_eq!(
        *of(ConnectionState::Dialing).origin,
        *format!("http://{}", port.address())
    );
    let waiting = spawn(client.get(server.url("/hang")).unwrap().send());
    until(|| client.stats().active == 2).await;
    let queued = spawn(client.get(server.url("/hang")).unwrap().send());
    until(|| client.stats().waiting == 1).await;
    for task in [dialing, hanging, waiting, queued] {
        task.abort();
    }
    until(|| client.stats().total() == client.stats().idle && client.stats().waiting == 0).await;
}

#[tokio::test]
async fn h7d_close_ends_every_connection_and_waits_for_it() {
    let leaks = LeakCheck::of_runtime();
    let server = Server::start(|request| match request.path() {
        "/hang" => Reply::hang(),
        "/body" => Reply::status(200).endless(),
        _ => Reply::ok("x"),
    });
    let server = server.await.unwrap();
    let port = Port::full().await.unwrap();
    let client = limited(PoolLimits::default().total(4));
    let mut streaming = client
        .get(server.url("/body"))
        .unwrap()
        .send()
        .await
        .unwrap();
    read(&client, server.url("/")).await;
    until(|| client.stats().idle == 1).await;
    let idle_first = client.get(server.url("/hang")).unwrap().send();
    let pending = [
        spawn(idle_first),
        spawn(client.get(server.url("/hang")).unwrap().send()),
        spawn(client.get(port.url("/")).unwrap().send()),
        spawn(client.get(server.url("/hang")).unwrap().send()),
    ];
    until(|| client.stats().total() == 4 && client.stats().waiting == 2).await;
    // Nothing of it waits for a timeout, not even for that of the dial.
    let closing = tokio::time::timeout(Duration::from_secs(5), client.close());
    closing.await.expect("it is closed at once");
    assert_eq!(client.stats().total(), 0);
    for task in pending {
        assert_eq!(task.await.unwrap().unwrap_err().kind(), Kind::Closed);
    }
    let error = loop {
        match streaming.chunk().await {
            Ok(chunk) => assert!(chunk.is_some(), "an endless body has no end"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), Kind::Closed);
    let after = refused(&client, server.url("/")).await;
    assert_eq!(after.kind(), Kind::Closed);
    until(|| server.connections().open == 0).await;
    client.close().await;
    server.finish().await;
    leaks.finish().await.unwrap();
}

#[tokio::test]
async fn h7e_dropping_the_last_clone_closes_what_is_idle_and_lets_responses_end() {
    let slow = |_: &_| Reply::ok(vec![b'x'; 10]).slow(1, Duration::from_millis(5));
    let server = Server::start(slow).await.unwrap();
    let client = client();
    let clone = client.clone();
    let first = client.get(server.url("/")).unwrap().send().await.unwrap();
    let second = client.get(server.url("/")).unwrap().send().await.unwrap();
    second.bytes().await.unwrap();
    drop(client);
    assert!(!clone.stats().connections.is_empty());
    drop(clone);
    assert_eq!(first.bytes().await.unwrap().len(), 10);
    until(|| server.connections().open == 0).await;
}

#[tokio::test]
async fn h7f_an_idle_connection_is_closed_when_its_time_is_up_and_beyond_the_idle_limit() {
    let server = Server::start(|_| Reply::ok("x").delay(Duration::from_millis(5)))
        .await
        .unwrap();
    let limits = PoolLimits::default()
        .idle(2)
        .idle_timeout(Duration::from_millis(100));
    let client = limited(limits);
    let get = async |client: &Client| {
        read(client, server.url("/")).await;
    };
    tokio::join!(get(&client), get(&client), get(&client), get(&client));
    until(|| server.connections().open == 2).await;
    assert_eq!(server.connections().peak, 4);
    until(|| server.connections().open == 0).await;
    assert_eq!(client.stats().total(), 0);
    get(&client).await;
}

#[tokio::test]
async fn h7g_a_connection_that_the_server_closes_while_idle_leaves_at_once() {
    let server = Server::start(|_| Reply::ok("x").then_close())
        .await
        .unwrap();
    let client = client();
    read(&client, server.url("/")).await;
    until(|| client.stats().total() == 0).await;
}
