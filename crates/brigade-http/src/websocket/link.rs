//! What the two halves of a WebSocket share with the task that drives it.
//!
//! The task owns the socket; the halves own the right to speak and to hear. Between them lie a few
//! messages, bounded by number and bytes, and the way it all ended. The lock is never held while
//! anybody is woken or a message is dropped.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::message::{CloseReason, Message};
use crate::pool::connection::{Connection, Fault};
use crate::{Error, Kind, Result};

/// The most messages that wait to be taken.
const INBOX_MESSAGES: usize = 256;

/// The most bytes of them, but for the last one.
const INBOX_BYTES: usize = 64 * 1024;

/// What a caller wants to be sent.
#[derive(Debug)]
pub(super) enum Outgoing {
    Message(Message),
    Close(CloseReason),
}

/// How a WebSocket ended.
#[derive(Debug)]
pub(super) enum End {
    /// Both sides have said that they are through.
    Closed,
    /// The error is there for the first who asks.
    Failed(Kind, Option<Error>),
}

#[derive(Debug, Default)]
struct State {
    inbox: VecDeque<Message>,
    inbox_bytes: usize,
    /// Whether the driver waits for room in the inbox.
    is_full: bool,
    /// Whether messages are taken from the inbox at all.
    is_deaf: bool,
    outgoing: Option<Outgoing>,
    /// How many were accepted and how many of them are sent.
    accepted: u64,
    sent: u64,
    /// Whether the last word is among them.
    is_closing: bool,
    reason: Option<CloseReason>,
    end: Option<End>,
    /// Whether the receiver was told of a failure.
    is_told: bool,
    /// Whether the socket is closed.
    is_gone: bool,
    halves: u8,
    receiver: Option<Waker>,
    sender: Option<Waker>,
    driver: Option<Waker>,
}

#[derive(Debug, Default)]
pub(super) struct Link {
    state: Mutex<State>,
}

