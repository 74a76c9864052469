//! The open ledger: one connection, one writer.

use std::path::{Path, PathBuf};

use brigade_core::verdict::FailureSet;
use rusqlite::{Connection, OpenFlags};

use super::choice::condition;
use super::commit::{self, Commit, ListState};
use super::error::{error, may_pass};
use super::open::{
    connect, counts, damaged, failure, parts, prepare, recover, rows, unsigned, version,
};
use super::peek::look;
use super::state::{Counts, FailureRecord, Recovered};
use crate::error::Error;
use crate::input::{Before, Consumed, FailedLine};
use crate::parts::{PartState, Synced};

/// The ledger of a job. Only one value writes a file; readers have connections of their own.
#[derive(Debug)]
pub(crate) struct Ledger {
    path: PathBuf,
    connection: Connection,
}

impl Ledger {
    /// Opens or makes the ledger at `path`, or one in memory that nothing is kept of.
    pub(crate) fn open(path: &Path, in_memory: bool) -> Result<Self, Error> {
        let mut connection = connect(path, in_memory)?;
        prepare(&mut connection, path)?;
        Ok(Self {
            path: path.to_owned(),
            connection,
        })
    }

    /// The format of the job that the ledger at `path` is of; none if it is not there or damaged. A
    /// ledger that cannot be read just now is an error, and so is another program's database. It
    /// changes nothing.
    pub(crate) fn format(path: &Path) -> Result<Option<String>, Error> {
        let looked = look(path);
        if let Ok(Some(connection)) = &looked
            && let Err(foreign @ Error::ForeignDatabase(_)) = version(connection, path)
        {
            return Err(foreign);
        }
        let format = looked.and_then(|connection| match connection {
            Some(connection) => {
                connection.query_row("SELECT format FROM job", [], |row| row.get(0))
            }
            None => Ok(None),
        });
        match format {
            Ok(format) => Ok(format),
            Err(source) if may_pass(&source) => Err(error(path, &source)),
            Err(_) => Ok(None),
        }
    }

    /// What an earlier run left in the ledger at `path`, of this version or an older one; nothing if
    /// it is not there, an error if `is_list` gives one. It changes nothing.
    pub(crate) fn peek(
        path: &Path,
        is_list: impl FnOnce(&Before) -> Result<(), Error>,
    ) -> Result<Recovered, Error> {
        let Some(connection) = look(path).map_err(|source| error(path, &source))? else {
            return Ok(Recovered::default());
        };
        match version(&connection, path)? {
            Some(_) => recover(&connection, path, is_list),
            None => Ok(Recovered::default()),
        }
    }

    /// The parts as of the last commit, in their order.
    pub(crate) fn parts(&self) -> Result<Vec<PartState>, Error> {
        parts(&self.connection).map_err(|source| self.error(&source))
    }

    /// Notes that a run begins; `new` is the format, if it is the first one.
    pub(crate) fn begin(
        &self,
        new: Option<&str>,
        list: &ListState<'_>,
        now: i64,
    ) -> Result<(), Error> {
        let begun = || {
            if let Some(format) = new {
                commit::begin(&self.connection, list, format, now)?;
            }
            commit::list(&self.connection, list)
        };
        begun().map_err(|source| self.error(&source))
    }

    /// Makes a commit. The proof says that what it speaks of is on disk.
    pub(crate) fn commit(&mut self, _proof: &Synced, commit: &Commit<'_>) -> Result<(), Error> {
        let written = commit::write(&mut self.connection, commit);
        written.map_err(|source| self.error(&source))
    }

    /// Failures by kind, results and failures by status.
    pub(crate) fn counts(&self) -> Result<Counts, Error> {
        counts(&self.connection).map_err(|source| self.error(&source))
    }

    /// Calls `each` with every failure, in the order of the list.
    pub(crate) fn failures(
        &self,
        mut each: impl FnMut(&FailureRecord) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut stopped = Ok(());
        let sql = "SELECT * FROM failure ORDER BY line";
        let read = rows(&self.connection, sql, |row| {
            if stopped.is_ok() {
                stopped = each(&failure(row)?);
            }
            Ok(())
        });
        read.map_err(|source| self.error(&source))?;
        stopped
    }

    /// What the open ledger says a job needs to continue.
    #[cfg(test)]
    pub(crate) fn recover(&self) -> Result<Recovered, Error> {
        recover(&self.connection, &self.path, |_| Ok(()))
    }

    /// A setting of the connection, as text.
    #[cfg(test)]
    pub(super) fn pragma(&self, name: &str) -> String {
        let value = |row: &rusqlite::Row<'_>| row.get::<_, rusqlite::types::Value>(0);
        let value = self
            .connection
            .query_row(&format!("PRAGMA {name}"), [], value);
        match value.unwrap() {
            rusqlite::types::Value::Text(text) => text,
            rusqlite::types::Value::Integer(number) => number.to_string(),
            other => panic!("{other:?}"),
        }
    }

    fn error(&self, source: &rusqlite::Error) -> Error {
        error(&self.path, source)
    }
}

/// Reads where the lines of failures are, page by page, beside the writer.
#[derive(Debug)]
pub(crate) struct FailedLines {
    path: PathBuf,
    connection: Connection,
    /// Which failures, as a condition of SQL.
    chosen: String,
    after: i64,
    /// The part of the list in which they lie.
    within: Consumed,
}

impl FailedLines {
    /// Opens a reader on the ledger at `path`, of the failures in `only`, or of all. They lie in what
    /// was read of the list before.
    pub(crate) fn open(path: &Path, only: &[FailureSet], within: Consumed) -> Result<Self, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags);
        Ok(Self {
            path: path.to_owned(),
            connection: connection.map_err(|source| error(path, &source))?,
            chosen: condition(only),
            after: -1,
            within,
        })
    }

    /// The next failures that may end differently, in the order of the list; empty at the end.
    pub(crate) fn next(&mut self) -> Result<Vec<FailedLine>, Error> {
        let mut places = Vec::new();
        let sql = format!(
            "SELECT line, list_offset, list_length, kind FROM failure
             WHERE line > {} AND kind != 'bad_url' AND {} ORDER BY line LIMIT 256",
            self.after, self.chosen
        );
        let read = rows(&self.connection, &sql, |row| {
            let kind: String = row.get("kind")?;
            places.push(FailedLine {
                index: unsigned(row, "line")?,
                offset: unsigned(row, "list_offset")?,
                length: row.get("list_length")?,
                kind: kind.parse().ok(),
            });
            Ok(())
        });
        read.map_err(|source| error(&self.path, &source))?;
        let lies_within = |line: &FailedLine| {
            let end = line.offset.saturating_add(line.length.into());
            line.index < self.within.lines && end <= self.within.bytes
        };
        if let Some(line) = places.iter().find(|line| !lies_within(line)) {
            let wrong = format!("line {} failed, and was not read", line.index);
            return Err(damaged(&self.path, &wrong));
        }
        if let Some(last) = places.last() {
            self.after = last.index.cast_signed();
        }
        Ok(places)
    }
}
