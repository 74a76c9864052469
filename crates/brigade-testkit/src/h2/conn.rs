//! One connection, as its script reads it.
//!
//! A script either reads frames as they are, or asks for what it waits for and lets the connection
//! be polite meanwhile. It never waits for ever: a client that says nothing for 10 s is an error.

use super::frame::{Frame, flag, kind};
use super::intake::Intake;
use super::request::H2Request;
use super::server::Shared;
use crate::server::Stream;
use bytes::{Buf, Bytes, BytesMut};
use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpSocket;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// What a client says first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long, on tokio's clock, a script waits for the client.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection of a client that speaks HTTP/2, in the hands of a script.
///
/// Nothing is sent that the script does not send, the first SETTINGS included. Dropping it closes
/// the connection in good order: what was sent arrives, and the client may go on sending.
///
/// Every method that waits for the client fails after 10 s without a byte from it
/// ([`ErrorKind::TimedOut`], on tokio's clock), with [`ErrorKind::InvalidData`] when what comes is
/// not HTTP/2, and with what the socket says when the client has left.
pub struct H2Conn {
    /// Gone when the connection is.
    stream: Option<Box<dyn Stream>>,
    /// A second handle on the socket, to reset it with.
    twin: Option<TcpSocket>,
    number: usize,
    shared: Arc<Shared>,
    /// Takes the stream in the end.
    left: Option<oneshot::Sender<Box<dyn Stream>>>,
    input: BytesMut,
    is_greeted: bool,
    pub(super) intake: Intake,
}

impl H2Conn {
    /// A connection over any stream: one end of [`tokio::io::duplex`], for example, whose other end
    /// the client has.
    pub fn over(stream: impl Stream + 'static) -> Self {
        Self::new(Box::new(stream), 0, Arc::default())
    }

    pub(super) fn new(stream: Box<dyn Stream>, number: usize, shared: Arc<Shared>) -> Self {
        Self {
            stream: Some(stream),
            twin: None,
            number,
            shared,
            left: None,
            input: BytesMut::with_capacity(16 * 1024),
            is_greeted: false,
            intake: Intake::new(),
        }
    }

    pub(super) fn owned(mut self, twin: TcpSocket, left: oneshot::Sender<Box<dyn Stream>>) -> Self {
        self.twin = Some(twin);
        self.left = Some(left);
        self
    }

    /// The number of the connection, in the order in which the server accepted them, from 0.
    pub fn number(&self) -> usize {
        self.number
    }

    pub(super) fn stream(&mut self) -> io::Result<&mut dyn Stream> {
        match &mut self.stream {
            Some(stream) => Ok(stream),
            None => Err(ErrorKind::NotConnected.into()),
        }
    }

    /// The next frame, to which nothing is answered; `None` when the client has closed.
    ///
    /// A request among what is read so waits for [`request`](Self::request) as well.
    ///
    /// # Errors
    ///
    /// As [`H2Conn`] says.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: what was read in part stays for the next call.
    pub async fn frame(&mut self) -> io::Result<Option<Frame>> {
        while !self.is_greeted {
            if self.input.len() >= PREFACE.len() {
                if !self.input.starts_with(PREFACE) {
                    let text = "the client does not speak HTTP/2: its preface is missing";
                    return Err(io::Error::new(ErrorKind::InvalidData, text));
                }
                self.input.advance(PREFACE.len());
                self.is_greeted = true;
            } else if !self.read().await? {
                return Ok(None);
            }
        }
        loop {
            if let Some(frame) = Frame::take(&mut self.input) {
                self.shared.record(self.number, &frame);
                self.intake.note(&frame)?;
                return Ok(Some(frame));
            }
            if !self.read().await? {
                return Ok(None);
            }
        }
    }

    /// Reads more; `false` at the end.
    async fn read(&mut self) -> io::Result<bool> {
        let Some(stream) = &mut self.stream else {
            return Err(ErrorKind::NotConnected.into());
        };
        match timeout(PATIENCE, stream.read_buf(&mut self.input)).await {
            Ok(Ok(0)) if self.input.is_empty() => Ok(false),
            Ok(Ok(0)) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(read) => read.map(|_| true),
            Err(_) => {
                let text = format!("the client sent nothing for {PATIENCE:?}");
                Err(io::Error::new(ErrorKind::TimedOut, text))
            }
        }
    }

