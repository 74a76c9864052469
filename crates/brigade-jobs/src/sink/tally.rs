//! What the writer has done and not yet committed.
//!
//! There are two of them: one for what lies in written bytes, one for what is only in the buffer.
//! When a write fails the second is forgotten and the first can still be committed.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::ledger::Failure;
use crate::record::Success;

/// Lines that ended, and what is to be said of them.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Numbers of the lines with a result or a failure.
    pub(crate) lines: Vec<u64>,
    pub(crate) skipped: Vec<RangeInclusive<u64>>,
    pub(crate) duplicates: Vec<RangeInclusive<u64>>,
    pub(crate) failures: Vec<Failure>,
    pub(crate) healed: Vec<u64>,
    pub(crate) statuses: BTreeMap<u16, u64>,
    pub(crate) ok: u64,
    pub(crate) body_bytes: u64,
}

impl Tally {
    /// Adds a result; `again` if its line had ended as a failure, in an earlier run.
    pub(crate) fn result(&mut self, result: &Success, again: bool) {
        self.lines.push(result.index);
        *self.statuses.entry(result.status).or_default() += 1;
        self.ok += 1;
        self.body_bytes += (result.data.len() - result.body_at) as u64;
        if again {
            self.healed.push(result.index);
        }
    }

    /// Adds `other` to this one and leaves it empty.
    pub(crate) fn absorb(&mut self, other: &mut Self) {
        self.lines.append(&mut other.lines);
        self.skipped.append(&mut other.skipped);
        self.duplicates.append(&mut other.duplicates);
        self.failures.append(&mut other.failures);
        self.healed.append(&mut other.healed);
        for (status, count) in std::mem::take(&mut other.statuses) {
            *self.statuses.entry(status).or_default() += count;
        }
        self.ok += std::mem::take(&mut other.ok);
        self.body_bytes += std::mem::take(&mut other.body_bytes);
    }

    /// Forgets everything, and keeps the room.
    pub(crate) fn clear(&mut self) {
        self.lines.clear();
        self.skipped.clear();
        self.duplicates.clear();
        self.failures.clear();
        self.healed.clear();
        self.statuses.clear();
        (self.ok, self.body_bytes) = (0, 0);
    }
}
