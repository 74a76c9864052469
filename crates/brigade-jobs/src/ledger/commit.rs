//! One commit: what it says, and the one transaction that says it.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use brigade_core::verdict::FailureKind;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::state::{HostState, Totals};
use crate::input::{Checkpoint, Consumed, Metadata, Segment};
use crate::parts::PartState;

/// One item that failed for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) index: u64,
    pub(crate) offset: u64,
    pub(crate) length: u64,
    pub(crate) url: String,
    pub(crate) kind: FailureKind,
    pub(crate) status: Option<u16>,
    pub(crate) message: String,
    pub(crate) attempts: u32,
    /// Milliseconds since 1970.
    pub(crate) failed_at: i64,
    /// The other columns of its line, as a JSON object.
    pub(crate) columns: Option<Box<str>>,
}

/// What is known of the list when a run begins.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ListState<'a> {
    pub(crate) kind: &'a str,
    pub(crate) form: &'a str,
    pub(crate) metadata: Metadata,
}

/// What a commit says. Borrowed, because it is said once.
#[derive(Debug)]
pub(crate) struct Commit<'a> {
    pub(crate) watermark: u64,
    /// The longest ranges that hold what was done since the last commit.
    pub(crate) done: &'a [RangeInclusive<u64>],
    pub(crate) checkpoint: Checkpoint,
    pub(crate) consumed: Consumed,
    pub(crate) segments: &'a [Segment],
    pub(crate) parts: &'a [PartState],
    pub(crate) failures: &'a [Failure],
    /// Results since the last commit that may have been failures before.
    pub(crate) healed: &'a [u64],
    /// Results by status since the last commit.
    pub(crate) statuses: &'a BTreeMap<u16, u64>,
    pub(crate) hosts: &'a [HostState],
    pub(crate) totals: &'a Totals,
    pub(crate) state: &'static str,
    /// Milliseconds since 1970.
    pub(crate) now: i64,
    /// A moment after which nothing was sent that the commit knows of, in the same way.
    pub(crate) sent_at: i64,
}

/// Writes the row of a job that begins.
pub(super) fn begin(
    connection: &Connection,
    list: &ListState<'_>,
    format: &str,
    now: i64,
) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO job VALUES (1, ?1, ?1, 'running', ?2, 0, 0, 0, ?3, 0, 0, 0,
             0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, ?4, 0, ?1)",
        params![now, format, list.kind, list.form],
    )?;
    Ok(())
}

/// Writes what is known of the list now.
pub(super) fn list(connection: &Connection, list: &ListState<'_>) -> rusqlite::Result<()> {
    let metadata = list.metadata;
    connection.execute(
        "UPDATE job SET list_kind = ?1, list_bytes = ?2, list_modified = ?3, list_inode = ?4,
             runs = runs + 1, state = 'running'",
        params![
            list.kind,
            metadata.bytes.cast_signed(),
            metadata.modified,
            metadata.inode.cast_signed()
        ],
    )?;
    Ok(())
}

/// Makes the commit.
pub(super) fn write(connection: &mut Connection, commit: &Commit<'_>) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    job(&transaction, commit)?;
    done(&transaction, commit)?;
    parts(&transaction, commit)?;
    failures(&transaction, commit)?;
    hosts(&transaction, commit)?;
    transaction.commit()
}

