//! The hosts of a pool, found by their keys without an allocation.
//!
//! A host that has neither connections nor waiters is forgotten, so a crawl over a million hosts
//! costs no more memory than its limits. It never decides who gets a connection.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::list::List;

#[derive(Debug)]
pub(super) struct Host<W> {
    pub(super) key: Arc<str>,
    /// Connections in any phase.
    pub(super) count: usize,
    pub(super) idle: List,
    /// In the order of their places in the queue.
    pub(super) waiters: BTreeMap<u64, W>,
    /// The place under which the host stands among those that can be served.
    pub(super) listed: Option<u64>,
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

    /// The index of a host, which is made if it is new.
    pub(super) fn index(&mut self, key: &str) -> u32 {
        if let Some(&host) = self.by_key.get(key) {
            return host;
        }
        let key: Arc<str> = key.into();
        let host = self.free.pop().unwrap_or_else(|| {
            self.entries.push(None);
            (self.entries.len() - 1) as u32
        });
        self.by_key.insert(key.clone(), host);
        self.entries[host as usize] = Some(Host {
            key,
            count: 0,
            idle: List::EMPTY,
            waiters: BTreeMap::new(),
            listed: None,
        });
        host
    }

    pub(super) fn get(&mut self, host: u32) -> Option<&mut Host<W>> {
        self.entries.get_mut(host as usize)?.as_mut()
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
