//! The task that drives one connection until it ends.
//!
//! It exists beside the requests, so that a connection can be watched while nobody uses it and
//! finished after its request is gone. It returns the connection to the pool, keeps the timeouts,
//! and frees the slot when the socket is gone. It never outlives its client's `close`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use brigade::clock;
use brigade_core::time::Moment;
use http::HeaderValue;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use pin_project_lite::pin_project;
use tokio::time::Sleep;

use super::handle::Connection;
use super::io::{Noted, Stream};
use super::wire::{Due, Fault};
use crate::body::RequestBody;
use crate::pool::SlotGuard;
use crate::{Error, Kind, Result};

/// The largest head of a response.
const HEAD_MAX: usize = 64 * 1024;

pin_project! {
    struct Driver {
        // Fields are dropped in this order: the socket first, its slot last.
        #[pin]
        hyper: http1::Connection<TokioIo<Noted>, RequestBody>,
        #[pin]
        timer: Sleep,
        armed: Option<Moment>,
        idle_until: Moment,
        connection: Arc<Connection>,
        slot: SlotGuard,
    }
}

/// Makes a connection of a connected stream, drives it in a task, and enters it into the pool as
/// active.
pub(crate) async fn start(
    stream: Stream,
    slot: SlotGuard,
    host: HeaderValue,
) -> Result<Arc<Connection>> {
    let connection = Arc::new(Connection::new(slot.slot, host, clock::now()));
    let noted = Noted {
        stream,
        connection: connection.clone(),
    };
    let (sender, hyper) = http1::Builder::new()
        .max_header_size(HEAD_MAX)
        .handshake(TokioIo::new(noted))
        .await
        .map_err(|error| Error::new(Kind::Protocol).from(error))?;
    connection.attach(sender);
    let pool = slot.pool.clone();
    let driver = Driver {
        hyper,
        timer: tokio::time::sleep_until(clock::instant(Moment::MAX)),
        armed: None,
        idle_until: Moment::MAX,
        connection: connection.clone(),
        slot,
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "the task is the connection: it is counted by its slot in the pool, ended by \
                  Client::close, and must outlive the request that opened it"
    )]
    let task = tokio::spawn(driver);
    let _ = connection.task.set(task.abort_handle());
    if pool.dialed(&connection) {
        Ok(connection)
    } else {
        connection.retire(true);
        Err(Error::new(Kind::Closed))
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
        }
        loop {
            let (at, due) = wire.due(*this.idle_until);
            if at == Moment::MAX {
                return Poll::Pending;
            }
            if this.armed.is_none_or(|armed| armed > at) {
                this.timer.as_mut().reset(clock::instant(at));
                *this.armed = Some(at);
            }
            if this.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            *this.armed = None;
            if clock::now() < at {
                continue;
            }
            match due {
                Due::Goodbye => return Poll::Ready(()),
                Due::Idle => match this.slot.pool.expire(this.connection) {
                    Some(later) => *this.idle_until = later,
                    None => return Poll::Ready(()),
                },
                Due::Timeout(phase) => {
                    wire.set_fault(Fault::Timeout(phase));
                    return Poll::Ready(());
                }
            }
        }
    }
}
