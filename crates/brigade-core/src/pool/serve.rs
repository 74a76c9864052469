//! Who gets what: the passes over the queue that follow every event.
//!
//! The events are in `state`; here is what all of them have in common. It never looks at more of
//! the queue than those who can be helped.

use std::collections::BTreeSet;

use super::hosts::Listing;
use super::slots::{Entry, Stage};
use super::{Close, Dial, Effects, Grant, Pool, Slot};
use crate::time::Moment;

impl<C: Clone, W: Clone> Pool<C, W> {
    /// Gives waiters, in the order of the queue, all that can be given.
    pub(super) fn serve(&mut self, now: Moment, effects: &mut Effects<C, W>) {
        // Each leaving connection will serve one waiter, so nothing is evicted for that one.
        let mut promised = 0;
        let mut from = 0;
        let mut full = false;
        while let Some((place, host)) = self.next(from, full) {
            from = place + 1;
            if self.serve_host(host, place, now, effects) {
                continue;
            }
            // Where nothing is to be evicted, only those who share a connection may still go on.
            full = !self.may_evict() || self.slots.leaving() <= promised && !self.evict(effects);
            promised += 1;
        }
        // Only the first waiter of each host had its turn; what is left to evict is for the others.
        while self.may_evict() && self.evict(effects) {}
        if self.urgent > self.slots.leaving() {
            self.make_room(effects);
        }
    }

    /// Whether more slots are needed than are about to be free, and something can go for them. Where
    /// the total is not full none is needed, because everybody has a dial.
    fn may_evict(&self) -> bool {
        self.needed > self.slots.leaving()
            && (self.slots.oldest_idle().is_some() || !self.surplus.is_empty())
    }

    /// The first who can be helped, at or after a place; only by what is open if the total is full.
    fn next(&self, from: u64, full: bool) -> Option<(u64, u32)> {
        let first = |set: &BTreeSet<(u64, u32)>| set.range((from, 0)..).next().copied();
        let ready = first(&self.ready);
        let in_need = if full { None } else { first(&self.in_need) };
        ready.into_iter().chain(in_need).min()
    }

    pub(super) fn somebody_waits(&self) -> bool {
        !self.ready.is_empty() || !self.in_need.is_empty()
    }

    /// Gives the first waiter of a host a connection, or begins the dial that it needs; `false` if
    /// the total is full.
    fn serve_host(
        &mut self,
        host: u32,
        place: u64,
        now: Moment,
        effects: &mut Effects<C, W>,
    ) -> bool {
        if let Some(grant) = self.lease(host, now, effects) {
            let first = self.hosts.entry(host).waiters.keys().next().copied();
            let waiter = first.and_then(|place| self.remove_waiter(host, place));
            effects.grants.extend(waiter.map(|waiter| (waiter, grant)));
            self.relist(host);
            return true;
        }
        // Its connections may have turned out to be past their time; they still count.
        self.relist(host);
        match self.hosts.entry(host).listed {
            Some(Listing::InNeed(need)) if need.place == place => {}
            _ => return true,
        }
        let Some(waiter) = self.hosts.entry(host).waiters.get(&place).cloned() else {
            return true;
        };
        let Some(slot) = self.open(host) else {
            return false;
        };
        self.begin_dial(slot, place, waiter.clone());
        self.relist(host);
        effects.dials.push(Dial { slot, waiter });
        true
    }

    /// A place on an open connection of the host, the one that got room last.
    pub(super) fn lease(
        &mut self,
        host: u32,
        now: Moment,
        effects: &mut Effects<C, W>,
    ) -> Option<Grant<C>> {
        while let Some(index) = self.hosts.entry(host).usable.ready.last() {
            let entry = self.slots.entry(index);
            match entry.connection.clone().filter(|_| !entry.is_over(now)) {
                Some(connection) => {
                    self.change(index, |entry| entry.leases += 1);
                    let slot = self.slots.slot(index);
                    return Some(Grant { slot, connection });
                }
                None => self.dismiss(index, false, effects),
            }
        }
        None
    }

    pub(super) fn open(&mut self, host: u32) -> Option<Slot> {
        let room = self.hosts.entry(host).count < self.limits.per_host
            && self.slots.counts().connections() < self.limits.total;
        room.then(|| {
            self.hosts.entry(host).count += 1;
            self.slots.open(host)
        })
    }

    /// Frees a slot for somebody else: that of the connection that has been idle for longest, or of a
    /// dial that nobody needs.
    fn evict(&mut self, effects: &mut Effects<C, W>) -> bool {
        if let Some(oldest) = self.slots.oldest_idle() {
            self.dismiss(oldest, true, effects);
            return true;
        }
        let Some((index, waiter)) = self.surplus() else {
            return false;
        };
        self.end_dial(index);
        self.change(index, |entry| entry.stage = Stage::Closing);
        self.settle(index);
        self.relist_of(index);
        let slot = self.slots.slot(index);
        effects.abandons.push(Dial { slot, waiter });
        true
    }

