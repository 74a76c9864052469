//! The slab of connections, each in a phase, with the orders of the idle ones.
//!
//! It keeps the counts true: a connection changes its phase in one place only. It never decides
//! who gets a connection.

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

#[derive(Debug)]
pub(super) struct Entry<C> {
    generation: u32,
    pub(super) host: u32,
    phase: Option<Phase>,
    pub(super) connection: Option<C>,
    pub(super) expires: Moment,
    in_host: Link,
    in_all: Link,
}

/// All connections of a pool.
#[derive(Debug)]
pub(super) struct Slots<C> {
    entries: Vec<Entry<C>>,
    free: Vec<u32>,
    /// Idle connections of all hosts, least recently used first.
    idle: List,
    counts: Stats,
}

impl<C> Slots<C> {
    pub(super) const fn new() -> Self {
        Self {
            entries: Vec::new(),
            free: Vec::new(),
            idle: List::EMPTY,
            counts: Stats {
                dialing: 0,
                active: 0,
                idle: 0,
                closing: 0,
                waiting: 0,
            },
        }
    }

    /// The numbers of all hosts together; `waiting` is zero.
    pub(super) const fn counts(&self) -> Stats {
        self.counts
    }

    /// A new connection that is being dialed.
    pub(super) fn open(&mut self, host: u32) -> Slot {
        let index = self.free.pop().unwrap_or_else(|| {
            self.entries.push(Entry {
                generation: 0,
                host,
                phase: None,
                connection: None,
                expires: Moment::MAX,
                in_host: Link::UNLINKED,
                in_all: Link::UNLINKED,
            });
            (self.entries.len() - 1) as u32
        });
        let entry = &mut self.entries[index as usize];
        entry.host = host;
        entry.phase = Some(Phase::Dialing);
        self.counts.dialing += 1;
        Slot {
            index,
            generation: entry.generation,
        }
    }

    /// The entry of a slot, if the slot is still valid.
    pub(super) fn get(&mut self, slot: Slot) -> Option<&mut Entry<C>> {
        self.entries
            .get_mut(slot.index as usize)
            .filter(|entry| entry.generation == slot.generation && entry.phase.is_some())
    }

    pub(super) fn phase(&self, slot: Slot) -> Option<Phase> {
        let entry = self.entries.get(slot.index as usize)?;
        entry.phase.filter(|_| entry.generation == slot.generation)
    }

    pub(super) fn slot(&self, index: u32) -> Slot {
        Slot {
            index,
            generation: self.entries[index as usize].generation,
        }
    }

    pub(super) fn entry(&mut self, index: u32) -> &mut Entry<C> {
        &mut self.entries[index as usize]
    }

    /// The connections that are still counted, with their phases.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, Phase, Option<&C>)> {
        self.entries
            .iter()
            .filter_map(|entry| Some((entry.host, entry.phase?, entry.connection.as_ref())))
    }

    /// The least recently used idle connection of all hosts.
    pub(super) fn oldest_idle(&self) -> Option<u32> {
        self.idle.first()
    }

    /// Moves a connection to another phase; `host_idle` is the idle list of its host.
    pub(super) fn shift(&mut self, index: u32, to: Phase, host_idle: &mut List) {
        let from = self.entries[index as usize].phase.replace(to);
        self.uncount(index, from, host_idle);
        *count(&mut self.counts, to) += 1;
        if to == Phase::Idle {
            self.idle
                .push(&mut self.entries, index, |entry| &mut entry.in_all);
            host_idle.push(&mut self.entries, index, |entry| &mut entry.in_host);
        }
    }

    /// Forgets a connection and makes its slot invalid.
    pub(super) fn remove(&mut self, index: u32, host_idle: &mut List) {
        let from = self.entries[index as usize].phase.take();
        self.uncount(index, from, host_idle);
        let entry = &mut self.entries[index as usize];
        entry.generation = entry.generation.wrapping_add(1);
        entry.connection = None;
        self.free.push(index);
    }

    fn uncount(&mut self, index: u32, from: Option<Phase>, host_idle: &mut List) {
        let Some(from) = from else { return };
        *count(&mut self.counts, from) -= 1;
        if from == Phase::Idle {
            self.idle
                .unlink(&mut self.entries, index, |entry| &mut entry.in_all);
            host_idle.unlink(&mut self.entries, index, |entry| &mut entry.in_host);
        }
    }
}

fn count(stats: &mut Stats, phase: Phase) -> &mut usize {
    match phase {
        Phase::Dialing => &mut stats.dialing,
        Phase::Active => &mut stats.active,
        Phase::Idle => &mut stats.idle,
        Phase::Closing => &mut stats.closing,
    }
}
