//! What the event loop hands to the writer.

use std::ops::RangeInclusive;

use crate::input::{Checkpoint, Consumed, Segment};
use crate::ledger::{Failure, HostState};

/// A fetched URL: its line of output, all but encoded.
#[derive(Debug)]
pub(crate) struct Success {
    pub(crate) index: u64,
    pub(crate) status: u16,
    /// The head of the record, then the body as it was received: one allocation for both.
    pub(crate) data: Vec<u8>,
    /// Where the body begins.
    pub(crate) body_at: usize,
    pub(crate) elapsed_us: u64,
    /// Bytes that it holds of the budget.
    pub(crate) budget: usize,
}

/// How lines ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    Success(Success),
    Failure(Failure),
    Skipped(RangeInclusive<u64>),
    Duplicates(RangeInclusive<u64>),
}

/// Outcomes on their way to the writer, with what belongs to the same moment.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) outcomes: Vec<Outcome>,
    /// Places in the list, in order, none of them before an unread line.
    pub(crate) checkpoints: Vec<Checkpoint>,
    /// How far the list was read, and the hashes of it.
    pub(crate) consumed: Option<Consumed>,
    pub(crate) segments: Vec<Segment>,
    /// Hosts whose state changed.
    pub(crate) hosts: Vec<HostState>,
    /// Whether a commit is due.
    pub(crate) commit: bool,
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.outcomes.is_empty()
            && self.checkpoints.is_empty()
            && self.consumed.is_none()
            && self.hosts.is_empty()
    }
}
