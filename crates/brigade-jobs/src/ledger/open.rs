//! Opens a ledger, makes a new one, and reads what a job needs to continue.

use std::path::Path;

use brigade_core::ranges::DoneSet;
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior};

use super::error::error;
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

/// Makes the tables if the database is new; refuses one that is not ours or too new.
pub(super) fn prepare(connection: &mut Connection, path: &Path) -> Result<(), Error> {
    let pragma = |name: &str| -> Result<i64, Error> {
        connection
            .query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
            .map_err(|source| error(path, &source))
    };
    let (found, application) = (pragma("user_version")?, pragma("application_id")?);
    if found > VERSION && application == APPLICATION {
        return Err(Error::LedgerNewer {
            path: path.to_owned(),
            found,
            known: VERSION,
        });
    }
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(|source| error(path, &source))?;
    if application == APPLICATION && found >= 1 {
        return migrate(connection, found).map_err(|source| error(path, &source));
    }
    if tables > 0 {
        return Err(Error::LedgerDamaged {
            path: path.to_owned(),
            reason: "another program's database".to_owned(),
        });
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

/// Reads what a job needs to continue.
pub(super) fn recover(connection: &Connection) -> rusqlite::Result<Recovered> {
    let job = connection
        .query_row("SELECT * FROM job", [], |row| {
            let updated_at: i64 = row.get("updated_at")?;
            let state: String = row.get("state")?;
            let sent = (row.get("sent_at")?, state == "running");
            let known = (updated_at, sent, row.get("format")?);
            Ok((resume(row)?, before(row)?, totals(row)?, known))
        })
        .optional()?;
    let Some((mut resume, mut list, totals, (updated_at, sent, format))) = job else {
        return Ok(Recovered::default());
    };
    rows(connection, "SELECT first, last FROM done", |row| {
        resume
            .done
            .insert_range(unsigned(row, "first")?..=unsigned(row, "last")?);
        Ok(())
    })?;
    let segments = "SELECT segment, bytes, hash FROM list_hash ORDER BY segment";
    rows(connection, segments, |row| {
        list.segments.push(Segment {
            number: unsigned(row, "segment")?,
            bytes: unsigned(row, "bytes")?,
            hash: row.get::<_, i64>("hash")?.cast_unsigned(),
        });
        Ok(())
    })?;
    let mut recovered = Recovered {
        resume,
        list: Some(list),
        totals,
        updated_at,
        sent_at: sent.0,
        killed: sent.1,
        format: Some(format),
        ..Recovered::default()
    };
    details(connection, &mut recovered)?;
    Ok(recovered)
}

/// The parts, in their order.
pub(super) fn parts(connection: &Connection) -> rusqlite::Result<Vec<PartState>> {
    let mut parts = Vec::new();
    let all = "SELECT number, name, bytes, records, index_bytes FROM part ORDER BY number";
    rows(connection, all, |row| {
        parts.push(PartState {
            number: unsigned(row, "number")?,
            name: row.get("name")?,
            bytes: unsigned(row, "bytes")?,
            records: unsigned(row, "records")?,
            index_bytes: unsigned(row, "index_bytes")?,
        });
        Ok(())
    })?;
    Ok(parts)
}

fn details(connection: &Connection, recovered: &mut Recovered) -> rusqlite::Result<()> {
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

/// A row of `failure`. The first version of the tables had no `columns`.
pub(crate) fn failure(row: &Row<'_>) -> rusqlite::Result<FailureRecord> {
    let columns = match row.get("columns") {
        Err(rusqlite::Error::InvalidColumnName(_)) => None,
        found => found?,
    };
    Ok(FailureRecord {
        index: unsigned(row, "line")?,
        url: row.get("url")?,
        kind: row.get("kind")?,
        status: row.get("status")?,
        message: row.get("message")?,
        attempts: row.get("attempts")?,
        columns,
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

fn consumed(row: &Row<'_>) -> rusqlite::Result<Consumed> {
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
        form: row.get("list_form")?,
        metadata: Metadata {
            bytes: unsigned(row, "list_bytes")?,
            modified: row.get("list_modified")?,
            inode: row.get::<_, i64>("list_inode")?.cast_unsigned(),
        },
        consumed: consumed(row)?,
        segments: Vec::new(),
    })
}

fn totals(row: &Row<'_>) -> rusqlite::Result<Totals> {
    Ok(Totals {
        ok: unsigned(row, "ok")?,
        skipped: unsigned(row, "skipped")?,
        duplicates: unsigned(row, "duplicates")?,
        requests: unsigned(row, "requests")?,
        retries: unsigned(row, "retries")?,
        body_bytes: unsigned(row, "body_bytes")?,
        runs: unsigned(row, "runs")?,
        wall_ms: unsigned(row, "wall_ms")?,
        cpu_ms: unsigned(row, "cpu_ms")?,
    })
}
