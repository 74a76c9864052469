//! The server as its owner sees it: an address, a log, two counters, and an end.
//!
//! One loop accepts and owns the tasks of all connections, so ending the loop ends them too. The
//! server never outlives its owner and never swallows a panic of the closure.

use super::builder::Builder;
use super::connection;
use super::count::Count;
use super::reply::Reply;
use super::request::Request;
use super::shared::Shared;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinSet};

/// A scripted HTTP/1.1 server on loopback.
///
/// Dropping it closes its port and all its connections.
///
/// # Panics
///
/// If the closure panicked, the client got a 500 and the drop (or [`finish`](Self::finish)) raises
/// the panic again, unless the thread is panicking already.
///
/// # Examples
///
/// ```
/// use brigade_testkit::server::{Reply, Server};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let server = Server::start(|request| match request.path() {
///     "/" => Reply::ok("welcome"),
///     _ => Reply::status(404),
/// })
/// .await?;
/// println!("try {}", server.url("/"));
/// assert_eq!(server.connections().total, 0);
/// # std::io::Result::Ok(()) })?;
/// # std::io::Result::Ok(())
/// ```
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    running: Running,
}

enum Running {
    Task(JoinSet<()>),
    Thread(Option<thread::JoinHandle<()>>),
}

impl Server {
    /// Settings for a server that is more than the default.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Starts a server on a free port of 127.0.0.1 as a task of the current runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it returns, nothing is left running.
    ///
    /// # Errors
    ///
    /// No port can be bound.
    pub async fn start<H>(handler: H) -> io::Result<Self>
    where
        H: Fn(&Request) -> Reply + Send + Sync + 'static,
    {
        Self::builder().start(handler).await
    }

    /// Starts a server on a free port of 127.0.0.1 on a thread and a runtime of its own.
    ///
    /// # Errors
    ///
    /// No port can be bound, or the thread or its runtime cannot be made.
    pub fn start_thread<H>(handler: H) -> io::Result<Self>
    where
        H: Fn(&Request) -> Reply + Send + Sync + 'static,
    {
        Self::builder().start_thread(handler)
    }

    pub(crate) fn start_in_runtime(address: SocketAddr, shared: Arc<Shared>) -> io::Result<Self> {
        let listener = listen(address)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let mut task = JoinSet::new();
        task.spawn(accept(listener, Arc::clone(&shared), stopped));
        Ok(Self {
            address,
            shared,
            stop: Some(stop),
            running: Running::Task(task),
        })
    }

    pub(crate) fn start_on_thread(address: SocketAddr, shared: Arc<Shared>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let listener = {
            // Not by blocking: the caller may be inside a runtime of its own.
            let _inside = runtime.enter();
            listen(address)?
        };
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let loop_shared = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("scripted-server".into())
            .spawn(move || runtime.block_on(accept(listener, loop_shared, stopped)))?;
        Ok(Self {
            address,
            shared,
            stop: Some(stop),
            running: Running::Thread(Some(thread)),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path on this server; `https` if its connections are wrapped.
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.shared.rules.wrap.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}{path}", self.address)
    }

    /// The requests so far, oldest first, as far as the log reaches.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests()
    }

    /// Connections: open now, at most at the same time, accepted in all.
    pub fn connections(&self) -> Count {
        self.shared.connections.count()
    }

    /// Requests whose reply is not yet finished, the most of them at the same time, and all.
    pub fn exchanges(&self) -> Count {
        self.shared.exchanges.count()
    }

    /// Closes the port and every connection, waits until that is done, and returns the log.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it returns, the server still ends.
    ///
    /// # Panics
    ///
    /// If the closure panicked.
    pub async fn finish(mut self) -> Vec<Request> {
        self.stop = None;
        if let Running::Task(task) = &mut self.running {
            while task.join_next().await.is_some() {}
        }
        self.shared.requests()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop = None;
        match &mut self.running {
            Running::Task(task) => task.abort_all(),
            Running::Thread(thread) => {
                if let Some(Err(payload)) = thread.take().map(thread::JoinHandle::join) {
                    self.shared.keep_panic(payload);
                }
            }
        }
        if let Some(payload) = self.shared.take_panic()
            && !thread::panicking()
        {
            std::panic::resume_unwind(payload);
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.address)
            .field("connections", &self.connections())
            .field("exchanges", &self.exchanges())
            .finish_non_exhaustive()
    }
}

/// Binds and listens; the runtime that is current will own the socket.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(1024)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, mut stopped: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    let mut number = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection::serve(stream, number, Arc::clone(&shared)));
                    number += 1;
                }
                // Out of file descriptors: some will come free.
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            },
            Some(ended) = connections.join_next() => {
                if let Some(Ok(payload)) = ended.err().map(JoinError::try_into_panic) {
                    shared.keep_panic(payload);
                }
            }
            _ = &mut stopped => break,
        }
    }
    drop(listener);
    connections.shutdown().await;
}
