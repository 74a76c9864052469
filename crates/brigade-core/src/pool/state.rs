//! The pool: every event of a request's and of a connection's life is one method.
//!
//! It exists so that the assignment can be checked after every step of any sequence of events. It
//! never exceeds its limits, whatever the sequence, and a slot that is no longer valid never does
//! harm.

use std::collections::BTreeSet;
use std::time::Duration;

use super::hosts::Hosts;
use super::slots::{Slots, Stage};
use super::{Effects, Grant, Limits, Opened, Phase, Sharing, Slot};
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
/// use brigade_core::pool::{Effects, Grant, Limits, Opened, Pool, Sharing};
/// use brigade_core::time::Moment;
///
/// let now = Moment::ZERO;
/// let mut pool: Pool<&str, &str> = Pool::new(Limits { total: 1, ..Limits::default() });
/// let mut effects = Effects::none();
/// assert!(pool.try_acquire("http://a", now, &mut effects).is_none(), "nothing is open");
/// pool.wait("http://a", Sharing::Never, "first", now, &mut effects);
/// let slot = effects.dials[0].slot;
/// pool.wait("http://a", Sharing::Never, "second", now, &mut effects);
/// assert_eq!(effects.dials.len(), 1, "there is no slot for a second one");
///
/// // The connection goes to the first in the queue, and to the next the moment it is free.
/// pool.dialed(slot, "connection", Opened::EXCLUSIVE, now, &mut effects);
/// pool.finish(slot, None, now, &mut effects);
/// let grant = || Grant { slot, connection: "connection" };
/// assert_eq!(effects.grants, [("first", grant()), ("second", grant())]);
/// ```
#[derive(Debug)]
pub struct Pool<C, W> {
    pub(super) limits: Limits,
    closed: bool,
    pub(super) slots: Slots<C, W>,
    pub(super) hosts: Hosts<W>,
    /// The first waiter of each host that has a connection with room, by its place in the queue.
    pub(super) ready: BTreeSet<(u64, u32)>,
    /// The same of each host that needs another connection and is not at its limit.
    pub(super) in_need: BTreeSet<(u64, u32)>,
    next_place: u64,
    pub(super) waiting: usize,
    /// The dials that all of those need.
    pub(super) needed: usize,
    /// Those of them that are needed by hosts without a connection that is shared.
    pub(super) urgent: usize,
    /// Hosts with a dial that is of no use to them.
    pub(super) surplus: BTreeSet<u32>,
}

