//! The choices made before a server starts: where, how much it logs, how it treats connections.
//!
//! What differs between replies belongs into the [`Reply`]; only what holds for the whole server
//! is here. A builder never does I/O before one of its two `start` methods.

use super::reply::Reply;
use super::request::Request;
use super::server::Server;
use super::shared::Shared;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// A byte stream that the server can speak HTTP over; see [`Builder::wrap`].
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

pub(crate) type Wrapping = Pin<Box<dyn Future<Output = io::Result<Box<dyn Stream>>> + Send>>;

#[derive(Clone)]
pub(crate) struct Rules {
    pub(crate) log_max: usize,
    pub(crate) requests_max: Option<usize>,
    pub(crate) read_bodies: bool,
    pub(crate) wrap: Option<Arc<dyn Fn(TcpStream) -> Wrapping + Send + Sync>>,
}

/// Settings of a [`Server`] that is not yet started.
#[derive(Clone)]
#[must_use = "a builder does nothing until it is started"]
pub struct Builder {
    address: SocketAddr,
    rules: Rules,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Default for Builder {
    fn default() -> Self {
        let rules = Rules {
            log_max: 10_000,
            requests_max: None,
            read_bodies: true,
            wrap: None,
        };
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            rules,
        }
    }
}

impl Builder {
    /// Listens here instead of on a free port of 127.0.0.1.
    ///
    /// Several servers on 127.0.0.2, 127.0.0.3 and so on are several hosts to a client.
    pub fn address(mut self, address: impl Into<SocketAddr>) -> Self {
        self.address = address.into();
        self
    }

    /// How many requests the log keeps, the newest ones; 0 switches it off. The default is 10,000.
    pub fn log_max(mut self, requests: usize) -> Self {
        self.rules.log_max = requests;
        self
    }

    /// Closes a connection after this many requests, without having announced it.
    pub fn close_after_requests(mut self, requests: usize) -> Self {
        self.rules.requests_max = Some(requests.max(1));
        self
    }

    /// Calls the closure as soon as the head is there and leaves the body of the request unread
    /// until the reply has been played: a client that still writes sees the reply, or with
    /// [`Reply::hang`] gets stuck.
    pub fn leave_bodies_unread(mut self) -> Self {
        self.rules.read_bodies = false;
        self
    }

    /// Speaks through what `wrap` makes of each accepted connection, TLS for example.
    ///
    /// A connection whose wrapping fails is counted and dropped.
    pub fn wrap<F, W, S>(mut self, wrap: F) -> Self
    where
        F: Fn(TcpStream) -> W + Send + Sync + 'static,
        W: Future<Output = io::Result<S>> + Send + 'static,
        S: Stream + 'static,
    {
        self.rules.wrap = Some(Arc::new(move |tcp| {
            let wrapping = wrap(tcp);
            Box::pin(async move { Ok(Box::new(wrapping.await?) as Box<dyn Stream>) })
        }));
        self
    }

    /// Starts the server as a task of the current runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it returns, nothing is left running.
    ///
    /// # Errors
    ///
    /// The address cannot be bound.
    pub async fn start<H>(self, handler: H) -> io::Result<Server>
    where
        H: Fn(&Request) -> Reply + Send + Sync + 'static,
    {
        let shared = Arc::new(Shared::new(Box::new(handler), self.rules));
        Server::start_in_runtime(self.address, shared)
    }

    /// Starts the server on a thread and a runtime of its own.
    ///
    /// # Errors
    ///
    /// The address cannot be bound, or the thread or its runtime cannot be made.
    pub fn start_thread<H>(self, handler: H) -> io::Result<Server>
    where
        H: Fn(&Request) -> Reply + Send + Sync + 'static,
    {
        let shared = Arc::new(Shared::new(Box::new(handler), self.rules));
        Server::start_on_thread(self.address, shared)
    }
}
