//! H1 on the wire: what servers see of the client's limits.

use std::time::Duration;

use brigade_http::{Client, Kind, PoolLimits};
use brigade_testkit::cancel::fuzz_cancel;
use brigade_testkit::server::{Reply, Server};
use brigade_testkit::wait::until;

use super::{client, limited, own_sockets, refused, spawn};

async fn get(client: Client, url: String) -> Result<usize, brigade_http::Error> {
    Ok(client.get(url)?.send().await?.bytes().await?.len())
}

/// Servers on addresses of their own, which are hosts of their own.
async fn servers<const N: usize>() -> [Server; N] {
    let mut servers = Vec::new();
    for number in 0..N {
        let address = ([127, 0, 0, 2 + number as u8], 0);
        let reply = |_: &_| Reply::ok(vec![b'x'; 2000]).delay(Duration::from_millis(2));
        servers.push(
            Server::builder()
                .address(address)
                .start(reply)
                .await
                .unwrap(),
        );
    }
    servers
        .try_into()
        .unwrap_or_else(|_| unreachable!("N were made"))
}

/// Many requests to five hosts, some of which give up half-way; `look` is called all the time.
async fn crowd(client: &Client, servers: &[Server; 5], mut look: impl FnMut()) {
    let tasks: Vec<_> = (0..300_usize)
        .map(|number| {
            let request = get(client.clone(), servers[number * 7 % 5].url("/"));
            let patience = match number % 4 {
                0 => Duration::from_millis(number as u64 % 37),
                _ => Duration::from_secs(30),
            };
            spawn(async move { tokio::time::timeout(patience, request).await })
        })
        .collect();
    while tasks.iter().any(|task| !task.is_finished()) {
        let stats = client.stats();
        assert!(stats.total() <= 6 && stats.idle <= 4, "{stats:?}");
        let before = tokio::time::Instant::now();
        look();
        // To look is slow where the system has many sockets, and stops the requests.
        tokio::time::sleep(Duration::from_millis(2) + before.elapsed() / 2).await;
    }
    for task in tasks {
        if let Ok(result) = task.await.unwrap() {
            assert_eq!(result.unwrap(), 2000);
        }
    }
    until(|| client.stats().total() == client.stats().idle).await;
    assert_eq!(client.stats().waiting, 0);
    client.close().await;
    assert_eq!(client.stats().total(), 0);
}

