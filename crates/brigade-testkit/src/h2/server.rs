//! The server as its owner sees it: an address, a log, a counter, and an end.
//!
//! One task accepts and owns the scripts of all connections, so ending it ends them too. What a
//! script fails with is raised again in the owner, because a client would only see a broken
//! connection. It never outlives its owner.

use super::conn::H2Conn;
use super::frame::Frame;
use crate::server::{Count, Counter, Stream, duplicate};
use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncWriteExt, sink};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinSet};

/// The log keeps so many frames, the newest ones.
const LOG_MAX: usize = 10_000;

type Playing<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;
type Script = dyn Fn(H2Conn) -> Playing<()> + Send + Sync;
type Wrap = dyn Fn(TcpStream) -> Playing<Box<dyn Stream>> + Send + Sync;

/// A server of HTTP/2 on loopback of which a script plays every connection.
///
/// Dropping it closes its port and all its connections.
///
/// # Panics
///
/// If a script panicked or returned an error, the drop (or [`finish`](Self::finish)) raises it again,
/// unless the thread is panicking already. A client that leaves is no failure of a script: errors of
/// the socket that say so are ignored.
///
/// # Examples
///
/// ```
/// use brigade_testkit::h2::{H2Server, code, flag};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let server = H2Server::start(|mut conn| async move {
///     conn.settings(&[]).await?;
///     while let Some(request) = conn.request().await? {
///         match (conn.number(), request.path()) {
///             (0, _) => conn.reset_stream(request.stream, code::REFUSED_STREAM).await?,
///             (_, "/torn") => conn.headers(request.stream, 200, flag::NONE).await?,
///             _ => conn.respond(request.stream, 200, "hello").await?,
///         }
///     }
///     Ok(())
/// })?;
/// assert_eq!(server.connections().total, 0);
/// # std::io::Result::Ok(()) })?;
/// # std::io::Result::Ok(())
/// ```
pub struct H2Server {
    address: SocketAddr,
    is_wrapped: bool,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinSet<()>,
}

impl H2Server {
    /// Starts a server on a free port of 127.0.0.1 as a task of the current runtime, whose clients
    /// speak HTTP/2 from the first byte (with prior knowledge).
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
        F: Fn(H2Conn) -> P + Send + Sync + 'static,
        P: Future<Output = io::Result<()>> + Send + 'static,
    {
        Self::launch(None, Arc::new(move |conn| Box::pin(script(conn))))
    }

    /// The same through what `wrap` makes of each accepted connection, TLS for example.
    ///
    /// A connection whose wrapping fails is counted and dropped.
    ///
    /// # Errors
    ///
    /// No port can be bound.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with I/O and time enabled.
    pub fn start_wrapped<F, P, W, S, T>(wrap: W, script: F) -> io::Result<Self>
    where
        F: Fn(H2Conn) -> P + Send + Sync + 'static,
        P: Future<Output = io::Result<()>> + Send + 'static,
        W: Fn(TcpStream) -> T + Send + Sync + 'static,
        T: Future<Output = io::Result<S>> + Send + 'static,
        S: Stream + 'static,
    {
        let wrap = move |tcp| -> Playing<Box<dyn Stream>> {
            let wrapping = wrap(tcp);
            Box::pin(async move { Ok(Box::new(wrapping.await?) as Box<dyn Stream>) })
        };
        let script = move |conn| -> Playing<()> { Box::pin(script(conn)) };
        Self::launch(Some(Arc::new(wrap)), Arc::new(script))
    }

