//! H15, WebSockets, against scripted servers: frame by frame in memory, where time is paused, and over
//! sockets where those matter.

mod cases;
mod closing;
mod opening;
mod places;
mod talking;

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use brigade_http::transport::{Connect, Connecting, Destination};
use brigade_http::websocket::{WebSocket, WebSocketBuilder};
use brigade_http::{Client, ClientBuilder, Error, Kind};
use brigade_testkit::websocket::WsConn;
use tokio::io::duplex;

use super::{builder, spawn};

const URL: &str = "ws://a.example/";

type Script = dyn Fn(WsConn) -> Pin<Box<dyn Future<Output = io::Result<()>> + Send>> + Send + Sync;

/// Every connection leads to a script in this process.
#[derive(Clone)]
struct Scripted {
    script: Arc<Script>,
    /// How many bytes are under way at most.
    room: usize,
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripted")
    }
}

impl Connect for Scripted {
    fn connect(&self, _to: Destination) -> Connecting {
        let (ours, theirs) = duplex(self.room);
        let script = self.script.clone();
        spawn(async move {
            // What fails, the client sees; that its socket is closed is no failure.
            if let Ok(conn) = WsConn::over(theirs).await
                && let Err(error) = script(conn).await
                && error.kind() != io::ErrorKind::BrokenPipe
            {
                eprintln!("the script failed: {error}");
            }
        });
        Box::pin(async { Ok(Box::new(ours) as _) })
    }
}

/// The settings of a client whose servers play this script.
fn playing<F, P>(script: F) -> ClientBuilder
where
    F: Fn(WsConn) -> P + Send + Sync + 'static,
    P: Future<Output = io::Result<()>> + Send + 'static,
{
    with_room(64 * 1024, script)
}

fn with_room<F, P>(room: usize, script: F) -> ClientBuilder
where
    F: Fn(WsConn) -> P + Send + Sync + 'static,
    P: Future<Output = io::Result<()>> + Send + 'static,
{
    let script: Arc<Script> = Arc::new(move |conn| Box::pin(script(conn)));
    builder().connector(Scripted { script, room })
}

fn ask(client: &Client) -> WebSocketBuilder {
    client.websocket(URL).unwrap()
}

async fn open(client: &Client) -> WebSocket {
    ask(client).connect().await.unwrap()
}

/// The error of a WebSocket that must not open.
async fn denied(socket: WebSocketBuilder) -> Error {
    socket.connect().await.unwrap_err()
}

/// The kind of the error that the next message must be.
async fn fails(socket: &mut WebSocket) -> Kind {
    let error = socket.next().await.unwrap().unwrap_err();
    assert!(socket.next().await.is_none(), "an error is the end");
    error.kind()
}
