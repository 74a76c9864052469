//! H2: five timeouts, five kinds.

use std::time::{Duration, Instant};

use brigade_http::{Client, Kind, Phase, PoolLimits, RequestBuilder, Timeouts};
use brigade_testkit::server::{Port, Reply, Server};
use brigade_testkit::wait::until;

use super::{client, limited, spawn};

const SHORT: Duration = Duration::from_millis(80);

/// The kind of error with which a request fails, and that it came neither early nor late.
async fn fails(request: RequestBuilder) -> Kind {
    #[expect(clippy::disallowed_methods, reason = "the test measures real sockets")]
    let start = Instant::now();
    let result = async { request.send().await?.bytes().await }.await;
    let elapsed = start.elapsed();
    assert!(elapsed >= SHORT, "after {elapsed:?}");
    assert!(elapsed < Duration::from_secs(5), "after {elapsed:?}");
    let error = result.unwrap_err();
    assert!(error.is_timeout());
    error.kind()
}

fn get(client: &Client, url: String, timeouts: Timeouts) -> RequestBuilder {
    client.get(url).unwrap().timeouts(timeouts)
}

#[tokio::test]
async fn h2a_the_pool_timeout_ends_the_wait_for_a_connection() {
    let server = Server::start(|_| Reply::hang()).await.unwrap();
    let client = limited(PoolLimits::default().per_host(1));
    let held = spawn(client.get(server.url("/")).unwrap().send());
    until(|| client.stats().active == 1).await;
    let request = get(&client, server.url("/"), Timeouts::NONE.pool(SHORT));
    assert_eq!(fails(request).await, Kind::Timeout(Phase::Pool));
    assert_eq!(client.stats().waiting, 0);
    held.abort();
    until(|| client.stats().total() == 0).await;
}

#[tokio::test]
async fn h2b_the_connect_timeout_bounds_the_dial_and_frees_its_slot() {
    let port = Port::full().await.unwrap();
    let client = client();
    let request = get(&client, port.url("/"), Timeouts::NONE.connect(SHORT));
    assert_eq!(fails(request).await, Kind::Timeout(Phase::Connect));
    assert_eq!(client.stats().total(), 0);
}

#[tokio::test]
async fn h2c_the_write_timeout_ends_a_request_that_the_server_does_not_read() {
    let server = Server::builder()
        .leave_bodies_unread()
        .start(|_| Reply::hang())
        .await
        .unwrap();
    let client = client();
    let request = client
        .post(server.url("/"))
        .unwrap()
        .body(vec![0; 64 << 20]);
    let request = request.timeouts(Timeouts::NONE.write(SHORT));
    assert_eq!(fails(request).await, Kind::Timeout(Phase::Write));
    until(|| client.stats().total() == 0).await;
}

#[tokio::test]
async fn h2d_the_read_timeout_ends_a_response_that_falls_silent() {
    let silent = [
        Reply::hang(),
        Reply::ok("0123456789").hang_after(0),
        Reply::ok("0123456789").hang_after(5),
        Reply::status(200).chunked(["0123", "4567"]).hang_after(8),
        Reply::raw("HTTP/1.1 200 OK\r\ncontent-le").hang_after(27),
    ];
    let client = limited(PoolLimits::default().total(1));
    for reply in silent {
        let server = Server::start(move |_| reply.clone()).await.unwrap();
        let request = get(&client, server.url("/"), Timeouts::NONE.read(SHORT));
        assert_eq!(fails(request).await, Kind::Timeout(Phase::Read));
        until(|| client.stats().total() == 0).await;
    }
}