impl<C: Clone, W: Clone> Pool<C, W> {
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
            ready: BTreeSet::new(),
            in_need: BTreeSet::new(),
            next_place: 0,
            waiting: 0,
            needed: 0,
            urgent: 0,
            surplus: BTreeSet::new(),
        }
    }

    /// A place on an open connection of the host `key`, if there is one.
    ///
    /// `None` also when somebody waits whose turn comes first: then [`Self::wait`].
    pub fn try_acquire(
        &mut self,
        key: &str,
        now: Moment,
        effects: &mut Effects<C, W>,
    ) -> Option<Grant<C>> {
        if self.closed || self.somebody_waits() {
            return None;
        }
        let host = self.hosts.find(key)?;
        self.lease(host, now, effects)
    }

    /// Joins the queue for the host `key`. What `waiter` gets, now or later, is in the effects.
    ///
    /// `sharing` is what is expected of a host that has no connection yet.
    pub fn wait(
        &mut self,
        key: &str,
        sharing: Sharing,
        waiter: W,
        now: Moment,
        effects: &mut Effects<C, W>,
    ) -> Option<Ticket> {
        if self.closed {
            effects.refused.push(waiter);
            return None;
        }
        let host = self.hosts.index(key);
        self.hosts.entry(host).expect(sharing);
        let place = self.next_place;
        self.next_place += 1;
        Some(self.join(Ticket { host, place }, waiter, now, effects))
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
        if self.closed {
            effects.refused.push(waiter);
            return None;
        }
        let host = self.hosts.index(key);
        Some(self.join(Ticket { host, ..ticket }, waiter, now, effects))
    }

    fn join(
        &mut self,
        ticket: Ticket,
        waiter: W,
        now: Moment,
        effects: &mut Effects<C, W>,
    ) -> Ticket {
        self.waiting += 1;
        let entry = self.hosts.entry(ticket.host);
        entry.waiters.insert(ticket.place, waiter);
        entry.undialed.insert(ticket.place);
        self.relist(ticket.host);
        self.serve(now, effects);
        ticket
    }

    /// Leaves the queue. `None` if the waiter was already given something.
    ///
    /// A dial that was begun for it goes on: its connection will serve the others, or be idle.
    pub fn cancel(
        &mut self,
        ticket: Ticket,
        now: Moment,
        effects: &mut Effects<C, W>,
    ) -> Option<W> {
        let waiter = self.remove_waiter(ticket.host, ticket.place)?;
        self.relist(ticket.host);
        // Its dial may now be one that nobody needs.
        self.serve(now, effects);
        self.hosts.forget_unused(ticket.host);
        Some(waiter)
    }

    /// A further slot for the dial of `slot`, for another socket of it, if nobody waits and there is
    /// room. It is given back by [`Self::closed`].
    pub fn try_open_beside(&mut self, slot: Slot) -> Option<Slot> {
        let entry = self.slots.get(slot)?;
        let host = entry.host;
        if self.closed || entry.stage != Stage::Dialing || self.somebody_waits() {
            return None;
        }
        self.open(host)
    }

    /// The dial succeeded: the connection can be used from now on.
    ///
    /// `false` if it is not wanted, because the pool was closed or the dial given up meanwhile;
    /// then the connection must be closed.
    pub fn dialed(
        &mut self,
        slot: Slot,
        connection: C,
        opened: Opened,
        now: Moment,
        effects: &mut Effects<C, W>,
    ) -> bool {
        let Some(entry) = self.slots.get(slot) else {
            return false;
        };
        let wanted = !self.closed && entry.stage == Stage::Dialing;
        let host = entry.host;
        let expires = now + self.limits.idle_timeout;
        self.end_dial(slot.index);
        self.change(slot.index, |entry| {
            entry.connection = Some(connection);
            entry.stage = if wanted { Stage::Open } else { Stage::Closing };
            entry.room = opened.room.max(1);
            entry.is_shared = opened.is_shared;
            entry.until = opened.until;
            entry.expires = expires;
        });
        if !wanted || opened.is_settled {
            self.settle(slot.index);
        }
        if wanted {
            self.hosts.entry(host).set_shared(opened.is_shared);
            match self.slots.entry(slot.index).told {
                Some(room) => self.set_room(slot, room, now, effects),
                None => {
                    self.relist(host);
                    self.serve(now, effects);
                }
            }
            self.trim(effects);
        }
        wanted
    }

    /// The dial failed. Returns the waiter that it was begun for, if that still waits: it is out of
    /// the queue and must be told. The slot counts until [`Self::closed`].
    pub fn failed(&mut self, slot: Slot) -> Option<W> {
        let entry = self.slots.get(slot)?;
        let (host, place) = (entry.host, entry.dial.as_ref()?.0);
        // What kept the others from dialing has told nothing, so each tries by itself.
        self.hosts.entry(host).set_shared(false);
        let waiter = match self.hosts.entry(host).is_orphan(place) {
            true => None,
            false => self.remove_waiter(host, place),
        };
        self.relist(host);
        waiter
    }

    /// The peer has said how many requests at once it takes on a connection. One of which it takes
    /// none any more ends after those that are on it.
    pub fn set_room(&mut self, slot: Slot, room: u32, now: Moment, effects: &mut Effects<C, W>) {
        match self.slots.get(slot).map(|entry| entry.stage) {
            Some(Stage::Open) => {}
            // A peer may speak before the dial is reported.
            Some(Stage::Dialing) => {
                return self.change(slot.index, |entry| entry.told = Some(room));
            }
            _ => return,
        }
        self.change(slot.index, |entry| entry.room = room);
        self.settle(slot.index);
        match room {
            0 => self.dismiss(slot.index, false, effects),
            _ => self.relist_of(slot.index),
        }
        self.serve(now, effects);
    }

    /// A request on a connection is over, and the connection can take another.
    ///
    /// It is handed to the next waiter. Without any request on it, it becomes idle for the idle
    /// timeout or for `keep`, what its server allows, whichever is shorter.
    pub fn finish(
        &mut self,
        slot: Slot,
        keep: Option<Duration>,
        now: Moment,
        effects: &mut Effects<C, W>,
    ) {
        let held = self.slots.get(slot).is_some_and(|entry| entry.leases > 0);
        if !held {
            return;
        }
        let timeout = self.limits.idle_timeout;
        let kept = keep.map_or(timeout, |keep| keep.min(timeout));
        self.change(slot.index, |entry| {
            entry.leases -= 1;
            entry.expires = now + kept;
        });
        let entry = self.slots.entry(slot.index);
        match entry.stage {
            Stage::Draining if entry.leases > 0 => {}
            Stage::Draining => self.dismiss(slot.index, false, effects),
            Stage::Open if self.closed || entry.until <= now => {
                self.dismiss(slot.index, false, effects);
                self.serve(now, effects);
            }
            Stage::Open => {
                self.relist_of(slot.index);
                self.serve(now, effects);
                self.trim(effects);
            }
            Stage::Free | Stage::Dialing | Stage::Closing => {}
        }
    }

    /// Takes an idle connection out if its time is up; `true` if its owner shall close it.
    pub fn expire(&mut self, slot: Slot, now: Moment) -> bool {
        let due = self.expires(slot).is_some_and(|at| at <= now);
        if due {
            // Nobody waits for a host that has an idle connection.
            self.change(slot.index, |entry| entry.stage = Stage::Closing);
            self.settle(slot.index);
            self.relist_of(slot.index);
        }
        due
    }

    /// When an idle connection's time is up.
    pub fn expires(&self, slot: Slot) -> Option<Moment> {
        let entry = self.slots.get(slot)?;
        (entry.phase() == Some(Phase::Idle)).then(|| entry.expires.min(entry.until))
    }

    /// The server does not keep a connection beyond `until`, even if it is idle already.
    pub fn keep(&mut self, slot: Slot, until: Moment) {
        if self.slots.get(slot).is_some() {
            self.change(slot.index, |entry| entry.expires = entry.expires.min(until));
        }
    }

    /// A connection must not be handed out again, and its socket goes at once, for example because
    /// its peer has closed it. It counts until [`Self::closed`].
    pub fn withdraw(&mut self, slot: Slot, now: Moment, effects: &mut Effects<C, W>) {
        if self.slots.get(slot).is_some() {
            self.change(slot.index, |entry| entry.stage = Stage::Closing);
            self.settle(slot.index);
            self.relist_of(slot.index);
            self.serve(now, effects);
        }
    }

    /// A connection must not be handed out again, but the requests on it go on. When the last of
    /// them is over, it is among those to close. It counts until [`Self::closed`].
    pub fn drain(&mut self, slot: Slot, now: Moment, effects: &mut Effects<C, W>) {
        if self.slots.get(slot).map(|entry| entry.stage) == Some(Stage::Open) {
            self.dismiss(slot.index, false, effects);
            self.serve(now, effects);
        }
    }

    /// The connection's socket is gone, or its dial was given up: the slot is free.
    pub fn closed(&mut self, slot: Slot, now: Moment, effects: &mut Effects<C, W>) {
        let Some(host) = self.slots.get(slot).map(|entry| entry.host) else {
            return;
        };
        self.end_dial(slot.index);
        self.settle(slot.index);
        let entry = self.hosts.entry(host);
        entry.count -= 1;
        self.slots.remove(slot.index, &mut entry.usable);
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
        for host in 0..self.hosts.len() {
            while let Some(entry) = self.hosts.get(host)
                && let Some(&place) = entry.waiters.keys().next()
            {
                effects.refused.extend(self.remove_waiter(host, place));
            }
            if self.hosts.get(host).is_some() {
                self.relist(host);
                self.hosts.forget_unused(host);
            }
        }
    }

    /// Whether [`Self::close`] was called.
    pub const fn is_closed(&self) -> bool {
        self.closed
    }
}
