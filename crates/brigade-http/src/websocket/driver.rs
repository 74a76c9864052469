//! The task of one WebSocket: it owns the socket, reads, writes, and watches the clock.
//!
//! It goes on in the task that has driven the connection before, so that pings are answered and a
//! silent server is noticed whoever polls what. It ends when the conversation is over, when nobody is
//! left to have it, or with its client's `close`. It never reads what nobody takes: while the inbox
//! is full the server has to wait.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::task::coop::poll_proceed;

use super::decoder::{Decoder, Event, Limits};
use super::goodbye::Over;
use super::intake::Intake;
use super::link::Driven;
use super::outbox::Outbox;
use super::patience::{Due, Patience, Waits};
use super::writing::UnderWay;
use crate::pool::SlotGuard;
use crate::pool::connection::{Next, Stream, Switched, Timer};
use crate::{Error, Kind, Phase};

/// What a conversation may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) limits: Limits,
    pub(super) waits: Waits,
}

/// A conversation that begins as soon as the connection is handed over.
#[derive(Debug)]
pub(super) struct Beginning {
    pub(super) driven: Driven,
    pub(super) terms: Terms,
}

impl Next for Beginning {
    fn go_on(self: Box<Self>, switched: Switched) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let Self { driven, terms } = *self;
        let mut driver = Driver {
            stream: switched.stream,
            intake: Intake::new(switched.rest),
            decoder: Decoder::new(terms.limits),
            outbox: Outbox::default(),
            under_way: None,
            is_unflushed: false,
            mute: None,
            patience: Patience::begin(terms.waits),
            timer: Box::pin(Timer::of_one_task()),
            slot: switched.slot,
            driven,
        };
        Box::pin(async move {
            let over = poll_fn(|cx| driver.poll(cx)).await;
            if let Some(mut goodbye) = over.and_then(|over| driver.begin_goodbye(over)) {
                poll_fn(|cx| driver.poll_goodbye(&mut goodbye, cx)).await;
            }
        })
    }
}

#[derive(Debug)]
pub(super) struct Driver {
    // Fields are dropped in this order: the socket, its slot, then whoever waits is told.
    pub(super) stream: Stream,
    pub(super) intake: Intake,
    decoder: Decoder,
    pub(super) outbox: Outbox,
    pub(super) under_way: Option<UnderWay>,
    pub(super) is_unflushed: bool,
    /// Why nothing can be written any more. What the server said before is still heard.
    pub(super) mute: Option<io::Error>,
    pub(super) patience: Patience,
    pub(super) timer: Pin<Box<Timer>>,
    #[expect(dead_code, reason = "holds the connection's place in the pool")]
    slot: SlotGuard,
    pub(super) driven: Driven,
}

impl Driver {
    /// Ready when the conversation is over; with nothing if nobody is left who would hear how.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Over>> {
        loop {
            if self.driven.link.is_left(cx) {
                return Poll::Ready(None);
            }
            let moved = match self.poll_write(cx) {
                Poll::Ready(over) => return Poll::Ready(Some(over)),
                Poll::Pending => self.poll_read(cx),
            };
            match moved {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(over)) => return Poll::Ready(Some(over)),
                Poll::Pending => match ready!(self.poll_time(cx)) {
                    Some(over) => return Poll::Ready(Some(over)),
                    None => self.outbox.ping(),
                },
            }
        }
    }

    /// Reads once, or takes in what the last read brought. Ready when there may be something to be
    /// answered.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Over>> {
        if !self.intake.bytes().is_empty() {
            return self.poll_take_in();
        }
        self.patience.go_on();
        ready!(poll_proceed(cx)).made_progress();
        let read = ready!(self.intake.poll_read(&mut self.stream, cx));
        Poll::Ready(match (read, self.mute.take()) {
            (Ok(0), None) => {
                let detail = "the server hung up without closing the WebSocket";
                Err(Over::Broken(Error::new(Kind::Protocol).because(detail)))
            }
            (Ok(0), Some(error)) | (Err(error), _) => Err(broken(error)),
            (Ok(_), mute) => {
                self.mute = mute;
                self.patience.note_heard();
                Ok(())
            }
        })
    }

    /// Not ready while there is no room for what has come.
    fn poll_take_in(&mut self) -> Poll<Result<(), Over>> {
        while !self.intake.bytes().is_empty() {
            if !self.driven.link.has_room() {
                self.patience.pause();
                return Poll::Pending;
            }
            let mut input = self.intake.bytes();
            let event = self.decoder.decode(&mut input);
            let left = input.len();
            self.intake.keep(left);
            match event.map_err(Over::Violated)? {
                Some(Event::Message(message)) => self.driven.link.push(message),
                Some(Event::Ping(payload)) => self.outbox.pong(payload),
                Some(Event::Close(reason)) => return Poll::Ready(Err(Over::Closed(reason))),
                Some(Event::Pong) | None => {}
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Ready when something is due: an end, or nothing more than a sign of life of the server.
    fn poll_time(&mut self, cx: &mut Context<'_>) -> Poll<Option<Over>> {
        let (at, due) = self.patience.due();
        ready!(self.timer.as_mut().poll(at, cx));
        let error = match due {
            Due::Ping => {
                self.patience.note_asked();
                return Poll::Ready(None);
            }
            Due::Silent => Error::timeout(Phase::Read),
            Due::Unconfirmed => {
                let detail = "it did not confirm that the WebSocket is closed";
                Error::timeout(Phase::Read).because(detail)
            }
            Due::Stalled => Error::timeout(Phase::Write),
            Due::Mute => match self.mute.take() {
                Some(error) => return Poll::Ready(Some(broken(error))),
                None => Error::new(Kind::Protocol),
            },
        };
        Poll::Ready(Some(Over::Broken(error)))
    }
}

fn broken(error: io::Error) -> Over {
    Over::Broken(Error::new(Kind::Protocol).from(error))
}
