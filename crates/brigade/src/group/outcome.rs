//! How the work on each item ended, and the sums.
//!
//! Every item that was taken ends as exactly one outcome. Nothing is both, and nothing is neither.

use std::fmt;

use crate::cancel::{Panic, Reason};

/// How the work on one item ended.
#[derive(Debug)]
pub enum Outcome<T, E> {
    /// It returned a value.
    Ok(T),
    /// It returned an error.
    Failed(E),
    /// It was cancelled before it was ready.
    Cancelled(Reason),
    /// It panicked.
    Panicked(Panic),
}

impl<T, E> Outcome<T, E> {
    /// The value, if there is one.
    pub fn ok(self) -> Option<T> {
        match self {
            Self::Ok(value) => Some(value),
            _ => None,
        }
    }
}

/// The outcome of one item.
#[derive(Debug)]
pub struct Record<T, E> {
    /// The item's place in the input, from 0.
    pub index: u64,
    /// How the work on it ended.
    pub outcome: Outcome<T, E>,
}

/// How many items ended in which way.
///
/// `taken` is always the sum of the others once the work is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Items taken from the input.
    pub taken: u64,
    /// Items whose work returned a value.
    pub ok: u64,
    /// Items whose work returned an error.
    pub failed: u64,
    /// Items whose work was cancelled.
    pub cancelled: u64,
    /// Items whose work panicked.
    pub panicked: u64,
    /// Whether the input came to its end; false if a deadline cut it off.
    pub complete: bool,
}

impl Counts {
    pub(super) fn add<T, E>(&mut self, outcome: &Outcome<T, E>) {
        match outcome {
            Outcome::Ok(_) => self.ok += 1,
            Outcome::Failed(_) => self.failed += 1,
            Outcome::Cancelled(_) => self.cancelled += 1,
            Outcome::Panicked(_) => self.panicked += 1,
        }
    }

    /// Items that are taken and have not ended.
    pub(super) fn in_flight(&self) -> u64 {
        self.taken - self.ok - self.failed - self.cancelled - self.panicked
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { taken, ok, .. } = self;
        write!(f, "{ok} of {taken} ok")?;
        for (count, how) in [
            (self.failed, "failed"),
            (self.cancelled, "cancelled"),
            (self.panicked, "panicked"),
        ] {
            if count > 0 {
                write!(f, ", {count} {how}")?;
            }
        }
        Ok(())
    }
}

/// What became of every item: made by [`collect`](super::collect).
#[derive(Debug)]
#[must_use = "what failed is only said here"]
pub struct Collected<T, E> {
    /// One record for every item that was taken.
    pub records: Vec<Record<T, E>>,
    /// How many ended in which way.
    pub counts: Counts,
}

impl<T, E> Collected<T, E> {
    /// The values, in the order of the records.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.records
            .iter()
            .filter_map(|record| match &record.outcome {
                Outcome::Ok(value) => Some(value),
                _ => None,
            })
    }

    /// The errors and the items' places in the input, in the order of the records.
    pub fn errors(&self) -> impl Iterator<Item = (u64, &E)> {
        self.records
            .iter()
            .filter_map(|record| match &record.outcome {
                Outcome::Failed(error) => Some((record.index, error)),
                _ => None,
            })
    }

    /// The values alone, in the order of the records; what did not succeed is dropped.
    pub fn into_values(self) -> Vec<T> {
        let records = self.records.into_iter();
        records.filter_map(|record| record.outcome.ok()).collect()
    }
}
