//! A timer that is hardly ever moved.
//!
//! Deadlines of requests move all the time, nearly always later; a timer that follows each move
//! would cost more than the request's own bookkeeping. This one is left where it is when a deadline
//! moves away, and looks again when it fires. It never fires early.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use brigade::clock;
use brigade_core::time::Moment;
use pin_project_lite::pin_project;
use tokio::task::coop::has_budget_remaining;
use tokio::time::Sleep;

pin_project! {
    #[derive(Debug)]
    pub(crate) struct Timer {
        #[pin]
        sleep: Sleep,
        armed: Option<Moment>,
        is_of_one_task: bool,
    }
}

impl Timer {
    /// A timer that any task may poll.
    pub(super) fn new() -> Self {
        Self {
            sleep: tokio::time::sleep_until(clock::instant(Moment::MAX)),
            armed: None,
            is_of_one_task: false,
        }
    }

    /// A timer that always the same spawned task polls, and so need not be told anew whom to wake.
    pub(crate) fn of_one_task() -> Self {
        Self {
            is_of_one_task: true,
            ..Self::new()
        }
    }

    /// Ready when `at` has come.
    pub(crate) fn poll(self: Pin<&mut Self>, at: Moment, cx: &mut Context<'_>) -> Poll<()> {
        if at == Moment::MAX {
            return Poll::Pending;
        }
        let mut this = self.project();
        loop {
            if this.armed.is_none_or(|armed| armed > at) {
                this.sleep.as_mut().reset(clock::instant(at));
                *this.armed = Some(at);
            } else if *this.is_of_one_task && !this.sleep.is_elapsed() {
                return Poll::Pending;
            }
            let fired = this.sleep.as_mut().poll(cx).is_ready();
            // Against a server that sends as fast as it is read, the task's budget is used up at
            // every poll and no timer fires, so the clock itself is asked.
            if !fired && (has_budget_remaining() || clock::now() < at) {
                return Poll::Pending;
            }
            *this.armed = None;
            if clock::now() >= at {
                return Poll::Ready(());
            }
        }
    }
}
