//! How a WebSocket opens, and everything instead of that.

use std::io;
use std::sync::{Arc, Mutex};

use brigade_http::retry::RetryPolicy;
use brigade_http::{ConnectionState, Kind, Phase, PoolLimits, Timeouts};
use brigade_testkit::cancel::fuzz_cancel;
use brigade_testkit::server::{Reply, Server};
use brigade_testkit::wait::until;
use brigade_testkit::websocket::{WsConn, WsServer, kind};
use http::{Response, StatusCode};

use super::{ask, builder, denied, open, playing};

/// Agrees, and waits until the client leaves.
async fn agree(mut conn: WsConn) -> io::Result<()> {
    conn.agree("").await?;
    conn.set_patience(std::time::Duration::from_secs(1000));
    while conn.message().await?.is_some() {}
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn h15a_the_request_is_one_of_the_client_with_the_words_of_the_handshake() {
    let heads = Arc::new(Mutex::new(Vec::new()));
    let log = heads.clone();
    let client = playing(move |conn| {
        log.lock().unwrap().push(conn.head().to_owned());
        agree(conn)
    });
    let client = client.header("x-client", "1").build().unwrap();
    for url in ["ws://joe:secret@a.example:81/p?q#f", "http://a.example/p?q"] {
        let socket = client.websocket(url).unwrap().header("x-own", "2");
        let socket = socket.connect().await.unwrap();
        assert_eq!(socket.url().scheme(), "http");
        assert_eq!(socket.headers()["upgrade"], "websocket");
    }
    let heads = heads.lock().unwrap();
    let has = |head: &str, line: &str| head.lines().any(|it| it.eq_ignore_ascii_case(line));
    for head in &*heads {
        assert!(head.starts_with("GET /p?q HTTP/1.1\r\n"), "{head}");
        let lines = [
            "connection: Upgrade",
            "upgrade: websocket",
            "sec-websocket-version: 13",
        ];
        for line in lines.into_iter().chain(["x-client: 1", "x-own: 2"]) {
            assert!(has(head, line), "{line}: {head}");
        }
        assert!(!head.contains("sec-websocket-protocol") && !head.contains("extensions"));
    }
    assert!(has(&heads[0], "host: a.example:81"));
    assert!(has(&heads[0], "authorization: Basic am9lOnNlY3JldA=="));
    let key = |head: &str| {
        head.lines()
            .find(|it| it.contains("-key:"))
            .unwrap()
            .to_owned()
    };
    assert_ne!(key(&heads[0]), key(&heads[1]), "each has a key of its own");
    assert!(client.websocket("ftp://a.example/").is_err());
}

#[tokio::test(start_paused = true)]
async fn h15a_what_belongs_to_the_handshake_cannot_be_set() {
    let client = playing(agree).build().unwrap();
    for name in [
        "connection",
        "Upgrade",
        "sec-websocket-key",
        "Sec-WebSocket-Extensions",
    ] {
        let error = denied(ask(&client).header(name, "x")).await;
        assert_eq!(error.kind(), Kind::BadRequest, "{name}");
        assert_eq!(client.stats().total(), 0);
    }
    let error = denied(ask(&client).protocols(["a b"])).await;
    assert_eq!(error.kind(), Kind::BadRequest);
    let error = denied(ask(&client).with(|it| it.header("Sec-WebSocket-Key", "x"))).await;
    assert_eq!(error.kind(), Kind::BadRequest);
    let error = denied(ask(&client).with(|it| it.body("x"))).await;
    assert_eq!(error.kind(), Kind::BadRequest);
    assert_eq!(client.stats().total(), 0);
}

#[tokio::test(start_paused = true)]
async fn h15a_redirects_are_followed_and_credentials_stay_behind() {
    let heads = Arc::new(Mutex::new(Vec::new()));
    let log = heads.clone();
    let client = playing(move |mut conn| {
        log.lock().unwrap().push(conn.head().to_owned());
        async move {
            if conn.head().contains("host: a.example") {
                let away = "HTTP/1.1 307 Away\r\nlocation: http://b.example/new\r\n\
                            content-length: 0\r\n\r\n";
                conn.raw(away).await?;
                while conn.frame().await?.is_some() {}
                return Ok(());
            }
            agree(conn).await
        }
    });
    let client = client.build().unwrap();
    let socket = ask(&client).header("authorization", "Bearer secret");
    let socket = socket.connect().await.unwrap();
    assert_eq!(socket.url().as_str(), "http://b.example/new");
    let heads = heads.lock().unwrap().clone();
    assert!(heads[0].contains("secret") && !heads[1].contains("secret"));
    let error = denied(ask(&client).with(|request| request.redirects(0))).await;
    assert!(error.to_string().contains("307"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn h15d_a_connection_that_led_elsewhere_is_free_before_the_next() {
    let client = playing(|mut conn| async move {
        if conn.head().contains("host: a.example") {
            let away = "HTTP/1.1 302 Away\r\nlocation: http://b.example/\r\n\
                        connection: close\r\ncontent-length: 0\r\n\r\n";
            return conn.raw(away).await;
        }
        agree(conn).await
    });
    let limits = PoolLimits::default().total(1);
    let client = client.limits(limits).build().unwrap();
    let before = tokio::time::Instant::now();
    let socket = open(&client).await;
    assert_eq!(socket.url().host_str(), Some("b.example"));
    assert!(before.elapsed() < std::time::Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn h15d_a_connection_with_a_bad_agreement_is_free_before_the_next_attempt() {
    let attempts = Arc::new(Mutex::new(0));
    let count = attempts.clone();
    let client = playing(move |mut conn| {
        let attempt = {
            let mut count = count.lock().unwrap();
            *count += 1;
            *count
        };
        async move {
            if attempt == 1 {
                let bad = conn.agreement("transfer-encoding: gzip\r\n");
                conn.raw(bad).await?;
                while conn.frame().await?.is_some() {}
                return Ok(());
            }
            agree(conn).await
        }
    });
    let limits = PoolLimits::default().total(1);
    let client = client.limits(limits).retry(RetryPolicy::default());
    let client = client.build().unwrap();
    let before = tokio::time::Instant::now();
    let _socket = open(&client).await;
    assert_eq!(*attempts.lock().unwrap(), 2);
    let waited = before.elapsed();
    assert!(waited < std::time::Duration::from_secs(5), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn h15b_any_other_answer_is_an_error_that_says_its_status() {
    for status in [
        "200 OK",
        "204 No Content",
        "401 Unauthorized",
        "404 Not Found",
        "503 Busy",
    ] {
        let client = playing(move |mut conn| async move {
            let body = if status.starts_with("204") {
                ""
            } else {
                "content-length: 2\r\n\r\nno"
            };
            conn.raw(format!("HTTP/1.1 {status}\r\n{body}")).await?;
            if body.is_empty() {
                conn.raw("\r\n").await?;
            }
            while conn.frame().await?.is_some() {}
            Ok(())
        });
        let client = client.build().unwrap();
        let error = denied(ask(&client)).await;
        let found = error.status().map(|status| status.to_string());
        assert_eq!(
            found.as_deref().map(|status| &status[..3]),
            Some(&status[..3])
        );
        assert!(error.to_string().contains(&status[..3]), "{error}");
        until(|| client.stats().active == 0).await;
    }
}

#[tokio::test(start_paused = true)]
async fn h15b_each_promise_of_the_answer_is_checked() {
    type Change = fn(String) -> String;
    let cases: [(&str, Change); 10] = [
        ("no upgrade", |head| {
            head.replace("upgrade: websocket\r\n", "")
        }),
        ("another one", |head| {
            head.replace("upgrade: websocket", "upgrade: h2c")
        }),
        ("two", |head| {
            head.replace("upgrade: websocket", "upgrade: websocket, h2c")
        }),
        ("no connection", |head| {
            head.replace("connection: Upgrade\r\n", "")
        }),
        ("connection", |head| {
            head.replace("connection: Upgrade", "connection: close")
        }),
        ("no accept", |head| {
            head.replace("sec-websocket-accept:", "x:")
        }),
        ("another key's", |head| {
            head.replace("accept: ", "accept: x")
        }),
        ("an extension", |head| {
            head.replace("up", "sec-websocket-extensions: x\r\nup")
        }),
        ("a protocol", |head| {
            head.replace("upgr", "sec-websocket-protocol: c\r\nupgr")
        }),
        ("two protocols", |head| {
            head.replace(
                "upgr",
                "sec-websocket-protocol: a\r\nsec-websocket-protocol: b\r\nupgr",
            )
        }),
    ];
    for (name, change) in cases {
        let client = playing(move |mut conn| async move {
            conn.raw(change(conn.agreement(""))).await?;
            while conn.frame().await?.is_some() {}
            Ok(())
        });
        let client = client.build().unwrap();
        let error = denied(ask(&client).protocols(["a", "b"])).await;
        assert_eq!(error.kind(), Kind::Protocol, "{name}");
        until(|| client.stats().total() == 0).await;
    }
    let odd = |head: String| {
        let head = head.replace("upgrade: websocket", "Upgrade: WebSocket");
        head.replace("connection: Upgrade", "connection: keep-alive, uPgrade")
    };
    let client = playing(move |mut conn| async move {
        conn.raw(odd(conn.agreement("sec-websocket-protocol: b\r\n")))
            .await?;
        while conn.message().await?.is_some() {}
        Ok(())
    });
    let client = client.build().unwrap();
    let socket = ask(&client).protocols(["a", "b"]).connect().await.unwrap();
    assert_eq!(socket.protocol(), Some("b"));
}

#[tokio::test(start_paused = true)]
async fn h15b_a_server_may_choose_no_protocol() {
    let client = playing(agree).build().unwrap();
    let socket = ask(&client).protocols(["a"]).connect().await.unwrap();
    assert_eq!(socket.protocol(), None);
}

#[tokio::test(start_paused = true)]
async fn h15a_the_timeouts_bound_the_handshake() {
    let client = playing(|mut conn| async move {
        while conn.frame().await?.is_some() {}
        Ok(())
    });
    let client = client.build().unwrap();
    let five = std::time::Duration::from_secs(5);
    for (timeouts, phase) in [
        (Timeouts::NONE.read(five), Phase::Read),
        (Timeouts::NONE.total(five), Phase::Total),
    ] {
        let error = denied(ask(&client).timeouts(timeouts)).await;
        assert_eq!(error.kind(), Kind::Timeout(phase));
        until(|| client.stats().total() == 0).await;
    }
    // Afterwards the total timeout is over.
    let client = playing(agree).build().unwrap();
    let socket = ask(&client).timeouts(Timeouts::NONE.total(five));
    let mut socket = socket.ping_every(None).connect().await.unwrap();
    tokio::time::sleep(five * 100).await;
    socket.send_text("still there").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn h15d_it_counts_against_the_limits_until_its_socket_is_closed() {
    let limits = PoolLimits::default().total(2).per_host(1);
    let client = playing(agree).limits(limits).build().unwrap();
    let first = open(&client).await;
    let stats = client.stats();
    assert_eq!((stats.total(), stats.active), (1, 1));
    assert_eq!(stats.connections[0].state, ConnectionState::Upgraded);
    assert_eq!(&*stats.connections[0].origin, "ws://a.example");
    let hasty = Timeouts::NONE.pool(std::time::Duration::from_secs(1));
    let error = denied(ask(&client).timeouts(hasty)).await;
    assert_eq!(
        error.kind(),
        Kind::Timeout(Phase::Pool),
        "its host has one already"
    );
    let other = client.websocket("ws://b.example/").unwrap();
    let other = other.connect().await.unwrap();
    let third = client.websocket("ws://c.example/").unwrap().timeouts(hasty);
    assert_eq!(
        denied(third).await.kind(),
        Kind::Timeout(Phase::Pool),
        "the total is full"
    );
    let third = client.websocket("ws://c.example/").unwrap();
    let (third, ()) = tokio::join!(third.connect(), async { drop(first) });
    assert_eq!(client.stats().total(), 2);
    drop((third, other));
    until(|| client.stats().total() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn h15e_a_dropped_connect_loses_no_slot() {
    let limits = PoolLimits::default().total(1);
    let client = playing(agree).limits(limits).build().unwrap();
    let polls = fuzz_cancel(
        || async { ask(&client).connect().await.is_ok() },
        async |outcome| {
            let mut socket = open(&client).await;
            assert!(socket.send_text("x").await.is_ok(), "{outcome:?}");
            drop(socket);
            until(|| client.stats().total() == 0).await;
        },
    );
    assert!(polls.await > 1);
}

#[tokio::test(start_paused = true)]
async fn h15e_a_connect_that_nobody_polls_holds_its_slot_for_ten_seconds() {
    let client = playing(|conn| async move {
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        agree(conn).await
    });
    let client = client.build().unwrap();
    let mut connect = std::pin::pin!(ask(&client).connect());
    let second = std::time::Duration::from_secs(1);
    let early = tokio::time::timeout(second, &mut connect).await;
    assert!(early.is_err(), "the server takes two seconds");
    tokio::time::sleep(second * 10).await;
    assert_eq!(client.stats().total(), 1, "it was agreed on 9 s ago");
    tokio::time::sleep(second * 2).await;
    assert_eq!(client.stats().total(), 0);
    assert_eq!(connect.await.unwrap_err().kind(), Kind::Protocol);
}

#[tokio::test]
async fn h15d_the_connections_of_requests_are_counted_and_used_apart() {
    let server = Server::start(|_| Reply::ok("x")).await.unwrap();
    let limits = PoolLimits::default().per_host(1);
    let client = builder().limits(limits).build().unwrap();
    super::super::read(&client, server.url("/")).await;
    let error = denied(client.websocket(server.url("/")).unwrap()).await;
    assert!(error.to_string().contains("200"), "{error}");
    assert_eq!(server.connections().total, 2, "one of its own");
    super::super::read(&client, server.url("/")).await;
    assert_eq!(server.connections().total, 2, "and the other goes on");
}

#[tokio::test]
async fn h15f_close_ends_it_and_dropping_the_client_does_not() {
    let server = WsServer::start(agree).unwrap();
    let client = builder().build().unwrap();
    let connect = async || {
        client
            .websocket(server.url("/"))
            .unwrap()
            .connect()
            .await
            .unwrap()
    };
    let mut socket = connect().await;
    // Nobody polls it.
    client.close().await;
    assert_eq!(client.stats().total(), 0);
    until(|| server.connections().open == 0).await;
    assert_eq!(super::fails(&mut socket).await, Kind::Closed);
    assert!(socket.send_text("x").await.is_err());
    let client = builder().build().unwrap();
    let mut socket = client
        .websocket(server.url("/"))
        .unwrap()
        .connect()
        .await
        .unwrap();
    drop(client);
    socket.send_text("x").await.unwrap();
    assert_eq!(socket.close(1000, "").await.unwrap().code, Some(1000));
    until(|| server.connections().open == 0).await;
}

#[tokio::test]
async fn h15a_a_client_without_a_network_opens_none() {
    let fake = tower::service_fn(|_| async {
        let mut response = Response::new(String::new());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        Ok::<_, io::Error>(response)
    });
    let client = builder().service(fake).build().unwrap();
    let error = denied(ask(&client)).await;
    assert_eq!(error.kind(), Kind::BadRequest);
    assert!(error.to_string().contains("service"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn h15g_what_comes_with_the_agreement_is_the_beginning() {
    let client = playing(|mut conn| async move {
        let mut all = conn.agreement("").into_bytes();
        for number in 0..300u32 {
            let text = format!("{number} {}", "x".repeat(500));
            all.extend(brigade_testkit::websocket::frame(kind::TEXT, text));
        }
        conn.raw(all).await?;
        while conn.message().await?.is_some() {}
        Ok(())
    });
    let client = client.build().unwrap();
    let mut socket = open(&client).await;
    for number in 0..300u32 {
        let message = socket.next().await.unwrap().unwrap();
        assert!(
            message
                .as_text()
                .unwrap()
                .starts_with(&format!("{number} "))
        );
    }
}
