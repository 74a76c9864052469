//! A timer that is hardly ever moved.
//!
//! Deadlines of requests move all the time, nearly always later; a timer that follows each move
//! would cost more than the request's own bookkeeping. This one is left where it is when a deadline
//! moves away, and looks again when it fires. It never fires early.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use brigade::clock;
use brigade_core::time::Moment;
use pin_project_lite::pin_project;
use tokio::time::Sleep;

pin_project! {
    #[derive(Debug)]
    pub(super) struct Timer {
        #[pin]
        sleep: Sleep,
        armed: Option<Moment>,
    }
}

impl Timer {
    pub(super) fn new() -> Self {
        Self {
            sleep: tokio::time::sleep_until(clock::instant(Moment::MAX)),
            armed: None,
        }
    }

    /// Ready when `at` has come.
    pub(super) fn poll(self: Pin<&mut Self>, at: Moment, cx: &mut Context<'_>) -> Poll<()> {
        if at == Moment::MAX {
            return Poll::Pending;
        }
        let mut this = self.project();
        loop {
            if this.armed.is_none_or(|armed| armed > at) {
                this.sleep.as_mut().reset(clock::instant(at));
                *this.armed = Some(at);
            }
            ready!(this.sleep.as_mut().poll(cx));
            *this.armed = None;
            if clock::now() >= at {
                return Poll::Ready(());
            }
        }
    }
}