/// On one thread, so that no socket comes or goes while they are counted.
#[tokio::test]
async fn h1f_the_client_never_has_more_sockets_than_the_limits_allow() {
    let servers = servers::<5>().await;
    let client = limited(PoolLimits::default().total(6).per_host(2).idle(4));
    let mut peak = 0;
    crowd(&client, &servers, || {
        let own = own_sockets(servers.each_ref().map(Server::address));
        assert!(
            own.iter().all(|own| *own <= 2),
            "{own:?} sockets to the hosts"
        );
        peak = peak.max(own.iter().sum());
        assert!(peak <= 6, "{own:?} sockets in all");
    })
    .await;
    assert!(peak >= 3, "the test saw at most {peak} sockets at once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn h1k_the_limits_hold_for_a_client_that_threads_share() {
    let servers = servers::<5>().await;
    let client = limited(PoolLimits::default().total(6).per_host(2).idle(4));
    crowd(&client, &servers, || {}).await;
}

#[tokio::test]
async fn h1g_a_total_of_one_serves_many_hosts_in_turn() {
    let servers = servers::<3>().await;
    let client = limited(PoolLimits::default().total(1));
    for round in 0..6 {
        let url = servers[round % 3].url("/");
        assert_eq!(get(client.clone(), url).await.unwrap(), 2000);
        assert_eq!(client.stats().total(), 1);
    }
    for server in &servers {
        assert_eq!(server.connections().total, 2);
    }
}

#[tokio::test]
async fn h1h_dropping_a_request_at_any_await_loses_neither_slot_nor_connection() {
    let server = Server::start(|_| Reply::ok("body").chunked(["a", "b"]))
        .await
        .unwrap();
    let client = limited(PoolLimits::default().total(1));
    let url = server.url("/");
    let warm = async |warm: bool| {
        if warm {
            assert_eq!(get(client.clone(), url.clone()).await.unwrap(), 2);
        }
    };
    for idle_first in [false, true] {
        fuzz_cancel(
            || async {
                warm(idle_first).await;
                get(client.clone(), url.clone()).await.unwrap()
            },
            async |outcome| {
                until(|| client.stats().active + client.stats().dialing == 0).await;
                until(|| server.connections().open == client.stats().total()).await;
                assert!(client.stats().total() <= 1, "{outcome:?}");
                let next = get(client.clone(), url.clone()).await;
                assert_eq!(next.unwrap(), 2, "after {outcome:?}");
            },
        )
        .await;
    }
    assert_eq!(server.connections().peak, 1);
}

#[tokio::test]
async fn h1i_a_waiter_that_is_dropped_lets_those_behind_it_move_up() {
    let server = Server::start(|request| match request.path() {
        "/held" => Reply::ok("x").delay(Duration::from_millis(50)),
        _ => Reply::ok("x"),
    });
    let server = server.await.unwrap();
    let client = limited(PoolLimits::default().total(1));
    let url = server.url("/");
    let polls = fuzz_cancel(
        || async {
            let held = spawn(get(client.clone(), server.url("/held")));
            until(|| client.stats().active == 1).await;
            let waiter = get(client.clone(), url.clone());
            waiter.await.unwrap();
            held.await.unwrap().unwrap();
        },
        async |outcome| {
            let next = get(client.clone(), url.clone()).await;
            assert_eq!(next.unwrap(), 1, "after {outcome:?}");
            assert_eq!(client.stats().waiting, 0);
        },
    );
    assert!(polls.await > 2);
    assert_eq!(server.connections().peak, 1);
}

#[tokio::test]
async fn h1n_a_waiter_that_nobody_polls_is_overtaken_and_keeps_its_place() {
    let server = Server::start(|request| {
        Reply::ok("x").delay(match request.path() {
            "/held" => Duration::from_millis(50),
            _ => Duration::ZERO,
        })
    });
    let server = server.await.unwrap();
    let elsewhere = Server::start(|_| Reply::ok("y")).await.unwrap();
    // The first is handed a connection to its own server, then a slot to dial with.
    for held in [server.url("/held"), elsewhere.url("/")] {
        let client = limited(PoolLimits::default().total(1));
        let first = spawn(get(client.clone(), held));
        until(|| client.stats().total() == 1).await;
        let mut asleep = Box::pin(get(client.clone(), server.url("/asleep")));
        assert!(poll_once(&mut asleep).await.is_none());
        let behind = tokio::time::timeout(
            Duration::from_secs(5),
            get(client.clone(), server.url("/behind")),
        );
        assert_eq!(behind.await.expect("it is not blocked").unwrap(), 1);
        assert_eq!(
            asleep.await.unwrap(),
            1,
            "it is served when it is polled again"
        );
        first.await.unwrap().unwrap();
        until(|| client.stats().total() == client.stats().idle).await;
        assert_eq!(client.stats().waiting, 0);
    }
}

/// Polls a future once.
async fn poll_once<F: std::future::Future + Unpin>(future: &mut F) -> Option<F::Output> {
    let once = std::future::poll_fn(|cx| match std::pin::Pin::new(&mut *future).poll(cx) {
        std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    });
    once.await
}

#[tokio::test]
async fn h1j_a_failed_connection_frees_its_slot_in_every_phase() {
    let broken = [
        Reply::reset(),
        Reply::close(),
        Reply::ok("0123456789").reset_after(3),
        Reply::ok("0123456789").close_after(3),
        Reply::ok("x").chunked(["0123", "4567"]).close_after(8),
        Reply::raw("HTTP/1.1 200 O"),
        Reply::raw("not HTTP at all\r\n\r\n"),
        Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello"),
        Reply::raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"),
    ];
    let client = limited(PoolLimits::default().total(1));
    for reply in broken {
        let server = Server::start({
            let reply = reply.clone();
            move |_| reply.clone()
        });
        let server = server.await.unwrap();
        for _ in 0..2 {
            let error = get(client.clone(), server.url("/")).await.unwrap_err();
            assert_eq!(error.kind(), Kind::Protocol, "{reply:?}");
        }
        until(|| client.stats().total() == 0).await;
    }
}

#[tokio::test]
async fn a_refused_connection_is_an_error_that_names_the_address() {
    let port = brigade_testkit::server::Port::refusing().unwrap();
    let error = refused(&client(), port.url("/")).await;
    assert_eq!(error.kind(), Kind::Connect);
    assert!(error.is_connect());
    let text = super::tell(&error);
    assert!(
        text.contains(&port.url("/")) && text.contains("refused"),
        "{text}"
    );
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_an_error_of_its_own() {
    let error = client()
        .get("http://no-such-host.invalid/")
        .unwrap()
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Dns);
}