/// Remembers whom to wake. Cloning a waker is all that may happen under the lock.
fn remember(place: &mut Option<Waker>, cx: &Context<'_>) {
    if !place
        .as_ref()
        .is_some_and(|waker| waker.will_wake(cx.waker()))
    {
        *place = Some(cx.waker().clone());
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl Link {
    /// A link with two halves.
    pub(super) fn new() -> Arc<Self> {
        let link = Self::default();
        link.lock().halves = 2;
        Arc::new(link)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands `outgoing` over as soon as there is room, and is ready when all of it is written. The
    /// number under which it was accepted is kept in `ticket`.
    pub(super) fn poll_send(
        &self,
        outgoing: &mut Option<Outgoing>,
        ticket: &mut Option<u64>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<()>> {
        let mut state = self.lock();
        if let Some(ticket) = *ticket
            && state.sent >= ticket
        {
            return Poll::Ready(Ok(()));
        }
        if state.end.is_some() || state.is_gone {
            return Poll::Ready(Err(state.ended()));
        }
        if ticket.is_none() && state.is_closing {
            return Poll::Ready(Err(closed()));
        }
        let mut driver = None;
        if ticket.is_none() && state.outgoing.is_none() {
            state.is_closing = matches!(outgoing, Some(Outgoing::Close(_)));
            state.outgoing = outgoing.take();
            state.accepted += 1;
            *ticket = Some(state.accepted);
            driver = state.driver.take();
        }
        remember(&mut state.sender, cx);
        drop(state);
        wake(driver);
        Poll::Pending
    }

    /// The next message; `None` after the last one.
    pub(super) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Message>>> {
        let mut state = self.lock();
        let Some(message) = state.inbox.pop_front() else {
            if state.end.is_some() || state.is_gone {
                return Poll::Ready(state.news().map(Err));
            }
            remember(&mut state.receiver, cx);
            return Poll::Pending;
        };
        state.inbox_bytes -= message.len();
        let driver = match state.is_full && state.has_room() {
            true => state.driver.take(),
            false => None,
        };
        drop(state);
        wake(driver);
        Poll::Ready(Some(Ok(message)))
    }

    /// Ready when the socket is closed, with what the server said at last.
    pub(super) fn poll_gone(&self, cx: &mut Context<'_>) -> Poll<Result<CloseReason>> {
        let mut state = self.lock();
        if !state.is_gone {
            remember(&mut state.sender, cx);
            return Poll::Pending;
        }
        Poll::Ready(match state.has_failed() {
            true => Err(state.ended()),
            false => Ok(state.reason.clone().unwrap_or_default()),
        })
    }

    /// Takes no more messages: what there is, and what still comes, is dropped.
    pub(super) fn be_deaf(&self) {
        let mut state = self.lock();
        state.is_deaf = true;
        state.inbox_bytes = 0;
        let inbox = std::mem::take(&mut state.inbox);
        let driver = state.driver.take();
        drop(state);
        wake(driver);
        drop(inbox);
    }

    /// Whether both sides have said that they are through.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.lock().end, Some(End::Closed))
    }

    pub(super) fn reason(&self) -> Option<CloseReason> {
        self.lock().reason.clone()
    }

    /// One of the halves is gone.
    pub(super) fn leave(&self) {
        let mut state = self.lock();
        state.halves -= 1;
        let driver = state.driver.take();
        drop(state);
        wake(driver);
    }

    /// For the driver: whom to wake, and whether nobody is left who could speak or hear.
    pub(super) fn is_left(&self, cx: &Context<'_>) -> bool {
        let mut state = self.lock();
        remember(&mut state.driver, cx);
        state.halves == 0
    }

    /// For the driver: what is to be sent next.
    pub(super) fn take_outgoing(&self) -> Option<Outgoing> {
        self.lock().outgoing.take()
    }

    /// For the driver: what was taken last is written.
    pub(super) fn note_sent(&self) {
        let mut state = self.lock();
        state.sent += 1;
        let sender = state.sender.take();
        drop(state);
        wake(sender);
    }

    /// For the driver: whether there is room for another message. If not, it is woken when there is.
    pub(super) fn has_room(&self) -> bool {
        let mut state = self.lock();
        state.is_full = !state.has_room();
        !state.is_full
    }

    /// For the driver: a message has come.
    pub(super) fn push(&self, message: Message) {
        let mut state = self.lock();
        if state.is_deaf {
            drop(state);
            return drop(message);
        }
        state.inbox_bytes += message.len();
        state.inbox.push_back(message);
        let receiver = state.receiver.take();
        drop(state);
        wake(receiver);
    }

    /// For the driver: the server has said why it closes.
    pub(super) fn note_reason(&self, reason: CloseReason) {
        self.lock().reason = Some(reason);
    }

    /// For the driver: it is over. Only the first end counts.
    pub(super) fn end(&self, end: End) {
        self.over(end, false);
    }

    fn over(&self, end: End, is_gone: bool) {
        let mut state = self.lock();
        let unused = match state.end {
            None => state.end.replace(end),
            Some(_) => Some(end),
        };
        state.is_gone |= is_gone;
        let wakers = [state.receiver.take(), state.sender.take()];
        drop(state);
        wakers.into_iter().for_each(wake);
        drop(unused);
    }
}

impl State {
    fn has_room(&self) -> bool {
        self.inbox.len() < INBOX_MESSAGES && self.inbox_bytes < INBOX_BYTES
    }

    fn has_failed(&self) -> bool {
        matches!(self.end, Some(End::Failed(..)))
    }

    /// A failure that the receiver does not know of, whoever else does: it must not take the end of a
    /// broken WebSocket for that of all messages.
    fn news(&mut self) -> Option<Error> {
        let is_news = self.has_failed() && !std::mem::replace(&mut self.is_told, true);
        is_news.then(|| self.ended())
    }

    /// Why nothing can be sent any more.
    fn ended(&mut self) -> Error {
        match &mut self.end {
            Some(End::Failed(kind, error)) => error
                .take()
                .unwrap_or_else(|| Error::new(*kind).because("the WebSocket has failed before")),
            _ => closed(),
        }
    }
}

fn closed() -> Error {
    Error::new(Kind::Protocol).because("the WebSocket is closed")
}

/// The driver's side of a link. Dropping it says that the socket is gone.
#[derive(Debug)]
pub(super) struct Driven {
    pub(super) link: Arc<Link>,
    pub(super) connection: Arc<Connection>,
}

impl Drop for Driven {
    fn drop(&mut self) {
        let error = match self.connection.wire.fault() {
            Some(Fault::Closed) => Error::new(Kind::Closed),
            _ => Error::new(Kind::Protocol).because("the runtime that drove it has ended"),
        };
        self.link.over(End::Failed(error.kind(), Some(error)), true);
    }
}
