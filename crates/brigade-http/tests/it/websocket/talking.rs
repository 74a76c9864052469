//! Messages both ways: whole, in order, bounded, and noticed when the other side is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use brigade_http::transport::{Connect, Connecting, Destination};
use brigade_http::websocket::Message;
use brigade_http::{Kind, Phase, Timeouts};
use brigade_testkit::cancel::fuzz_cancel;
use brigade_testkit::websocket::{WsConn, kind};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::{ask, builder, fails, open, playing, spawn, with_room};

/// Says everything back.
async fn echo(mut conn: WsConn) -> std::io::Result<()> {
    conn.agree("").await?;
    while let Some(frame) = conn.frame().await? {
        let first = frame.first;
        conn.send(
            if first == kind::PING {
                kind::PONG
            } else {
                first
            },
            frame.payload,
        )
        .await?;
        if first == kind::CLOSE {
            break;
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn h15m_what_is_sent_arrives_whole_and_in_order() {
    let client = playing(echo).build().unwrap();
    let mut socket = open(&client).await;
    for length in [0, 1, 125, 126, 65_535, 65_536, 300_000] {
        let text = "é".repeat(length / 2);
        socket.send_text(text.as_str()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::from(text));
    }
    socket.send_binary(vec![0xff; 10]).await.unwrap();
    assert_eq!(
        socket.next().await.unwrap().unwrap(),
        Message::from(vec![0xff; 10])
    );
}

#[tokio::test(start_paused = true)]
async fn h15m_a_dropped_send_is_sent_as_a_whole() {
    let client = with_room(1024, echo).build().unwrap();
    let mut socket = open(&client).await;
    let long = "x".repeat(5_000);
    let dropped = timeout(Duration::ZERO, socket.send_text(long.as_str()));
    assert!(dropped.await.is_err(), "it takes more than a poll");
    socket.send_text("next").await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::from(long));
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::from("next"));
}

#[tokio::test(start_paused = true)]
async fn h15m_a_server_that_takes_nothing_is_a_write_timeout() {
    let client = with_room(1024, |mut conn| async move {
        conn.agree("").await?;
        tokio::time::sleep(Duration::from_secs(1000)).await;
        Ok(())
    });
    let client = client.build().unwrap();
    let five = Duration::from_secs(5);
    let socket = ask(&client).timeouts(Timeouts::NONE.write(five));
    let mut socket = socket.connect().await.unwrap();
    let before = Instant::now();
    let error = socket.send_binary(vec![0; 10_000]).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout(Phase::Write));
    assert_eq!(before.elapsed().as_secs(), 5);
    assert_eq!(fails(&mut socket).await, Kind::Timeout(Phase::Write));
    let again = socket.send_text("x").await.unwrap_err();
    assert_eq!(again.kind(), Kind::Timeout(Phase::Write));
}

#[tokio::test(start_paused = true)]
async fn h15l_a_server_that_takes_nothing_gives_no_sign_of_life_either() {
    let client = with_room(1024, |mut conn| async move {
        conn.agree("").await?;
        std::future::pending().await
    });
    let client = client.build().unwrap();
    let five = Duration::from_secs(5);
    let socket = ask(&client).timeouts(Timeouts::NONE.read(five));
    let socket = socket.ping_every(five * 2).connect();
    let mut socket = socket.await.unwrap();
    let before = Instant::now();
    let sent = timeout(five * 10, socket.send_binary(vec![0; 10_000])).await;
    let error = sent.expect("it ends").unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout(Phase::Read));
    assert_eq!(before.elapsed(), five * 2, "as soon as one is wanted");
}