    /// Lets a connection end that its requests share: such a one may never be idle, and whoever
    /// waits for its slot would wait for ever. The others end with their requests.
    fn make_room(&mut self, effects: &mut Effects<C, W>) {
        if self.slots.draining() == 0
            && self.slots.exclusive() == 0
            && let Some(index) = self.slots.least_shared()
        {
            self.dismiss(index, false, effects);
        }
    }

    /// A dial of which nobody waits for the connection. It takes a look at all only if there is one.
    fn surplus(&self) -> Option<(u32, W)> {
        let of = *self.surplus.first()?;
        let host = self.hosts.peek(of)?;
        self.slots.iter().find_map(|(index, entry)| {
            let (place, waiter) = entry.dial.as_ref()?;
            (entry.host == of && host.is_orphan(*place)).then(|| (index, waiter.clone()))
        })
    }

    /// Closes what is idle beyond the limit on idle connections.
    pub(super) fn trim(&mut self, effects: &mut Effects<C, W>) {
        while self.slots.counts().idle > self.limits.idle
            && let Some(oldest) = self.slots.oldest_idle()
        {
            self.dismiss(oldest, false, effects);
        }
    }

    /// Takes a connection out of use, and puts it on the list of those to close: now, or when the
    /// last request on it is over.
    pub(super) fn dismiss(&mut self, index: u32, urgent: bool, effects: &mut Effects<C, W>) {
        self.change(index, |entry| {
            entry.stage = match entry.leases {
                0 => Stage::Closing,
                _ => Stage::Draining,
            };
        });
        self.settle(index);
        self.relist_of(index);
        let entry = self.slots.entry(index);
        if entry.leases == 0
            && let Some(connection) = entry.connection.clone()
        {
            effects.closes.push(Close { connection, urgent });
        }
    }

    fn begin_dial(&mut self, slot: Slot, place: u64, waiter: W) {
        self.change(slot.index, |entry| {
            entry.dial = Some((place, waiter));
            entry.is_pending = true;
        });
        let host = self.slots.entry(slot.index).host;
        let host = self.hosts.entry(host);
        host.undialed.remove(&place);
        host.pending += 1;
    }

    /// The dial of a connection is over, whatever came of it.
    pub(super) fn end_dial(&mut self, index: u32) {
        if let Some((place, _)) = self.change(index, |entry| entry.dial.take()) {
            let host = self.slots.entry(index).host;
            self.hosts.entry(host).end_dial(place);
        }
    }

    /// A connection is no longer a reason to dial no other.
    pub(super) fn settle(&mut self, index: u32) {
        if self.change(index, |entry| std::mem::take(&mut entry.is_pending)) {
            let host = self.slots.entry(index).host;
            self.hosts.entry(host).pending -= 1;
        }
    }

    pub(super) fn remove_waiter(&mut self, host: u32, place: u64) -> Option<W> {
        let waiter = self.hosts.get(host)?.remove_waiter(place)?;
        self.waiting -= 1;
        Some(waiter)
    }

    pub(super) fn change<R>(
        &mut self,
        index: u32,
        change: impl FnOnce(&mut Entry<C, W>) -> R,
    ) -> R {
        let host = self.slots.entry(index).host;
        let usable = &mut self.hosts.entry(host).usable;
        self.slots.change(index, usable, change)
    }

    pub(super) fn relist_of(&mut self, index: u32) {
        let host = self.slots.entry(index).host;
        self.relist(host);
    }

    /// Brings the place of a host among the eligible, and what it needs or has too much, up to date.
    pub(super) fn relist(&mut self, host: u32) {
        let per_host = self.limits.per_host;
        let entry = self.hosts.entry(host);
        let listing = match entry.usable.ready.len() {
            0 => entry.need(per_host - entry.count).map(Listing::InNeed),
            _ => entry.waiters.keys().next().copied().map(Listing::Ready),
        };
        let has_surplus = entry.has_surplus();
        let had_surplus = std::mem::replace(&mut entry.is_surplus, has_surplus);
        let listed = std::mem::replace(&mut entry.listed, listing);
        match (had_surplus, has_surplus) {
            (false, true) => self.surplus.insert(host),
            (true, false) => self.surplus.remove(&host),
            _ => false,
        };
        if listed != listing {
            self.unlist(host, listed);
            self.list(host, listing);
        }
    }

    fn list(&mut self, host: u32, listing: Option<Listing>) {
        match listing {
            Some(Listing::Ready(place)) => {
                self.ready.insert((place, host));
            }
            Some(Listing::InNeed(need)) => {
                self.in_need.insert((need.place, host));
                self.needed += need.dials;
                self.urgent += if need.is_urgent { need.dials } else { 0 };
            }
            None => {}
        }
    }

    fn unlist(&mut self, host: u32, listed: Option<Listing>) {
        match listed {
            Some(Listing::Ready(place)) => {
                self.ready.remove(&(place, host));
            }
            Some(Listing::InNeed(need)) => {
                self.in_need.remove(&(need.place, host));
                self.needed -= need.dials;
                self.urgent -= if need.is_urgent { need.dials } else { 0 };
            }
            None => {}
        }
    }
}
