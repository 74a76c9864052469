//! One connection of a client that wants a WebSocket, in the hands of a script.
//!
//! Frames go out as they are told to, be they lawful or not, and come in as they are. It never waits
//! for ever: a client that says nothing for 10 s is an error.

use super::accept::accept;
use crate::server::Stream;
use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// How long, on tokio's clock, a script waits for the client.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most bytes of a client's head, and of one of its frames.
const HEAD_MAX: usize = 64 * 1024;
const FRAME_MAX: u64 = 256 << 20;

/// The first byte of a frame that is a whole message, or of a control frame; without the topmost bit
/// it is a fragment.
pub mod kind {
    /// The next part of a message, and the last one.
    pub const CONTINUATION: u8 = 0x80;
    /// A text.
    pub const TEXT: u8 = 0x81;
    /// Bytes.
    pub const BINARY: u8 = 0x82;
    /// The end.
    pub const CLOSE: u8 = 0x88;
    /// Asks for a sign of life.
    pub const PING: u8 = 0x89;
    /// A sign of life.
    pub const PONG: u8 = 0x8a;
}

/// A frame of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The first byte: see [`kind`].
    pub first: u8,
    /// The mask, which every frame of a client must have.
    pub mask: Option<[u8; 4]>,
    /// What it carries, unmasked.
    pub payload: Vec<u8>,
}

/// A connection of a client that wants a WebSocket.
///
/// Nothing is sent that the script does not send. Every method that waits for the client fails after
/// 10 s, or what [`set_patience`](Self::set_patience) says ([`ErrorKind::TimedOut`], on tokio's clock).
///
/// # Examples
///
/// Over any stream, here one end of a pipe whose other end the client has:
///
/// ```
/// use brigade_testkit::websocket::{WsConn, frame, kind};
/// use tokio::io::AsyncWriteExt;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let (mut client, server) = tokio::io::duplex(4096);
/// client.write_all(b"GET / HTTP/1.1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").await?;
/// let mut conn = WsConn::over(server).await?;
/// conn.agree("").await?;
/// conn.send(kind::TEXT, "hello").await?;
/// assert_eq!(frame(kind::TEXT, "hello"), b"\x81\x05hello");
/// # std::io::Result::Ok(()) })?;
/// # std::io::Result::Ok(())
/// ```
pub struct WsConn {
    stream: Box<dyn Stream>,
    head: String,
    patience: Duration,
}

impl WsConn {
    /// Reads the head of the client's request.
    ///
    /// # Errors
    ///
    /// As the type says; [`ErrorKind::InvalidData`] if there is no head within 64 KiB.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the stream.
    pub async fn over(stream: impl Stream + 'static) -> io::Result<Self> {
        let mut stream: Box<dyn Stream> = Box::new(stream);
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") && head.len() < HEAD_MAX {
            head.push(within(PATIENCE, stream.read_u8()).await?);
        }
        let head = String::from_utf8(head).map_err(|_| invalid("the head is not text"))?;
        Ok(Self {
            stream,
            head,
            patience: PATIENCE,
        })
    }

    /// How long, on tokio's clock, the client is waited for.
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// The head of the client's request.
    pub fn head(&self) -> &str {
        &self.head
    }

    /// The value of a header of the request, if it has it.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The answer that opens the WebSocket, with further header lines, each with its end of line.
    pub fn agreement(&self, more: &str) -> String {
        let accept = accept(self.header("sec-websocket-key").unwrap_or_default());
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
             sec-websocket-accept: {accept}\r\n{more}\r\n"
        )
    }

    /// Sends [`Self::agreement`].
    ///
    /// # Errors
    ///
    /// As the type says.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves a part unsent.
    pub async fn agree(&mut self, more: &str) -> io::Result<()> {
        self.raw(self.agreement(more)).await
    }

    /// Sends a frame: see [`frame`].
    ///
    /// # Errors
    ///
    /// As the type says.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves a part unsent.
    pub async fn send(&mut self, first: u8, payload: impl AsRef<[u8]>) -> io::Result<()> {
        self.raw(frame(first, payload)).await
    }

    /// Sends these bytes.
    ///
    /// # Errors
    ///
    /// As the type says.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves a part unsent.
    pub async fn raw(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        within(self.patience, self.stream.write_all(bytes.as_ref())).await?;
        within(self.patience, self.stream.flush()).await
    }

    /// The client's next frame; `None` if it has hung up.
    ///
    /// # Errors
    ///
    /// As the type says; [`ErrorKind::InvalidData`] for a frame of more than 256 MiB.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses the bytes that it has read.
    pub async fn frame(&mut self) -> io::Result<Option<Frame>> {
        let first = match within(self.patience, self.stream.read_u8()).await {
            Ok(first) => first,
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        };
        within(self.patience, self.rest(first)).await.map(Some)
    }

    async fn rest(&mut self, first: u8) -> io::Result<Frame> {
        let second = self.stream.read_u8().await?;
        let length = match second & 0x7f {
            126 => self.stream.read_u16().await?.into(),
            127 => self.stream.read_u64().await?,
            short => short.into(),
        };
        if length > FRAME_MAX {
            return Err(invalid("the frame is too long"));
        }
        let mut mask = [0; 4];
        let is_masked = second & 0x80 != 0;
        if is_masked {
            self.stream.read_exact(&mut mask).await?;
        }
        let mut payload = vec![0; usize::try_from(length).unwrap_or_default()];
        self.stream.read_exact(&mut payload).await?;
        for (byte, key) in payload.iter_mut().zip(mask.iter().cycle()) {
            *byte ^= key;
        }
        Ok(Frame {
            first,
            mask: is_masked.then_some(mask),
            payload,
        })
    }

    /// The client's next message that is no control frame, or `None` once it closes or has hung up.
    /// Its pings are answered meanwhile, and its close is confirmed.
    ///
    /// # Errors
    ///
    /// As [`Self::frame`].
    ///
    /// # Cancel safety
    ///
    /// As [`Self::frame`].
    pub async fn message(&mut self) -> io::Result<Option<Vec<u8>>> {
        while let Some(frame) = self.frame().await? {
            match frame.first {
                kind::PING => self.send(kind::PONG, frame.payload).await?,
                kind::PONG => {}
                kind::CLOSE => {
                    self.send(kind::CLOSE, frame.payload).await?;
                    return Ok(None);
                }
                _ => return Ok(Some(frame.payload)),
            }
        }
        Ok(None)
    }
}

/// A frame as a server sends it: not masked, with its length in the shortest form. The first byte may
/// be any.
pub fn frame(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..126 => bytes.push(short as u8),
        medium @ 126..65536 => {
            bytes.push(126);
            bytes.extend((medium as u16).to_be_bytes());
        }
        long => {
            bytes.push(127);
            bytes.extend((long as u64).to_be_bytes());
        }
    }
    bytes.extend(payload);
    bytes
}

async fn within<T>(patience: Duration, step: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match timeout(patience, step).await {
        Ok(done) => done,
        Err(_) => Err(ErrorKind::TimedOut.into()),
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

impl fmt::Debug for WsConn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WsConn").finish_non_exhaustive()
    }
}
