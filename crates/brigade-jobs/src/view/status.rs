//! How far a job is, whether it runs, and what it waits for.
//!
//! The numbers are those of the last commit and belong together: they are read in one transaction.

use std::ops::Deref;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::Row;
use serde::{Serialize, Serializer};

use super::open::LedgerView;
use crate::directory::Directory;
use crate::error::Error;
use crate::ledger::{Counts, consumed, counts, rows, totals, unsigned};
use crate::meter::wall_ms;
use crate::totals::JobTotals;

/// Paused hosts that are named at most.
const HOSTS: usize = 5;

/// What a job does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Activity {
    /// A process works on it.
    Running,
    /// It was stopped before its list was done, or while failures were asked for again; the same job
    /// opened again continues.
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

/// How far a job is, as of its last commit and over all of its runs. It has the totals as if they
/// were its own fields: `status.ok`.
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
    /// What all runs have come to.
    #[serde(flatten)]
    pub totals: JobTotals,
    /// Hosts that are left alone now.
    pub paused_hosts: u64,
    /// Those of them that may be asked first, five at most.
    pub paused: Vec<PausedHost>,
}

impl Deref for Status {
    type Target = JobTotals;

    fn deref(&self) -> &JobTotals {
        &self.totals
    }
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
        let counts = counts(&transaction)?;
        let mut status = transaction.query_row("SELECT * FROM job", [], |row| job(row, counts))?;
        let parts = "SELECT count(*) AS parts, coalesce(sum(bytes), 0) AS bytes FROM part";
        rows(&transaction, parts, |row| {
            status.totals.parts = unsigned(row, "parts")?;
            status.totals.output_bytes = unsigned(row, "bytes")?;
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

fn job(row: &Row<'_>, counts: Counts) -> rusqlite::Result<Status> {
    let state: String = row.get("state")?;
    let consumed = consumed(row)?;
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
        input_bytes_total: unsigned(row, "list_bytes")?.max(consumed.bytes),
        input_bytes: consumed.bytes,
        totals: JobTotals::of(consumed, &totals(row)?, counts),
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
