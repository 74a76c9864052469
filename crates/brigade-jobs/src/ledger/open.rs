//! Opens a ledger, makes a new one, and reads what a job needs to continue.

use std::path::Path;

use brigade_core::ranges::DoneSet;
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior};

use super::error::error;
use super::peek::doubt;
use super::schema::{APPLICATION, MIGRATIONS, TABLES, VERSION};
use super::state::{Counts, FailureRecord, HostState, Recovered, Totals};
use crate::error::Error;
use crate::input::{Before, Checkpoint, Consumed, Metadata, Resume, Segment};
use crate::parts::PartState;

/// Opens the database with the settings that the commits rely on.
pub(super) fn connect(path: &Path, in_memory: bool) -> Result<Connection, Error> {
    let opened = if in_memory {
        Connection::open_in_memory()
    } else {
        Connection::open(path)
    };
    let connection = opened.map_err(|source| error(path, &source))?;
    let settings = "
        PRAGMA busy_timeout = 30000;
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = FULL;
        PRAGMA cache_size = -512;
        PRAGMA journal_size_limit = 4194304;";
    connection
        .execute_batch(settings)
        .map_err(|source| error(path, &source))?;
    Ok(connection)
}

/// The version of a ledger; none if the database is empty. One that is not ours or too new is
/// refused.
pub(super) fn version(connection: &Connection, path: &Path) -> Result<Option<i64>, Error> {
    let number = |sql: &str| -> Result<i64, Error> {
        let found = connection.query_row(sql, [], |row| row.get(0));
        found.map_err(|source| error(path, &source))
    };
    let found = number("PRAGMA user_version")?;
    let ours = number("PRAGMA application_id")? == APPLICATION;
    if found > VERSION && ours {
        return Err(Error::LedgerNewer {
            path: path.to_owned(),
            found,
            known: VERSION,
        });
    }
    if ours && found >= 1 {
        return Ok(Some(found));
    }
    match number("SELECT count(*) FROM sqlite_schema")? {
        0 => Ok(None),
        _ => Err(Error::ForeignDatabase(path.to_owned())),
    }
}

/// Makes the tables if the database is new, and those of an older version into the present ones.
pub(super) fn prepare(connection: &mut Connection, path: &Path) -> Result<(), Error> {
    if let Some(found) = version(connection, path)? {
        return migrate(connection, found).map_err(|source| error(path, &source));
    }
    let script = format!(
        "BEGIN IMMEDIATE; {TABLES}
         PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION}; COMMIT;"
    );
    connection
        .execute_batch(&script)
        .map_err(|source| error(path, &source))
}