    fn launch(wrap: Option<Arc<Wrap>>, script: Arc<Script>) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let listener = socket.listen(1024)?;
        let address = listener.local_addr()?;
        let shared = Arc::<Shared>::default();
        let (stop, stopped) = oneshot::channel();
        let is_wrapped = wrap.is_some();
        let play = Play {
            script,
            wrap,
            shared: Arc::clone(&shared),
        };
        let mut task = JoinSet::new();
        task.spawn(accept(listener, play, stopped));
        Ok(Self {
            address,
            is_wrapped,
            shared,
            stop: Some(stop),
            task,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path on this server; `https` if its connections are wrapped.
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.is_wrapped { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.address)
    }

    /// Connections: open now, at most at the same time, accepted in all.
    pub fn connections(&self) -> Count {
        self.shared.connections.count()
    }

    /// The frames so far, each with the number of its connection, oldest first; the newest 10,000.
    ///
    /// A frame is there when a script has read it.
    pub fn frames(&self) -> Vec<(usize, Frame)> {
        self.shared.log().iter().cloned().collect()
    }

    /// Closes the port and every connection, waits until that is done, and returns the frames.
    ///
    /// # Panics
    ///
    /// If a script failed.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it returns, the server still ends.
    pub async fn finish(mut self) -> Vec<(usize, Frame)> {
        self.stop = None;
        while self.task.join_next().await.is_some() {}
        self.frames()
    }
}

impl Drop for H2Server {
    fn drop(&mut self) {
        self.task.abort_all();
        let failure = self.shared.failure().take();
        match failure {
            // A panic has been printed already.
            Some(failure) if std::thread::panicking() => {
                if let Some(text) = failure.downcast_ref::<String>() {
                    eprintln!("{text}");
                }
            }
            Some(failure) => std::panic::resume_unwind(failure),
            None => {}
        }
    }
}

impl fmt::Debug for H2Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("H2Server")
            .field("address", &self.address)
            .field("connections", &self.connections())
            .finish_non_exhaustive()
    }
}

/// What the connections of one server have in common.
#[derive(Default)]
pub(super) struct Shared {
    connections: Arc<Counter>,
    log: Mutex<VecDeque<(usize, Frame)>>,
    failure: Mutex<Option<Box<dyn Any + Send>>>,
}

impl Shared {
    fn log(&self) -> MutexGuard<'_, VecDeque<(usize, Frame)>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failure(&self) -> MutexGuard<'_, Option<Box<dyn Any + Send>>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn record(&self, connection: usize, frame: &Frame) {
        let mut log = self.log();
        if log.len() == LOG_MAX {
            log.pop_front();
        }
        log.push_back((connection, frame.clone()));
    }
}

/// How each connection is to be played.
#[derive(Clone)]
struct Play {
    script: Arc<Script>,
    wrap: Option<Arc<Wrap>>,
    shared: Arc<Shared>,
}

async fn accept(listener: TcpListener, play: Play, mut stopped: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    let mut number = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((tcp, _)) => {
                    connections.spawn(play.clone().run(tcp, number));
                    number += 1;
                }
                // Out of file descriptors: some will come free.
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            },
            Some(ended) = connections.join_next() => {
                if let Some(Ok(payload)) = ended.err().map(JoinError::try_into_panic) {
                    play.shared.failure().get_or_insert(payload);
                }
            }
            _ = &mut stopped => break,
        }
    }
    drop(listener);
    connections.shutdown().await;
}

impl Play {
    async fn run(self, tcp: TcpStream, number: usize) {
        let _presence = self.shared.connections.enter();
        let Ok((conn, left)) = self.open(tcp, number).await else {
            return;
        };
        if let Err(error) = (self.script)(conn).await
            && !is_leaving(&error)
        {
            let text = format!("the script of connection {number} failed: {error}");
            self.shared.failure().get_or_insert(Box::new(text));
        }
        // A socket that is closed with bytes unread is reset, and what was sent may be lost.
        if let Ok(mut stream) = left.await
            && stream.shutdown().await.is_ok()
        {
            let _: io::Result<u64> = tokio::io::copy(&mut stream, &mut sink()).await;
        }
    }

    async fn open(
        &self,
        tcp: TcpStream,
        number: usize,
    ) -> io::Result<(H2Conn, oneshot::Receiver<Box<dyn Stream>>)> {
        tcp.set_nodelay(true)?;
        let (tcp, twin) = duplicate(tcp)?;
        let stream = match &self.wrap {
            Some(wrap) => wrap(tcp).await?,
            None => Box::new(tcp),
        };
        let (leave, left) = oneshot::channel();
        let conn = H2Conn::new(stream, number, Arc::clone(&self.shared));
        Ok((conn.owned(twin, leave), left))
    }
}

/// Whether the error says no more than that the client is gone.
fn is_leaving(error: &io::Error) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionReset, NotConnected, UnexpectedEof};
    matches!(
        error.kind(),
        BrokenPipe | ConnectionReset | NotConnected | UnexpectedEof
    )
}
