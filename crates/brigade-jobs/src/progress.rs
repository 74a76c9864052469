//! How far a running job is, as numbers that anyone may read at any time.
//!
//! The job adds to atomics and never waits for a reader. A snapshot is not one instant: its
//! numbers may be a few microseconds apart.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