/// Makes the tables those of the present version, in one transaction: an older brigade reads them
/// no more after that.
fn migrate(connection: &mut Connection, found: i64) -> rusqlite::Result<()> {
    if found == VERSION {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for step in &MIGRATIONS[found as usize - 1..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

/// Reads what a job needs to continue, and refuses what cannot be: `is_list` says whether the list can
/// have been read so far, before memory is taken for what is said of its lines. The tables may be
/// older ones.
pub(super) fn recover(
    connection: &Connection,
    path: &Path,
    is_list: impl FnOnce(&Before) -> Result<(), Error>,
) -> Result<Recovered, Error> {
    let job = connection
        .query_row("SELECT * FROM job", [], job)
        .optional();
    let mut recovered = match job.map_err(|source| error(path, &source))? {
        Some(recovered) => recovered,
        None => return Ok(Recovered::default()),
    };
    recovered.list.as_ref().map_or(Ok(()), is_list)?;
    let mut wrong = None;
    let lines = recovered.resume.consumed.lines_at_most();
    let read = rows(connection, "SELECT first, last FROM done", |row| {
        let (first, last) = (unsigned(row, "first")?, unsigned(row, "last")?);
        // What is beyond the list would cost memory without end.
        match first <= last && last < lines {
            true => recovered.resume.done.insert_range(first..=last),
            false => wrong = Some(format!("lines {first} to {last} are done of {lines}")),
        }
        Ok(())
    });
    let read = read.and_then(|()| details(connection, &mut recovered));
    read.map_err(|source| error(path, &source))?;
    match wrong.or_else(|| doubt(&recovered)) {
        Some(wrong) => Err(damaged(path, &wrong)),
        None => Ok(recovered),
    }
}

/// The row of the job; what later versions added counts as nothing where it is not there.
fn job(row: &Row<'_>) -> rusqlite::Result<Recovered> {
    let updated_at: i64 = row.get("updated_at")?;
    let state: String = row.get("state")?;
    Ok(Recovered {
        resume: resume(row)?,
        list: Some(before(row)?),
        totals: totals(row)?,
        updated_at,
        sent_at: newer(row.get("sent_at"), updated_at)?,
        killed: state == "running",
        format: Some(row.get("format")?),
        ..Recovered::default()
    })
}

/// A column that older tables may not have.
fn newer<T>(found: rusqlite::Result<T>, otherwise: T) -> rusqlite::Result<T> {
    match found {
        Err(rusqlite::Error::InvalidColumnName(_)) => Ok(otherwise),
        found => found,
    }
}

pub(super) fn damaged(path: &Path, reason: &str) -> Error {
    Error::LedgerDamaged {
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}

/// The parts, in their order.
pub(super) fn parts(connection: &Connection) -> rusqlite::Result<Vec<PartState>> {
    let mut parts = Vec::new();
    let all = "SELECT * FROM part ORDER BY number";
    rows(connection, all, |row| {
        parts.push(PartState {
            number: unsigned(row, "number")?,
            name: row.get("name")?,
            bytes: unsigned(row, "bytes")?,
            records: unsigned(row, "records")?,
            index_bytes: newer(unsigned(row, "index_bytes"), 0)?,
        });
        Ok(())
    })?;
    Ok(parts)
}

fn details(connection: &Connection, recovered: &mut Recovered) -> rusqlite::Result<()> {
    if let Some(list) = &mut recovered.list {
        let segments = "SELECT segment, bytes, hash FROM list_hash ORDER BY segment";
        rows(connection, segments, |row| {
            list.segments.push(Segment {
                number: unsigned(row, "segment")?,
                bytes: unsigned(row, "bytes")?,
                hash: row.get::<_, i64>("hash")?.cast_unsigned(),
            });
            Ok(())
        })?;
    }
    recovered.parts = parts(connection)?;
    rows(
        connection,
        "SELECT name, paused_until, strikes FROM host",
        |row| {
            recovered.hosts.push(HostState {
                name: row.get("name")?,
                paused_until: row.get("paused_until")?,
                strikes: row.get("strikes")?,
            });
            Ok(())
        },
    )?;
    rows(
        connection,
        "SELECT kind, count(*) AS n FROM failure GROUP BY kind",
        |row| {
            let kind: String = row.get("kind")?;
            if let Ok(kind) = kind.parse() {
                recovered.by_kind.push((kind, unsigned(row, "n")?));
            }
            Ok(())
        },
    )
}

/// Failures by kind, results and failures by status.
pub(crate) fn counts(connection: &Connection) -> rusqlite::Result<Counts> {
    let mut counts = Counts::default();
    let mut firsts = Vec::new();
    let kinds = "SELECT kind, count(*) AS n, min(line) AS first FROM failure
         GROUP BY kind ORDER BY first";
    rows(connection, kinds, |row| {
        counts.by_kind.insert(row.get("kind")?, unsigned(row, "n")?);
        firsts.push(row.get::<_, i64>("first")?);
        Ok(())
    })?;
    for line in firsts {
        let first = "SELECT * FROM failure WHERE line = ?1";
        let first = connection.query_row(first, [line], failure)?;
        counts.examples.push(first);
    }
    let statuses = "SELECT code, sum(n) AS n FROM (
        SELECT code, results AS n FROM status UNION ALL
        SELECT status, 1 FROM failure WHERE status IS NOT NULL) GROUP BY code";
    rows(connection, statuses, |row| {
        counts
            .by_status
            .insert(row.get("code")?, unsigned(row, "n")?);
        Ok(())
    })?;
    Ok(counts)
}

/// A row of `failure`.
pub(crate) fn failure(row: &Row<'_>) -> rusqlite::Result<FailureRecord> {
    Ok(FailureRecord {
        index: unsigned(row, "line")?,
        url: row.get("url")?,
        kind: row.get("kind")?,
        status: row.get("status")?,
        message: row.get("message")?,
        attempts: row.get("attempts")?,
        columns: newer(row.get("columns"), None)?,
    })
}

/// Calls `each` with every row.
pub(crate) fn rows(
    connection: &Connection,
    sql: &str,
    mut each: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(row)?;
    }
    Ok(())
}

/// A column that is never negative.
pub(crate) fn unsigned(row: &Row<'_>, column: &str) -> rusqlite::Result<u64> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(0, value))
}

fn resume(row: &Row<'_>) -> rusqlite::Result<Resume> {
    let mut done = DoneSet::new();
    let watermark = unsigned(row, "watermark")?;
    if watermark > 0 {
        done.insert_range(0..=watermark - 1);
    }
    Ok(Resume {
        checkpoint: Checkpoint {
            index: unsigned(row, "checkpoint_line")?,
            offset: unsigned(row, "checkpoint_offset")?,
        },
        done,
        consumed: consumed(row)?,
    })
}

/// How far the list was read.
pub(crate) fn consumed(row: &Row<'_>) -> rusqlite::Result<Consumed> {
    Ok(Consumed {
        lines: unsigned(row, "read_lines")?,
        bytes: unsigned(row, "read_bytes")?,
        complete: row.get("read_complete")?,
        terminated: row.get("read_terminated")?,
    })
}

fn before(row: &Row<'_>) -> rusqlite::Result<Before> {
    Ok(Before {
        kind: row.get("list_kind")?,
        form: newer(row.get("list_form"), "lines".to_owned())?,
        metadata: Metadata {
            bytes: unsigned(row, "list_bytes")?,
            modified: row.get("list_modified")?,
            inode: row.get::<_, i64>("list_inode")?.cast_unsigned(),
        },
        consumed: consumed(row)?,
        segments: Vec::new(),
    })
}

/// The totals in the row of the job.
pub(crate) fn totals(row: &Row<'_>) -> rusqlite::Result<Totals> {
    Ok(Totals {
        ok: unsigned(row, "ok")?,
        skipped: unsigned(row, "skipped")?,
        duplicates: newer(unsigned(row, "duplicates"), 0)?,
        requests: unsigned(row, "requests")?,
        retries: unsigned(row, "retries")?,
        body_bytes: unsigned(row, "body_bytes")?,
        runs: unsigned(row, "runs")?,
        wall_ms: unsigned(row, "wall_ms")?,
        cpu_ms: unsigned(row, "cpu_ms")?,
    })
}
