//! The schedule itself: what waits, what runs, what is delayed and what is on disk.
//!
//! It never waits and never does I/O. What moves in and out of memory is in `window.rs`.

use std::time::Duration;

use brigade_core::admission::{self, Admission, Candidate, Limits};
use brigade_core::backoff::{HostBackoff, HostRule};
use brigade_core::time::Moment;

use super::delays::{Delayed, Delays};
use super::host::{Host, HostId, Hosts, host_name};
use super::measure::Measure;
use super::patience::GivenUp;
use super::spill::Order;
use super::window::LOW;
use crate::input::Item;

/// Lines that there is room for from the start. Growing step by step would leave holes in memory.
const RESERVED_MAX: usize = 16 * 1024;

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
    /// Let this fail: its host has asked for more patience than there is.
    GiveUp(Item, GivenUp),
    /// Nothing before this moment, unless something ends or is read.
    At(Moment),
    /// Nothing until something ends or is read.
    Wait,
    /// Nothing is left, and nothing will come.
    Finished,
}

/// Which line is fetched next.
#[derive(Debug)]
pub(crate) struct Schedule {
    pub(super) settings: Settings,
    pub(super) admission: Admission<HostId, Item>,
    pub(super) hosts: Hosts,
    pub(super) delays: Delays,
    /// Lines in memory, those in flight left out.
    pub(super) held: usize,
    /// Bytes of their URLs.
    pub(super) held_bytes: usize,
    /// Lines that the window may hold beyond its size.
    pub(super) stretched: usize,
    /// Lines in memory at which some are moved out although nobody waits for room; 0 at first.
    pub(super) crowded: usize,
    /// Lines that are being read back from disk, and their bytes, about.
    pub(super) loading: usize,
    pub(super) loading_bytes: u64,
    pub(super) active: usize,
    /// Lines on disk, those being read back included.
    pub(super) spilled: u64,
    pub(super) slots_free: Vec<u32>,
    pub(super) slots: u32,
    pub(super) orders: Vec<Order>,
    /// Hosts that are given up and of which lines stand in line.
    pub(super) abandoned: Vec<HostId>,
    pub(super) complete: bool,
    /// How the exchanges with all hosts went.
    pub(super) measure: Measure,
    /// When all hosts were looked at last.
    pub(super) looked: Moment,
}

impl Schedule {
    pub(crate) fn new(settings: Settings) -> Self {
        let mut admission = Admission::new(settings.limits);
        admission.reserve(settings.window.min(RESERVED_MAX));
        Self {
            admission,
            settings,
            hosts: Hosts::default(),
            delays: Delays::default(),
            held: 0,
            held_bytes: 0,
            stretched: 0,
            crowded: 0,
            loading: 0,
            loading_bytes: 0,
            active: 0,
            spilled: 0,
            slots_free: Vec::new(),
            slots: 0,
            orders: Vec::new(),
            abandoned: Vec::new(),
            complete: false,
            measure: Measure::default(),
            looked: Moment::ZERO,
        }
    }

    /// Adds a line to those that wait for the host that it asks for next.
    pub(crate) fn add(&mut self, item: Item) {
        let host = self.hosts.number(host_name(item.target()));
        self.hold(host, item);
    }

    /// Says that the list has no more lines.
    pub(crate) fn complete(&mut self) {
        self.complete = true;
    }

    /// What is to be done at `now`.
    pub(crate) fn next(&mut self, now: Moment) -> Next {
        self.rouse(now);
        let admitted = self.admit(now);
        // Only where nothing may start: the lines of a host that is given up take nobody's turn.
        if !matches!(admitted, admission::Next::Granted { .. })
            && let Some((item, given_up)) = self.take_abandoned(now)
        {
            return Next::GiveUp(item, given_up);
        }
        let delayed = self.delays.first_at();
        match admitted {
            admission::Next::Granted { key, item, .. } => {
                self.held -= 1;
                self.held_bytes -= item.bytes();
                self.active += 1;
                let host = self.hosts.at(key);
                host.held -= 1;
                if host.active == 0 {
                    host.measure.stir(now);
                }
                host.active += 1;
                if host.standing() < LOW {
                    self.load(key);
                }
                self.relax();
                Next::Start(key, item)
            }
            admission::Next::At(at) => Next::At(delayed.map_or(at, |delayed| delayed.min(at))),
            _ if delayed.is_some() => Next::At(delayed.unwrap_or(now)),
            _ if self.is_finished() => Next::Finished,
            _ => Next::Wait,
        }
    }

    /// Has those stand in line whose delay is over.
    fn rouse(&mut self, now: Moment) {
        while let Some(due) = self.delays.pop_due(now) {
            self.hosts.at(due.host).delayed -= 1;
            self.stand(due.host, due.item);
        }
        while let Some((host, slot)) = self.delays.pop_due_slot(now) {
            // Before those that were never asked for: what has begun is to end.
            self.hosts.at(host).spilled.push_front(slot);
            if self.admission.waiting_of(&host) == 0 {
                self.load(host);
            }
        }
    }

