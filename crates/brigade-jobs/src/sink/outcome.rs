//! What the event loop hands to the writer.

use std::ops::RangeInclusive;

use crate::input::{Checkpoint, Consumed, Segment};
use crate::ledger::{Failure, HostState};
use crate::record::Success;

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
    /// Where a body may lie of a line that is a failure now.
    pub(crate) discarded: Vec<Box<str>>,
    /// Lines that will end, in the order of the list; empty unless the results keep it.
    pub(crate) expected: Vec<u64>,
    /// Whether a commit is due.
    pub(crate) commit: bool,
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.outcomes.is_empty()
            && self.checkpoints.is_empty()
            && self.consumed.is_none()
            && self.hosts.is_empty()
            && self.discarded.is_empty()
            && self.expected.is_empty()
    }
}
