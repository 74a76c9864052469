//! A dial: a task of the pool that opens a connection because a request waits.
//!
//! It is a task, so that it does not depend on who polls that request: its connection serves
//! whoever comes first, and a request that is served otherwise, or gives up, takes nothing away
//! from the others. It is bounded by the connect timeout of the request that it was begun for, or, if
//! that has none, ends a while after it. It never outlives its client's `close`.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use brigade_core::pool::Slot;
use brigade_core::time::Moment;

use super::connection;
use super::guards::SlotGuard;
use super::want::Want;
use crate::{Error, Kind, Phase, Result};

/// For how long a dial without a limit goes on when its request is gone, though others of its host
/// may wait for what comes of it: the connect timeout that requests have by default.
const OUTLIVES: Duration = Duration::from_secs(10);

/// Opens a connection in a task of its own.
pub(super) fn begin(slot: SlotGuard, want: Arc<Want>) {
    let number = slot.slot;
    want.begin_dial(number);
    let dial = Dial {
        number,
        slot: Some(slot),
        want: want.clone(),
    };
    let task = want.runtime.spawn(dial.run());
    want.set_task(number, task.abort_handle());
}

/// A dial that is under way. However it ends, its slot is free before anybody is told.
struct Dial {
    number: Slot,
    slot: Option<SlotGuard>,
    want: Arc<Want>,
}

impl Dial {
    async fn run(mut self) {
        let Some(slot) = &self.slot else { return };
        let pool = slot.pool.clone();
        let opened = tokio::select! {
            biased;
            () = pool.closing() => Err(Error::new(Kind::Closed)),
            opened = self.within_span(open(slot, &self.want)) => opened,
        };
        match opened {
            Ok(opened) => {
                if let Some(slot) = self.slot.take() {
                    connection::start(opened, slot);
                }
            }
            Err(error) => self.end(error),
        }
    }

    /// Polls the dial in the span that it has, for as long as it has one.
    async fn within_span<F: Future>(&self, dial: F) -> F::Output {
        let mut dial = pin!(dial);
        let poll = |cx: &mut Context<'_>| match self.want.dial_span(self.number) {
            Some(span) => span.in_scope(|| dial.as_mut().poll(cx)),
            None => dial.as_mut().poll(cx),
        };
        poll_fn(poll).await
    }

    fn end(&mut self, error: Error) {
        let Some(slot) = self.slot.take() else { return };
        if let Some(span) = self.want.dial_span(self.number) {
            span.record("error.type", error.kind().name());
        }
        let told = slot.pool.lock().failed(slot.slot);
        drop(slot);
        if let Some(waiter) = told {
            waiter.fail(error);
        }
    }
}

impl Drop for Dial {
    fn drop(&mut self) {
        // One that was given up is waited for by nobody.
        let detail = match std::thread::panicking() {
            true => "the resolver or the connector has panicked",
            false => "the runtime on which it was being opened has ended",
        };
        self.end(Error::new(Kind::Connect).because(detail));
        self.want.end_dial(self.number);
    }
}

async fn open(slot: &SlotGuard, want: &Want) -> Result<connection::Open> {
    let plan = &want.plan;
    let deadline = plan.total.nearer(Phase::Connect, plan.connect);
    let opened = deadline.bound(async {
        let stream = slot.pool.dialer.dial(plan, slot, deadline.at).await?;
        connection::open(stream, slot.slot, plan, &slot.pool).await
    });
    tokio::select! {
        biased;
        opened = opened => opened?,
        () = outlived(want), if deadline.at == Moment::MAX => Err(Error::timeout(Phase::Connect)),
    }
}

/// Ready when the request has been gone for long, which alone was willing to wait without end.
async fn outlived(want: &Want) {
    want.gone().await;
    tokio::time::sleep(OUTLIVES).await;
}