#[tokio::test(start_paused = true)]
async fn h15l_a_silent_server_is_asked_and_then_given_up() {
    let pings = Arc::new(AtomicUsize::new(0));
    let count = pings.clone();
    let client = playing(move |mut conn| {
        let count = count.clone();
        async move {
            conn.agree("").await?;
            conn.set_patience(Duration::from_secs(1000));
            tokio::time::sleep(Duration::from_secs(25)).await;
            conn.send(kind::TEXT, "late").await?;
            loop {
                let Some(frame) = conn.frame().await? else {
                    return Ok(());
                };
                assert_eq!(frame.first, kind::PING);
                if count.fetch_add(1, Relaxed) < 3 {
                    conn.send(kind::PONG, frame.payload).await?;
                }
            }
        }
    });
    let client = client.build().unwrap();
    let socket = ask(&client).ping_every(Duration::from_secs(30));
    let socket = socket.timeouts(Timeouts::NONE.read(Duration::from_secs(40)));
    let mut socket = socket.connect().await.unwrap();
    let before = Instant::now();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::from("late"));
    assert_eq!(fails(&mut socket).await, Kind::Timeout(Phase::Read));
    assert!(pings.load(Relaxed) >= 4);
    assert!(
        before.elapsed() > Duration::from_secs(25 + 3 * 30 + 30),
        "{:?}",
        before.elapsed()
    );
    // Nobody needs to ask for that.
    let client = playing(|mut conn| async move {
        conn.agree("").await?;
        std::future::pending().await
    });
    let client = client.build().unwrap();
    let _socket = open(&client).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(client.stats().total(), 0);
}

#[tokio::test(start_paused = true)]
async fn h15l_a_ping_is_waited_for_once_it_has_left() {
    let client = builder().connector(Slow).build().unwrap();
    let ten = Duration::from_secs(10);
    let socket = ask(&client).ping_every(ten);
    let timeouts = Timeouts::NONE.read(ten).write(ten);
    let mut socket = socket.timeouts(timeouts).connect().await.unwrap();
    let before = Instant::now();
    // Behind this one a ping has to wait.
    socket.send_binary(vec![0; 100 << 10]).await.unwrap();
    assert!(before.elapsed() > 5 * ten, "{:?}", before.elapsed());
    let answer = socket.next().await.unwrap().unwrap();
    assert_eq!(answer.len(), 100 << 10);
    assert_eq!(fails(&mut socket).await, Kind::Timeout(Phase::Read));
}

/// Takes a KiB a second, says one message back, answers one ping, and is silent from then on.
#[derive(Debug)]
struct Slow;

impl Connect for Slow {
    fn connect(&self, _to: Destination) -> Connecting {
        let (ours, theirs) = duplex(1024);
        let (near, far) = duplex(1 << 20);
        let (mut from, mut back) = tokio::io::split(theirs);
        let (mut answers, mut to) = tokio::io::split(near);
        spawn(async move {
            let mut some = [0; 1024];
            while let Ok(count @ 1..) = from.read(&mut some).await {
                tokio::time::sleep(Duration::from_secs(1)).await;
                to.write_all(&some[..count]).await.unwrap();
            }
        });
        spawn(async move { tokio::io::copy(&mut answers, &mut back).await });
        spawn(async move {
            let mut conn = WsConn::over(far).await.unwrap();
            conn.agree("").await.unwrap();
            conn.set_patience(Duration::from_secs(1000));
            let message = conn.frame().await.unwrap().unwrap();
            conn.send(message.first, message.payload).await.unwrap();
            let ping = conn.frame().await.unwrap().unwrap();
            conn.send(kind::PONG, ping.payload).await.unwrap();
            std::future::pending::<()>().await;
        });
        Box::pin(async { Ok(Box::new(ours) as _) })
    }
}

