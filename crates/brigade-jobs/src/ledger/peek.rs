//! Looks into a ledger before anything is touched, and doubts what it says.
//!
//! A job that is refused must leave its directory as it was, and a ledger may be damaged, or made by
//! somebody who wants a job to write elsewhere. So it is read first without being opened for
//! writing, and nothing of it is used as a path, a size or a place that no job can have put there.
//! It never migrates, never rolls a log into the file, and never corrects.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::state::Recovered;
use crate::directory::{is_part, part_name};
use crate::input::SEGMENT;

/// How long it waits for readers that prepare the log at the same moment.
const PATIENCE: Duration = Duration::from_secs(30);
/// More than any count, number of bytes or time of a real job.
const MOST: u64 = 1 << 60;

/// Opens the ledger at `path` for a look by whoever has the directory for itself; none if there is
/// nothing in it.
pub(super) fn look(path: &Path) -> rusqlite::Result<Option<Connection>> {
    if path.metadata().is_ok_and(|ledger| ledger.len() == 0) || !path.exists() {
        return Ok(None);
    }
    let holds = |extension| {
        let beside = path.with_extension(extension).metadata();
        beside.is_ok_and(|beside| beside.len() > 0)
    };
    let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = if holds("db-journal") {
        // The ledger was killed while it was made, and must be made whole before it can be read.
        Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_READ_WRITE)
    } else if holds("db-wal") {
        Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_READ_ONLY)
    } else {
        let flags = flags | OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        Connection::open_with_flags(as_it_lies(path), flags)
    }?;
    connection.busy_timeout(PATIENCE)?;
    Ok(Some(connection))
}

/// The name by which SQLite opens a file that does not change.
pub(crate) fn as_it_lies(path: &Path) -> String {
    // Of two slashes at its beginning what follows would be the name of a machine.
    let mut name = String::from(if path.has_root() { "file://" } else { "file:" });
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                name.push(char::from(*byte));
            }
            // Writing to a string cannot fail.
            other => _ = write!(name, "%{other:02x}"),
        }
    }
    name + "?immutable=1"
}

/// What a ledger says that no job has put there, if it says such a thing.
pub(super) fn doubt(found: &Recovered) -> Option<String> {
    let Some(list) = &found.list else {
        return None;
    };
    let (resume, consumed) = (&found.resume, found.resume.consumed);
    let (checkpoint, watermark) = (resume.checkpoint, resume.done.watermark());
    let totals = &found.totals;
    let failed: u64 = found.by_kind.iter().map(|(_, count)| count).sum();
    let lines = [totals.ok, totals.skipped, totals.duplicates, failed];
    let others = [
        totals.requests,
        totals.retries,
        totals.body_bytes,
        totals.runs,
        totals.wall_ms,
        totals.cpu_ms,
    ];
    if let Some(part) = found
        .parts
        .iter()
        .find(|part| !is_named(part.number, &part.name))
    {
        return Some(format!("part {} is called {:?}", part.number, part.name));
    }
    let holds = [
        (
            consumed.lines <= consumed.bytes,
            "more lines than bytes were read",
        ),
        (
            watermark <= consumed.lines_at_most(),
            "the watermark is beyond what was read",
        ),
        (
            checkpoint.index <= watermark,
            "the checkpoint is beyond the watermark",
        ),
        (
            checkpoint.offset <= consumed.bytes,
            "the checkpoint is beyond what was read",
        ),
        (
            lines.iter().all(|count| *count <= consumed.lines_at_most()),
            "more lines ended than were read",
        ),
        (
            others.iter().all(|count| *count < MOST),
            "a total is too large",
        ),
        (
            found.parts.iter().all(|part| part.bytes < MOST),
            "a part is too large",
        ),
        (
            list.segments.iter().all(|segment| segment.bytes <= SEGMENT),
            "a hash covers too much",
        ),
    ];
    let wrong = holds.into_iter().find(|(holds, _)| !holds);
    wrong.map(|(_, what)| what.to_owned())
}

/// Whether a part has the name that its number gives it.
fn is_named(number: u64, name: &str) -> bool {
    let extension = name.split_once('.').map_or("", |(_, extension)| extension);
    is_part(name) && name == part_name(number, extension)
}
