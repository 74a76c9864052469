//! The pool: every event of a request's and of a connection's life is one method.
//!
//! It exists so that the assignment can be checked after every step of any sequence of events. It
//! never exceeds its limits, whatever the sequence, and a slot that is no longer valid never does
//! harm.

use std::collections::BTreeSet;
use std::time::Duration;

use super::hosts::Hosts;
use super::slots::Slots;
use super::{Close, Effects, Grant, Limits, Phase, Slot};
use crate::time::Moment;

/// The place of a waiter in the queue, with which it can leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    host: u32,
    place: u64,
}

/// The assignment of connections `C` to requests, of which those that must wait leave a `W`.
///
/// # Examples
///
/// ```
/// use brigade_core::pool::{Effects, Grant, Limits, Pool};
/// use brigade_core::time::Moment;
///
/// let now = Moment::ZERO;
/// let mut pool: Pool<&str, &str> = Pool::new(Limits { total: 1, ..Limits::default() });
/// let mut effects = Effects::none();
/// let Some(Grant::Dial { slot }) = pool.try_acquire("http://a", now, &mut effects) else {
///     panic!("the pool is empty, so there is a slot to dial with");
/// };
/// assert!(pool.dialed(slot, "connection 1"));
/// assert!(pool.try_acquire("http://a", now, &mut effects).is_none(), "the only slot is taken");
/// pool.wait("http://a", "waiter 1", now, &mut effects);
///
/// // The connection goes to the waiter the moment it is free.
/// pool.finish(slot, None, now, &mut effects);
/// let grant = Grant::Reuse { slot, connection: "connection 1" };
/// assert_eq!(effects.grants, [("waiter 1", grant)]);
/// ```
#[derive(Debug)]
pub struct Pool<C, W> {
    limits: Limits,
    closed: bool,
    pub(super) slots: Slots<C>,
    pub(super) hosts: Hosts<W>,
    /// The first waiter of each host that has room, by its place in the queue.
    eligible: BTreeSet<(u64, u32)>,
    next_place: u64,
    pub(super) waiting: usize,
}

