//! What a job has come to, in numbers that its summary and its status have in common.
//!
//! They come from the ledger alone, so both say the same of the same commit, under the same names.
//! They never say of a line that it ended twice.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::input::Consumed;
use crate::ledger::{Counts, FailureRecord, Totals};

/// The totals of a job, over all of its runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct JobTotals {
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
    /// The first failure of each kind, in the order of the list; JSON leaves them out.
    #[serde(skip)]
    pub examples: Vec<FailureRecord>,
    /// Results and `http_status` failures by status.
    pub by_status: BTreeMap<u16, u64>,
    /// Requests sent, one for each redirect among them.
    pub requests: u64,
    /// Requests that repeated one that had failed.
    pub retries: u64,
    /// Decoded bytes of the bodies in the results.
    pub body_bytes: u64,
    /// Bytes of the parts.
    pub output_bytes: u64,
    /// Number of parts.
    pub parts: u64,
    /// How often the job was started.
    pub runs: u64,
    /// Wall time of all runs, in seconds.
    pub wall_seconds: f64,
    /// CPU time of the processes of all runs, in seconds.
    pub cpu_seconds: f64,
}

impl JobTotals {
    /// Whether every line of the list has ended in its place. A job of which this holds and that is
    /// not done was stopped while it asked for failures again.
    pub fn is_settled(&self) -> bool {
        self.input_complete && self.pending == 0
    }

    /// What a ledger says, but for the parts.
    pub(crate) fn of(consumed: Consumed, totals: &Totals, counts: Counts) -> Self {
        let failed = counts.by_kind.values().sum();
        let settled = [totals.ok, totals.skipped, totals.duplicates, failed];
        let pending = settled
            .iter()
            .fold(consumed.lines, |left, ended| left.saturating_sub(*ended));
        Self {
            input: consumed.lines,
            input_complete: consumed.complete,
            ok: totals.ok,
            failed,
            skipped: totals.skipped,
            duplicates: totals.duplicates,
            pending,
            by_kind: counts.by_kind,
            examples: counts.examples,
            by_status: counts.by_status,
            requests: totals.requests,
            retries: totals.retries,
            body_bytes: totals.body_bytes,
            output_bytes: 0,
            parts: 0,
            runs: totals.runs,
            wall_seconds: totals.wall_ms as f64 / 1000.0,
            cpu_seconds: totals.cpu_ms as f64 / 1000.0,
        }
    }
}
