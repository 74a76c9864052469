//! One connection: its handle, the task that drives it, and its facts on the wire.
//!
//! The task owns the socket and the slot in the pool, in that order, so a slot is free only after
//! its socket is gone. A connection of HTTP/1.1 carries one exchange at a time, and its task decides
//! by itself when it can take the next request: the moment the response was read in full and the
//! request written in full. So neither a cancelled request nor a body that nobody reads can keep
//! a slot. One of HTTP/2 carries many exchanges, each of which gives back its place when it is
//! dropped (`exchange2`).
//!
//! Timeouts of HTTP/1.1 are kept by the task too, with one timer for each connection that is hardly
//! ever moved: a request only changes the numbers that the timer looks at when it fires. Those of
//! HTTP/2 are kept by each exchange, because they end a stream and not its connection.
//!
//! A connection of HTTP/1.1 may leave HTTP and be something else from then on (`switch`).

mod ending;
mod exchange2;
mod handle;
mod http1;
mod http2;
mod io;
mod open;
mod switch;
mod tape;
mod timer;
mod upload;
mod wire;

pub(crate) use exchange2::{Asked2, Exchange2, Failure};
pub(crate) use handle::{Connection, Exchange, send};
pub(crate) use io::Stream;
pub(crate) use open::{Open, open, start};
pub(crate) use switch::Switch;
#[cfg(feature = "websocket")]
pub(crate) use switch::{Next, Switched};
pub(crate) use tape::Tape;
#[cfg(feature = "websocket")]
pub(crate) use timer::Timer;
pub(crate) use wire::{Fault, Terms};
