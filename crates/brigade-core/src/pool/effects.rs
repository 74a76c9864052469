//! What a decision of the pool asks its caller to do.
//!
//! The pool is kept under a lock, and waking a waiter or closing a socket under a lock invites
//! deadlocks: dropping an undelivered grant calls back into the pool. So decisions are collected
//! here and carried out afterwards. Nothing in here acts by itself.

use super::Slot;

/// A place on an open connection, now reserved for one request.
#[derive(Debug, PartialEq, Eq)]
pub struct Grant<C> {
    /// The slot that the connection holds.
    pub slot: Slot,
    /// The connection, as it was given to [`Pool::dialed`](super::Pool::dialed).
    pub connection: C,
}

/// A connection to open.
#[derive(Debug, PartialEq, Eq)]
pub struct Dial<W> {
    /// The slot that the new connection will hold.
    pub slot: Slot,
    /// The waiter whose need it is, and who is told if the dial fails. The connection itself goes
    /// to whoever comes first in the queue of the host when it is open.
    pub waiter: W,
}

/// A connection to close.
#[derive(Debug, PartialEq, Eq)]
pub struct Close<C> {
    /// The connection, which the pool will not hand out again.
    pub connection: C,
    /// Somebody waits for its slot, so there is no time for a polite goodbye.
    pub urgent: bool,
}

/// What a decision asks its caller to do, once the lock is released.
#[derive(Debug)]
#[must_use = "a grant that is not delivered leaks a slot"]
pub struct Effects<C, W> {
    /// Waiters and what each of them was given.
    pub grants: Vec<(W, Grant<C>)>,
    /// Connections to open; each must be followed by [`Pool::dialed`](super::Pool::dialed) or
    /// [`Pool::closed`](super::Pool::closed).
    pub dials: Vec<Dial<W>>,
    /// Dials to give up because somebody else needs the slot; each must be followed by
    /// [`Pool::closed`](super::Pool::closed).
    pub abandons: Vec<Dial<W>>,
    /// Connections to close; each must be followed by [`Pool::closed`](super::Pool::closed).
    pub closes: Vec<Close<C>>,
    /// Waiters that will never be given anything because the pool was closed.
    pub refused: Vec<W>,
}

impl<C, W> Effects<C, W> {
    /// Nothing to do.
    pub const fn none() -> Self {
        Self {
            grants: Vec::new(),
            dials: Vec::new(),
            abandons: Vec::new(),
            closes: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.grants.is_empty()
            && self.dials.is_empty()
            && self.abandons.is_empty()
            && self.closes.is_empty()
            && self.refused.is_empty()
    }
}

impl<C, W> Default for Effects<C, W> {
    fn default() -> Self {
        Self::none()
    }
}
