//! The two halves of a WebSocket: one speaks, the other hears.
//!
//! They can live in different tasks. Neither owns the socket, so neither can leave it in between two
//! frames: whatever is dropped when, the server gets whole frames or an end.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use http::HeaderMap;
use url::Url;

use super::link::{Link, Outgoing};
use super::message::{CloseReason, Message};
use crate::{Error, Result};

/// What was agreed on when the WebSocket was opened.
#[derive(Debug)]
pub(super) struct Agreed {
    pub(super) url: Url,
    pub(super) protocol: Option<String>,
    pub(super) headers: HeaderMap,
}

/// The half that sends.
pub struct Sender {
    pub(super) link: Arc<Link>,
    pub(super) agreed: Arc<Agreed>,
}

impl Sender {
    /// Sends a message, and waits until the system has taken all of it.
    ///
    /// # Cancel safety
    ///
    /// The message is handed over when the future is first polled, or, if one whose future was
    /// dropped is still being sent, right after that. From then on it is sent as a whole, whether
    /// the future is dropped or not.
    ///
    /// # Errors
    ///
    /// [`Kind::Timeout`](crate::Kind::Timeout) if the server takes nothing within the write timeout,
    /// [`Kind::Protocol`](crate::Kind::Protocol) after the WebSocket was closed, by either side, and
    /// what else ended it, with its cause for the half that hears of it first.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<()> {
        self.hand_over(Outgoing::Message(message.into())).await
    }

    /// Sends a text.
    ///
    /// # Cancel safety
    ///
    /// As [`Self::send`].
    ///
    /// # Errors
    ///
    /// As [`Self::send`].
    pub async fn send_text(&mut self, text: impl Into<String>) -> Result<()> {
        self.send(text.into()).await
    }

    /// Sends bytes.
    ///
    /// # Cancel safety
    ///
    /// As [`Self::send`].
    ///
    /// # Errors
    ///
    /// As [`Self::send`].
    pub async fn send_binary(&mut self, bytes: impl Into<Bytes>) -> Result<()> {
        self.send(bytes.into()).await
    }

    /// Tells the server that nothing more will be sent, and why. The other half still gets what
    /// the server sends, until that closes too, which it has to within 10 seconds.
    ///
    /// The code is 1000 for a normal end, or another one of 1000 to 1003, 1007 to 1014, and 3000 to
    /// 4999; the text has at most 123 bytes.
    ///
    /// # Cancel safety
    ///
    /// As [`Self::send`].
    ///
    /// # Errors
    ///
    /// As [`Self::send`]; [`Kind::BadRequest`](crate::Kind::BadRequest) if the code or the text
    /// cannot be sent.
    pub async fn close(&mut self, code: u16, text: &str) -> Result<()> {
        self.say(CloseReason::to_say(code, text)?).await
    }

    /// Says the last word.
    pub(super) async fn say(&mut self, reason: CloseReason) -> Result<()> {
        self.hand_over(Outgoing::Close(reason)).await
    }

    async fn hand_over(&mut self, outgoing: Outgoing) -> Result<()> {
        let (mut outgoing, mut ticket) = (Some(outgoing), None);
        let sent = poll_fn(|cx| self.link.poll_send(&mut outgoing, &mut ticket, cx));
        sent.await.map_err(|error| error.about(&self.agreed.url))
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.link.leave();
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("url", &self.agreed.url.as_str())
            .finish_non_exhaustive()
    }
}

/// The half that receives: a [`Stream`] of messages.
///
/// Once it is dropped, what the server sends is read and thrown away.
pub struct Receiver {
    pub(super) link: Arc<Link>,
    pub(super) agreed: Arc<Agreed>,
}

impl Receiver {
    /// The next message; `None` after the WebSocket was closed, or after an error.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    ///
    /// # Errors
    ///
    /// [`Kind::Timeout`](crate::Kind::Timeout) if the server gave no sign of life in time or took
    /// nothing, [`Kind::TooLarge`](crate::Kind::TooLarge) and [`Kind::Decode`](crate::Kind::Decode)
    /// for a message that is too large or no UTF-8, [`Kind::Closed`](crate::Kind::Closed) after the
    /// client was closed, [`Kind::Protocol`](crate::Kind::Protocol) if the server broke the rules or
    /// hung up. Each ends the WebSocket.
    pub async fn next(&mut self) -> Option<Result<Message>> {
        poll_fn(|cx| self.poll_message(cx)).await
    }

    /// Why the server closed the WebSocket, once it has; also after it confirmed that the client
    /// did.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.link.reason()
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message>>> {
        let about = |error: Error| error.about(&self.agreed.url);
        let next = self.link.poll_next(cx);
        next.map(|next| next.map(|message| message.map_err(about)))
    }
}

impl Stream for Receiver {
    type Item = Result<Message>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_message(cx)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.link.be_deaf();
        self.link.leave();
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("url", &self.agreed.url.as_str())
            .finish_non_exhaustive()
    }
}