    /// The next frame, after an answer to what wants one: SETTINGS and PING are acknowledged.
    ///
    /// # Errors
    ///
    /// As [`H2Conn`] says.
    ///
    /// # Cancel safety
    ///
    /// An answer may be sent in part; then the connection is of no use any more.
    pub async fn polite_frame(&mut self) -> io::Result<Option<Frame>> {
        let frame = self.frame().await?;
        if let Some(frame) = &frame
            && matches!(frame.kind, kind::SETTINGS | kind::PING)
            && !frame.has(flag::ACK)
        {
            let payload = match frame.kind {
                kind::PING => frame.payload.clone(),
                _ => Bytes::new(),
            };
            self.send(Frame::new(frame.kind, flag::ACK, 0, payload))
                .await?;
        }
        Ok(frame)
    }

    /// The next request, in the order of their headers; politely. `None` when the client has closed.
    ///
    /// # Errors
    ///
    /// As [`H2Conn`] says.
    ///
    /// # Cancel safety
    ///
    /// As [`polite_frame`](Self::polite_frame); no request is lost.
    pub async fn request(&mut self) -> io::Result<Option<H2Request>> {
        loop {
            if let Some(request) = self.waiting() {
                return Ok(Some(request));
            }
            if self.polite_frame().await?.is_none() {
                return Ok(None);
            }
        }
    }

    /// The next request of those that were read and not taken yet, without a wait.
    pub fn waiting(&mut self) -> Option<H2Request> {
        self.intake.requests.pop_front()
    }

    /// Waits for a frame of this [`kind`], politely, and passes over all others.
    ///
    /// # Errors
    ///
    /// As [`H2Conn`] says, and [`ErrorKind::UnexpectedEof`] if the client closes before.
    ///
    /// # Cancel safety
    ///
    /// As [`polite_frame`](Self::polite_frame).
    pub async fn frame_of(&mut self, kind: u8) -> io::Result<Frame> {
        loop {
            match self.polite_frame().await? {
                Some(frame) if frame.kind == kind => return Ok(frame),
                Some(_) => {}
                None => return Err(ErrorKind::UnexpectedEof.into()),
            }
        }
    }

    /// The whole body of a request, politely: the window is given back for what comes.
    ///
    /// # Errors
    ///
    /// As [`H2Conn`] says, [`ErrorKind::UnexpectedEof`] if the client closes before the body ends,
    /// and [`ErrorKind::ConnectionAborted`] if it resets the stream.
    ///
    /// # Cancel safety
    ///
    /// As [`polite_frame`](Self::polite_frame); what came of the body stays.
    pub async fn body(&mut self, stream: u32) -> io::Result<Bytes> {
        loop {
            let state = self.intake.stream(stream);
            if let Some(code) = state.reset {
                let text = format!("the client reset stream {stream} with code {code}");
                return Err(io::Error::new(ErrorKind::ConnectionAborted, text));
            }
            if state.ended {
                return Ok(state.body.split().freeze());
            }
            let owed = std::mem::take(&mut state.owed);
            if owed > 0 {
                self.window_update(0, owed).await?;
                self.window_update(stream, owed).await?;
            }
            if self.polite_frame().await?.is_none() {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// How many bytes of a body the client lets be sent on a stream now, as far as its frames were
    /// read.
    pub fn room(&mut self, stream: u32) -> usize {
        self.intake.room(stream)
    }

    /// Reads and answers nothing until the client leaves, however long that takes.
    ///
    /// # Cancel safety
    ///
    /// As [`frame`](Self::frame).
    pub async fn fall_silent(&mut self) {
        loop {
            match self.frame().await {
                Ok(Some(_)) => {}
                Err(error) if error.kind() == ErrorKind::TimedOut => {}
                Ok(None) | Err(_) => return,
            }
        }
    }

    /// Ends the connection with a reset: what was sent and not yet received may be lost.
    ///
    /// # Errors
    ///
    /// The socket cannot be armed, or is none: [`ErrorKind::Unsupported`] in memory.
    pub fn reset(mut self) -> io::Result<()> {
        let twin = self.twin.take().ok_or(ErrorKind::Unsupported)?;
        twin.set_zero_linger()?;
        self.stream = None;
        Ok(())
    }
}

impl Drop for H2Conn {
    fn drop(&mut self) {
        if let (Some(stream), Some(left)) = (self.stream.take(), self.left.take()) {
            // If the server is gone, the stream goes as well.
            let _ = left.send(stream);
        }
    }
}

impl fmt::Debug for H2Conn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("H2Conn")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}
