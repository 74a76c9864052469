//! An open WebSocket: both halves in one hand.
//!
//! Whoever drops it closes its socket at once; whoever closes it has the last word of the server.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use http::HeaderMap;
use url::Url;

use super::halves::{Receiver, Sender};
use super::message::{CloseReason, Message};
use crate::Result;

/// An open WebSocket: a [`Stream`] of the server's messages, and a way to send it some.
///
/// Pings are answered, and a server that falls silent is noticed, whether anything is awaited or not.
/// While messages wait that nobody takes (256, or 64 KiB of them and one more), the server has to wait:
/// nothing more of it is heard, pings, its close and its end included. Who only sends drops the
/// [`Receiver`].
///
/// Dropping it closes the socket at once, without a word to the server; see [`Self::close`].
pub struct WebSocket {
    pub(super) sender: Sender,
    pub(super) receiver: Receiver,
}

impl WebSocket {
    /// Sends a message, and waits until the system has taken all of it.
    ///
    /// # Cancel safety
    ///
    /// As [`Sender::send`].
    ///
    /// # Errors
    ///
    /// As [`Sender::send`].
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<()> {
        self.sender.send(message).await
    }

    /// Sends a text.
    ///
    /// # Cancel safety
    ///
    /// As [`Sender::send`].
    ///
    /// # Errors
    ///
    /// As [`Sender::send`].
    pub async fn send_text(&mut self, text: impl Into<String>) -> Result<()> {
        self.sender.send_text(text).await
    }

    /// Sends bytes.
    ///
    /// # Cancel safety
    ///
    /// As [`Sender::send`].
    ///
    /// # Errors
    ///
    /// As [`Sender::send`].
    pub async fn send_binary(&mut self, bytes: impl Into<Bytes>) -> Result<()> {
        self.sender.send_binary(bytes).await
    }

    /// The next message; `None` after the WebSocket was closed, or after an error.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    ///
    /// # Errors
    ///
    /// As [`Receiver::next`].
    pub async fn next(&mut self) -> Option<Result<Message>> {
        self.receiver.next().await
    }

    /// Closes it: tells the server why, waits at most 10 seconds until that confirms it, and at most
    /// one more until the socket is closed. Messages that nobody has taken are dropped. What the
    /// server said to it is returned. A message that is still being sent goes first, and only the
    /// write timeout bounds how long the server takes nothing of it.
    ///
    /// The code is 1000 for a normal end, or another one of 1000 to 1003, 1007 to 1014, and 3000 to
    /// 4999; the text has at most 123 bytes.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the socket at once.
    ///
    /// # Errors
    ///
    /// [`Kind::BadRequest`](crate::Kind::BadRequest) if the code or the text cannot be sent,
    /// [`Kind::Timeout`](crate::Kind::Timeout) if the server does not confirm it in time, and what
    /// else has ended the WebSocket.
    pub async fn close(mut self, code: u16, text: &str) -> Result<CloseReason> {
        let reason = CloseReason::to_say(code, text)?;
        self.receiver.link.be_deaf();
        if let Err(error) = self.sender.say(reason).await
            && !self.sender.link.is_closed()
        {
            return Err(error);
        }
        let gone = poll_fn(|cx| self.sender.link.poll_gone(cx)).await;
        gone.map_err(|error| error.about(self.url()))
    }

    /// Why the server closed the WebSocket, once it has.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.receiver.close_reason()
    }

    /// The protocol that the server chose of those that were offered.
    pub fn protocol(&self) -> Option<&str> {
        self.receiver.agreed.protocol.as_deref()
    }

    /// The headers of the response that opened it.
    pub fn headers(&self) -> &HeaderMap {
        &self.receiver.agreed.headers
    }

    /// The URL that answered, with http in place of ws: the last one, if there were redirects.
    pub fn url(&self) -> &Url {
        &self.receiver.agreed.url
    }

    /// Both halves, for two tasks. The socket is closed when both are dropped.
    pub fn split(self) -> (Sender, Receiver) {
        (self.sender, self.receiver)
    }
}

impl Stream for WebSocket {
    type Item = Result<Message>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.receiver).poll_next(cx)
    }
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket")
            .field("url", &self.url().as_str())
            .field("protocol", &self.protocol())
            .finish_non_exhaustive()
    }
}
