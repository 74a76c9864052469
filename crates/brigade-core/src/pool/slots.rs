//! The slab of connections, each in a phase, with the orders of those that can be used.
//!
//! It keeps the counts true: a connection changes in one place only, [`Slots::change`], and what
//! follows from the change for counts and lists is derived there. It never decides who gets a
//! connection.

use super::Stats;
use super::list::{Link, List};
use crate::time::Moment;

/// The slot of one connection, valid until the connection is reported closed.
///
/// A slot that is used after that is recognised and ignored, even when its place has been taken
/// by another connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot {
    pub(super) index: u32,
    generation: u32,
}

/// The phase of a connection's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It is being opened.
    Dialing,
    /// A request is on it, or it is reserved for one.
    Active,
    /// It is open and nobody uses it.
    Idle,
    /// It will not be used again; its socket is not gone yet.
    Closing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Free,
    Dialing,
    Open,
    /// Its socket goes as soon as possible.
    Closing,
    /// Requests are still on it, and it goes after them.
    Draining,
}

#[derive(Debug)]
pub(super) struct Entry<C, W> {
    generation: u32,
    pub(super) host: u32,
    pub(super) stage: Stage,
    pub(super) connection: Option<C>,
    /// The waiter that it is dialed for, and its place; gone when the dial is over.
    pub(super) dial: Option<(u64, W)>,
    /// Whether it counts among its host's pending ones.
    pub(super) is_pending: bool,
    /// Requests on it.
    pub(super) leases: u32,
    /// The most requests on it.
    pub(super) room: u32,
    /// What the peer has said of its room before the dial was over.
    pub(super) told: Option<u32>,
    /// Whether requests share it.
    pub(super) is_shared: bool,
    /// When it is too old.
    pub(super) until: Moment,
    /// When it will have been idle for too long.
    pub(super) expires: Moment,
    in_host: Link,
    in_all: Link,
}

impl<C, W> Entry<C, W> {
    fn new(host: u32) -> Self {
        Self {
            generation: 0,
            host,
            stage: Stage::Free,
            connection: None,
            dial: None,
            is_pending: false,
            leases: 0,
            room: 0,
            told: None,
            is_shared: false,
            until: Moment::MAX,
            expires: Moment::MAX,
            in_host: Link::UNLINKED,
            in_all: Link::UNLINKED,
        }
    }

    pub(super) fn phase(&self) -> Option<Phase> {
        match self.stage {
            Stage::Free => None,
            Stage::Dialing => Some(Phase::Dialing),
            Stage::Open if self.leases == 0 => Some(Phase::Idle),
            Stage::Open => Some(Phase::Active),
            Stage::Closing | Stage::Draining => Some(Phase::Closing),
        }
    }

    fn is_shared_active(&self) -> bool {
        self.is_shared && self.phase() == Some(Phase::Active)
    }

    /// Whether it counts as draining, as shared with requests on it, and as shared at all.
    fn counted(&self) -> [usize; 3] {
        let is_shared = self.is_shared && self.stage == Stage::Open;
        [
            self.stage == Stage::Draining,
            is_shared && self.leases > 0,
            is_shared,
        ]
        .map(usize::from)
    }

    fn is_ready(&self) -> bool {
        self.stage == Stage::Open && self.leases < self.room
    }

    /// Whether it must not be given another request.
    pub(super) fn is_over(&self, now: Moment) -> bool {
        self.until <= now || self.leases == 0 && self.expires <= now
    }
}

/// The open connections of one host that can be used.
#[derive(Debug)]
pub(super) struct Usable {
    /// Those with room for another request.
    pub(super) ready: List,
    /// How many requests share, with room or without.
    pub(super) shared: usize,
}

impl Usable {
    pub(super) const NONE: Self = Self {
        ready: List::EMPTY,
        shared: 0,
    };
}

/// All connections of a pool.
#[derive(Debug)]
pub(super) struct Slots<C, W> {
    entries: Vec<Entry<C, W>>,
    free: Vec<u32>,
    /// Idle connections of all hosts, least recently used first.
    idle: List,
    counts: Stats,
    draining: usize,
    shared_active: usize,
}

impl<C, W> Slots<C, W> {
    pub(super) const fn new() -> Self {
        Self {
            entries: Vec::new(),
            free: Vec::new(),
            idle: List::EMPTY,
            counts: Stats::NONE,
            draining: 0,
            shared_active: 0,
        }
    }

