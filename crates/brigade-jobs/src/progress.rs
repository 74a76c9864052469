//! How far a running job is, as numbers that anyone may read at any time.
//!
//! The job adds to atomics and never waits for a reader. A snapshot is not one instant: its
//! numbers may be a few microseconds apart.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use brigade_core::time::Moment;
use brigade_core::verdict::FailureKind;

/// A handle on the progress of a job; cheap to clone, and valid after the job's end.
#[derive(Clone, Debug)]
pub struct ProgressHandle {
    pub(crate) counters: Arc<Counters>,
}

impl ProgressHandle {
    /// The numbers now.
    pub fn snapshot(&self) -> Progress {
        self.counters.snapshot(brigade::clock::now())
    }
}

/// The numbers of a job, earlier runs of it included where not said otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// Lines of the list read so far.
    pub input: u64,
    /// Whether that is all of them.
    pub input_complete: bool,
    /// Bytes of the list read so far.
    pub input_bytes: u64,
    /// Bytes that the list has, where that is known.
    pub input_bytes_total: Option<u64>,
    /// Results.
    pub ok: u64,
    /// Failures.
    pub failed: u64,
    /// Blank lines, comments and the row of names.
    pub skipped: u64,
    /// Lines left out because an earlier one has their URL.
    pub duplicates: u64,
    /// Failures of each kind that occurs.
    pub by_kind: Vec<(FailureKind, u64)>,
    /// Requests in flight.
    pub in_flight: u64,
    /// Lines read that wait for their turn, those on disk included.
    pub waiting: u64,
    /// Hosts that asked for patience.
    pub paused_hosts: u64,
    /// How long it is until the first of them may be asked again.
    pub paused_for: Option<Duration>,
    /// The hosts that answer most, and those that take longest, as of at most a second ago.
    pub hosts: HostsProgress,
    /// Requests sent by this run, one for each redirect among them.
    pub requests: u64,
    /// Those of them that repeated one that had failed.
    pub retries: u64,
    /// Decoded bytes of bodies received by this run.
    pub bytes: u64,
    /// Results and failures of this run.
    pub finished: u64,
    /// Lines settled by earlier runs.
    pub resumed: u64,
    /// Lines that this run has settled for good, by a commit.
    pub committed: u64,
    /// How long this run has been going.
    pub elapsed: Duration,
}

/// The few hosts that are worth showing; each list has three at most.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct HostsProgress {
    /// Those that end most exchanges in a second, the busiest first.
    pub busiest: Vec<HostProgress>,
    /// Those whose exchanges take longest, the slowest first.
    pub slowest: Vec<HostProgress>,
    /// The one that is likely to be the last: what waits of it takes longest.
    pub last: Option<HostProgress>,
}

/// The numbers of a host of which something waits, is in flight or is remembered.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct HostProgress {
    /// Its name, with the port unless it is the scheme's.
    pub host: String,
    /// Exchanges that end in a second, averaged over the last seconds.
    pub per_second: f64,
    /// How long an exchange takes, averaged over the last ones; or, where that is longer, how long
    /// none has ended although some are in flight.
    pub latency: Option<Duration>,
    /// Lines read that wait for their turn, those on disk included.
    pub waiting: u64,
    /// Requests in flight.
    pub in_flight: u64,
    /// Decoded bytes of bodies received.
    pub bytes: u64,
    /// How long it is until it may be asked again, if it asked for patience.
    pub paused_for: Option<Duration>,
    /// How long what waits takes at least: at that time for an exchange, as many at once as are
    /// allowed, or at its rate, and its pause before.
    pub left: Duration,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) started: AtomicU64,
    pub(crate) input: AtomicU64,
    pub(crate) input_complete: AtomicBool,
    pub(crate) input_bytes: AtomicU64,
    pub(crate) input_bytes_total: AtomicU64,
    pub(crate) ok: AtomicU64,
    pub(crate) skipped: AtomicU64,
    pub(crate) duplicates: AtomicU64,
    pub(crate) by_kind: [AtomicU64; FailureKind::ALL.len()],
    pub(crate) in_flight: AtomicU64,
    pub(crate) waiting: AtomicU64,
    pub(crate) paused_hosts: AtomicU64,
    /// A moment in nanoseconds; zero for none.
    pub(crate) paused_until: AtomicU64,
    pub(crate) hosts: Mutex<HostsProgress>,
    pub(crate) requests: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) finished: AtomicU64,
    pub(crate) resumed: AtomicU64,
    pub(crate) committed: AtomicU64,
}

pub(crate) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

pub(crate) fn sub(counter: &AtomicU64, count: u64) {
    counter.fetch_sub(count, Ordering::Relaxed);
}

pub(crate) fn set(counter: &AtomicU64, count: u64) {
    counter.store(count, Ordering::Relaxed);
}

pub(crate) fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

impl Counters {
    pub(crate) fn kind(&self, kind: FailureKind) -> &AtomicU64 {
        let at = FailureKind::ALL.iter().position(|each| *each == kind);
        &self.by_kind[at.unwrap_or(0)]
    }

    /// The hosts to show.
    pub(crate) fn hosts(&self) -> MutexGuard<'_, HostsProgress> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn snapshot(&self, now: Moment) -> Progress {
        let by_kind: Vec<_> = FailureKind::ALL
            .into_iter()
            .zip(&self.by_kind)
            .map(|(kind, count)| (kind, get(count)))
            .filter(|(_, count)| *count > 0)
            .collect();
        Progress {
            input: get(&self.input),
            input_complete: self.input_complete.load(Ordering::Relaxed),
            input_bytes: get(&self.input_bytes),
            input_bytes_total: Some(get(&self.input_bytes_total)).filter(|total| *total > 0),
            ok: get(&self.ok),
            failed: by_kind.iter().map(|(_, count)| count).sum(),
            skipped: get(&self.skipped),
            duplicates: get(&self.duplicates),
            by_kind,
            in_flight: get(&self.in_flight),
            waiting: get(&self.waiting),
            paused_hosts: get(&self.paused_hosts),
            paused_for: Some(get(&self.paused_until))
                .filter(|until| *until > 0)
                .map(|until| Moment::from_nanos(until).since(now)),
            hosts: self.hosts().clone(),
            requests: get(&self.requests),
            retries: get(&self.retries),
            bytes: get(&self.bytes),
            finished: get(&self.finished),
            resumed: get(&self.resumed),
            committed: get(&self.committed),
            elapsed: now.since(Moment::from_nanos(get(&self.started))),
        }
    }
}
