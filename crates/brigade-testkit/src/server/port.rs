//! Addresses where nobody serves, each in its own way.
//!
//! "Cannot connect" has three faces, and a client must tell them apart: refused at once, accepted
//! by the kernel and then silent, and not even that. Each is made of a real socket that is held
//! here, so no other program can take the port meanwhile.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// How long a connection attempt on loopback may take before the backlog counts as full.
const PATIENCE: Duration = Duration::from_millis(100);

/// A port on 127.0.0.1 that does not serve, for as long as this value lives.
#[derive(Debug)]
pub struct Port {
    address: SocketAddr,
    _held: Held,
}

#[derive(Debug)]
#[expect(dead_code, reason = "the sockets are only kept open")]
enum Held {
    Bound(TcpSocket),
    Listening(TcpListener),
    Full(TcpListener, Vec<TcpStream>),
}

impl Port {
    /// A port that refuses every connection.
    ///
    /// # Errors
    ///
    /// No port can be bound.
    pub fn refusing() -> io::Result<Self> {
        let socket = bind()?;
        Ok(Self {
            address: socket.local_addr()?,
            _held: Held::Bound(socket),
        })
    }

    /// A port where connections succeed and nothing ever answers, because nobody accepts them.
    ///
    /// # Errors
    ///
    /// No port can be bound.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with I/O enabled.
    pub fn silent() -> io::Result<Self> {
        let listener = bind()?.listen(1024)?;
        Ok(Self {
            address: listener.local_addr()?,
            _held: Held::Listening(listener),
        })
    }

    /// A port whose queue is full, so that connecting takes for ever.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it returns, the port is free again.
    ///
    /// # Errors
    ///
    /// No port can be bound, or its queue cannot be filled on this system.
    pub async fn full() -> io::Result<Self> {
        let listener = bind()?.listen(1)?;
        let address = listener.local_addr()?;
        let mut waiting = Vec::new();
        while let Ok(connected) = tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await
        {
            waiting.push(connected?);
            if waiting.len() > 64 {
                return Err(io::Error::other("the queue of the port does not fill"));
            }
        }
        Ok(Self {
            address,
            _held: Held::Full(listener, waiting),
        })
    }

    /// The address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path there.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

fn bind() -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    Ok(socket)
}
