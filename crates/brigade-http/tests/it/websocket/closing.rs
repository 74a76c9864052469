//! How a WebSocket ends: by this side, by the other, by both, or by nobody.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use brigade_http::transport::{Connect, Connecting, Destination};
use brigade_http::websocket::Message;
use brigade_http::{Kind, Phase, Timeouts};
use brigade_testkit::wait::until;
use brigade_testkit::websocket::{WsConn, kind};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};
use tokio::time::Instant;

use super::{ask, builder, fails, open, playing, spawn, with_room};

#[tokio::test(start_paused = true)]
async fn h15n_close_says_why_and_waits_for_the_answer() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let log = heard.clone();
    let client = playing(move |mut conn| {
        let log = log.clone();
        async move {
            conn.agree("").await?;
            while let Some(frame) = conn.frame().await? {
                let is_close = frame.first == kind::CLOSE;
                log.lock().unwrap().push(frame);
                if is_close {
                    tokio::time::sleep(Duration::from_secs(5)).await;
                    conn.send(kind::TEXT, "too late").await?;
                    conn.send(kind::CLOSE, b"\x03\xe9bye").await?;
                }
            }
            Ok(())
        }
    });
    let client = client.build().unwrap();
    let mut socket = open(&client).await;
    socket.send_text("last").await.unwrap();
    let before = Instant::now();
    let reason = socket.close(4000, "enough").await.unwrap();
    assert_eq!((reason.code, &*reason.text), (Some(1001), "bye"));
    assert_eq!(before.elapsed().as_secs(), 5);
    assert_eq!(client.stats().total(), 0, "its socket is closed");
    let heard = heard.lock().unwrap();
    assert_eq!(heard[0].payload, b"last");
    assert_eq!(heard[1].payload, b"\x0f\xa0enough");
    assert_eq!(heard.len(), 2, "the answer is not answered");
}

#[tokio::test(start_paused = true)]
async fn h15n_a_reason_that_cannot_be_sent_is_an_error() {
    let client = playing(|mut conn| async move {
        conn.agree("").await?;
        while conn.message().await?.is_some() {}
        Ok(())
    });
    let client = client.build().unwrap();
    let (mut sender, mut receiver) = open(&client).await.split();
    for code in [0, 999, 1004, 1005, 1006, 1015, 2999, 5000] {
        let error = sender.close(code, "").await.unwrap_err();
        assert_eq!(error.kind(), Kind::BadRequest, "{code}");
    }
    let error = sender.close(1000, &"x".repeat(124)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::BadRequest);
    sender.close(1000, &"x".repeat(123)).await.unwrap();
    assert!(receiver.next().await.is_none());
    assert_eq!(receiver.close_reason().unwrap().code, Some(1000));
}

