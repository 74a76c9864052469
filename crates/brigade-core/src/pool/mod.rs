//! Which request gets which connection, decided as a pure state machine.
//!
//! A connection pool fails in its bookkeeping, not in its sockets: a slot that a cancelled request
//! took with it, a limit that two requests checked at the same time, a pool that is full of idle
//! connections to hosts that nobody asks for any more. Here the bookkeeping is one value that a
//! caller keeps under one lock, and every event of a connection's life is one call.
//!
//! # The rules
//!
//! A *slot* belongs to a connection, not to a request: it is taken before the dial starts and given
//! back by [`Pool::closed`] after the socket is gone. Dialing, active, idle and closing
//! connections all count, towards the total and towards their host.
//!
//! A connection has *room* for one request at a time, or for several if requests share it, as the
//! streams of HTTP/2 do. Whoever asks gets a place on a connection of its host that has room, the
//! one that got room last, so that surplus ones become idle; or a place in the queue. The queue is
//! first in, first out. Only those whose own host is at its limit are passed over, because nothing
//! that others could get would help them.
//!
//! Who waits is a reason to *dial*: for each one that has no dial of its own yet, or, where requests
//! share connections or may turn out to, for one connection at a time. A dial belongs to the pool.
//! When it is done, its connection goes to the first in the queue of its host, so who asks is
//! served by whatever comes first, and a dial whose waiter has left goes on for the others. When
//! it fails, the waiter that it was begun for is told.
//!
//! When the total is full, the least recently used idle connection of another host is closed, or a
//! dial that nobody needs any more is given up, and the slot goes to the first in the queue.
//!
//! A connection that gets room while somebody waits for it is handed over at once. It is
//! never idle in between, so no newcomer can take it and no second waiter is woken for it.
//!
//! Nothing here waits, opens a socket or reads a clock. What the caller has to do is returned in
//! [`Effects`], to be carried out after the lock is released. The pool keeps a clone of each
//! connection, and of a waiter as long as it waits or is dialed for; it may drop both under the
//! lock, so the caller sees to it that these are not the last.

mod effects;
mod hosts;
mod limits;
mod list;
mod opened;
mod serve;
mod slots;
mod state;
mod stats;
#[cfg(test)]
mod tests;

pub use effects::{Close, Dial, Effects, Grant};
pub use limits::Limits;
pub use opened::{Opened, Sharing};
pub use slots::{Phase, Slot};
pub use state::{Pool, Ticket};
pub use stats::{ConnectionStats, HostStats, Stats};
