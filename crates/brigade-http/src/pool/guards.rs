//! What a request holds of the pool, each a value whose drop gives it back.
//!
//! A request can be dropped at any await, so nothing that counts may depend on code that runs
//! after one. No drop here runs while the pool is locked.

use std::sync::Arc;
use std::task::{Context, Poll};

use brigade_core::pool::{Slot, Ticket};

use super::client_pool::ClientPool;
use super::connection::Connection;
use super::want::{Served, Want};
use crate::{Error, Phase, Result};

/// A slot with a dial or an open socket behind it. Dropping it frees the slot.
#[derive(Debug)]
pub(crate) struct SlotGuard {
    pub(crate) pool: Arc<ClientPool>,
    pub(crate) slot: Slot,
    /// What has come of the dial.
    pub(super) connection: Option<Arc<Connection>>,
}

impl SlotGuard {
    pub(super) fn new(pool: Arc<ClientPool>, slot: Slot) -> Self {
        Self {
            pool,
            slot,
            connection: None,
        }
    }

    /// The slot of a dial that nobody has begun, in a pool of its own.
    #[cfg(test)]
    pub(crate) fn of_dial(limits: crate::PoolLimits) -> (Arc<ClientPool>, Self) {
        use brigade_core::pool::{Effects, Sharing};

        let pool = ClientPool::new(limits, Arc::new(super::dialer::Nowhere));
        let mut actions = Effects::none();
        let to = super::want::DialPlan::nowhere();
        let now = brigade::clock::now();
        let mut core = pool.lock();
        let want = Want::new(to);
        let ticket = core.wait("http://a", Sharing::Never, want, now, &mut actions);
        let slot = actions.dials.pop().expect("the pool is empty").slot;
        let left = core.cancel(ticket.expect("it is open"), now, &mut actions);
        drop(core);
        drop(left);
        (pool.clone(), Self::new(pool, slot))
    }

    /// One more slot for another socket of the same dial, if nobody waits and the limits allow.
    pub(crate) fn another(&self) -> Option<Self> {
        let slot = self.pool.lock().try_open_beside(self.slot)?;
        Some(Self::new(self.pool.clone(), slot))
    }
}

impl Drop for SlotGuard {
    fn drop(&mut self) {
        if let Some(connection) = &self.connection {
            connection.meter.close();
        }
        let slot = self.slot;
        self.pool
            .act(|core, now, actions| core.closed(slot, now, actions));
        self.pool.changed.notify_waiters();
    }
}

/// A place on an open connection, reserved for one request. Dropping it gives it to the next.
#[derive(Debug)]
pub(crate) struct Lease {
    pool: Arc<ClientPool>,
    connection: Option<Arc<Connection>>,
}

impl Lease {
    pub(super) fn new(pool: Arc<ClientPool>, connection: Arc<Connection>) -> Self {
        connection.meter.take();
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
            let slot = connection.slot;
            self.pool
                .act(|core, now, actions| core.withdraw(slot, now, actions));
            connection.meter.free();
            connection.retire(true);
        }
    }

    /// The connection takes no more requests, but those that are on it go on.
    pub(crate) fn drain(&self) {
        if let Some(connection) = &self.connection {
            let slot = connection.slot;
            self.pool
                .act(|core, now, actions| core.drain(slot, now, actions));
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
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) pool: Arc<ClientPool>,
    pub(super) ticket: Option<Ticket>,
    pub(super) want: Arc<Want>,
    /// Whether the pool timeout has passed, so that only a dial of its own is waited for.
    pub(super) is_overdue: bool,
}

impl Waiting {
    pub(super) fn poll(&mut self, key: &str, cx: &mut Context<'_>) -> Poll<Result<Lease>> {
        loop {
            match self.want.poll(cx) {
                Poll::Ready(Served::Given(lease)) => return Poll::Ready(Ok(lease)),
                Poll::Ready(Served::Failed(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Served::Overtaken) => self.pool.clone().enqueue_again(key, self),
                Poll::Pending if self.is_overdue && !self.want.is_dialing() => {
                    return Poll::Ready(Err(Error::timeout(Phase::Pool)));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.pool.act(|core, now, actions| {
                // Not the last clone of what waits.
                let _ = core.cancel(ticket, now, actions);
            });
        }
        self.want.abandon();
    }
}
