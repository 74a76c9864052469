//! WebSocket: whatever a server says after the handshake, the messages are within their limit, and
//! the connection comes to an end.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use brigade_testkit::websocket::accept;
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::stage;

const LIMIT: usize = 1 << 12;

pub(crate) fn run(data: &[u8]) {
    let (settings, said) = stage::settings(data);
    let seed = settings.first().copied().unwrap_or_default();
    let peer = Peer {
        asked: Vec::new(),
        pieces: stage::pieces(said, seed).into_iter().rev().collect(),
        is_agreed: false,
        reader: None,
    };
    let builder = stage::builder().connector(stage::Once::new(peer));
    let client = builder.build().expect("the settings are plain");
    stage::run(async {
        let socket = client.websocket("ws://a.test/").expect("a URL");
        let socket = socket.max_message(LIMIT).max_frame(LIMIT);
        if let Ok(mut socket) = socket.connect().await {
            while let Some(Ok(message)) = socket.next().await {
                assert!(message.len() <= LIMIT);
                let _ = socket.send(message).await;
            }
            assert!(socket.next().await.is_none());
        }
        client.close().await;
        assert_eq!(client.stats().total(), 0);
    });
}

/// A peer that agrees to a WebSocket and then says its pieces, the last one first.
#[derive(Debug)]
struct Peer {
    asked: Vec<u8>,
    pieces: Vec<Bytes>,
    is_agreed: bool,
    reader: Option<Waker>,
}

impl Peer {
    /// Answers the request once it is whole.
    fn agree(&mut self) {
        let text = String::from_utf8_lossy(&self.asked);
        let Some((head, _)) = text.split_once("\r\n\r\n") else {
            return;
        };
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        let key = lines.find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"));
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
             sec-websocket-accept: {}\r\n\r\n",
            accept(key.expect("the client has a key").1)
        );
        self.is_agreed = true;
        self.pieces.push(answer.into());
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

impl AsyncRead for Peer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.is_agreed {
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        stage::say(&mut self.pieces, buffer);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Peer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.is_agreed {
            self.asked.extend_from_slice(bytes);
            self.agree();
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