#[tokio::test(start_paused = true)]
async fn h15n_a_server_that_does_not_confirm_is_waited_for_ten_seconds() {
    let client = playing(|mut conn| async move {
        conn.agree("").await?;
        for _ in 0..1000 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            conn.send(kind::TEXT, "and another thing").await?;
        }
        Ok(())
    });
    let client = client.build().unwrap();
    let socket = open(&client).await;
    let before = Instant::now();
    let error = socket.close(1000, "").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout(Phase::Read));
    assert_eq!(before.elapsed().as_secs(), 10);
    until(|| client.stats().total() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn h15n_the_other_half_gets_what_comes_before_the_server_closes() {
    let client = playing(|mut conn| async move {
        conn.agree("").await?;
        while let Some(frame) = conn.frame().await? {
            if frame.first == kind::CLOSE {
                conn.send(kind::TEXT, "one").await?;
                conn.send(kind::TEXT, "two").await?;
                conn.send(kind::CLOSE, frame.payload).await?;
            }
        }
        Ok(())
    });
    let client = client.build().unwrap();
    let (mut sender, mut receiver) = open(&client).await.split();
    sender.close(1000, "").await.unwrap();
    assert!(sender.send_text("x").await.is_err());
    for text in ["one", "two"] {
        assert_eq!(receiver.next().await.unwrap().unwrap(), Message::from(text));
    }
    assert!(receiver.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn h15n_nothing_is_sent_after_the_last_word() {
    let client = with_room(1024, |mut conn| async move {
        conn.agree("").await?;
        while conn.send(kind::BINARY, [0; 1000]).await.is_ok() {}
        Ok(())
    });
    let client = client.build().unwrap();
    let (mut sender, _receiver) = open(&client).await.split();
    // So much waits that the server is not listened to, and cannot confirm it.
    tokio::time::sleep(Duration::from_secs(5)).await;
    sender.close(1000, "").await.unwrap();
    let minute = Duration::from_secs(60);
    let late = tokio::time::timeout(minute, sender.send_text("x")).await;
    let late = late.expect("it does not wait").unwrap_err();
    assert_eq!(late.kind(), Kind::Protocol);
    let again = tokio::time::timeout(minute, sender.close(1000, "")).await;
    let again = again.expect("it does not wait").unwrap_err();
    assert_eq!(again.kind(), Kind::Protocol);
}

/// Sends more than is kept for who does not listen, and takes five seconds to confirm a close.
async fn talk(mut conn: WsConn) -> io::Result<()> {
    conn.agree("").await?;
    conn.set_patience(Duration::from_secs(1000));
    for _ in 0..100 {
        conn.send(kind::BINARY, [0; 1000]).await?;
    }
    while let Some(frame) = conn.frame().await? {
        if frame.first == kind::CLOSE {
            tokio::time::sleep(Duration::from_secs(5)).await;
            return conn.send(kind::CLOSE, frame.payload).await;
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn h15n_close_drops_what_nobody_has_taken() {
    let client = with_room(1024, talk).build().unwrap();
    let socket = open(&client).await;
    let ten = Duration::from_secs(10);
    tokio::time::sleep(ten).await;
    let reason = tokio::time::timeout(ten, socket.close(1000, "")).await;
    assert_eq!(reason.expect("in time").unwrap().code, Some(1000));
}

#[tokio::test(start_paused = true)]
async fn h15n_the_ten_seconds_are_those_in_which_the_server_is_heard() {
    let client = with_room(1024, talk).build().unwrap();
    let (mut sender, mut receiver) = open(&client).await.split();
    sender.close(1000, "").await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    for _ in 0..100 {
        assert_eq!(receiver.next().await.unwrap().unwrap().len(), 1000);
    }
    assert!(receiver.next().await.is_none());
    assert_eq!(receiver.close_reason().unwrap().code, Some(1000));
}

#[tokio::test(start_paused = true)]
async fn h15n_a_ping_without_an_answer_does_not_cut_the_wait_for_that_of_a_close() {
    let client = playing(|mut conn| async move {
        conn.agree("").await?;
        assert_eq!(conn.frame().await?.unwrap().first, kind::PING);
        let close = conn.frame().await?.unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
        conn.send(kind::CLOSE, close.payload).await
    });
    let client = client.build().unwrap();
    let socket = ask(&client).ping_every(Duration::from_secs(1));
    let socket = socket.timeouts(Timeouts::NONE.read(Duration::from_secs(2)));
    let socket = socket.connect().await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(socket.close(1000, "").await.unwrap().code, Some(1000));
}

#[tokio::test(start_paused = true)]
async fn h15p_a_socket_that_takes_nothing_is_heard_for_a_second() {
    for hangs_up in [false, true] {
        let stop = Arc::new(AtomicBool::new(false));
        let connector = Halting(stop.clone(), hangs_up);
        let client = builder().connector(connector).build().unwrap();
        let mut socket = open(&client).await;
        stop.store(true, Relaxed);
        let before = Instant::now();
        let sent = tokio::time::timeout(Duration::from_secs(60), socket.send_text("x"));
        let error = sent.await.expect("it ends").unwrap_err();
        assert_eq!(error.kind(), Kind::Protocol);
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains("broken pipe"), "{source}");
        assert_eq!(before.elapsed() < Duration::from_secs(1), hangs_up);
        until(|| client.stats().total() == 0).await;
    }
}

/// Its sockets take nothing more once they are told so, and then end as well, or stay silent.
#[derive(Debug)]
struct Halting(Arc<AtomicBool>, bool);

impl Connect for Halting {
    fn connect(&self, _to: Destination) -> Connecting {
        let (ours, theirs) = duplex(1024);
        let (stop, hangs_up) = (self.0.clone(), self.1);
        spawn(async move {
            let mut conn = WsConn::over(theirs).await.unwrap();
            conn.agree("").await.unwrap();
            while !(hangs_up && stop.load(Relaxed)) {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        });
        let halting = Halted(ours, self.0.clone());
        Box::pin(async { Ok(Box::new(halting) as _) })
    }
}

#[derive(Debug)]
struct Halted(DuplexStream, Arc<AtomicBool>);

impl AsyncRead for Halted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Halted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.1.load(Relaxed) {
            true => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            false => Pin::new(&mut self.0).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[tokio::test(start_paused = true)]
async fn h15n_after_the_server_has_closed_there_is_an_end_and_nothing_to_send() {
    let client = playing(|mut conn| async move {
        conn.agree("").await?;
        conn.send(kind::TEXT, "x").await?;
        conn.send(kind::CLOSE, b"\x03\xf0policy").await?;
        while conn.frame().await?.is_some() {}
        Ok(())
    });
    let client = client.build().unwrap();
    let mut socket = open(&client).await;
    assert!(socket.next().await.unwrap().is_ok());
    assert!(socket.next().await.is_none());
    let reason = socket.close_reason().unwrap();
    assert_eq!((reason.code, &*reason.text), (Some(1008), "policy"));
    let error = socket.send_text("x").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Protocol);
    assert!(error.to_string().contains("closed"), "{error}");
    assert_eq!(socket.close(1000, "").await.unwrap(), reason);
    until(|| client.stats().total() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn h15n_last_words_that_nobody_takes_cost_a_second() {
    let client = with_room(256, |mut conn| async move {
        conn.agree("").await?;
        conn.send(kind::CLOSE, b"\x03\xe8").await?;
        std::future::pending().await
    });
    let client = client.build().unwrap();
    let (mut sender, mut receiver) = open(&client).await.split();
    let before = Instant::now();
    let sent = sender.send_binary(vec![0; 10_000]).await;
    assert_eq!(sent.unwrap_err().kind(), Kind::Protocol);
    assert!(receiver.next().await.is_none());
    until(|| client.stats().total() == 0).await;
    assert!(
        before.elapsed() < Duration::from_secs(2),
        "{:?}",
        before.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn h15o_a_drop_closes_the_socket_without_a_word() {
    let said = Arc::new(Mutex::new(None));
    let log = said.clone();
    let client = playing(move |mut conn| {
        let log = log.clone();
        async move {
            conn.agree("").await?;
            let first = conn.frame().await?;
            *log.lock().unwrap() = Some((first, conn.frame().await?));
            Ok(())
        }
    });
    let client = client.build().unwrap();
    let mut socket = open(&client).await;
    socket.send_text("x").await.unwrap();
    let before = Instant::now();
    drop(socket);
    until(|| client.stats().total() == 0 && said.lock().unwrap().is_some()).await;
    assert!(before.elapsed() < Duration::from_secs(1));
    let said = said.lock().unwrap();
    let (first, then) = said.as_ref().unwrap();
    assert_eq!(
        first.as_ref().unwrap().payload,
        b"x",
        "what was sent has arrived"
    );
    assert!(then.is_none());
}

#[tokio::test(start_paused = true)]
async fn h15p_what_the_server_said_before_it_hung_up_is_heard() {
    let client = with_room(256, |mut conn| async move {
        conn.agree("").await?;
        conn.send(kind::TEXT, "no").await?;
        conn.send(kind::CLOSE, b"\x03\xf0").await
    });
    let client = client.build().unwrap();
    let mut socket = open(&client).await;
    until(|| client.stats().total() == 0).await;
    assert!(socket.send_binary(vec![0; 10_000]).await.is_err());
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::from("no"));
    assert!(socket.next().await.is_none());
    assert_eq!(socket.close_reason().unwrap().code, Some(1008));
}

#[tokio::test(start_paused = true)]
async fn h15t_random_bytes_end_it_and_never_hang() {
    for seed in 0..300u64 {
        let client = playing(move |mut conn| async move {
            conn.agree("").await?;
            let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            let bytes = (0..2_000).map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 32) as u8
            });
            conn.raw(bytes.collect::<Vec<u8>>()).await
        });
        let client = client.build().unwrap();
        let mut socket = open(&client).await;
        loop {
            match socket.next().await {
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    assert!(!error.is_timeout(), "seed {seed}: {error}");
                    break;
                }
                None => break,
            }
        }
        drop(socket);
        until(|| client.stats().total() == 0).await;
    }
    let client = playing(|mut conn| async move {
        conn.agree("").await?;
        conn.raw("HTTP/1.1 200 OK\r\n\r\n").await
    });
    let client = client.build().unwrap();
    let mut socket = open(&client).await;
    assert_eq!(fails(&mut socket).await, Kind::Protocol);
}
