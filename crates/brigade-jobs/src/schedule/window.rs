//! The window: which lines are held in memory, and which go to disk and come back.
//!
//! Lines of hosts that may not be asked now are moved out, newest first, so that reading goes on.
//! It never does I/O: it hands out orders for the spill and takes the answers.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use brigade_core::time::Moment;

use super::delays::{Delayed, Delays};
use super::host::HostId;
use super::spill::{Loaded, Order, Place, SLOT, Slot};
use super::state::Schedule;
use crate::input::Item;

/// A host whose lines in memory are fewer than this gets lines back from disk.
pub(super) const LOW: usize = 64;

/// How much larger than its size the window becomes at most while hosts that may not be asked fill
/// it with a line each.
const STRETCH_MAX: usize = 16;

/// Bytes that the URLs of a full window may have on average. Longer ones make it smaller.
const URL_BYTES: usize = 1024;

impl Schedule {
    /// Whether the window has room for a line.
    pub(crate) fn has_room(&self) -> bool {
        self.room() > 0
    }

    /// Whether a good part of the window is free.
    pub(crate) fn has_much_room(&self) -> bool {
        self.room() > self.settings.window / 4
    }

    /// Whether nothing can start because of the hosts that fill the window, so that only reading
    /// further could help. Where a host may be asked, the common rate is what is waited for.
    pub(crate) fn is_stuck(&mut self, now: Moment) -> bool {
        !self.has_room() && !self.admission.is_any_ready(now)
    }

    /// Makes room in a window that is stuck. False if there is none to be made.
    pub(crate) fn make_room(&mut self, now: Moment) -> bool {
        self.evict(now) || self.stretch()
    }

    /// Has the window hold more than its size, where hosts that may not be asked now have a line or
    /// two each: such a host is remembered anyway, and its only line costs little beside that. So
    /// it never holds more beyond its size than there are hosts.
    fn stretch(&mut self) -> bool {
        let window = self.settings.window;
        let most = window.saturating_mul(STRETCH_MAX - 1);
        let most = most.min(self.hosts.len());
        let before = self.stretched;
        let more = before.saturating_add((window / 4).max(1)).min(most);
        self.stretched = before.max(more);
        self.stretched > before
    }

    /// Moves lines of the hosts that have most of them out of the window, those first whose next
    /// attempt is furthest away. False if there is nothing to move: then the window is full of hosts
    /// that have a line or two each. Takes time in proportion to the number of hosts, and of lines
    /// that wait for another attempt.
    fn evict(&mut self, now: Moment) -> bool {
        let held = self.hosts.iter().map(|(id, host)| (host.held, id));
        let mut hosts: Vec<(usize, HostId)> = held.filter(|(held, _)| *held > 1).collect();
        if hosts.is_empty() {
            return false;
        }
        hosts.sort_unstable_by_key(|host| Reverse(*host));
        let quota = |&(held, host): &(usize, HostId)| (host, held - (held / 8).clamp(1, LOW));
        let mut quotas = hosts.iter().map(quota).collect();
        let target = (self.settings.window / 4).max(1);
        let mut moved = self.move_out_delayed(target, &mut quotas, now);
        for (_, host) in hosts {
            if moved >= target {
                break;
            }
            // One stays in line: in its turn the others come back.
            let rest = self.hosts.get(host).standing().saturating_sub(1);
            moved += self.move_out(host, quotas[&host].min(rest).min(target - moved));
        }
        moved > 0
    }

    /// Moves lines out if the window holds a good deal more than its size: of a host of which nothing
    /// stands in line a line comes back whether there is room or not, and each may have to wait for
    /// another attempt.
    pub(super) fn ease(&mut self, now: Moment) {
        let held = self.held + self.loading;
        let more = (self.settings.window / 4).max(1);
        self.crowded = self.crowded.max(self.window() + more);
        if held >= self.crowded {
            self.evict(now);
            // Where there was nothing to move, looking again at once would not help.
            self.crowded = self.held + self.loading + more;
        } else if held < self.window() {
            self.crowded = 0;
        }
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
        self.loading_bytes -= loaded.slot.bytes;
        self.spilled -= loaded.slot.len() as u64;
        let host = self.hosts.at(loaded.host);
        host.on_disk -= loaded.slot.len() as u64;
        host.loading = false;
        for item in loaded.items {
            self.hold(loaded.host, item);
        }
    }

    /// Moves lines out that stand at the end of the line of a host, and says how many.
    fn move_out(&mut self, host: HostId, count: usize) -> usize {
        let mut places = Vec::with_capacity(count);
        let mut stay = Vec::new();
        while places.len() < count
            && let Some(item) = self.admission.take_last(&host)
        {
            if item.may_begin_again() {
                self.held_bytes -= item.bytes();
                places.push(place(&item));
            } else {
                stay.push(item);
            }
        }
        for item in stay.into_iter().rev() {
            self.admission.enqueue_first(host, item);
        }
        // Taken from the end, they are put back in the order of the list.
        places.reverse();
        // The last slot is filled up first: of many slow hosts only a line or two is moved out at a
        // time.
        let last = self.hosts.at(host).spilled.pop_back();
        let slots = self.write(host, last, &places);
        self.hosts.at(host).spilled.extend(slots);
        places.len()
    }

