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
//! Whoever asks gets, in this order: the most recently used idle connection of the host; a slot to
//! dial with; a place in the queue. The queue is first in, first out. Only those whose own host is
//! at its limit are passed over, because nothing that others could get would help them. When the
//! total is full of idle connections to other hosts, the least recently used one is closed, and
//! its slot goes to the first in the queue.
//!
//! A connection that becomes free while somebody waits for it is handed over at once. It is
//! never idle in between, so no newcomer can take it and no second waiter is woken for it.
//!
//! Nothing here waits, opens a socket or reads a clock. What the caller has to do is returned in
//! [`Effects`], to be carried out after the lock is released.

mod effects;
mod hosts;
mod limits;
mod list;
mod slots;
mod state;
mod stats;
#[cfg(test)]
mod tests;

pub use effects::{Close, Effects, Grant};
pub use limits::Limits;
pub use slots::{Phase, Slot};
pub use state::{Pool, Ticket};
pub use stats::{HostStats, Stats};
