//! Failures, one after the other, in the order of the list.
//!
//! They come in pages, each a short transaction of its own: a reader that takes its time delays
//! nobody, and of a running job each failure that stays is seen once. It never holds more than a
//! page.

use std::vec;

use rusqlite::types::Value;

use super::filter::FailureFilter;
use super::open::LedgerView;
use crate::error::Error;
use crate::ledger::{FailureRecord, failure};

/// Failures of a page.
const PAGE: usize = 128;

/// An iterator over failures, from [`LedgerView::failures`]. It ends after its first error.
#[derive(Debug)]
pub struct Failures<'a> {
    view: &'a LedgerView,
    sql: String,
    hosts: Vec<String>,
    after: i64,
    page: vec::IntoIter<FailureRecord>,
    last: bool,
}

impl LedgerView {
    /// The failures that `filter` lets through, in the order of the list.
    pub fn failures(&self, filter: &FailureFilter) -> Failures<'_> {
        let (condition, hosts) = filter.condition(2);
        Failures {
            view: self,
            sql: format!(
                "SELECT * FROM failure WHERE line > ?1 AND {condition} ORDER BY line LIMIT {PAGE}"
            ),
            hosts,
            after: -1,
            page: Vec::new().into_iter(),
            last: false,
        }
    }
}

impl Failures<'_> {
    fn next_page(&self) -> rusqlite::Result<Vec<FailureRecord>> {
        let mut statement = self.view.connection.prepare(&self.sql)?;
        let hosts = self.hosts.iter().cloned().map(Value::Text);
        let values = std::iter::once(Value::Integer(self.after)).chain(hosts);
        let rows = statement.query_map(rusqlite::params_from_iter(values), failure)?;
        rows.collect()
    }
}

impl Iterator for Failures<'_> {
    type Item = Result<FailureRecord, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(record) = self.page.next() {
            return Some(Ok(record));
        }
        if self.last {
            return None;
        }
        match self.next_page() {
            Ok(page) => {
                self.last = page.len() < PAGE;
                self.after = page
                    .last()
                    .map_or(self.after, |last| last.index.cast_signed());
                self.page = page.into_iter();
                self.page.next().map(Ok)
            }
            Err(source) => {
                self.last = true;
                Some(Err(self.view.error(&source)))
            }
        }
    }
}
