//! The hosts of a pool, found by their keys without an allocation.
//!
//! A host that has neither connections nor waiters is forgotten, so a crawl over a million hosts
//! costs no more memory than its limits. It never decides who gets a connection.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::Sharing;
use super::slots::Usable;

#[derive(Debug)]
pub(super) struct Host<W> {
    pub(super) key: Arc<str>,
    /// Connections in any phase.
    pub(super) count: usize,
    /// Its open connections that can be used.
    pub(super) usable: Usable,
    /// In the order of their places in the queue.
    pub(super) waiters: BTreeMap<u64, W>,
    /// The places of the waiters for whom no dial is under way.
    pub(super) undialed: BTreeSet<u64>,
    /// Dials that are under way, and new connections whose peer has not said how much they carry.
    pub(super) pending: usize,
    /// Dials whose waiter was served otherwise or has left.
    pub(super) orphans: usize,
    /// Whether one more connection may serve all who wait, so that one at a time is dialed.
    is_shared: Option<bool>,
    /// Where the host stands among those that can be helped.
    pub(super) listed: Option<Listing>,
    /// Whether it counts among those with a dial that is of no use to them.
    pub(super) is_surplus: bool,
}

/// The place in the queue under which a host is listed, and by what its waiter can be helped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listing {
    /// By a connection with room.
    Ready(u64),
    /// By a dial.
    InNeed(Need),
}

/// What the waiters of a host need who can be helped by a dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Need {
    /// The place of the first of them.
    pub(super) place: u64,
    /// How many dials.
    pub(super) dials: usize,
    /// Whether none of its connections is shared, of which a request will sooner or later be over.
    pub(super) is_urgent: bool,
}

impl<W> Host<W> {
    fn new(key: Arc<str>) -> Self {
        Self {
            key,
            count: 0,
            usable: Usable::NONE,
            waiters: BTreeMap::new(),
            undialed: BTreeSet::new(),
            pending: 0,
            orphans: 0,
            is_shared: None,
            listed: None,
            is_surplus: false,
        }
    }

    /// What is expected as long as no connection has told.
    pub(super) fn expect(&mut self, sharing: Sharing) {
        self.is_shared
            .get_or_insert(matches!(sharing, Sharing::Expected));
    }

    /// What a connection, or a dial that failed, told.
    pub(super) fn set_shared(&mut self, is_shared: bool) {
        self.is_shared = Some(is_shared);
    }

    /// What its waiters need, of whom the host may have `free` more connections.
    pub(super) fn need(&self, free: usize) -> Option<Need> {
        let useful = match self.is_shared {
            Some(true) => usize::from(self.pending == 0),
            _ => self.undialed.len().saturating_sub(self.orphans),
        };
        let place = *self.undialed.first()?;
        let need = Need {
            place,
            dials: useful.min(free),
            is_urgent: self.usable.shared == 0,
        };
        (need.dials > 0).then_some(need)
    }

    /// Whether one of its orphaned dials is of no use to those who wait.
    pub(super) fn has_surplus(&self) -> bool {
        match self.is_shared {
            Some(true) => self.orphans > 0 && self.waiters.is_empty(),
            _ => self.orphans > self.undialed.len(),
        }
    }

    /// Whether a dial that was begun for `place` is of use to that waiter only.
    pub(super) fn is_orphan(&self, place: u64) -> bool {
        !self.waiters.contains_key(&place) || self.undialed.contains(&place)
    }

    /// The dial for `place` is over.
    pub(super) fn end_dial(&mut self, place: u64) {
        if self.is_orphan(place) {
            self.orphans -= 1;
        } else {
            self.undialed.insert(place);
        }
    }

    /// Takes a waiter out of the queue. A dial that was begun for it goes on for the others.
    pub(super) fn remove_waiter(&mut self, place: u64) -> Option<W> {
        let waiter = self.waiters.remove(&place)?;
        if !self.undialed.remove(&place) {
            self.orphans += 1;
        }
        Some(waiter)
    }
}

#[derive(Debug)]
pub(super) struct Hosts<W> {
    entries: Vec<Option<Host<W>>>,
    free: Vec<u32>,
    by_key: HashMap<Arc<str>, u32>,
}

impl<W> Hosts<W> {
    pub(super) fn new() -> Self {
        Self {
            entries: Vec::new(),
            free: Vec::new(),
            by_key: HashMap::new(),
        }
    }

    /// One more than the highest index.
    pub(super) fn len(&self) -> u32 {
        self.entries.len() as u32
    }

    /// The index of a host that has connections or waiters.
    pub(super) fn find(&self, key: &str) -> Option<u32> {
        self.by_key.get(key).copied()
    }

    /// The index of a host, which is made if it is new.
    pub(super) fn index(&mut self, key: &str) -> u32 {
        if let Some(host) = self.find(key) {
            return host;
        }
        let key: Arc<str> = key.into();
        let host = self.free.pop().unwrap_or_else(|| {
            self.entries.push(None);
            (self.entries.len() - 1) as u32
        });
        self.by_key.insert(key.clone(), host);
        self.entries[host as usize] = Some(Host::new(key));
        host
    }

    pub(super) fn get(&mut self, host: u32) -> Option<&mut Host<W>> {
        self.entries.get_mut(host as usize)?.as_mut()
    }

    pub(super) fn peek(&self, host: u32) -> Option<&Host<W>> {
        self.entries.get(host as usize)?.as_ref()
    }

    /// A host that has connections or waiters.
    pub(super) fn entry(&mut self, host: u32) -> &mut Host<W> {
        self.get(host)
            .unwrap_or_else(|| unreachable!("a host in use is never forgotten"))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Option<&Host<W>>> {
        self.entries.iter().map(Option::as_ref)
    }

    pub(super) fn key(&self, host: u32) -> Option<&Arc<str>> {
        Some(&self.entries.get(host as usize)?.as_ref()?.key)
    }

    /// A host without connections and waiters costs no memory.
    pub(super) fn forget_unused(&mut self, host: u32) {
        let Some(entry) = self.entries.get_mut(host as usize) else {
            return;
        };
        if let Some(unused) = entry.take_if(|host| host.count == 0 && host.waiters.is_empty()) {
            self.by_key.remove(&unused.key);
            self.free.push(host);
        }
    }
}
