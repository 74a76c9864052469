//! The task that drives one connection of HTTP/1.1 until it ends.
//!
//! It exists beside the requests, so that a connection can be watched while nobody uses it and
//! finished after its request is gone. It returns the connection to the pool, keeps the timeouts,
//! and frees the slot when the socket is gone. It never outlives its client's `close`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use brigade_core::time::Moment;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use pin_project_lite::pin_project;

use super::ending;
use super::handle::Connection;
use super::io::Noted;
use super::timer::Timer;
use crate::body::RequestBody;
use crate::pool::SlotGuard;
use crate::{Error, Kind, Result};

/// The largest head of a response.
pub(super) const HEAD_MAX: usize = 64 * 1024;

/// A connection as hyper speaks it.
pub(super) type Connection1 = http1::Connection<TokioIo<Noted>, RequestBody>;

pin_project! {
    struct Driver {
        // Fields are dropped in this order: the socket, its slot, the handle that the pool had.
        #[pin]
        hyper: Connection1,
        #[pin]
        timer: Timer,
        idle_until: Moment,
        slot: SlotGuard,
        connection: Arc<Connection>,
    }
}

/// Begins to speak HTTP/1.1.
pub(super) async fn handshake(
    noted: Noted,
) -> Result<(http1::SendRequest<RequestBody>, Connection1)> {
    http1::Builder::new()
        .max_header_size(HEAD_MAX)
        .handshake(TokioIo::new(noted))
        .await
        .map_err(|error| Error::new(Kind::Protocol).from(error))
}

/// The task that drives a connection until it ends.
pub(super) fn drive(
    hyper: Connection1,
    connection: Arc<Connection>,
    slot: SlotGuard,
) -> impl Future<Output = ()> {
    Driver {
        hyper,
        timer: Timer::of_one_task(),
        idle_until: ending::idle_until(&connection, &slot),
        slot,
        connection,
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        if this.hyper.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let wire = &this.connection.wire;
        // `is_ready` alone may be stale; once bytes were written it is about this exchange.
        if wire.is_stuck() {
            return Poll::Ready(());
        }
        if wire.is_written() && this.connection.is_ready() {
            wire.rest();
            *this.idle_until = this.slot.pool.finish(this.connection);
        } else {
            wire.settle_time();
        }
        let due = |idle_until| wire.due(idle_until);
        let held = (&*this.slot, &*this.connection);
        ending::poll(this.timer, this.idle_until, held, due, cx)
    }
}
