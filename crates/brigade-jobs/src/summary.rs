//! What a job has come to, for people, for scripts and for `summary.json`.
//!
//! The totals come from the ledger, so they count every run of the job; what only a process can
//! know (memory, latency) is of the last run. It never counts a line twice.

use std::collections::BTreeMap;
use std::ops::Deref;

use serde::Serialize;

use crate::totals::JobTotals;

/// Whether a job is finished.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Every line of the list ended as a result, a failure, a skipped line or a duplicate.
    Done,
    /// It was stopped before that, or while it asked for failures again; the same job continues.
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

/// The account of a job. It serialises to `summary.json`, and has the totals as if they were its own
/// fields, as they are there: `summary.ok`.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// Whether the job is finished.
    pub state: State,
    /// Why the last run stopped, unless the job is finished.
    pub stopped_by: Option<StoppedBy>,
    /// What all runs have come to.
    #[serde(flatten)]
    pub totals: JobTotals,
    /// What the last run settled.
    pub last_run: RunCounts,
    /// Peak memory of this run's process.
    pub peak_memory_bytes: u64,
    /// Time from request to the last byte of the body, of the results of this run; after redirects
    /// that of the last request.
    pub latency_ms: Latency,
}

impl Deref for Summary {
    type Target = JobTotals;

    fn deref(&self) -> &JobTotals {
        &self.totals
    }
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
