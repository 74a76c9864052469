//! The decisions of [`brigade_core::pool`] under one lock.
//!
//! Every method takes the lock once, decides, and then does what was decided. The lock is never
//! held while anybody is woken, closed or dropped.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use brigade::clock;
use brigade_core::pool::{Effects, Grant, Phase, Pool};
use brigade_core::time::Moment;
use tokio::sync::{Notify, oneshot, watch};

use super::connection::{Connection, Fault};
use super::guards::{Checkout, Lease, SlotGuard, Waiting};
use super::patience::{Parcel, Patience};
use crate::deadline::Deadline;
use crate::{Error, Kind, PoolLimits, Result};

type Core = Pool<Arc<Connection>, oneshot::Sender<Parcel>>;
type Actions = Effects<Arc<Connection>, oneshot::Sender<Parcel>>;

/// The connections of one client.
#[derive(Debug)]
pub(crate) struct ClientPool {
    core: Mutex<Core>,
    idle_timeout: Duration,
    /// Notified when a slot becomes free.
    pub(super) changed: Notify,
    closed: watch::Sender<bool>,
    pub(super) patience: Patience,
}

impl ClientPool {
    pub(crate) fn new(limits: PoolLimits) -> Arc<Self> {
        Arc::new_cyclic(|pool| Self {
            core: Mutex::new(Pool::new(limits.to_core())),
            idle_timeout: limits.idle_timeout,
            changed: Notify::new(),
            closed: watch::Sender::new(false),
            patience: Patience::new(pool.clone()),
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
        let served = deadline().bound(async {
            loop {
                let parcel = (&mut waiting.receiver).await;
                let parcel = parcel.map_err(|_refused| Error::new(Kind::Closed))?;
                match parcel.take() {
                    Some(checkout) => return Ok(checkout),
                    None => self.enqueue_again(key, &mut waiting),
                }
            }
        });
        served.await?
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

    /// Goes back to the place of a waiter that was overtaken.
    fn enqueue_again(self: &Arc<Self>, key: &str, waiting: &mut Waiting) {
        let (sender, receiver) = oneshot::channel();
        waiting.receiver = receiver;
        waiting.ticket = waiting.ticket.and_then(|ticket| {
            self.act(|core, now, actions| core.wait_again(key, ticket, sender, now, actions))
        });
    }

    fn wrap(self: &Arc<Self>, grant: Grant<Arc<Connection>>) -> Checkout {
        let pool = self.clone();
        match grant {
            Grant::Dial { slot } => Checkout::Dial(SlotGuard { pool, slot }),
            Grant::Reuse { connection, .. } => Checkout::Reuse(Lease::new(pool, connection)),
        }
    }

    /// Decides under the lock, then does what was decided.
    pub(super) fn act<R>(
        self: &Arc<Self>,
        decide: impl FnOnce(&mut Core, Moment, &mut Actions) -> R,
    ) -> R {
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
            let _ = waiter.send(self.patience.pack(self.wrap(grant)));
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
            connection.wire.set_rested(now);
            core.finish(connection.slot, keep, now, actions);
            now + keep.map_or(self.idle_timeout, |keep| keep.min(self.idle_timeout))
        })
    }

    /// A connection was reserved and not used.
    pub(super) fn hand_back(self: &Arc<Self>, connection: &Connection) {
        let keep = connection.wire.keep();
        self.act(|core, now, actions| core.finish(connection.slot, keep, now, actions));
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
