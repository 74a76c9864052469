//! The decisions of [`brigade_core::pool`] under one lock.
//!
//! Every method takes the lock once, decides, and then does what was decided. The lock is never
//! held while anybody is woken, closed or dropped.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use brigade::clock;
use brigade_core::pool::{Effects, Grant, Opened, Phase, Pool};
use brigade_core::time::Moment;
use tokio::sync::{Notify, watch};

use super::agenda;
use super::connection::{Connection, Fault};
use super::dial;
use super::dialer::Dialer;
use super::guards::{Lease, SlotGuard, Waiting};
use super::patience::Patience;
use super::want::{DialPlan, Want};
use crate::deadline::Deadline;
use crate::watch::WaitMeter;
use crate::{Error, Kind, PoolLimits, Result};

type Core = Pool<Arc<Connection>, Arc<Want>>;
pub(super) type Actions = Effects<Arc<Connection>, Arc<Want>>;

/// The connections of one client.
#[derive(Debug)]
pub(crate) struct ClientPool {
    core: Mutex<Core>,
    limits: PoolLimits,
    pub(super) dialer: Arc<dyn Dialer>,
    /// Notified when a slot becomes free.
    pub(super) changed: Notify,
    closed: watch::Sender<bool>,
    pub(super) patience: Patience,
}

impl ClientPool {
    pub(crate) fn new(limits: PoolLimits, dialer: Arc<dyn Dialer>) -> Arc<Self> {
        Arc::new_cyclic(|pool| Self {
            core: Mutex::new(Pool::new(limits.to_core())),
            limits,
            dialer,
            changed: Notify::new(),
            closed: watch::Sender::new(false),
            patience: Patience::new(pool.clone()),
        })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place on an open connection to the origin `key`, if nothing has to be waited for.
    pub(crate) fn try_checkout(self: &Arc<Self>, key: &str, now: Moment) -> Option<Lease> {
        let mut actions = Effects::none();
        let grant = self.lock().try_acquire(key, now, &mut actions);
        if !actions.is_empty() {
            agenda::carry_out(self, actions);
        }
        grant.map(|grant| self.wrap(grant))
    }

    /// A place on a connection to the origin `key`, as soon as there is one. The wait ends with
    /// `limit`, unless a dial that was begun for it is under way: that has a limit of its own.
    pub(crate) async fn checkout(
        self: &Arc<Self>,
        key: &str,
        plan: DialPlan,
        limit: Deadline,
    ) -> Result<Lease> {
        let total = plan.total;
        let wait = WaitMeter::begin(&plan.url);
        let mut waiting = self.enqueue(key, plan);
        let served = limit.bound(poll_fn(|cx| waiting.poll(key, cx))).await;
        let served = match served {
            Err(_) if limit.at < total.at => {
                waiting.is_overdue = true;
                total.bound(poll_fn(|cx| waiting.poll(key, cx))).await
            }
            served => served,
        };
        let served = served.flatten();
        wait.end(&served);
        served
    }

    fn enqueue(self: &Arc<Self>, key: &str, plan: DialPlan) -> Waiting {
        let sharing = self.dialer.sharing(&plan);
        let want = Want::new(plan);
        let waiter = want.clone();
        let ticket = self.act(|core, now, actions| core.wait(key, sharing, waiter, now, actions));
        Waiting {
            pool: self.clone(),
            ticket,
            want,
            is_overdue: false,
        }
    }

    /// Goes back to the place of a waiter that was overtaken.
    pub(super) fn enqueue_again(self: &Arc<Self>, key: &str, waiting: &mut Waiting) {
        let waiter = waiting.want.clone();
        waiting.ticket = waiting.ticket.and_then(|ticket| {
            self.act(|core, now, actions| core.wait_again(key, ticket, waiter, now, actions))
        });
    }

    fn wrap(self: &Arc<Self>, grant: Grant<Arc<Connection>>) -> Lease {
        Lease::new(self.clone(), grant.connection)
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
            agenda::carry_out(self, actions);
        }
        result
    }

    /// Does what was decided. Anything in it may end a dial or a lease, which decides again.
    pub(super) fn carry_out(self: &Arc<Self>, actions: Actions) {
        for close in actions.closes {
            let host = &close.connection.host;
            match close.urgent {
                true => tracing::debug!(?host, "evicted"),
                false => tracing::debug!(?host, "retired"),
            }
            close.connection.retire(close.urgent);
        }
        for (want, grant) in actions.grants {
            want.give(self.wrap(grant));
            self.patience.watch(want);
        }
        for dial in actions.abandons {
            dial.waiter.abandon_dial(dial.slot);
        }
        for want in actions.refused {
            want.fail(Error::new(Kind::Closed));
        }
        for dial in actions.dials {
            dial::begin(SlotGuard::new(self.clone(), dial.slot), dial.waiter);
        }
    }

    /// See [`Pool::dialed`].
    pub(super) fn dialed(self: &Arc<Self>, connection: &Arc<Connection>, opened: Opened) -> bool {
        let slot = connection.slot;
        let connection = connection.clone();
        self.act(|core, now, actions| core.dialed(slot, connection, opened, now, actions))
    }

    /// See [`Pool::set_room`].
    pub(super) fn set_room(self: &Arc<Self>, connection: &Connection, room: u32) {
        let slot = connection.slot;
        self.act(|core, now, actions| core.set_room(slot, room, now, actions));
    }

    /// A connection can take the next request. Returns until when it may be idle.
    pub(super) fn finish(self: &Arc<Self>, connection: &Arc<Connection>) -> Moment {
        let keep = connection.wire.keep();
        let idle_timeout = self.limits.idle_timeout;
        let until = self.act(|core, now, actions| {
            connection.wire.set_rested(now);
            core.finish(connection.slot, keep, now, actions);
            let idle_until = now + keep.map_or(idle_timeout, |keep| keep.min(idle_timeout));
            idle_until.min(connection.until)
        });
        connection.meter.free();
        until
    }

    /// A place on a connection was not used, or is free again.
    pub(super) fn hand_back(self: &Arc<Self>, connection: &Connection) {
        let keep = connection.wire.keep();
        self.act(|core, now, actions| core.finish(connection.slot, keep, now, actions));
        connection.meter.free();
    }

    /// The server said how long it keeps a connection that may be idle already.
    pub(crate) fn keep(&self, connection: &Connection, keep: Duration) {
        if connection.wire.set_keep(keep) {
            self.lock().keep(connection.slot, clock::now() + keep);
        }
    }

    /// Takes an idle connection out if its time is up; otherwise says when to look again.
    pub(super) fn expire(&self, connection: &Connection) -> Option<Moment> {
        let now = clock::now();
        let mut core = self.lock();
        if core.expire(connection.slot, now) {
            return None;
        }
        // One that is reserved may yet be returned unused.
        let later = now + self.limits.idle_timeout.max(Duration::from_secs(1));
        Some(core.expires(connection.slot).unwrap_or(later))
    }

    /// The limits of this pool.
    pub(super) const fn limits(&self) -> &PoolLimits {
        &self.limits
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
        let used: Vec<_> = {
            let core = self.lock();
            let used = core
                .connections()
                .filter(|entry| entry.phase == Phase::Active || entry.leases > 0);
            used.filter_map(|entry| entry.connection.cloned()).collect()
        };
        for connection in used {
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
