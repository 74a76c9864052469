//! What a decision of the pool asks its caller to do.
//!
//! The pool is kept under a lock, and waking a waiter or closing a socket under a lock invites
//! deadlocks: dropping an undelivered grant calls back into the pool. So decisions are collected
//! here and carried out afterwards. Nothing in here acts by itself.

use super::Slot;

/// What a request was given.
#[derive(Debug, PartialEq, Eq)]
pub enum Grant<C> {
    /// An open connection, now reserved for this request.
    Reuse {
        /// The slot that the connection holds.
        slot: Slot,
        /// The connection, as it was given to [`Pool::dialed`](super::Pool::dialed).
        connection: C,
    },
    /// A slot to dial with.
    Dial {
        /// The slot that the new connection will hold.
        slot: Slot,
    },
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
            closes: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.grants.is_empty() && self.closes.is_empty() && self.refused.is_empty()
    }
}

impl<C, W> Default for Effects<C, W> {
    fn default() -> Self {
        Self::none()
    }
}
