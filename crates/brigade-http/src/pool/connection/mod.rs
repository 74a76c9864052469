//! One HTTP/1.1 connection: its handle, the task that drives it, and its facts on the wire.
//!
//! The task owns the socket and the slot in the pool, in that order, so a slot is free only after
//! its socket is gone. It also decides by itself when the connection can take the next request:
//! the moment the response was read in full and the request written in full. So neither a
//! cancelled request nor a body that nobody reads can keep a slot.
//!
//! Timeouts are kept by the task too, with one timer for each connection that is hardly ever
//! moved: a request only changes the numbers that the timer looks at when it fires.

mod driver;
mod handle;
mod io;
mod wire;

pub(crate) use driver::start;
pub(crate) use handle::{Connection, Exchange};
pub(crate) use io::Stream;
pub(crate) use wire::{Fault, Terms};
