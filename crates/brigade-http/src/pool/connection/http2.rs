//! The task that drives one connection of HTTP/2 until it ends.
//!
//! It moves the frames of all streams, tells the pool how many requests the server takes at once,
//! and ends the connection when nobody has used it for long enough. It never ends it because of
//! one stream: that is the business of the stream's exchange.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use brigade_core::time::Moment;
use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use pin_project_lite::pin_project;

use super::ending;
use super::handle::Connection;
use super::http1::HEAD_MAX;
use super::io::Noted;
use super::timer::Timer;
use super::wire::Due;
use crate::pool::SlotGuard;
use crate::protocol::Http2;
use crate::{Error, Kind, Phase, Result};

/// How long a server may take to say its first word, which must be its settings.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// The largest frame that is asked for: a quarter of the frames that the default would need.
const FRAME_MAX: u32 = 64 * 1024;

/// The window of a connection: none of its own, as in Go's client. A smaller one would let responses
/// that nobody reads hold up all others; what a connection costs is bounded by its streams' windows.
const CONNECTION_WINDOW: u32 = 1 << 30;

/// The bytes that small DATA frames may cost beyond what they carry, until they are read.
const DATA_FRAME_BUDGET: usize = 4 << 20;

/// The streams that were reset and are remembered for a while. What comes late for one that is
/// forgotten is an error, a thousand of which end the connection, so it may be as many as a
/// connection's room several times over.
const RESET_STREAMS_MAX: usize = 1 << 14;

/// For how long they are remembered: a window may be under way for that long on a slow path.
const RESET_STREAM_TIME: Duration = Duration::from_secs(30);

/// A connection as h2 speaks it.
pub(super) type Connection2 = h2::client::Connection<Noted, Bytes>;

/// Begins to speak HTTP/2.
pub(super) async fn handshake(
    noted: Noted,
    http2: Http2,
) -> Result<(SendRequest<Bytes>, Connection2)> {
    Builder::new()
        // Until the server has spoken.
        .initial_max_send_streams(1)
        .initial_window_size(http2.window)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .data_frame_budget(DATA_FRAME_BUDGET)
        .max_frame_size(FRAME_MAX)
        .max_header_list_size(HEAD_MAX as u32)
        .max_concurrent_reset_streams(RESET_STREAMS_MAX)
        .reset_stream_duration(RESET_STREAM_TIME)
        .enable_push(false)
        .handshake(noted)
        .await
        .map_err(|error| Error::new(Kind::Protocol).from(error))
}

/// The task that drives a connection until it ends.
pub(super) fn drive(
    h2: Connection2,
    connection: Arc<Connection>,
    slot: SlotGuard,
) -> impl Future<Output = ()> {
    Driver {
        h2,
        timer: Timer::of_one_task(),
        idle_until: ending::idle_until(&connection, &slot),
        room: None,
        slot,
        connection,
    }
}

pin_project! {
    struct Driver {
        // Fields are dropped in this order: the socket, its slot, the handle that the pool had.
        h2: Connection2,
        #[pin]
        timer: Timer,
        idle_until: Moment,
        // What the pool was told, once the server has spoken.
        room: Option<usize>,
        slot: SlotGuard,
        connection: Arc<Connection>,
    }
}

impl Driver {
    /// Tells the pool how many requests at once the server takes.
    fn tell_room(self: Pin<&mut Self>) {
        let this = self.project();
        if this.connection.wire.heard_at().is_none() {
            return;
        }
        let room = this.h2.max_concurrent_send_streams();
        if *this.room != Some(room) {
            *this.room = Some(room);
            let pool = &this.slot.pool;
            let room = u32::try_from(room).unwrap_or(u32::MAX);
            pool.set_room(this.connection, room.min(pool.limits().streams));
        }
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.connection.driver.register(cx.waker());
        if let Poll::Ready(ended) = Pin::new(self.as_mut().project().h2).poll(cx) {
            if let Err(error) = ended {
                tracing::debug!(host = ?self.connection.host, %error, "the connection ended");
            }
            return Poll::Ready(());
        }
        self.as_mut().tell_room();
        let this = self.project();
        let (room, connection) = (&*this.room, &*this.connection);
        let due = |idle_until| {
            let (at, what) = connection.wire.due(idle_until);
            let silent = connection.opened + SILENCE_MAX;
            match room {
                None if silent < at => (silent, Due::Timeout(Phase::Connect)),
                _ => (at, what),
            }
        };
        let held = (&*this.slot, connection);
        ending::poll(this.timer, this.idle_until, held, due, cx)
    }
}
