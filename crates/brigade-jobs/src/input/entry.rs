//! What is handed over of a line: a URL, a failure, or that nothing is to be done.
//!
//! Lines that an earlier run has finished are left out here, and, where a job wants it, lines whose
//! URL an earlier line has.

use std::ops::RangeInclusive;

use brigade_core::ranges::DoneSet;

use super::form::Form;
use super::lines::Line;
use super::parse::{Bad, Item, Parsed};
use super::seen::Seen;
use crate::error::Error;

/// A line, or some, of the list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A URL to fetch.
    Item(Item),
    /// A line that is a failure at once.
    Bad {
        index: u64,
        offset: u64,
        length: u64,
        bad: Bad,
    },
    /// Lines that ask for nothing.
    Skipped(RangeInclusive<u64>),
    /// Lines whose URLs earlier lines have.
    Duplicates(RangeInclusive<u64>),
}

/// Decides what is handed over.
#[derive(Debug)]
pub(super) struct Sieve {
    pub(super) form: Form,
    pub(super) done: DoneSet,
    /// The URLs so far, if none is to be fetched twice.
    pub(super) seen: Option<Seen>,
    /// Why the URLs could not be compared; what comes after it is worthless.
    pub(super) failed: Option<Error>,
}

impl Sieve {
    pub(super) fn take(&mut self, line: &Line<'_>, entries: &mut Vec<Entry>) {
        let done = self.done.contains(line.index);
        // A finished line still counts as the first one with its URL.
        if done && self.seen.is_none() {
            return;
        }
        let parsed = self.form.parse(line);
        let duplicate = self.is_duplicate(&parsed);
        if done {
            return;
        }
        let index = line.index;
        match parsed {
            Parsed::Item(_) if duplicate => match entries.last_mut() {
                Some(Entry::Duplicates(range)) if *range.end() + 1 == index => {
                    *range = *range.start()..=index;
                }
                _ => entries.push(Entry::Duplicates(index..=index)),
            },
            Parsed::Item(item) => entries.push(Entry::Item(item)),
            Parsed::Bad(bad) => entries.push(Entry::Bad {
                index,
                offset: line.offset,
                length: line.length,
                bad,
            }),
            Parsed::Nothing => match entries.last_mut() {
                Some(Entry::Skipped(range)) if *range.end() + 1 == index => {
                    *range = *range.start()..=index;
                }
                _ => entries.push(Entry::Skipped(index..=index)),
            },
        }
    }

    fn is_duplicate(&mut self, parsed: &Parsed) -> bool {
        let (Some(seen), Parsed::Item(item)) = (&mut self.seen, parsed) else {
            return false;
        };
        match seen.first(&item.url, item.index) {
            Ok(first) => first != item.index,
            Err(error) => {
                self.failed.get_or_insert(error);
                false
            }
        }
    }
}
