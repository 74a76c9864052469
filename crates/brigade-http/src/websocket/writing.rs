//! How the driver writes: what callers want to be sent, pongs and pings, then a flush.
//!
//! A message counts as sent once its last byte was taken by the system. A write that fails does not
//! end the conversation by itself, because what the server said before it hung up is still to be
//! heard.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::AsyncWrite;

use super::driver::Driver;
use super::frame::Opcode;
use super::goodbye::Over;
use super::link::Outgoing;
use super::message::Message;
use super::outbox::NoRandom;
use crate::{Error, Kind};

/// What was taken from the caller and is not written yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnderWay {
    Message,
    Close,
}

impl Driver {
    /// Writes all that there is. Ready only if that ends the conversation.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Over> {
        while self.mute.is_none() {
            if let Err(NoRandom) = ready!(self.poll_write_some(cx)) {
                let detail = "the system has no random numbers";
                return Poll::Ready(Over::Broken(Error::new(Kind::Protocol).because(detail)));
            }
        }
        Poll::Pending
    }

    /// Ready when something moved, or nothing ever will.
    fn poll_write_some(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), NoRandom>> {
        self.take_up()?;
        let chunk = self.outbox.chunk()?;
        if chunk.is_empty() {
            return self.poll_flush(cx).map(Ok);
        }
        let wrote = Pin::new(&mut self.stream).poll_write(cx, chunk);
        if let Some(bytes) = ready!(self.note(wrote)) {
            self.outbox.advance(bytes);
            self.is_unflushed = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Takes the next thing that a caller wants to be sent.
    fn take_up(&mut self) -> Result<(), NoRandom> {
        if self.under_way.is_some() || self.outbox.is_closed() {
            return Ok(());
        }
        match self.driven.link.take_outgoing() {
            None => {}
            Some(Outgoing::Message(message)) => {
                let (opcode, payload) = match message {
                    Message::Text(text) => (Opcode::Text, Bytes::from(text)),
                    Message::Binary(bytes) => (Opcode::Binary, bytes),
                };
                self.outbox.begin(opcode, payload)?;
                self.under_way = Some(UnderWay::Message);
            }
            Some(Outgoing::Close(reason)) => {
                self.outbox.close(reason.payload());
                self.under_way = Some(UnderWay::Close);
            }
        }
        Ok(())
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_unflushed {
            return Poll::Pending;
        }
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        if let Some(()) = ready!(self.note(flushed)) {
            self.is_unflushed = false;
            self.patience.note_left();
            if let Some(under_way) = self.under_way.take() {
                self.driven.link.note_sent();
                if under_way == UnderWay::Close {
                    self.patience.begin_closing();
                }
            }
        }
        Poll::Ready(())
    }

    /// Keeps what a write tells: that it waits, moves, or is of no use any more.
    fn note<T: Progress>(&mut self, result: Poll<io::Result<T>>) -> Poll<Option<T>> {
        let error = match result {
            Poll::Pending => {
                self.patience.note_stalled();
                return Poll::Pending;
            }
            Poll::Ready(Ok(progress)) if progress.is_some() => {
                self.patience.note_taken();
                return Poll::Ready(Some(progress));
            }
            Poll::Ready(Ok(_)) => io::ErrorKind::WriteZero.into(),
            Poll::Ready(Err(error)) => error,
        };
        self.mute = Some(error);
        self.patience.note_mute();
        Poll::Ready(None)
    }
}

/// What a write that succeeded has to show for it.
trait Progress {
    fn is_some(&self) -> bool;
}

impl Progress for usize {
    fn is_some(&self) -> bool {
        *self > 0
    }
}

impl Progress for () {
    fn is_some(&self) -> bool {
        true
    }
}