#[tokio::test]
async fn h2e_the_total_timeout_ends_whatever_takes_too_long() {
    let every = Duration::from_millis(20);
    let trickle = "HTTP/1.1 200 OK\r\nx-header: value\r\ncontent-length: 2000\r\n\r\n";
    let slow = [
        Reply::hang(),
        Reply::raw(trickle).slow(1, every),
        Reply::ok(vec![0; 2000]).slow(1, every),
        Reply::ok("x").delay(Duration::from_secs(30)),
    ];
    let client = limited(PoolLimits::default().total(1));
    for reply in slow {
        let server = Server::start(move |_| reply.clone()).await.unwrap();
        let timeouts = Timeouts::NONE.read(Duration::from_secs(10)).total(SHORT);
        let request = get(&client, server.url("/"), timeouts);
        assert_eq!(fails(request).await, Kind::Timeout(Phase::Total));
        until(|| client.stats().total() == 0).await;
    }
    let port = Port::full().await.unwrap();
    let request = get(&client, port.url("/"), Timeouts::NONE.total(SHORT));
    assert_eq!(fails(request).await, Kind::Timeout(Phase::Total));
}

#[tokio::test]
async fn h2f_the_total_timeout_bounds_the_wait_for_a_connection_too() {
    let server = Server::start(|_| Reply::hang()).await.unwrap();
    let client = limited(PoolLimits::default().total(1));
    let _held = spawn(client.get(server.url("/")).unwrap().send());
    until(|| client.stats().active == 1).await;
    let request = client.get(server.url("/")).unwrap().timeout(SHORT);
    assert_eq!(fails(request).await, Kind::Timeout(Phase::Total));
}

#[tokio::test]
async fn h2g_a_request_has_the_clients_timeouts_unless_it_sets_its_own() {
    let server = Server::start(|_| Reply::ok("late").delay(3 * SHORT))
        .await
        .unwrap();
    let client = Client::builder()
        .timeouts(Timeouts::NONE.read(SHORT))
        .build()
        .unwrap();
    let kind = fails(client.get(server.url("/")).unwrap()).await;
    assert_eq!(kind, Kind::Timeout(Phase::Read));
    let patient = get(
        &client,
        server.url("/"),
        Timeouts::NONE.read(Duration::from_secs(10)),
    );
    assert_eq!(patient.send().await.unwrap().text().await.unwrap(), "late");
}

#[tokio::test]
async fn h2h_timeouts_run_only_while_something_is_waited_for() {
    // 1 MiB is more than the sockets hold, so the server waits for the reader as well.
    let big = Reply::ok(vec![0; 8 << 20]);
    let server = Server::start(move |_| big.clone()).await.unwrap();
    let client = client();
    let timeouts = Timeouts::default().read(SHORT).write(SHORT);
    let mut response = get(&client, server.url("/"), timeouts)
        .send()
        .await
        .unwrap();
    let first = response.chunk().await.unwrap().unwrap();
    // A reader that takes its time is not a server that falls silent.
    tokio::time::sleep(3 * SHORT).await;
    assert_eq!(first.len() + response.bytes().await.unwrap().len(), 8 << 20);
    // An idle connection waits for nothing either.
    tokio::time::sleep(3 * SHORT).await;
    assert_eq!(client.stats().idle, 1);
    let again = get(&client, server.url("/"), timeouts)
        .send()
        .await
        .unwrap();
    again.bytes().await.unwrap();
    assert_eq!(server.connections().total, 1);
}

#[tokio::test]
async fn h2i_each_byte_that_moves_starts_the_read_and_write_timeouts_again() {
    let slow = Reply::ok(vec![0; 10]).slow(1, SHORT / 2);
    let server = Server::start(move |_| slow.clone()).await.unwrap();
    let client = client();
    let request = get(&client, server.url("/"), Timeouts::NONE.read(SHORT * 2));
    assert_eq!(
        request.send().await.unwrap().bytes().await.unwrap().len(),
        10
    );
}

#[tokio::test]
async fn a_request_after_a_timeout_goes_through() {
    let server = Server::start(|request| match request.path() {
        "/hang" => Reply::hang(),
        _ => Reply::ok("fine"),
    });
    let server = server.await.unwrap();
    let client = limited(PoolLimits::default().total(1));
    for _ in 0..3 {
        let hanging = get(&client, server.url("/hang"), Timeouts::NONE.read(SHORT));
        assert_eq!(fails(hanging).await, Kind::Timeout(Phase::Read));
        let next = client.get(server.url("/")).unwrap().send().await.unwrap();
        assert_eq!(next.text().await.unwrap(), "fine");
    }
}