    /// The numbers of all hosts together; `waiting` is zero.
    pub(super) const fn counts(&self) -> Stats {
        self.counts
    }

    /// Connections whose slot will be free as soon as their socket is gone.
    pub(super) const fn leaving(&self) -> usize {
        self.counts.closing - self.draining
    }

    /// Connections that go after the requests that are on them.
    pub(super) const fn draining(&self) -> usize {
        self.draining
    }

    /// Connections that will be idle, or go, when the one request is over that they are for.
    pub(super) const fn exclusive(&self) -> usize {
        self.counts.dialing + self.counts.active - self.shared_active
    }

    /// The shared connection with the fewest requests on it.
    pub(super) fn least_shared(&self) -> Option<u32> {
        if self.shared_active == 0 {
            return None;
        }
        let shared = self.iter().filter(|(_, entry)| entry.is_shared_active());
        let least = shared.min_by_key(|(_, entry)| entry.leases);
        least.map(|(index, _)| index)
    }

    /// A new connection that is being dialed.
    pub(super) fn open(&mut self, host: u32) -> Slot {
        let index = self.free.pop().unwrap_or_else(|| {
            self.entries.push(Entry::new(host));
            (self.entries.len() - 1) as u32
        });
        let entry = &mut self.entries[index as usize];
        let generation = entry.generation;
        *entry = Entry::new(host);
        entry.generation = generation;
        entry.stage = Stage::Dialing;
        self.counts.dialing += 1;
        Slot { index, generation }
    }

    /// The entry of a slot, if the slot is still valid.
    pub(super) fn get(&self, slot: Slot) -> Option<&Entry<C, W>> {
        self.entries
            .get(slot.index as usize)
            .filter(|entry| entry.generation == slot.generation && entry.stage != Stage::Free)
    }

    pub(super) fn slot(&self, index: u32) -> Slot {
        Slot {
            index,
            generation: self.entries[index as usize].generation,
        }
    }

    pub(super) fn entry(&self, index: u32) -> &Entry<C, W> {
        &self.entries[index as usize]
    }

    /// The connections that are still counted.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Entry<C, W>)> {
        let entries = self.entries.iter().enumerate();
        entries
            .filter(|(_, entry)| entry.stage != Stage::Free)
            .map(|(index, entry)| (index as u32, entry))
    }

    /// The least recently used idle connection of all hosts.
    pub(super) fn oldest_idle(&self) -> Option<u32> {
        self.idle.first()
    }

    /// Changes a connection; `usable` are those of its host.
    pub(super) fn change<R>(
        &mut self,
        index: u32,
        usable: &mut Usable,
        change: impl FnOnce(&mut Entry<C, W>) -> R,
    ) -> R {
        let entry = &mut self.entries[index as usize];
        let (phase, was_ready) = (entry.phase(), entry.is_ready());
        let was = entry.counted();
        let result = change(entry);
        let (now, is_ready) = (entry.phase(), entry.is_ready());
        let is = entry.counted();
        self.draining = self.draining + is[0] - was[0];
        self.shared_active = self.shared_active + is[1] - was[1];
        usable.shared = usable.shared + is[2] - was[2];
        if phase != now {
            self.recount(index, phase, now);
        }
        match (was_ready, is_ready) {
            (true, false) => {
                let ready = &mut usable.ready;
                ready.unlink(&mut self.entries, index, |entry| &mut entry.in_host);
            }
            (false, true) => {
                let ready = &mut usable.ready;
                ready.push(&mut self.entries, index, |entry| &mut entry.in_host);
            }
            _ => {}
        }
        result
    }

    /// Forgets a connection and makes its slot invalid.
    pub(super) fn remove(&mut self, index: u32, usable: &mut Usable) {
        self.change(index, usable, |entry| {
            entry.stage = Stage::Free;
            entry.generation = entry.generation.wrapping_add(1);
            entry.connection = None;
            entry.dial = None;
        });
        self.free.push(index);
    }

    fn recount(&mut self, index: u32, from: Option<Phase>, to: Option<Phase>) {
        if let Some(from) = from {
            *self.counts.of(from) -= 1;
        }
        if let Some(to) = to {
            *self.counts.of(to) += 1;
        }
        if from == Some(Phase::Idle) {
            self.idle
                .unlink(&mut self.entries, index, |entry| &mut entry.in_all);
        }
        if to == Some(Phase::Idle) {
            self.idle
                .push(&mut self.entries, index, |entry| &mut entry.in_all);
        }
    }
}
