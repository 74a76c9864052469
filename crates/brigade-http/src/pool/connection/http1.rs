//! The task that drives one connection of HTTP/1.1 until it ends.
//!
//! It exists beside the requests, so that a connection can be watched while nobody uses it and
//! finished after its request is gone. It returns the connection to the pool, keeps the timeouts,
//! and frees the slot when the socket is gone. It never outlives its client's `close`.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use brigade_core::time::Moment;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::ending;
use super::handle::Connection;
use super::io::Noted;
use super::switch::{self, Switched};
use super::timer::Timer;
use crate::body::RequestBody;
use crate::pool::SlotGuard;
use crate::{Error, Kind, Result};

/// The largest head of a response.
pub(super) const HEAD_MAX: usize = 64 * 1024;

/// A connection as hyper speaks it.
pub(super) type Connection1 = http1::Connection<TokioIo<Noted>, RequestBody>;

struct Driver {
    // Fields are dropped in this order: the socket, its slot, the handle that the pool had.
    hyper: Connection1,
    idle_until: Moment,
    slot: SlotGuard,
    connection: Arc<Connection>,
}

/// Why a connection is driven no further.
enum Ended {
    /// It ended by itself, or speaks HTTP no more.
    OfItself,
    /// It was given up.
    GivenUp,
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
    let mut driver = Driver {
        hyper,
        idle_until: ending::idle_until(&connection, &slot),
        slot,
        connection,
    };
    async move {
        let ended = {
            let mut timer = pin!(Timer::of_one_task());
            poll_fn(|cx| driver.poll(timer.as_mut(), cx)).await
        };
        if let Ended::OfItself = ended
            && let Some(asked) = driver.connection.take_switch()
        {
            switch::follow(asked, driver.into_switched()).await;
        }
    }
}

impl Driver {
    fn poll(&mut self, timer: Pin<&mut Timer>, cx: &mut Context<'_>) -> Poll<Ended> {
        if Pin::new(&mut self.hyper).poll(cx).is_ready() {
            return Poll::Ready(Ended::OfItself);
        }
        let wire = &self.connection.wire;
        // `is_ready` alone may be stale; once bytes were written it is about this exchange.
        if wire.is_stuck() {
            return Poll::Ready(Ended::GivenUp);
        }
        if wire.is_written() && self.connection.is_ready() {
            wire.rest();
            self.idle_until = self.slot.pool.finish(&self.connection);
        } else {
            wire.settle_time();
        }
        let due = |idle_until| wire.due(idle_until);
        let held = (&self.slot, &self.connection);
        ending::poll(timer, &mut self.idle_until, held, due, cx).map(|()| Ended::GivenUp)
    }

    fn into_switched(self) -> Switched {
        let parts = self.hyper.into_parts();
        Switched {
            stream: parts.io.into_inner().stream,
            rest: parts.read_buf,
            slot: self.slot,
        }
    }
}