    /// Moves lines out that wait for their next attempt, those that wait longest first, and says how
    /// many.
    fn move_out_delayed(
        &mut self,
        most: usize,
        quotas: &mut HashMap<HostId, usize>,
        now: Moment,
    ) -> usize {
        let taken = self.delays.take_last(most, quotas);
        let moved = taken.len();
        let mut together: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for Delayed { at, host, item } in taken {
            self.held_bytes -= item.bytes();
            self.hosts.at(host).delayed -= 1;
            let those = together.entry((Delays::due(at, now), host)).or_default();
            those.push(place(&item));
        }
        for ((due, host), places) in together {
            let open = self.delays.take_open(due, host);
            for slot in self.write(host, open, &places) {
                self.delays.keep(due, host, slot);
            }
        }
        moved
    }

    /// Orders that lines of a host are written that have left the window: into `last` as far as it
    /// has room, then into other slots. Returns all of them.
    fn write(&mut self, host: HostId, last: Option<Slot>, places: &[Place]) -> Vec<Slot> {
        self.held -= places.len();
        self.spilled += places.len() as u64;
        let known = self.hosts.at(host);
        known.held -= places.len();
        known.on_disk += places.len() as u64;
        let (mut slots, mut rest) = (Vec::from_iter(last), places);
        while !rest.is_empty() {
            let open = slots.pop_if(|slot| usize::from(slot.end) < SLOT);
            let slot = open.unwrap_or_else(|| self.free_slot());
            let room = SLOT - usize::from(slot.end);
            let (now, later) = rest.split_at(rest.len().min(room));
            rest = later;
            let bytes: u64 = now.iter().map(|place| u64::from(place.length)).sum();
            slots.push(Slot {
                end: slot.end + now.len() as u16,
                bytes: slot.bytes + bytes,
                ..slot
            });
            let places = now.to_vec();
            self.orders.push(Order::Write { slot, places });
        }
        slots
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
            bytes: 0,
        }
    }

    /// Has lines of a host read back: as many as the window has room for, and one in any case if
    /// none of the host stands in line.
    pub(super) fn load(&mut self, id: HostId) {
        let (room, bytes) = (self.room().min(SLOT), self.room_bytes() as u64);
        let least = usize::from(self.admission.waiting_of(&id) == 0);
        let host = self.hosts.at(id);
        if host.loading || room.max(least) == 0 {
            return;
        }
        let Some(slot) = host.spilled.pop_front() else {
            return;
        };
        // Lines of one slot are taken to be of one length: records of a list mostly are.
        let length = (slot.bytes / slot.len().max(1) as u64).max(1);
        let count = room.min((bytes / length) as usize).max(least.max(1));
        let count = slot.len().min(count);
        let read = Slot {
            end: slot.first + count as u16,
            bytes: slot.bytes * count as u64 / slot.len().max(1) as u64,
            ..slot
        };
        let last = read.end == slot.end;
        if !last {
            host.spilled.push_front(Slot {
                first: read.end,
                bytes: slot.bytes - read.bytes,
                ..slot
            });
        }
        host.loading = true;
        self.loading += read.len();
        self.loading_bytes += read.bytes;
        self.orders.push(Order::Read {
            host: id,
            slot: read,
            last,
        });
    }

    /// Gives back what the window was stretched by, once it holds no more than its size.
    pub(super) fn relax(&mut self) {
        if self.stretched > 0 && self.held + self.loading < self.settings.window {
            self.stretched = 0;
        }
    }

    /// Hosts that are known: what a look at all of them costs.
    pub(crate) fn hosts_known(&self) -> usize {
        self.hosts.len()
    }

    /// Lines that the window has room for.
    fn room(&self) -> usize {
        let window = self.window();
        let room = self.room_bytes().div_ceil(URL_BYTES);
        room.min(window.saturating_sub(self.held + self.loading))
    }

    /// Lines that it may hold now.
    fn window(&self) -> usize {
        self.settings.window.saturating_add(self.stretched)
    }

    /// Bytes of lines that it has room for.
    fn room_bytes(&self) -> usize {
        let bytes = self.window().saturating_mul(URL_BYTES);
        let loading = usize::try_from(self.loading_bytes).unwrap_or(usize::MAX);
        bytes.saturating_sub(self.held_bytes.saturating_add(loading))
    }
}

/// What is written of a line.
fn place(item: &Item) -> Place {
    Place {
        index: item.index,
        offset: item.offset,
        length: item.length,
        // An attempt that is under way begins again.
        attempts: item.attempts - u32::from(item.is_moving()),
        begun: item.begun() + u8::from(item.hops() > 0),
    }
}
