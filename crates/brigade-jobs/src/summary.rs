//! What a job has come to, for people, for scripts and for `summary.json`.
//!
//! The totals come from the ledger, so they count every run of the job; what only a process can
//! know (memory, latency) is of the last run. It never counts a line twice.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::ledger::FailureRecord;

/// Whether a job is finished.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Every line of the list ended as a result, a failure, a skipped line or a duplicate.
    Done,
    /// It was stopped before; the same job continues.
    #[default]
    Interrupted,
}

/// Why a run ended before its list was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum StoppedBy {
    /// It was told to: by a signal, for example.
    Request,
    /// Too large a share of its lines failed: see `Config::failure_limit`.
    Failures,
}

/// What the last run settled, earlier runs left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RunCounts {
    /// Lines that got a result.
    pub ok: u64,
    /// Lines that failed.
    pub failed: u64,
    /// These failures by their kind.
    pub by_kind: BTreeMap<String, u64>,
}

/// The account of a job. It serialises to `summary.json`.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// Whether the job is finished.
    pub state: State,
    /// Why the last run stopped, unless the job is finished.
    pub stopped_by: Option<StoppedBy>,
    /// Lines of the list; those read so far if `input_complete` is false.
    pub input: u64,
    /// Whether the list was read to its end.
    pub input_complete: bool,
    /// Lines with a result.
    pub ok: u64,
    /// Lines with a failure.
    pub failed: u64,
    /// Blank lines, comments and the row of names.
    pub skipped: u64,
    /// Lines left out because an earlier one has their URL; 0 unless the job was told to.
    pub duplicates: u64,
    /// Lines read and not settled: zero when done.
    pub pending: u64,
    /// Failures by their kind.
    pub by_kind: BTreeMap<String, u64>,
    /// The first failure of each kind, in the order of the list; `summary.json` leaves them out.
    #[serde(skip)]
    pub examples: Vec<FailureRecord>,
    /// Results and `http_status` failures by status.
    pub by_status: BTreeMap<u16, u64>,
    /// Requests sent, over all runs, one for each redirect among them.
    pub requests: u64,
    /// Requests that repeated one that had failed, over all runs.
    pub retries: u64,
    /// Decoded bytes of the bodies in the results.
    pub body_bytes: u64,
    /// Bytes of the parts.
    pub output_bytes: u64,
    /// Number of parts.
    pub parts: u64,
    /// How often the job was started.
    pub runs: u64,
    /// Wall time over all runs, in seconds.
    pub wall_seconds: f64,
    /// CPU time of the processes over all runs, in seconds.
    pub cpu_seconds: f64,
    /// What the last run settled.
    pub last_run: RunCounts,
    /// Peak memory of this run's process.
    pub peak_memory_bytes: u64,
    /// Time from request to the last byte of the body, of the results of this run; after redirects
    /// that of the last request.
    pub latency_ms: Latency,
}

/// Quantiles in milliseconds; all zero if nothing was fetched.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Latency {
    /// Half took no longer.
    pub p50: f64,
    /// Nine in ten took no longer.
    pub p90: f64,
    /// 99 in 100 took no longer.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}
