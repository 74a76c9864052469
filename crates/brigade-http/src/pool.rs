//! The client's pool: the decisions of [`brigade_core::pool`] under one lock, with owners that
//! cannot forget.
//!
//! Whatever the core grants is wrapped in a value whose drop gives it back, before the lock is
//! released: a request can be dropped at any await. The lock is held for the decision only, never
//! while anybody is woken, closed or dropped.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use brigade::clock;
use brigade_core::pool::{Effects, Grant, Phase, Pool, Slot, Ticket};
use brigade_core::time::Moment;
use tokio::sync::{Notify, oneshot, watch};

use crate::connection::{Connection, Fault};
use crate::deadline::Deadline;
use crate::{Error, Kind, PoolLimits, Result};

type Core = Pool<Arc<Connection>, oneshot::Sender<Checkout>>;
type Actions = Effects<Arc<Connection>, oneshot::Sender<Checkout>>;

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
            self.pool.finish(&connection);
        }
    }
}

/// The connections of one client.
#[derive(Debug)]
pub(crate) struct ClientPool {
    core: Mutex<Core>,
    idle_timeout: Duration,
    /// Notified when a slot becomes free.
    changed: Notify,
    closed: watch::Sender<bool>,
}

impl ClientPool {
    pub(crate) fn new(limits: PoolLimits) -> Arc<Self> {
        Arc::new(Self {
            core: Mutex::new(Pool::new(limits.to_core())),
            idle_timeout: limits.idle_timeout,
            changed: Notify::new(),
            closed: watch::Sender::new(false),
        })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection to the origin `key`, or a slot to dial with.
    pub(crate) async fn checkout(
        self: &Arc<Self>,
        key: &str,
        deadline: impl FnOnce() -> Deadline,
    ) -> Result<Checkout> {
        let mut waiting = match self.enqueue(key) {
            Ok(checkout) => return Ok(checkout),
            Err(waiting) => waiting,
        };
        match deadline().bound(&mut waiting.receiver).await? {
            Ok(checkout) => Ok(checkout),
            Err(_refused) => Err(Error::new(Kind::Closed)),
        }
    }

    fn enqueue(self: &Arc<Self>, key: &str) -> Result<Checkout, Waiting> {
        self.act(|core, now, actions| {
            if let Some(grant) = core.try_acquire(key, now, actions) {
                return Ok(self.wrap(grant));
            }
            let (sender, receiver) = oneshot::channel();
            let ticket = core.wait(key, sender, now, actions);
            Err(Waiting {
                pool: self.clone(),
                ticket,
                receiver,
            })
        })
    }

    fn wrap(self: &Arc<Self>, grant: Grant<Arc<Connection>>) -> Checkout {
        let pool = self.clone();
        match grant {
            Grant::Dial { slot } => Checkout::Dial(SlotGuard { pool, slot }),
            Grant::Reuse { connection, .. } => Checkout::Reuse(Lease {
                pool,
                connection: Some(connection),
            }),
        }
    }

    /// Decides under the lock, then does what was decided.
    fn act<R>(self: &Arc<Self>, decide: impl FnOnce(&mut Core, Moment, &mut Actions) -> R) -> R {
        let now = clock::now();
        let mut actions = Effects::none();
        let result = decide(&mut self.lock(), now, &mut actions);
        if !actions.is_empty() {
            self.carry_out(actions);
        }
        result
    }

    fn carry_out(self: &Arc<Self>, actions: Actions) {
        for close in actions.closes {
            close.connection.retire(close.urgent);
        }
        for (waiter, grant) in actions.grants {
            // A waiter that is gone meanwhile gives back by the drop of what it was sent.
            let _ = waiter.send(self.wrap(grant));
        }
        drop(actions.refused);
    }

    /// See [`Pool::dialed`].
    pub(crate) fn dialed(&self, connection: &Arc<Connection>) -> bool {
        self.lock().dialed(connection.slot, connection.clone())
    }

    /// A connection can take the next request. Returns until when it may be idle.
    pub(crate) fn finish(self: &Arc<Self>, connection: &Arc<Connection>) -> Moment {
        let keep = connection.wire.keep();
        self.act(|core, now, actions| {
            core.finish(connection.slot, keep, now, actions);
            now + keep.map_or(self.idle_timeout, |keep| keep.min(self.idle_timeout))
        })
    }

    /// The server said how long it keeps a connection that may be idle already.
    pub(crate) fn keep(&self, connection: &Connection, keep: Duration) {
        if connection.wire.set_keep(keep) {
            self.lock().keep(connection.slot, clock::now() + keep);
        }
    }

    /// Takes an idle connection out if its time is up; otherwise says when to look again.
    pub(crate) fn expire(&self, connection: &Connection) -> Option<Moment> {
        let now = clock::now();
        let mut core = self.lock();
        if core.expire(connection.slot, now) {
            return None;
        }
        // One that is reserved may yet be returned unused.
        let later = now + self.idle_timeout.max(Duration::from_secs(1));
        Some(core.expires(connection.slot).unwrap_or(later))
    }

    /// Ready once [`Self::shut`] was called.
    pub(crate) async fn closing(&self) {
        let mut closed = self.closed.subscribe();
        // The sender lives as long as the pool, so this fails never.
        let _ = closed.wait_for(|closed| *closed).await;
    }

    /// Refuses waiters and new requests, and lets idle connections go.
    pub(crate) fn shut(self: &Arc<Self>) {
        self.act(|core, _, actions| core.close(actions));
        self.closed.send_replace(true);
    }

    pub(crate) fn is_shut(&self) -> bool {
        *self.closed.borrow()
    }

    /// Breaks off the connections that are in use.
    pub(crate) fn abort(&self) {
        let active: Vec<_> = {
            let core = self.lock();
            let active = core
                .connections()
                .filter(|(_, phase, _)| *phase == Phase::Active);
            active
                .filter_map(|(_, _, connection)| connection.cloned())
                .collect()
        };
        for connection in active {
            connection.wire.set_fault(Fault::Closed);
            connection.retire(true);
        }
    }

    /// Waits until no connection is left.
    pub(crate) async fn gone(&self) {
        loop {
            let changed = self.changed.notified();
            if self.lock().stats().connections() == 0 {
                return;
            }
            changed.await;
        }
    }
}

/// A place in the queue. Dropping it leaves the queue and gives back what was granted.
struct Waiting {
    pool: Arc<ClientPool>,
    ticket: Option<Ticket>,
    receiver: oneshot::Receiver<Checkout>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            // The sender is dropped after the lock is released.
            let _sender = self.pool.lock().cancel(ticket);
        }
    }
}
