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
//!
//! # Connecting again
//!
//! What was missed meanwhile, and how to ask for it, only the protocol on top knows. So that is a loop
//! of the caller's, in which a connection that brought something ends the row of failures:
//!
//! ```
//! use brigade::backoff::Delays;
//! use brigade_http::websocket::Message;
//! use brigade_http::{Client, Result};
//! # use brigade_testkit::websocket::{WsServer, kind};
//!
//! /// Hears messages until `heard` says that it is enough.
//! async fn listen(client: &Client, url: &str, mut heard: impl FnMut(Message) -> bool) -> Result<()> {
//!     let mut delays = Delays::default();
//!     loop {
//!         match client.websocket(url)?.connect().await {
//!             Ok(mut socket) => {
//!                 while let Some(Ok(message)) = socket.next().await {
//!                     delays.reset();
//!                     if heard(message) {
//!                         return socket.close(1000, "").await.map(drop);
//!                     }
//!                 }
//!             }
//!             Err(error) if delays.failures() >= 10 => return Err(error),
//!             Err(_) => {}
//!         }
//!         // By chance, so that those who lost the same server do not come back together.
//!         tokio::time::sleep(delays.next_delay()).await;
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let server = WsServer::start(|mut conn| async move {
//! #     conn.agree("").await?;
//! #     conn.send(kind::TEXT, "tick").await
//! # })?;
//! # let (client, mut ticks) = (Client::new()?, 0);
//! # listen(&client, &server.url("/"), |_| { ticks += 1; ticks == 2 }).await.ok();
//! # assert_eq!((ticks, server.connections().total), (2, 2));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
