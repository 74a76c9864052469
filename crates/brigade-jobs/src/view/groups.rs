//! Failures by kind, status and host: what is wrong, in a table that a person can take in.
//!
//! SQLite counts, and sorts on disk what does not fit its cache: memory does not grow with the
//! failures, nor with the hosts.

use serde::Serialize;

use super::filter::FailureFilter;
use super::open::LedgerView;
use crate::error::Error;
use crate::ledger::unsigned;

/// Failures of one kind and status at one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FailureGroup {
    /// The name of the kind.
    pub kind: String,
    /// The status, if the server answered.
    pub status: Option<u16>,
    /// The host, with its port unless that is the scheme's own; none for lines that are no URL.
    pub host: Option<String>,
    /// How many there are.
    pub count: u64,
    /// The message of one of them.
    pub example: String,
}

/// The largest groups, and how much there is in all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FailureGroups {
    /// Failures in all groups.
    pub failures: u64,
    /// Groups, those included that are not among the largest.
    pub groups: u64,
    /// The largest ones, the largest first.
    pub largest: Vec<FailureGroup>,
}

impl LedgerView {
    /// Counts the failures that `filter` lets through, and gives the `most` largest groups.
    ///
    /// # Errors
    ///
    /// [`Error`] if the ledger cannot be read.
    pub fn failure_groups(
        &self,
        filter: &FailureFilter,
        most: usize,
    ) -> Result<FailureGroups, Error> {
        let (condition, hosts) = filter.condition(1);
        let sql = format!(
            "SELECT *, sum(n) OVER () AS failures, count(*) OVER () AS groups FROM (
                 SELECT kind, status, host_of(url) AS host, count(*) AS n, min(message) AS example
                 FROM failure WHERE {condition} GROUP BY 1, 2, 3)
             ORDER BY n DESC, kind, status, host LIMIT {most}"
        );
        let read = || -> rusqlite::Result<FailureGroups> {
            let mut statement = self.connection.prepare(&sql)?;
            let mut rows = statement.query(rusqlite::params_from_iter(hosts))?;
            let mut groups = FailureGroups::default();
            while let Some(row) = rows.next()? {
                groups.failures = unsigned(row, "failures")?;
                groups.groups = unsigned(row, "groups")?;
                groups.largest.push(FailureGroup {
                    kind: row.get("kind")?,
                    status: row.get("status")?,
                    host: row.get("host")?,
                    count: unsigned(row, "n")?,
                    example: row.get("example")?,
                });
            }
            Ok(groups)
        };
        read().map_err(|source| self.error(&source))
    }
}
