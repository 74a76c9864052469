//! What is known of each host while anything of it waits, runs, is spilled or is remembered.
//!
//! A host of which nothing is left is forgotten, so memory does not grow with the number of hosts
//! that a list names.

use std::collections::{HashMap, VecDeque};

use brigade_core::backoff::HostBackoff;
use url::{Position, Url};

use super::measure::Measure;
use super::patience::Asked;
use super::spill::Slot;

/// A host as a small number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct HostId(u32);

/// What limits and pauses count as one host: the name, with the port unless it is the scheme's.
pub(crate) fn host_name(url: &Url) -> &str {
    &url[Position::BeforeHost..Position::AfterPort]
}

#[derive(Debug, Default)]
pub(super) struct Host {
    pub(super) name: Box<str>,
    /// Lines in memory: in line, or waiting for their next attempt.
    pub(super) held: usize,
    /// Of these, how many wait for their next attempt.
    pub(super) delayed: usize,
    /// Lines in flight.
    pub(super) active: usize,
    /// Lines on disk, those left out that wait for their next attempt there.
    pub(super) spilled: VecDeque<Slot>,
    /// All lines on disk, those being read back included.
    pub(super) on_disk: u64,
    /// Whether some of them are being read back.
    pub(super) loading: bool,
    /// Set once the host has asked for patience, until it is forgiven.
    pub(super) backoff: Option<HostBackoff>,
    /// What it asked for, if that is more than it is given: while it is paused it is given up.
    pub(super) asked: Option<Asked>,
    /// Whether it is among those whose lines are handed back.
    pub(super) abandoned: bool,
    /// How its exchanges went.
    pub(super) measure: Measure,
}

impl Host {
    /// Lines in memory that stand in line.
    pub(super) fn standing(&self) -> usize {
        self.held - self.delayed
    }

    /// Lines that wait, in memory and on disk.
    pub(super) fn waiting(&self) -> u64 {
        self.held as u64 + self.on_disk
    }

    /// Whether a line of it waits, runs or is on disk nowhere, and nothing is held against it.
    pub(super) fn is_idle(&self) -> bool {
        let rest = self.waiting() + self.active as u64;
        rest == 0 && !self.loading && self.backoff.is_none() && !self.name.is_empty()
    }
}

/// All hosts that are known now.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    numbers: HashMap<Box<str>, HostId>,
    hosts: Vec<Host>,
    free: Vec<HostId>,
}

impl Hosts {
    pub(super) fn number(&mut self, name: &str) -> HostId {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = self.free.pop().unwrap_or_else(|| {
            self.hosts.push(Host::default());
            HostId((self.hosts.len() - 1) as u32)
        });
        self.numbers.insert(name.into(), number);
        self.at(number).name = name.into();
        number
    }

    pub(super) fn at(&mut self, id: HostId) -> &mut Host {
        &mut self.hosts[id.0 as usize]
    }

    pub(super) fn get(&self, id: HostId) -> &Host {
        &self.hosts[id.0 as usize]
    }

    pub(super) fn each(&mut self, change: impl FnMut(&mut Host)) {
        self.hosts.iter_mut().for_each(change);
    }

    /// Forgets a host of which nothing is left.
    pub(super) fn forget_idle(&mut self, id: HostId) {
        let host = &mut self.hosts[id.0 as usize];
        if host.is_idle() {
            self.numbers.remove(&host.name);
            *host = Host::default();
            self.free.push(id);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (HostId, &Host)> {
        let known = self.hosts.iter().enumerate();
        known.map(|(number, host)| (HostId(number as u32), host))
    }

    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }
}
