//! A look at all hosts, once a second: which of them decide when everything ends, and which are
//! worth showing.
//!
//! A host has a *remaining time* of its own: what waits of it, at its average time of an exchange
//! and as many at once as it may have, or at its rate, and its pause before. Everything together
//! has one too: all that waits, at as many at once as the job may have, or the longest of a single
//! host. A host whose own time is nearly the longest is *critical*: each turn that it misses makes
//! the job longer. So it is preferred.
//!
//! Critical hosts leave the others most of the turns. Where a host is critical for what it has to
//! do, its work is at least nine tenths of its share (what it may have at once, of what the job
//! may have) of all work; so together the critical hosts cannot take more than their part of the
//! work by more than a ninth. Where that does not hold (many pauses that end at once), the
//! admission gives the others a turn in eight all the same.
//!
//! It takes time in proportion to the number of hosts, and nothing else here does.

use std::time::Duration;

use brigade_core::time::Moment;

use super::host::{Host, HostId};
use super::state::Schedule;
use crate::progress::{HostProgress, HostsProgress};

/// The part of the longest remaining time from which on a host is critical.
const NEARLY: f64 = 0.9;

/// Hosts that are shown of each sort.
const SHOWN: usize = 3;

/// A remaining time that is not worth naming, in seconds: a thousand years.
const FOREVER: f64 = 86_400.0 * 365_000.0;

/// What remaining times depend on, beside the host.
struct Facts {
    now: Moment,
    /// At once in all, and for one host.
    concurrency: f64,
    key_concurrency: f64,
    /// The least time between two requests, in seconds.
    interval: f64,
    key_interval: f64,
    /// The average time of an exchange, for hosts of which nothing is known.
    latency: f64,
}

impl Facts {
    fn latency_of(&self, host: &Host) -> f64 {
        let known = host.measure.latency(host.active > 0, self.now);
        known.unwrap_or(self.latency)
    }

    /// The remaining time of a host, in seconds; zero if nothing of it waits.
    fn left(&self, host: &Host) -> f64 {
        let waiting = host.waiting() as f64;
        if waiting == 0.0 {
            return 0.0;
        }
        let exchanges = (waiting / self.key_concurrency).ceil() * self.latency_of(host);
        let pause = paused(host, self.now).map_or(0.0, |pause| pause.as_secs_f64());
        pause + exchanges.max(waiting * self.key_interval)
    }
}

impl Schedule {
    /// Looks at all hosts: prefers those that are critical, and returns those to show.
    pub(crate) fn look(&mut self, now: Moment) -> HostsProgress {
        let seconds = match std::mem::replace(&mut self.looked, now) {
            Moment::ZERO => 0.0,
            before => now.since(before).as_secs_f64(),
        };
        self.hosts.each(|host| host.measure.count(seconds));
        let facts = self.facts(now);
        let (mut work, mut lines) = (0.0, 0.0);
        let (mut busiest, mut slowest, mut last) = (Top::new(SHOWN), Top::new(SHOWN), Top::new(1));
        for (id, host) in self.hosts.iter() {
            let waiting = host.waiting() as f64;
            work += waiting * facts.latency_of(host);
            lines += waiting;
            last.offer(facts.left(host), id);
            busiest.offer(host.measure.pace(), id);
            let latency = host.measure.latency_shown(host.active > 0, now);
            slowest.offer(latency.unwrap_or(0.0), id);
        }
        let all = (work / facts.concurrency).max(lines * facts.interval);
        self.prefer(&facts, last.most().max(all) * NEARLY);
        let shown = |top: Top| -> Vec<_> {
            let ids = top.0.into_iter().map(|(_, id)| id);
            ids.map(|id| self.shown(&facts, id)).collect()
        };
        HostsProgress {
            busiest: shown(busiest),
            slowest: shown(slowest),
            last: shown(last).pop(),
        }
    }

    fn facts(&self, now: Moment) -> Facts {
        let limits = &self.settings.limits;
        let concurrency = limits.concurrency.unwrap_or(usize::MAX) as f64;
        let own = limits.key_concurrency.unwrap_or(usize::MAX) as f64;
        let interval = |rate: Option<brigade_core::gcra::Rate>| {
            rate.map_or(0.0, |rate| {
                rate.per().as_secs_f64() / f64::from(rate.permits())
            })
        };
        Facts {
            now,
            concurrency,
            key_concurrency: own.min(concurrency),
            interval: interval(limits.rate),
            key_interval: interval(limits.key_rate),
            latency: self.measure.latency(false, now).unwrap_or(0.0),
        }
    }

    /// Prefers the hosts whose remaining time is at least so many seconds.
    fn prefer(&mut self, facts: &Facts, least: f64) {
        let is_critical = |host: &Host| least > 0.0 && facts.left(host) >= least;
        let critical = self.hosts.iter().filter(|(_, host)| is_critical(host));
        let critical: Vec<HostId> = critical.map(|(id, _)| id).collect();
        self.admission.prefer(&critical);
    }

    fn shown(&self, facts: &Facts, id: HostId) -> HostProgress {
        let host = self.hosts.get(id);
        let seconds = |seconds: f64| Duration::from_secs_f64(seconds.min(FOREVER));
        HostProgress {
            host: host.name.to_string(),
            per_second: host.measure.pace(),
            latency: host
                .measure
                .latency(host.active > 0, facts.now)
                .map(seconds),
            waiting: host.waiting(),
            in_flight: host.active as u64,
            bytes: host.measure.bytes(),
            paused_for: paused(host, facts.now),
            left: seconds(facts.left(host)),
        }
    }
}

fn paused(host: &Host, now: Moment) -> Option<Duration> {
    let until = host.backoff.as_ref()?.paused_until(now)?;
    Some(until.since(now))
}

/// The few hosts of which some number is largest, the largest first.
struct Top(Vec<(f64, HostId)>);

impl Top {
    fn new(size: usize) -> Self {
        Self(Vec::with_capacity(size + 1))
    }

    fn offer(&mut self, number: f64, id: HostId) {
        let size = self.0.capacity() - 1;
        let is_full = self.0.len() == size;
        if number <= 0.0 || is_full && self.0.last().is_some_and(|least| least.0 >= number) {
            return;
        }
        let at = self.0.partition_point(|known| known.0 >= number);
        self.0.insert(at, (number, id));
        self.0.truncate(size);
    }

    fn most(&self) -> f64 {
        self.0.first().map_or(0.0, |first| first.0)
    }
}
