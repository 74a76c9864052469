//! A scripted server of WebSockets that speaks raw frames.
//!
//! A client is broken by what no library would let a server send: a frame that is masked, a message
//! that never ends, a farewell without a word. So here an async closure drives each connection.
//!
//! * [`WsServer`] accepts and counts connections on loopback.
//! * [`WsConn`] is one connection as its script sees it. It runs in memory, too ([`WsConn::over`]),
//!   where time may be paused.
//! * [`Frame`] is what a client sent, [`frame`] what a server sends, [`kind`] its first byte, which is
//!   a plain number so that a script can send one that does not exist.
//!
//! It never corrects what a script sends.

mod accept;
mod conn;
mod server;

pub use accept::accept;
pub use conn::{Frame, WsConn, frame, kind};
pub use server::WsServer;
