//! From a connected stream to a connection that the pool can hand out.
//!
//! It chooses the protocol that the TLS handshake chose and begins to speak it. It never waits for
//! the peer: what that has to say about its limits comes to the task that drives the connection.

use std::sync::Arc;

use brigade::clock;
use brigade_core::pool::{Opened, Slot};
use brigade_core::time::Moment;

use super::handle::{Connection, Sender};
use super::http1;
use super::http2;
use super::io::{Noted, Reads, Stream};
use crate::pool::{ClientPool, DialPlan, SlotGuard};
use crate::protocol::Versions;
use crate::{Error, Kind, Result};

/// A connection that nobody drives yet.
pub(crate) struct Open {
    connection: Arc<Connection>,
    driven: Driven,
}

enum Driven {
    Http1(Box<http1::Connection1>),
    Http2(Box<http2::Connection2>),
}

/// Begins to speak HTTP on a connected stream.
pub(crate) async fn open(
    stream: Stream,
    slot: Slot,
    plan: &DialPlan,
    pool: &ClientPool,
) -> Result<Open> {
    let protocol = pool.dialer.protocol(plan);
    let is_only = protocol.versions == Versions::Http2;
    let is_http2 = stream.is_http2().unwrap_or(is_only);
    if is_only && !is_http2 {
        let detail = "the server does not speak HTTP/2, and the client is to speak nothing else";
        return Err(Error::new(Kind::Protocol).because(detail));
    }
    let now = clock::now();
    let until = until(pool, now);
    let mut connection = Connection::new(slot, &plan.url, (now, until), is_http2)?;
    connection.peer = stream.peer();
    let connection = Arc::new(connection);
    let noted = Noted {
        stream,
        connection: connection.clone(),
        is_mute: false,
        reads: Reads::default(),
    };
    let driven = if is_http2 {
        let (sender, driven) = http2::handshake(noted, protocol.http2).await?;
        connection.attach(Sender::Http2(sender));
        Driven::Http2(driven.into())
    } else {
        let (sender, driven) = http1::handshake(noted).await?;
        connection.attach(Sender::Http1(sender));
        Driven::Http1(driven.into())
    };
    tracing::debug!(host = ?connection.host, peer = ?connection.peer, is_http2, "connected");
    Ok(Open { connection, driven })
}

/// When a connection is too old: up to a tenth before its time, so that those that were opened
/// together do not end together.
fn until(pool: &ClientPool, now: Moment) -> Moment {
    let age = pool.limits().max_age;
    age.map_or(Moment::MAX, |age| {
        now + age.mul_f64(1.0 - fastrand::f64() / 10.0)
    })
}

/// Drives a connection in a task, and enters it into the pool.
pub(crate) fn start(open: Open, mut slot: SlotGuard) {
    let pool = slot.pool.clone();
    let connection = open.connection;
    connection.meter.open();
    slot.connection = Some(connection.clone());
    let opened = Opened {
        // A peer of HTTP/2 may yet say that it takes fewer requests, but never no request at all.
        room: 1,
        is_shared: connection.is_http2,
        is_settled: !connection.is_http2,
        until: connection.until,
    };
    let task = match open.driven {
        Driven::Http1(driven) => spawn(http1::drive(*driven, connection.clone(), slot)),
        Driven::Http2(driven) => spawn(http2::drive(*driven, connection.clone(), slot)),
    };
    let _ = connection.task.set(task);
    if !pool.dialed(&connection, opened) {
        connection.retire(true);
    }
}

fn spawn(driver: impl Future<Output = ()> + Send + 'static) -> tokio::task::AbortHandle {
    #[expect(
        clippy::disallowed_methods,
        reason = "the task is the connection: it is counted by its slot in the pool, ended by \
                  Client::close, and must outlive the request that opened it"
    )]
    let task = tokio::spawn(driver);
    task.abort_handle()
}
