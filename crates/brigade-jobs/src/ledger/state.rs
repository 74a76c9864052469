//! What a ledger tells a job that continues.

use std::collections::BTreeMap;

use brigade_core::verdict::FailureKind;

use crate::input::{Before, Resume};
use crate::parts::PartState;

/// Totals over all runs of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) ok: u64,
    pub(crate) skipped: u64,
    pub(crate) duplicates: u64,
    pub(crate) requests: u64,
    pub(crate) retries: u64,
    pub(crate) body_bytes: u64,
    pub(crate) runs: u64,
    pub(crate) wall_ms: u64,
    pub(crate) cpu_ms: u64,
}

/// What is remembered of a host that asked for patience.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostState {
    pub(crate) name: String,
    /// Until when it is left alone, in milliseconds since 1970; in the past if it was forgiven.
    pub(crate) paused_until: i64,
    /// How often in a row it asked for patience.
    pub(crate) strikes: u32,
}

/// A line that failed for good, as `failures.jsonl` and `LedgerView::failures` show it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailureRecord {
    /// The number of its line in the list, from 0.
    pub index: u64,
    /// Its URL without user name and password; the beginning of a line that is no URL.
    pub url: String,
    /// The name of its kind.
    pub kind: String,
    /// The status, if the server answered.
    pub status: Option<u16>,
    /// What happened, in one line.
    pub message: String,
    /// Attempts made; zero if nothing was asked for.
    pub attempts: u32,
    /// The other columns of its line, as the text of a JSON object.
    pub columns: Option<String>,
}

/// Everything that a job needs to continue.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    /// Where to go on in the list, and what is done beyond.
    pub(crate) resume: Resume,
    /// What is known of the list; none if this is a new job.
    pub(crate) list: Option<Before>,
    /// The format of the job; none if this is a new one.
    pub(crate) format: Option<String>,
    pub(crate) parts: Vec<PartState>,
    pub(crate) hosts: Vec<HostState>,
    /// The wall clock at the last commit, in milliseconds since 1970.
    pub(crate) updated_at: i64,
    /// A moment after which nothing was sent, in the same way; of a run that was killed only as far
    /// as its last commit tells.
    pub(crate) sent_at: i64,
    /// Whether the last run ended without a last commit.
    pub(crate) killed: bool,
    pub(crate) totals: Totals,
    /// Failures by kind.
    pub(crate) by_kind: Vec<(FailureKind, u64)>,
}

/// Counts for a summary.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) by_kind: BTreeMap<String, u64>,
    /// The first failure of each kind, in the order of the list.
    pub(crate) examples: Vec<FailureRecord>,
    pub(crate) by_status: BTreeMap<u16, u64>,
}
