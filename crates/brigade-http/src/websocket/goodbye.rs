//! How the driver ends a conversation: the last words, then the end of the stream.
//!
//! It tells the server why, shuts its own side, and reads what is still under way, so that nothing of
//! the last words is lost in a reset. It never takes longer than a second.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use brigade::clock;
use brigade_core::time::Moment;
use tokio::io::AsyncWrite;
use tokio::task::coop::poll_proceed;

use super::driver::Driver;
use super::link::End;
use super::message::CloseReason;
use super::violation::Violation;
use crate::Error;

/// How long the last words may take.
pub(super) const GOODBYE: Duration = Duration::from_secs(1);

/// Why a conversation is over.
#[derive(Debug)]
pub(super) enum Over {
    /// The server closes, or confirms that the client does.
    Closed(CloseReason),
    /// The server broke the rules, and is told so.
    Violated(Violation),
    /// There is nobody to tell anything.
    Broken(Error),
}

/// An end that is under way.
#[derive(Debug)]
pub(super) struct Goodbye {
    until: Moment,
    is_said: bool,
    is_shut: bool,
}

impl Driver {
    /// Says the last words; nothing if there is nobody to hear them.
    pub(super) fn begin_goodbye(&mut self, over: Over) -> Option<Goodbye> {
        let link = &self.driven.link;
        match over {
            Over::Broken(error) => {
                link.end(End::Failed(error.kind(), Some(error)));
                return None;
            }
            Over::Violated(violation) => {
                let error = violation.error();
                link.end(End::Failed(error.kind(), Some(error)));
                self.outbox.close(violation.code().to_be_bytes().to_vec());
            }
            Over::Closed(reason) => {
                // The same code, and no text, is what confirms it (RFC 6455, section 5.5.1).
                let code = reason.code.map(|code| code.to_be_bytes().to_vec());
                self.outbox.close(code.unwrap_or_default());
                link.note_reason(reason);
            }
        }
        Some(Goodbye {
            until: clock::now() + GOODBYE,
            is_said: false,
            is_shut: false,
        })
    }

    /// Ready when the socket can be closed.
    pub(super) fn poll_goodbye(&mut self, bye: &mut Goodbye, cx: &mut Context<'_>) -> Poll<()> {
        let is_late = self.timer.as_mut().poll(bye.until, cx).is_ready();
        let ended = match is_late {
            true => Poll::Ready(()),
            false => self.poll_part(bye, cx),
        };
        if ended.is_ready() || bye.is_said {
            self.driven.link.end(End::Closed);
        }
        ended
    }

    fn poll_part(&mut self, bye: &mut Goodbye, cx: &mut Context<'_>) -> Poll<()> {
        bye.is_said = bye.is_said || self.poll_say(cx).is_ready();
        if bye.is_said && !bye.is_shut {
            bye.is_shut = Pin::new(&mut self.stream).poll_shutdown(cx).is_ready();
        }
        loop {
            ready!(poll_proceed(cx)).made_progress();
            if let Ok(0) | Err(_) = ready!(self.intake.poll_read(&mut self.stream, cx)) {
                return Poll::Ready(());
            }
        }
    }

    /// Ready when all is said, or nothing can be said any more.
    fn poll_say(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.mute.is_none()
            && let Ok(chunk) = self.outbox.chunk()
        {
            if chunk.is_empty() {
                return Pin::new(&mut self.stream).poll_flush(cx).map(drop);
            }
            match ready!(Pin::new(&mut self.stream).poll_write(cx, chunk)) {
                Ok(bytes) if bytes > 0 => self.outbox.advance(bytes),
                _ => break,
            }
        }
        Poll::Ready(())
    }
}
