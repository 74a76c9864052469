//! A scripted HTTP/2 server on loopback that speaks raw frames.
//!
//! A client of HTTP/2 is broken by what no library would let a server send: a GOAWAY in the middle
//! of a response, a window that never opens, a flood of empty frames, a header block that is not
//! one. So here an async closure drives each connection, and each frame that goes out is one call:
//!
//! * [`H2Server`] accepts, counts connections, keeps a log of the frames that came, and reports what
//!   goes wrong in a script to the test.
//! * [`H2Conn`] is one connection as its script sees it: polite where it is told to be
//!   ([`request`](H2Conn::request), [`respond`](H2Conn::respond)), raw everywhere else. It runs in
//!   memory, too ([`H2Conn::over`]), where time may be paused.
//! * [`Frame`] is a frame, and [`kind`], [`flag`], [`setting`] and [`code`] are its numbers, which
//!   are plain integers so that a script can send those that do not exist.
//!
//! ```
//! use brigade_testkit::h2::{H2Conn, H2Server, code, setting};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let server = H2Server::start(|mut conn: H2Conn| async move {
//!     conn.settings(&[(setting::MAX_CONCURRENT_STREAMS, 2)]).await?;
//!     let Some(first) = conn.request().await? else { return Ok(()) };
//!     conn.respond(first.stream, 200, "hello").await?;
//!     conn.goaway(first.stream, code::NO_ERROR).await
//! })?;
//! println!("try {} with prior knowledge", server.url("/"));
//! # std::io::Result::Ok(()) })?;
//! # std::io::Result::Ok(())
//! ```
//!
//! It reads what a client sends as the standard says, and keeps it as it came; it never corrects what
//! a script sends.

mod conn;
mod decoder;
mod frame;
mod huffman;
mod intake;
mod request;
mod send;
mod server;
#[cfg(test)]
mod tests;

pub use conn::H2Conn;
pub use frame::{Frame, code, flag, kind, setting};
pub use request::H2Request;
pub use send::block;
pub use server::H2Server;
