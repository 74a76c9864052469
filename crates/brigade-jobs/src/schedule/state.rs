//! The schedule itself: what waits, what runs, what is delayed and what is on disk.
//!
//! It never waits and never does I/O: it hands out orders for the spill and takes the answers.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::time::Duration;

use brigade_core::admission::{self, Admission, Candidate, Limits};
use brigade_core::backoff::{HostBackoff, HostRule};
use brigade_core::time::Moment;

use super::host::{Host, HostId, Hosts, host_name};
use super::spill::{Loaded, Order, Place, SLOT, Slot};
use crate::input::Item;

/// A host whose lines in memory are fewer than this gets lines back from disk.
const LOW: usize = 64;

/// Bytes that the URLs of a full window may have on average. Longer ones make it smaller.
const URL_BYTES: usize = 1024;

/// What a schedule is told at the start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) limits: Limits,
    /// Lines held in memory.
    pub(crate) window: usize,
    pub(crate) host_rule: HostRule,
}

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Fetch this.
    Start(HostId, Item),
    /// Nothing before this moment, unless something ends or is read.
    At(Moment),
    /// Nothing until something ends or is read.
    Wait,
    /// Nothing is left, and nothing will come.
    Finished,
}

/// A line that waits for its next attempt.
#[derive(Debug)]
struct Delayed {
    at: Moment,
    host: HostId,
    item: Item,
}

impl Ord for Delayed {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.item.index).cmp(&(other.at, other.item.index))
    }
}

