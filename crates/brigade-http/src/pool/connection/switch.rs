//! A connection that leaves HTTP, because its server agreed to switch protocols (101).
//!
//! Whoever asked for that says what is done with its stream, and the task that has driven the
//! connection goes on with it. So its slot, its end and the client's `close` are those of any
//! connection. A switch that nobody asked for, or nobody goes on with, ends the connection.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::handle::Connection;
use super::io::Stream;
use crate::pool::SlotGuard;

/// How long a connection that may have been switched waits for who asked, in case nobody polls it.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is left of a connection when HTTP is over.
#[derive(Debug)]
#[cfg_attr(
    not(feature = "websocket"),
    expect(dead_code, reason = "only a WebSocket takes it apart")
)]
pub(crate) struct Switched {
    // Fields are dropped in this order: first the socket, then its slot.
    pub(crate) stream: Stream,
    /// What was read beyond the head of the response.
    pub(crate) rest: Bytes,
    pub(crate) slot: SlotGuard,
}

/// What is done with it.
pub(crate) trait Next: fmt::Debug + Send {
    /// Goes on until the connection ends. It must drop `switched` in the order of its fields.
    fn go_on(self: Box<Self>, switched: Switched) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// The wish of a request to take its connection over. It concerns the connection that the request
/// was sent on last.
#[derive(Debug, Default)]
pub(crate) struct Switch {
    asked: Mutex<Option<Asked>>,
}

/// A connection, and the way to say what is done with it.
type Asked = (Arc<Connection>, oneshot::Sender<Box<dyn Next>>);

impl Switch {
    fn asked(&self) -> MutexGuard<'_, Option<Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The request is about to be sent: its connection shall wait for what is done with it.
    pub(crate) fn ask(&self, connection: &Arc<Connection>) {
        let (sender, receiver) = oneshot::channel();
        connection.expect_switch(receiver);
        let before = self.asked().replace((connection.clone(), sender));
        drop(before);
    }

    /// The server has not agreed: its connection need not wait.
    pub(crate) fn withdraw(&self) {
        let before = self.asked().take();
        drop(before);
    }

    /// The server has agreed. `false` if the connection is gone already.
    #[cfg_attr(
        not(feature = "websocket"),
        expect(dead_code, reason = "only a WebSocket asks for a switch")
    )]
    pub(crate) fn go_on(&self, next: impl FnOnce(Arc<Connection>) -> Box<dyn Next>) -> bool {
        let Some((connection, asked)) = self.asked().take() else {
            return false;
        };
        connection.note_switched();
        asked.send(next(connection)).is_ok()
    }
}

/// Goes on with what follows HTTP, if that was asked for.
pub(super) async fn follow(asked: oneshot::Receiver<Box<dyn Next>>, switched: Switched) {
    if let Ok(Ok(next)) = timeout(PATIENCE, asked).await {
        next.go_on(switched).await;
    }
}
