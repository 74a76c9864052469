//! WebSockets: messages in both directions on one connection of the client (RFC 6455).
//!
//! * [`WebSocketBuilder`], from [`Client::websocket`](crate::Client::websocket), is a request with a
//!   wish; [`WebSocket`] is what comes of it, and [`Sender`] and [`Receiver`] are its halves.
//! * [`Message`] is what is sent and received, [`CloseReason`] what is said at the end.
//!
//! # How it works
//!
//! The request runs as any other does (`handshake`): names, proxies, TLS, timeouts, redirects and
//! credentials are the client's. When the server agrees, the task that has driven the connection
//! goes on with the conversation (`driver`), with the same place in the pool, so limits, statistics
//! and `close` go on to hold. The task answers pings and watches the clock whatever the caller does;
//! a few messages lie between the two (`link`).
//!
//! What bytes mean is decided without a socket (`frame`, `decoder`), however they are cut. Everything
//! is bounded: a message and a frame by their limits, what waits for the caller by 64 KiB and one
//! message, what is written by one message, pongs by their number, the end by a second. No extension
//! is offered, so nothing is compressed.
//!
//! It never answers for the caller anything but a ping or a close, and never opens a connection again
//! by itself.

mod builder;
mod decoder;
mod driver;
mod frame;
mod goodbye;
mod halves;
mod handshake;
mod intake;
mod link;
mod message;
mod outbox;
mod patience;
mod socket;
#[cfg(test)]
mod tests;
mod violation;
mod writing;

pub use builder::WebSocketBuilder;
pub use halves::{Receiver, Sender};
pub use message::{CloseReason, Message};
pub use socket::WebSocket;
