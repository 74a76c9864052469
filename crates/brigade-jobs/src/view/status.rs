//! How far a job is, whether it runs, and what it waits for.
//!
//! The numbers are those of the last commit and belong together: they are read in one transaction.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::Row;
use serde::{Serialize, Serializer};

use super::open::LedgerView;
use crate::directory::Directory;
use crate::error::Error;
use crate::ledger::{FailureRecord, counts, rows, unsigned};
use crate::meter::wall_ms;

/// Paused hosts that are named at most.
const HOSTS: usize = 5;

/// What a job does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Activity {
    /// A process works on it.
    Running,
    /// It was stopped before its list was done; the same job opened again continues.
    Interrupted,
    /// Its process ended without a word; the same job opened again continues.
    Killed,
    /// Every line ended as a result or a failure, or was skipped or left out as a duplicate.
    Done,
}

/// A host that asked to be left alone.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PausedHost {
    /// Its name, with the port unless that is the scheme's own.
    pub host: String,
    /// How long it is left alone yet, in seconds.
    pub paused_seconds: f64,
    /// How often in a row it asked.
    pub strikes: u32,
}

/// How far a job is, as of its last commit and over all of its runs.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// What it does now.
    pub activity: Activity,
    /// When it was started first.
    #[serde(serialize_with = "rfc3339")]
    pub started_at: SystemTime,
    /// When it was committed last.
    #[serde(serialize_with = "rfc3339")]
    pub committed_at: SystemTime,
    /// The form of its results.
    pub format: String,
    /// Bytes of the list, as far as they are known: all of a file, what was read of a stream.
    pub input_bytes_total: u64,
    /// Bytes of the list that were read.
    pub input_bytes: u64,
    /// Lines of the list that were read.
    pub input: u64,
    /// Whether that is all of them.
    pub input_complete: bool,
    /// Lines with a result.
    pub ok: u64,
    /// Lines with a failure.
    pub failed: u64,
    /// Blank lines, comments and the row of names.
    pub skipped: u64,
    /// Lines that were left out because an earlier one has their URL.
    pub duplicates: u64,
    /// Lines read and not settled.
    pub pending: u64,
    /// Failures by their kind.
    pub by_kind: BTreeMap<String, u64>,
    /// The first failure of each kind, in the order of the list.
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
    /// How often it was started.
    pub runs: u64,
    /// Wall time of all runs, in seconds.
    pub wall_seconds: f64,
    /// CPU time of all runs, in seconds.
    pub cpu_seconds: f64,
    /// Hosts that are left alone now.
    pub paused_hosts: u64,
    /// Those of them that may be asked first, five at most.
    pub paused: Vec<PausedHost>,
}

impl LedgerView {
    /// How far the job is.
    ///
    /// # Errors
    ///
    /// [`Error`] if the ledger cannot be read.
    pub fn status(&self) -> Result<Status, Error> {
        let used_before = Directory::is_used(&self.directory);
        let mut status = self.read().map_err(|source| self.error(&source))?;
        // A job that ended while the ledger was read has left its last word there. One that began
        // meanwhile has the lock now.
        if used_before || status.activity == Activity::Killed && Directory::is_used(&self.directory)
        {
            status.activity = Activity::Running;
        }
        Ok(status)
    }

    fn read(&self) -> rusqlite::Result<Status> {
        let transaction = self.connection.unchecked_transaction()?;
        let mut status = transaction.query_row("SELECT * FROM job", [], job)?;
        let counts = counts(&transaction)?;
        status.failed = counts.by_kind.values().sum();
        (status.by_kind, status.by_status) = (counts.by_kind, counts.by_status);
        status.examples = counts.examples;
        let settled = status.ok + status.failed + status.skipped + status.duplicates;
        status.pending = status.input.saturating_sub(settled);
        let parts = "SELECT count(*) AS parts, coalesce(sum(bytes), 0) AS bytes FROM part";
        rows(&transaction, parts, |row| {
            status.parts = unsigned(row, "parts")?;
            status.output_bytes = unsigned(row, "bytes")?;
            Ok(())
        })?;
        let now = wall_ms();
        let paused = format!(
            "SELECT name, strikes, paused_until, count(*) OVER () AS hosts
             FROM host WHERE paused_until > {now} ORDER BY paused_until, name LIMIT {HOSTS}"
        );
        rows(&transaction, &paused, |row| {
            status.paused_hosts = unsigned(row, "hosts")?;
            let until: i64 = row.get("paused_until")?;
            status.paused.push(PausedHost {
                host: row.get("name")?,
                paused_seconds: until.saturating_sub(now) as f64 / 1000.0,
                strikes: row.get("strikes")?,
            });
            Ok(())
        })?;
        Ok(status)
    }
}

fn job(row: &Row<'_>) -> rusqlite::Result<Status> {
    let state: String = row.get("state")?;
    let seconds = |column| unsigned(row, column).map(|millis| millis as f64 / 1000.0);
    let duplicates = match unsigned(row, "duplicates") {
        // The first version of the tables had none.
        Err(rusqlite::Error::InvalidColumnName(_)) => 0,
        found => found?,
    };
    Ok(Status {
        activity: match state.as_str() {
            "done" => Activity::Done,
            "interrupted" => Activity::Interrupted,
            // Nobody says so who still could.
            _ => Activity::Killed,
        },
        started_at: moment(row.get("created_at")?)?,
        committed_at: moment(row.get("updated_at")?)?,
        format: row.get("format")?,
        input_bytes_total: unsigned(row, "list_bytes")?.max(unsigned(row, "read_bytes")?),
        input_bytes: unsigned(row, "read_bytes")?,
        input: unsigned(row, "read_lines")?,
        input_complete: row.get("read_complete")?,
        ok: unsigned(row, "ok")?,
        failed: 0,
        skipped: unsigned(row, "skipped")?,
        duplicates,
        pending: 0,
        by_kind: BTreeMap::new(),
        examples: Vec::new(),
        by_status: BTreeMap::new(),
        requests: unsigned(row, "requests")?,
        retries: unsigned(row, "retries")?,
        body_bytes: unsigned(row, "body_bytes")?,
        output_bytes: 0,
        parts: 0,
        runs: unsigned(row, "runs")?,
        wall_seconds: seconds("wall_ms")?,
        cpu_seconds: seconds("cpu_ms")?,
        paused_hosts: 0,
        paused: Vec::new(),
    })
}

/// A time from milliseconds since 1970, if it has four digits for its year.
fn moment(millis: i64) -> rusqlite::Result<SystemTime> {
    match u64::try_from(millis) {
        Ok(after) if after < 253_402_300_800_000 => Ok(UNIX_EPOCH + Duration::from_millis(after)),
        _ => Err(rusqlite::Error::IntegralValueOutOfRange(0, millis)),
    }
}

fn rfc3339<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_rfc3339_millis(*time))
}