impl<C: Clone, W> Pool<C, W> {
    /// An empty pool. Limits of zero connections count as one.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits: Limits {
                total: limits.total.max(1),
                per_host: limits.per_host.max(1),
                ..limits
            },
            closed: false,
            slots: Slots::new(),
            hosts: Hosts::new(),
            eligible: BTreeSet::new(),
            next_place: 0,
            waiting: 0,
        }
    }

    /// A connection or a slot for the host `key`, if there is one without waiting.
    ///
    /// `None` also when somebody waits whose turn comes first: then [`Self::wait`].
    pub fn try_acquire(
        &mut self,
        key: &str,
        now: Moment,
        effects: &mut Effects<C, W>,
    ) -> Option<Grant<C>> {
        if self.closed || !self.eligible.is_empty() {
            return None;
        }
        let host = self.hosts.index(key);
        let grant = self.assign(host, now, effects);
        self.hosts.forget_unused(host);
        grant
    }

    /// A further slot to dial with, for the host of `slot`, if nobody waits and there is room.
    pub fn try_open_beside(&mut self, slot: Slot) -> Option<Slot> {
        let host = self.slots.get(slot)?.host;
        if self.closed || !self.eligible.is_empty() {
            return None;
        }
        self.open(host)
    }

    /// Joins the queue for the host `key`. What `waiter` gets, now or later, is in the effects.
    pub fn wait(
        &mut self,
        key: &str,
        waiter: W,
        now: Moment,
        effects: &mut Effects<C, W>,
    ) -> Option<Ticket> {
        let place = self.next_place;
        self.next_place += 1;
        self.join(key, place, waiter, now, effects)
    }

    /// Joins the queue again, at the old place, after what was given has been returned unused.
    pub fn wait_again(
        &mut self,
        key: &str,
        ticket: Ticket,
        waiter: W,
        now: Moment,
        effects: &mut Effects<C, W>,
    ) -> Option<Ticket> {
        self.join(key, ticket.place, waiter, now, effects)
    }

    fn join(
        &mut self,
        key: &str,
        place: u64,
        waiter: W,
        now: Moment,
        effects: &mut Effects<C, W>,
    ) -> Option<Ticket> {
        if self.closed {
            effects.refused.push(waiter);
            return None;
        }
        let host = self.hosts.index(key);
        self.waiting += 1;
        self.hosts.entry(host).waiters.insert(place, waiter);
        self.relist(host);
        self.serve(now, effects);
        Some(Ticket { host, place })
    }

    /// Leaves the queue. `None` if the waiter was already given something.
    pub fn cancel(&mut self, ticket: Ticket) -> Option<W> {
        let host = self.hosts.get(ticket.host)?;
        let waiter = host.waiters.remove(&ticket.place)?;
        self.waiting -= 1;
        self.relist(ticket.host);
        self.hosts.forget_unused(ticket.host);
        Some(waiter)
    }

    /// The dial succeeded: the connection is active from now on.
    ///
    /// `false` if the pool was closed meanwhile; then the connection must be closed.
    pub fn dialed(&mut self, slot: Slot, connection: C) -> bool {
        let Some(entry) = self.slots.get(slot) else {
            return false;
        };
        entry.connection = Some(connection);
        let phase = if self.closed {
            Phase::Closing
        } else {
            Phase::Active
        };
        self.shift(slot.index, phase);
        !self.closed
    }

    /// The request on an active connection is finished, and the connection can take another.
    ///
    /// It is handed to the next waiter, or becomes idle for the idle timeout or for `keep`, what
    /// its server allows, whichever is shorter.
    pub fn finish(
        &mut self,
        slot: Slot,
        keep: Option<Duration>,
        now: Moment,
        effects: &mut Effects<C, W>,
    ) {
        if self.slots.phase(slot) != Some(Phase::Active) {
            return;
        }
        if self.closed {
            self.dismiss(slot.index, false, effects);
            return;
        }
        let timeout = self.limits.idle_timeout;
        let kept = keep.map_or(timeout, |keep| keep.min(timeout));
        self.slots.entry(slot.index).expires = now + kept;
        self.shift(slot.index, Phase::Idle);
        self.relist_of(slot.index);
        self.serve(now, effects);
        while self.slots.counts().idle > self.limits.idle {
            let Some(oldest) = self.slots.oldest_idle() else {
                break;
            };
            self.dismiss(oldest, false, effects);
        }
    }

    /// Takes an idle connection out if its time is up; `true` if its owner shall close it.
    pub fn expire(&mut self, slot: Slot, now: Moment) -> bool {
        let due = self.slots.phase(slot) == Some(Phase::Idle)
            && self.slots.entry(slot.index).expires <= now;
        if due {
            self.withdraw(slot);
        }
        due
    }

    /// When an idle connection's time is up.
    pub fn expires(&mut self, slot: Slot) -> Option<Moment> {
        (self.slots.phase(slot) == Some(Phase::Idle)).then(|| self.slots.entry(slot.index).expires)
    }

    /// The server does not keep a connection beyond `until`, even if it is idle already.
    pub fn keep(&mut self, slot: Slot, until: Moment) {
        if let Some(entry) = self.slots.get(slot) {
            entry.expires = entry.expires.min(until);
        }
    }

    /// A connection must not be handed out again, for example because its peer has closed it. It
    /// counts until [`Self::closed`].
    pub fn withdraw(&mut self, slot: Slot) {
        if self.slots.get(slot).is_some() {
            self.shift(slot.index, Phase::Closing);
            self.relist_of(slot.index);
        }
    }

    /// The connection's socket is gone, or its dial was given up: the slot is free.
    pub fn closed(&mut self, slot: Slot, now: Moment, effects: &mut Effects<C, W>) {
        let Some(entry) = self.slots.get(slot) else {
            return;
        };
        let host = entry.host;
        let entry = self.hosts.entry(host);
        entry.count -= 1;
        self.slots.remove(slot.index, &mut entry.idle);
        self.relist(host);
        self.serve(now, effects);
        self.hosts.forget_unused(host);
    }

    /// Closes the pool: idle connections are closed, waiters refused, and nothing is granted again.
    pub fn close(&mut self, effects: &mut Effects<C, W>) {
        self.closed = true;
        while let Some(oldest) = self.slots.oldest_idle() {
            self.dismiss(oldest, false, effects);
        }
        self.eligible.clear();
        self.waiting = 0;
        for host in 0..self.hosts.len() {
            if let Some(entry) = self.hosts.get(host) {
                entry.listed = None;
                let waiters = std::mem::take(&mut entry.waiters);
                effects.refused.extend(waiters.into_values());
                self.hosts.forget_unused(host);
            }
        }
    }

    /// Whether [`Self::close`] was called.
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Gives waiters, in the order of the queue, all that can be given.
    fn serve(&mut self, now: Moment, effects: &mut Effects<C, W>) {
        // Each closing connection will serve one waiter, so it is not evicted for twice.
        let mut promised = self.slots.counts().closing;
        let mut from = 0;
        while let Some(&(place, host)) = self.eligible.range((from, 0)..).next() {
            from = place + 1;
            if let Some(grant) = self.assign(host, now, effects) {
                if let Some(waiter) = self.hosts.entry(host).waiters.remove(&place) {
                    self.waiting -= 1;
                    effects.grants.push((waiter, grant));
                }
                self.relist(host);
            } else if self.hosts.entry(host).count >= self.limits.per_host {
                // Its idle connections turned out to have expired, and they still count.
                self.relist(host);
            } else if promised > 0 {
                promised -= 1;
            } else if let Some(oldest) = self.slots.oldest_idle() {
                self.dismiss(oldest, true, effects);
            } else {
                return;
            }
        }
    }

    /// An idle connection of the host or a slot to dial with, if the limits allow.
    fn assign(&mut self, host: u32, now: Moment, effects: &mut Effects<C, W>) -> Option<Grant<C>> {
        while let Some(index) = self.hosts.entry(host).idle.last() {
            let entry = self.slots.entry(index);
            match entry.connection.clone().filter(|_| entry.expires > now) {
                Some(connection) => {
                    self.shift(index, Phase::Active);
                    let slot = self.slots.slot(index);
                    return Some(Grant::Reuse { slot, connection });
                }
                None => self.dismiss(index, false, effects),
            }
        }
        self.open(host).map(|slot| Grant::Dial { slot })
    }

    fn open(&mut self, host: u32) -> Option<Slot> {
        let room = self.hosts.entry(host).count < self.limits.per_host
            && self.slots.counts().connections() < self.limits.total;
        room.then(|| {
            self.hosts.entry(host).count += 1;
            self.slots.open(host)
        })
    }

    /// Puts a connection on the list of those to close.
    fn dismiss(&mut self, index: u32, urgent: bool, effects: &mut Effects<C, W>) {
        self.shift(index, Phase::Closing);
        self.relist_of(index);
        if let Some(connection) = self.slots.entry(index).connection.clone() {
            effects.closes.push(Close { connection, urgent });
        }
    }

    fn shift(&mut self, index: u32, phase: Phase) {
        let host = self.slots.entry(index).host;
        let idle = &mut self.hosts.entry(host).idle;
        self.slots.shift(index, phase, idle);
    }

    fn relist_of(&mut self, index: u32) {
        let host = self.slots.entry(index).host;
        self.relist(host);
    }

    /// Brings the place of a host among the eligible up to date.
    fn relist(&mut self, host: u32) {
        let per_host = self.limits.per_host;
        let entry = self.hosts.entry(host);
        let room = entry.count < per_host || entry.idle.len() > 0;
        let first = entry.waiters.keys().next().copied().filter(|_| room);
        let listed = std::mem::replace(&mut entry.listed, first);
        if listed != first {
            if let Some(place) = listed {
                self.eligible.remove(&(place, host));
            }
            if let Some(place) = first {
                self.eligible.insert((place, host));
            }
        }
    }
}
