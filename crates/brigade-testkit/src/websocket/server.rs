//! The server as its owner sees it: an address, a counter, and an end.
//!
//! One task accepts and owns the scripts of all connections, so ending it ends them too. A script that
//! fails ends its connection, which the client sees. It never outlives its owner.

use super::conn::WsConn;
use crate::server::{Count, Counter};
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;

/// A server of WebSockets on loopback of which a script plays every connection.
///
/// Dropping it closes its port and all its connections.
///
/// # Examples
///
/// A server that says everything back:
///
/// ```
/// use brigade_testkit::websocket::{WsServer, kind};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let server = WsServer::start(|mut conn| async move {
///     conn.agree("").await?;
///     while let Some(message) = conn.message().await? {
///         conn.send(kind::TEXT, message).await?;
///     }
///     Ok(())
/// })?;
/// assert!(server.url("/echo").starts_with("ws://127.0.0.1:"));
/// # std::io::Result::Ok(()) })?;
/// # std::io::Result::Ok(())
/// ```
pub struct WsServer {
    address: SocketAddr,
    connections: Arc<Counter>,
    _task: JoinSet<()>,
}

impl WsServer {
    /// Starts a server on a free port of 127.0.0.1 as a task of the current runtime.
    ///
    /// # Errors
    ///
    /// No port can be bound.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with I/O and time enabled.
    pub fn start<F, P>(script: F) -> io::Result<Self>
    where
        F: Fn(WsConn) -> P + Send + Sync + 'static,
        P: Future<Output = io::Result<()>> + Send + 'static,
    {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let listener = socket.listen(1024)?;
        let address = listener.local_addr()?;
        let connections = Arc::<Counter>::default();
        let mut task = JoinSet::new();
        task.spawn(accept_all(listener, Arc::new(script), connections.clone()));
        Ok(Self {
            address,
            connections,
            _task: task,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path on this server, with ws.
    pub fn url(&self, path: &str) -> String {
        format!("ws://{}{path}", self.address)
    }

    /// Connections: open now, at most at the same time, accepted in all.
    pub fn connections(&self) -> Count {
        self.connections.count()
    }
}

async fn accept_all<F, P>(listener: TcpListener, script: Arc<F>, counter: Arc<Counter>)
where
    F: Fn(WsConn) -> P + Send + Sync + 'static,
    P: Future<Output = io::Result<()>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((tcp, _)) = accepted else { return };
                let (script, counter) = (script.clone(), counter.clone());
                connections.spawn(async move {
                    let _presence = counter.enter();
                    // What fails, the client sees.
                    if let Ok(conn) = WsConn::over(tcp).await {
                        let _ = script(conn).await;
                    }
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

impl fmt::Debug for WsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WsServer")
            .field("address", &self.address)
            .field("connections", &self.connections())
            .finish_non_exhaustive()
    }
}
