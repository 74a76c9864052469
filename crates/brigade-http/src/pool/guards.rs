//! What a request holds of the pool, each a value whose drop gives it back.
//!
//! A request can be dropped at any await, so nothing that counts may depend on code that runs
//! after one. No drop here runs while the pool is locked.

use std::sync::Arc;

use brigade_core::pool::{Slot, Ticket};
use tokio::sync::oneshot;

use super::client_pool::ClientPool;
use super::connection::Connection;
use super::patience::Parcel;

/// What a request got from the pool.
#[derive(Debug)]
pub(crate) enum Checkout {
    Reuse(Lease),
    Dial(SlotGuard),
}

/// A slot with a dial or an open socket behind it. Dropping it frees the slot.
#[derive(Debug)]
pub(crate) struct SlotGuard {
    pub(crate) pool: Arc<ClientPool>,
    pub(crate) slot: Slot,
}

impl SlotGuard {
    /// One more slot for the same host, if nobody waits and the limits allow.
    pub(crate) fn another(&self) -> Option<Self> {
        let slot = self.pool.lock().try_open_beside(self.slot)?;
        let pool = self.pool.clone();
        Some(Self { pool, slot })
    }
}

impl Drop for SlotGuard {
    fn drop(&mut self) {
        let slot = self.slot;
        self.pool
            .act(|core, now, actions| core.closed(slot, now, actions));
        self.pool.changed.notify_waiters();
    }
}

/// An open connection reserved for one request. Dropping it unused gives it to the next.
#[derive(Debug)]
pub(crate) struct Lease {
    pool: Arc<ClientPool>,
    connection: Option<Arc<Connection>>,
}

impl Lease {
    pub(super) fn new(pool: Arc<ClientPool>, connection: Arc<Connection>) -> Self {
        Self {
            pool,
            connection: Some(connection),
        }
    }

    pub(crate) fn connection(&self) -> Option<&Arc<Connection>> {
        self.connection.as_ref()
    }

    /// The request is on the connection: its driver gives it back.
    pub(crate) fn used(mut self) -> Option<Arc<Connection>> {
        self.connection.take()
    }

    /// The connection turned out to be dead: its driver frees the slot.
    pub(crate) fn dead(mut self) {
        if let Some(connection) = self.connection.take() {
            self.pool.lock().withdraw(connection.slot);
            connection.retire(true);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.pool.hand_back(&connection);
        }
    }
}

/// A place in the queue. Dropping it leaves the queue and gives back what was granted.
pub(super) struct Waiting {
    pub(super) pool: Arc<ClientPool>,
    pub(super) ticket: Option<Ticket>,
    pub(super) receiver: oneshot::Receiver<Parcel>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            // The sender is dropped after the lock is released.
            let _sender = self.pool.lock().cancel(ticket);
        }
    }
}