#[tokio::test(start_paused = true)]
async fn h15p_each_half_is_told_that_it_broke() {
    let client = playing(|mut conn| async move {
        conn.agree("").await?;
        conn.frame().await.map(drop)
    });
    let client = client.build().unwrap();
    let (mut sender, mut receiver) = open(&client).await.split();
    sender.send_text("x").await.unwrap();
    brigade_testkit::wait::until(|| client.stats().total() == 0).await;
    for _ in 0..2 {
        let error = sender.send_text("x").await.unwrap_err();
        assert_eq!(error.kind(), Kind::Protocol);
    }
    let error = receiver.next().await.expect("no end").unwrap_err();
    assert_eq!(error.kind(), Kind::Protocol);
    assert!(receiver.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn h15l_no_sign_of_life_is_expected_while_nobody_listens() {
    let client = with_room(1024, |mut conn| async move {
        conn.agree("").await?;
        for _ in 0..300 {
            // The client takes it in the end.
            conn.send(kind::BINARY, [0; 1000]).await?;
        }
        while conn.message().await?.is_some() {}
        Ok(())
    });
    let client = client.build().unwrap();
    let socket = ask(&client).ping_every(Duration::from_secs(1));
    let timeouts = Timeouts::NONE.read(Duration::from_secs(1));
    let mut socket = socket.timeouts(timeouts).connect().await.unwrap();
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert_eq!(client.stats().active, 1);
    for _ in 0..300 {
        assert_eq!(socket.next().await.unwrap().unwrap().len(), 1000);
    }
}

#[tokio::test(start_paused = true)]
async fn h15q_a_reader_who_does_not_read_keeps_the_server_waiting() {
    // 64 KiB and one more, or 256, and what is under way.
    for (length, bounds) in [(1000, 66..100), (10, 256..400)] {
        let sent = Arc::new(AtomicUsize::new(0));
        let count = sent.clone();
        let client = with_room(1024, move |mut conn| {
            let count = count.clone();
            async move {
                conn.agree("").await?;
                while conn.send(kind::BINARY, vec![0; length]).await.is_ok() {
                    count.fetch_add(1, Relaxed);
                }
                Ok(())
            }
        });
        let client = client.build().unwrap();
        let mut socket = open(&client).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        let waiting = sent.load(Relaxed);
        assert!(bounds.contains(&waiting), "{length}: {waiting}");
        for _ in 0..1000 {
            assert_eq!(socket.next().await.unwrap().unwrap().len(), length);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn h15k_pings_are_answered_while_nobody_waits_and_a_flood_of_them_costs_nothing() {
    let pongs = Arc::new(Semaphore::new(0));
    let count = pongs.clone();
    let client = with_room(4096, move |mut conn| {
        let count = count.clone();
        async move {
            conn.agree("").await?;
            conn.send(kind::PING, "one").await?;
            assert_eq!(conn.frame().await?.unwrap().payload, b"one");
            count.add_permits(1);
            // Nothing of the answers is read meanwhile.
            for number in 0..100_000u32 {
                conn.send(kind::PING, number.to_be_bytes()).await?;
            }
            let mut answers = 0;
            loop {
                answers += 1;
                let frame = conn.frame().await?.unwrap();
                assert_eq!(frame.first, kind::PONG);
                if frame.payload == 99_999u32.to_be_bytes() {
                    break;
                }
            }
            assert!(answers < 2_000, "{answers}");
            count.add_permits(1);
            while conn.message().await?.is_some() {}
            Ok(())
        }
    });
    let client = client.build().unwrap();
    let socket = open(&client).await;
    let answered = timeout(Duration::from_secs(60), pongs.acquire_many(2));
    drop(answered.await.expect("both were answered"));
    drop(socket);
}

#[tokio::test(start_paused = true)]
async fn h15k_a_ping_within_a_message_is_answered_behind_it() {
    let long: Vec<u8> = (0..200_000u32).map(|at| (at % 251) as u8).collect();
    let expected = long.clone();
    let client = with_room(1024, move |mut conn| {
        let expected = expected.clone();
        async move {
            conn.agree("").await?;
            // The message has begun by then, and waits for somebody who reads it.
            tokio::time::sleep(Duration::from_secs(1)).await;
            conn.send(kind::PING, "now").await?;
            tokio::time::sleep(Duration::from_secs(1)).await;
            let message = conn.frame().await?.unwrap();
            assert!(message.payload == expected, "it is whole");
            let pong = conn.frame().await?.unwrap();
            assert_eq!((pong.first, &*pong.payload), (kind::PONG, &b"now"[..]));
            conn.send(kind::TEXT, "both").await
        }
    });
    let client = client.build().unwrap();
    let mut socket = open(&client).await;
    socket.send_binary(long).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::from("both"));
}

#[tokio::test(start_paused = true)]
async fn h15q_a_dropped_next_loses_nothing() {
    let client = playing(|mut conn| async move {
        conn.agree("").await?;
        for number in 0..1_000u32 {
            tokio::task::yield_now().await;
            conn.send(kind::TEXT, number.to_string()).await?;
        }
        std::future::pending().await
    });
    let client = client.build().unwrap();
    let socket = tokio::sync::Mutex::new((open(&client).await, 0));
    let polls = fuzz_cancel(
        || async {
            let mut held = socket.lock().await;
            let message = held.0.next().await.unwrap().unwrap();
            assert_eq!(message, Message::from(held.1.to_string()));
            held.1 += 1;
        },
        async |_| {},
    );
    polls.await;
    let (mut socket, mut number) = socket.into_inner();
    while number < 1_000 {
        let message = socket.next().await.unwrap().unwrap();
        assert_eq!(message, Message::from(number.to_string()));
        number += 1;
    }
}

#[tokio::test(start_paused = true)]
async fn h15o_the_halves_live_apart_and_the_last_one_closes_the_socket() {
    let client = playing(echo).build().unwrap();
    let (mut sender, mut receiver) = open(&client).await.split();
    let sending = spawn(async move {
        for number in 0..100 {
            sender.send_text(number.to_string()).await.unwrap();
        }
        sender
    });
    for number in 0..100 {
        let message = receiver.next().await.unwrap().unwrap();
        assert_eq!(message, Message::from(number.to_string()));
    }
    let mut sender = sending.await.unwrap();
    drop(receiver);
    // What comes back is thrown away, so that nothing is held up.
    for _ in 0..100 {
        sender.send_binary(vec![0; 10_000]).await.unwrap();
    }
    assert_eq!(client.stats().active, 1);
    drop(sender);
    brigade_testkit::wait::until(|| client.stats().total() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn h15o_what_waits_for_a_dropped_receiver_holds_up_nothing() {
    let client = with_room(1024, |mut conn| async move {
        conn.agree("").await?;
        for _ in 0..200 {
            conn.send(kind::BINARY, [0; 1000]).await?;
        }
        let frame = conn.frame().await?.unwrap();
        assert_eq!(frame.payload, b"x");
        conn.send(kind::CLOSE, "").await
    });
    let client = client.build().unwrap();
    let (mut sender, receiver) = open(&client).await.split();
    tokio::time::sleep(Duration::from_secs(5)).await;
    drop(receiver);
    sender.send_text("x").await.unwrap();
    let before = Instant::now();
    brigade_testkit::wait::until(|| client.stats().total() == 0).await;
    assert!(before.elapsed() < Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn h15s_each_frame_has_a_mask_of_its_own() {
    let masks = Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = masks.clone();
    let client = playing(move |mut conn| {
        let log = log.clone();
        async move {
            conn.agree("").await?;
            while let Some(frame) = conn.frame().await? {
                log.lock().unwrap().push(frame.mask.unwrap());
            }
            Ok(())
        }
    });
    let client = client.build().unwrap();
    let mut socket = open(&client).await;
    for _ in 0..200 {
        socket.send_text("the same").await.unwrap();
    }
    brigade_testkit::wait::until(|| masks.lock().unwrap().len() == 200).await;
    let all: std::collections::HashSet<_> = masks.lock().unwrap().iter().copied().collect();
    assert!(all.len() > 195, "{}", all.len());
}