fn job(transaction: &Transaction<'_>, commit: &Commit<'_>) -> rusqlite::Result<()> {
    let (totals, consumed) = (commit.totals, commit.consumed);
    transaction
        .prepare(
            "UPDATE job SET updated_at = ?1, state = ?2, watermark = ?3, checkpoint_line = ?4,
                 checkpoint_offset = ?5, read_lines = ?6, read_bytes = ?7, read_complete = ?8,
                 read_terminated = ?9, ok = ?10, skipped = ?11, requests = ?12, retries = ?13,
                 body_bytes = ?14, wall_ms = ?15, cpu_ms = ?16, duplicates = ?17,
                 sent_at = ?18",
        )?
        .execute(params![
            commit.now,
            commit.state,
            commit.watermark.cast_signed(),
            commit.checkpoint.index.cast_signed(),
            commit.checkpoint.offset.cast_signed(),
            consumed.lines.cast_signed(),
            consumed.bytes.cast_signed(),
            consumed.complete,
            consumed.terminated,
            totals.ok.cast_signed(),
            totals.skipped.cast_signed(),
            totals.requests.cast_signed(),
            totals.retries.cast_signed(),
            totals.body_bytes.cast_signed(),
            totals.wall_ms.cast_signed(),
            totals.cpu_ms.cast_signed(),
            totals.duplicates.cast_signed(),
            commit.sent_at,
        ])?;
    let mut hash = transaction.prepare("INSERT OR REPLACE INTO list_hash VALUES (?1, ?2, ?3)")?;
    for segment in commit.segments {
        hash.execute(params![
            segment.number.cast_signed(),
            segment.bytes.cast_signed(),
            segment.hash.cast_signed()
        ])?;
    }
    Ok(())
}

fn done(transaction: &Transaction<'_>, commit: &Commit<'_>) -> rusqlite::Result<()> {
    // Ranges are as long as they can be, so an older row that overlaps one lies inside it.
    transaction
        .prepare("DELETE FROM done WHERE first < ?1")?
        .execute([commit.watermark.cast_signed()])?;
    let mut clear = transaction.prepare("DELETE FROM done WHERE first BETWEEN ?1 AND ?2")?;
    let mut insert = transaction.prepare("INSERT INTO done VALUES (?1, ?2)")?;
    for range in commit.done {
        let ends = [range.start().cast_signed(), range.end().cast_signed()];
        clear.execute(ends)?;
        insert.execute(ends)?;
    }
    Ok(())
}

fn parts(transaction: &Transaction<'_>, commit: &Commit<'_>) -> rusqlite::Result<()> {
    let mut insert =
        transaction.prepare("INSERT OR REPLACE INTO part VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for part in commit.parts {
        insert.execute(params![
            part.number.cast_signed(),
            part.name,
            part.bytes.cast_signed(),
            part.records.cast_signed(),
            part.index_bytes.cast_signed()
        ])?;
    }
    let mut count = transaction.prepare(
        "INSERT INTO status VALUES (?1, ?2)
             ON CONFLICT (code) DO UPDATE SET results = results + excluded.results",
    )?;
    for (code, results) in commit.statuses {
        count.execute(params![code, results.cast_signed()])?;
    }
    Ok(())
}

fn failures(transaction: &Transaction<'_>, commit: &Commit<'_>) -> rusqlite::Result<()> {
    let mut heal = transaction.prepare("DELETE FROM failure WHERE line = ?1")?;
    for line in commit.healed {
        heal.execute([line.cast_signed()])?;
    }
    let mut insert = transaction.prepare(
        "INSERT OR REPLACE INTO failure VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    for failure in commit.failures {
        insert.execute(params![
            failure.index.cast_signed(),
            failure.url,
            failure.kind.as_str(),
            failure.status,
            failure.message,
            failure.attempts,
            failure.failed_at,
            failure.offset.cast_signed(),
            failure.length.cast_signed(),
            failure.columns
        ])?;
    }
    Ok(())
}

fn hosts(transaction: &Transaction<'_>, commit: &Commit<'_>) -> rusqlite::Result<()> {
    let mut forget = transaction.prepare("DELETE FROM host WHERE name = ?1")?;
    let mut insert = transaction.prepare("INSERT OR REPLACE INTO host VALUES (?1, ?2, ?3)")?;
    for host in commit.hosts {
        if host.strikes == 0 {
            forget.execute([&host.name])?;
        } else {
            insert.execute(params![host.name, host.paused_until, host.strikes])?;
        }
    }
    Ok(())
}