    /// The next line that may go. One that comes back from disk in the turn of the host that its
    /// redirects had led to is sent to its own host first.
    fn admit(&mut self, now: Moment) -> admission::Next<HostId, Item> {
        loop {
            match self.admission.poll(now) {
                admission::Next::Granted { key, item, .. } if self.is_astray(key, &item) => {
                    let bytes = item.bytes();
                    (self.held, self.held_bytes) = (self.held - 1, self.held_bytes - bytes);
                    self.hosts.at(key).held -= 1;
                    self.add(item);
                    if self.hosts.at(key).standing() < LOW {
                        self.load(key);
                    }
                    self.admission.release(&key, now);
                    self.forget_idle(key);
                }
                next => return next,
            }
        }
    }

    fn is_astray(&mut self, host: HostId, item: &Item) -> bool {
        // Only what has begun its journey again can be.
        item.hops() == 0 && item.begun() > 0 && self.hosts.number(host_name(&item.url)) != host
    }

    /// Takes note of how long an exchange took that ends now, and of what it brought.
    pub(crate) fn measure(&mut self, host: HostId, took: Duration, bytes: u64, now: Moment) {
        self.hosts.at(host).measure.end(took, bytes, now);
        self.measure.end(took, bytes, now);
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
        let known = self.hosts.at(host);
        (known.held, known.delayed) = (known.held + 1, known.delayed + 1);
        self.delays.push(Delayed { at, host, item });
        self.finish(host, now);
        self.ease(now);
    }

    /// Ends a fetch that was not begun: the line stands before the others of its host again.
    pub(crate) fn put_back(&mut self, host: HostId, item: Item, now: Moment) {
        self.held += 1;
        self.held_bytes += item.bytes();
        self.hosts.at(host).held += 1;
        self.admission.enqueue_first(host, item);
        self.abandon(host);
        self.finish(host, now);
    }

    /// Whether a host is left alone at `now`.
    pub(crate) fn is_paused(&self, host: HostId, now: Moment) -> bool {
        let backoff = self.hosts.get(host).backoff;
        backoff.is_some_and(|known| known.paused_until(now).is_some())
    }

    /// Ends a fetch that was redirected: the line waits for its turn at the host that it is to be
    /// asked for next.
    pub(crate) fn follow(&mut self, host: HostId, item: Item, now: Moment) {
        self.add(item);
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
        let is_paused = self.is_paused(id, now);
        let known = self.hosts.at(id);
        known.asked = known.asked.filter(|_| is_paused);
        let backoff = known.backoff.get_or_insert_with(|| HostBackoff::new(rule));
        let until = backoff.refused(sent, now, random, retry_after);
        let strikes = backoff.strikes(now);
        self.admission.pause_until(&id, until);
        (until, strikes)
    }

    /// Takes over that an earlier run sent nothing after `moment`, which may lie ahead: rates are
    /// kept over both.
    pub(crate) fn empty_since(&mut self, moment: Moment) {
        self.admission.empty_since(moment);
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
                host.asked = None;
                forgiven.push(host.name.to_string());
            }
            self.forget_idle(id);
        }
        forgiven
    }

    /// When the next line can start, as far as that is known: `now` or later.
    pub(crate) fn next_at(&mut self, now: Moment) -> Option<Moment> {
        if !self.abandoned.is_empty() {
            return Some(now);
        }
        let delayed = self.delays.first_at().map(|first| first.max(now));
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

    pub(super) fn hold(&mut self, host: HostId, item: Item) {
        self.held += 1;
        self.held_bytes += item.bytes();
        self.hosts.at(host).held += 1;
        self.stand(host, item);
    }

    /// What has been redirected goes first: the address that it was given may not last, and the
    /// others of its host must not fill the window with what is half done.
    fn stand(&mut self, host: HostId, item: Item) {
        if item.hops() > 0 {
            self.admission.enqueue_first(host, item);
        } else {
            self.admission.enqueue(host, item);
        }
        self.abandon(host);
    }

    /// Forgets a host of which nothing is left here, nor with the admission: its rate must hold
    /// also if its next line comes a little later.
    fn forget_idle(&mut self, id: HostId) {
        if !self.admission.remembers(&id) {
            self.hosts.forget_idle(id);
        }
    }

    /// Whether nothing is left, and nothing will come.
    pub(crate) fn is_finished(&self) -> bool {
        self.complete && self.held == 0 && self.active == 0 && self.spilled == 0
    }

    /// Whether nothing is left of what was read, but more may come.
    pub(crate) fn is_out_of_lines(&self) -> bool {
        !self.complete && self.held == 0 && self.active == 0 && self.spilled == 0
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