impl PartialOrd for Delayed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Delayed {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Delayed {}

/// Which line is fetched next.
#[derive(Debug)]
pub(crate) struct Schedule {
    settings: Settings,
    admission: Admission<HostId, Item>,
    hosts: Hosts,
    delayed: BinaryHeap<Reverse<Delayed>>,
    /// Lines in memory, those in flight left out.
    held: usize,
    /// Bytes of their URLs.
    held_bytes: usize,
    /// Lines that are being read back from disk.
    loading: usize,
    active: usize,
    /// Lines on disk, those being read back included.
    spilled: u64,
    slots_free: Vec<u32>,
    slots: u32,
    orders: Vec<Order>,
    complete: bool,
}

impl Schedule {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            admission: Admission::new(settings.limits),
            settings,
            hosts: Hosts::default(),
            delayed: BinaryHeap::new(),
            held: 0,
            held_bytes: 0,
            loading: 0,
            active: 0,
            spilled: 0,
            slots_free: Vec::new(),
            slots: 0,
            orders: Vec::new(),
            complete: false,
        }
    }

    /// Adds a line of the list.
    pub(crate) fn add(&mut self, item: Item) {
        let host = self.hosts.number(host_name(&item.url));
        self.hold(host, item);
    }

    /// Says that the list has no more lines.
    pub(crate) fn complete(&mut self) {
        self.complete = true;
    }

    /// Whether the window has room for a line.
    pub(crate) fn has_room(&self) -> bool {
        self.room() > 0
    }

    /// Whether a good part of the window is free.
    pub(crate) fn has_much_room(&self) -> bool {
        self.room() > self.settings.window / 4
    }

    /// What is to be done at `now`.
    pub(crate) fn next(&mut self, now: Moment) -> Next {
        while let Some(Reverse(first)) = self.delayed.peek()
            && first.at <= now
            && let Some(Reverse(due)) = self.delayed.pop()
        {
            self.admission.enqueue(due.host, due.item);
        }
        let delayed = self.delayed.peek().map(|Reverse(first)| first.at);
        match self.admission.poll(now) {
            admission::Next::Granted { key, item, .. } => {
                self.held -= 1;
                self.held_bytes -= item.bytes();
                self.active += 1;
                let host = self.hosts.at(key);
                host.held -= 1;
                host.active += 1;
                if host.held < LOW {
                    self.load(key);
                }
                Next::Start(key, item)
            }
            admission::Next::At(at) => Next::At(delayed.map_or(at, |delayed| delayed.min(at))),
            _ if delayed.is_some() => Next::At(delayed.unwrap_or(now)),
            _ if self.is_finished() => Next::Finished,
            _ => Next::Wait,
        }
    }

    /// Ends a fetch that is settled.
    pub(crate) fn finish(&mut self, host: HostId, now: Moment) {
        self.admission.release(&host, now);
        self.active -= 1;
        self.hosts.at(host).active -= 1;
        self.forget_idle(host);
    }

    /// Ends a fetch that is to be made again, not before `at`.
    pub(crate) fn again(&mut self, host: HostId, item: Item, at: Moment, now: Moment) {
        self.held += 1;
        self.held_bytes += item.bytes();
        self.hosts.at(host).held += 1;
        self.delayed.push(Reverse(Delayed { at, host, item }));
        self.finish(host, now);
    }

    /// Takes note that a host refused at `now` what was sent at `sent`. Returns until when it is
    /// left alone, and how often in a row it has refused.
    pub(crate) fn refused(
        &mut self,
        host: &str,
        sent: Moment,
        now: Moment,
        random: f64,
        retry_after: Option<Duration>,
    ) -> (Moment, u32) {
        let id = self.hosts.number(host);
        let rule = self.settings.host_rule;
        let known = self.hosts.at(id);
        let backoff = known.backoff.get_or_insert_with(|| HostBackoff::new(rule));
        let until = backoff.refused(sent, now, random, retry_after);
        let strikes = backoff.strikes(now);
        self.admission.pause_until(&id, until);
        (until, strikes)
    }

    /// Takes over what an earlier run knew of a host.
    pub(crate) fn restore(&mut self, host: &str, strikes: u32, now: Moment, until: Moment) {
        let backoff = HostBackoff::restore(self.settings.host_rule, strikes, now, until);
        if now < backoff.forgiven_at() {
            let id = self.hosts.number(host);
            self.hosts.at(id).backoff = Some(backoff);
            self.admission.pause_until(&id, until);
        }
    }

    /// Forgives the hosts that have been quiet for long enough, and says which. Forgets the hosts
    /// whose rate has nothing left to remember. Takes time in proportion to the number of hosts.
    pub(crate) fn forgive(&mut self, now: Moment) -> Vec<String> {
        self.admission.forget(now);
        let due = |host: &Host| host.backoff.is_some_and(|known| now >= known.forgiven_at());
        let quiet = |(_, host): &(HostId, &Host)| host.is_idle() || due(host);
        let quiet: Vec<_> = self.hosts.iter().filter(quiet).map(|(id, _)| id).collect();
        let mut forgiven = Vec::new();
        for id in quiet {
            let host = self.hosts.at(id);
            if due(host) {
                host.backoff = None;
                forgiven.push(host.name.to_string());
            }
            self.forget_idle(id);
        }
        forgiven
    }

    /// Whether nothing can start because of the hosts that fill the window, so that only reading
    /// further could help. Takes time in proportion to the number of hosts.
    pub(crate) fn is_stuck(&mut self, now: Moment) -> bool {
        if self.has_room() || self.settings.limits.key_rate.is_some() {
            return !self.has_room();
        }
        let paused: HashSet<HostId> = self.admission.paused(now).map(|(host, _)| *host).collect();
        let full = self.settings.limits.key_concurrency.unwrap_or(usize::MAX);
        // A line that waits though its host has room waits for the global rate.
        let free = |(id, host): (HostId, &Host)| {
            self.admission.waiting_of(&id) > 0 && host.active < full && !paused.contains(&id)
        };
        !self.hosts.iter().any(free)
    }

    /// Moves lines of the longest queues out of the window. False if there is nothing to move: then
    /// the window is full of hosts that have a line or two each.
    pub(crate) fn evict(&mut self) -> bool {
        let mut queues: Vec<(usize, HostId)> = self
            .hosts
            .iter()
            .map(|(id, _)| (self.admission.waiting_of(&id), id))
            .filter(|(waiting, _)| *waiting > 1)
            .collect();
        queues.sort_unstable_by_key(|queue| Reverse(*queue));
        let target = (self.settings.window / 4).max(1);
        let mut moved = 0;
        for (waiting, host) in queues {
            let keep = (waiting / 8).clamp(1, LOW);
            let count = (waiting - keep).min(target - moved);
            self.move_out(host, count);
            moved += count;
            if moved >= target {
                break;
            }
        }
        moved > 0
    }

    /// Orders for the spill, to be carried out in this order.
    pub(crate) fn take_orders(&mut self) -> Vec<Order> {
        std::mem::take(&mut self.orders)
    }

    /// Whether there are orders.
    pub(crate) fn has_orders(&self) -> bool {
        !self.orders.is_empty()
    }

    /// Takes lines back that were read from disk.
    pub(crate) fn loaded(&mut self, loaded: Loaded) {
        if loaded.last {
            self.slots_free.push(loaded.slot.number);
        }
        self.loading -= loaded.slot.len();
        self.spilled -= loaded.slot.len() as u64;
        self.hosts.at(loaded.host).loading = false;
        for item in loaded.items {
            self.hold(loaded.host, item);
        }
    }

    /// When the next line can start, as far as that is known: `now` or later.
    pub(crate) fn next_at(&mut self, now: Moment) -> Option<Moment> {
        let delayed = self.delayed.peek().map(|Reverse(first)| first.at.max(now));
        let admitted = match self.admission.candidate(now) {
            Candidate::Ready(_) => Some(now),
            Candidate::At(at) => Some(at),
            Candidate::Blocked | Candidate::Empty => None,
        };
        [delayed, admitted].into_iter().flatten().min()
    }

    /// Lines held in memory.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Lines that wait, in memory and on disk.
    pub(crate) fn waiting(&self) -> u64 {
        self.held as u64 + self.spilled
    }

    /// Number of hosts that are left alone at `now`, and when the first of them may be asked again.
    pub(crate) fn paused(&self, now: Moment) -> (u64, Option<Moment>) {
        let mut paused = self.admission.paused(now).map(|(_, until)| until);
        match paused.next() {
            Some(first) => (1 + paused.count() as u64, Some(first)),
            None => (0, None),
        }
    }

    fn hold(&mut self, host: HostId, item: Item) {
        self.held += 1;
        self.held_bytes += item.bytes();
        self.hosts.at(host).held += 1;
        self.admission.enqueue(host, item);
    }

    fn move_out(&mut self, host: HostId, count: usize) {
        let mut places = Vec::with_capacity(count);
        for _ in 0..count {
            let Some(item) = self.admission.take_last(&host) else {
                break;
            };
            self.held_bytes -= item.bytes();
            places.push(Place {
                index: item.index,
                offset: item.offset,
                length: item.length,
                attempts: item.attempts,
            });
        }
        self.held -= places.len();
        self.spilled += places.len() as u64;
        self.hosts.at(host).held -= places.len();
        // Taken from the end, they are put back in the order of the list.
        places.reverse();
        let mut rest = places.as_slice();
        while !rest.is_empty() {
            // The last slot is filled up first: of many slow hosts only a line or two is moved out
            // at a time.
            let known = self.hosts.at(host).spilled.pop_back();
            let slot = match known {
                Some(slot) if usize::from(slot.end) < SLOT => slot,
                full => {
                    self.hosts.at(host).spilled.extend(full);
                    self.free_slot()
                }
            };
            let room = SLOT - usize::from(slot.end);
            let (now, later) = rest.split_at(rest.len().min(room));
            rest = later;
            self.hosts.at(host).spilled.push_back(Slot {
                end: slot.end + now.len() as u16,
                ..slot
            });
            let places = now.to_vec();
            self.orders.push(Order::Write { slot, places });
        }
    }

    fn free_slot(&mut self) -> Slot {
        let number = self.slots_free.pop().unwrap_or_else(|| {
            self.slots += 1;
            self.slots - 1
        });
        Slot {
            number,
            first: 0,
            end: 0,
        }
    }

    /// Has lines of a host read back: as many as the window has room for, and one in any case if
    /// none of the host stands in line.
    fn load(&mut self, id: HostId) {
        let room = self.room().min(SLOT);
        let count = room.max(usize::from(self.admission.waiting_of(&id) == 0));
        let host = self.hosts.at(id);
        if host.loading || count == 0 {
            return;
        }
        let Some(slot) = host.spilled.pop_front() else {
            return;
        };
        let read = Slot {
            end: slot.first + slot.len().min(count) as u16,
            ..slot
        };
        let last = read.end == slot.end;
        if !last {
            host.spilled.push_front(Slot {
                first: read.end,
                ..slot
            });
        }
        host.loading = true;
        self.loading += read.len();
        self.orders.push(Order::Read {
            host: id,
            slot: read,
            last,
        });
    }

    /// Lines that the window has room for.
    fn room(&self) -> usize {
        let window = self.settings.window;
        let bytes = window.saturating_mul(URL_BYTES);
        let room = bytes.saturating_sub(self.held_bytes).div_ceil(URL_BYTES);
        room.min(window.saturating_sub(self.held + self.loading))
    }

    /// Forgets a host of which nothing is left here, nor with the admission: its rate must hold
    /// also if its next line comes a little later.
    fn forget_idle(&mut self, id: HostId) {
        if !self.admission.remembers(&id) {
            self.hosts.forget_idle(id);
        }
    }

    fn is_finished(&self) -> bool {
        self.complete && self.held == 0 && self.active == 0 && self.spilled == 0
    }

    #[cfg(test)]
    pub(super) fn hosts(&self) -> usize {
        self.hosts.len()
    }

    #[cfg(test)]
    pub(super) fn slots(&self) -> u32 {
        self.slots
    }
}
