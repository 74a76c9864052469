//! Looks at ledgers made by hand: every filter, every state, every way not to be one.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use super::*;
use crate::directory::{Directory, LEDGER};
use crate::error::Error;
use crate::ledger::tests::VERSION_1;
use crate::ledger::{FailureRecord, Ledger, ListState};
use crate::meter::wall_ms;

/// A ledger in `directory` that says `sql` beyond what a new one does.
fn ledger(directory: &Path, sql: &str) -> Connection {
    let path = directory.join(LEDGER);
    let made = Ledger::open(&path, false).unwrap();
    let list = ListState {
        kind: "file",
        form: "lines",
        ..ListState::default()
    };
    made.begin(Some("jsonl"), &list, 1000).unwrap();
    drop(made);
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(sql).unwrap();
    connection
}

fn fail(line: u64, url: &str, kind: &str, status: &str) -> String {
    format!(
        "INSERT INTO failure VALUES ({line}, '{url}', '{kind}', {status}, 'm{line}', 1, 0, 0, 0, NULL);"
    )
}

fn some_failures() -> String {
    [
        fail(1, "http://a.test/1", "http_status", "404"),
        fail(2, "http://A.test:80/2", "http_status", "500"),
        fail(3, "http://a.test:81/3", "timeout.read", "NULL"),
        fail(4, "https://b.test/?q=http://a.test/", "dns", "NULL"),
        fail(5, "http://[::1]:8/", "timeout.total", "NULL"),
        fail(6, "no url", "bad_url", "NULL"),
        fail(7, "http://a.test/7", "http_status", "404"),
    ]
    .concat()
}

fn filter(sets: &str, hosts: &str) -> FailureFilter {
    FailureFilter {
        sets: sets
            .split_whitespace()
            .map(|set| set.parse().unwrap())
            .collect(),
        hosts: hosts.split_whitespace().map(str::to_owned).collect(),
    }
}

#[test]
fn f11d_failures_are_chosen_by_kind_status_and_host() {
    let temp = tempfile::tempdir().unwrap();
    drop(ledger(temp.path(), &some_failures()));
    let view = LedgerView::open(temp.path()).unwrap();
    for (sets, hosts, expected) in [
        ("", "", &[1, 2, 3, 4, 5, 6, 7][..]),
        ("404", "", &[1, 7]),
        ("http_status", "", &[1, 2, 7]),
        ("5xx dns", "", &[2, 4]),
        ("timeout", "", &[3, 5]),
        ("", "a.test", &[1, 2, 3, 7]),
        ("", "A.TEST", &[1, 2, 3, 7]),
        ("", "a.test:81", &[3]),
        ("", "[::1]", &[5]),
        ("", "b.test [::1]:8", &[4, 5]),
        ("404 timeout", "a.test b.test", &[1, 3, 7]),
        ("", "test", &[]),
        ("", "x' OR '1'='1", &[]),
    ] {
        let found = view.failures(&filter(sets, hosts));
        let found: Vec<u64> = found.map(|failure| failure.unwrap().index).collect();
        assert_eq!(found, expected, "{sets:?} at {hosts:?}");
    }
}

#[test]
fn f11d_pages_lose_nothing_double_nothing_and_hold_no_transaction() {
    let temp = tempfile::tempdir().unwrap();
    let many: String = (0..1000)
        .map(|line| fail(line, "http://a/", "dns", "NULL"))
        .collect();
    let writer = ledger(temp.path(), &format!("BEGIN; {many} COMMIT;"));
    let view = LedgerView::open(temp.path()).unwrap();
    let filter = FailureFilter::default();
    let mut seen = Vec::new();
    for failure in view.failures(&filter) {
        let index = failure.unwrap().index;
        // The job goes on meanwhile: a line ahead heals, and the log is taken over and emptied.
        if index == 300 {
            writer
                .execute_batch("DELETE FROM failure WHERE line = 900")
                .unwrap();
            let busy: i64 = writer
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
                .unwrap();
            assert_eq!(busy, 0, "the reader keeps the log from being emptied");
        }
        seen.push(index);
    }
    assert_eq!(
        seen,
        (0..1000).filter(|line| *line != 900).collect::<Vec<_>>()
    );
}

#[test]
fn f11e_groups_are_the_largest_first_and_count_all() {
    let temp = tempfile::tempdir().unwrap();
    drop(ledger(temp.path(), &some_failures()));
    let view = LedgerView::open(temp.path()).unwrap();
    let groups = view.failure_groups(&FailureFilter::default(), 3).unwrap();
    assert_eq!(
        (groups.failures, groups.groups, groups.largest.len()),
        (7, 6, 3)
    );
    let first = &groups.largest[0];
    assert_eq!(
        (first.kind.as_str(), first.status, first.count),
        ("http_status", Some(404), 2)
    );
    assert_eq!(
        (first.host.as_deref(), first.example.as_str()),
        (Some("a.test"), "m1")
    );
    assert_eq!(groups.largest[1].kind, "bad_url");
    assert_eq!(groups.largest[1].host, None);
    let none = view.failure_groups(&filter("tls", "a.test"), 3).unwrap();
    assert_eq!(none, FailureGroups::default());
}

#[test]
fn f11a_each_kind_of_failure_comes_with_the_first_of_them() {
    let temp = tempfile::tempdir().unwrap();
    drop(ledger(temp.path(), &some_failures()));
    let status = LedgerView::open(temp.path()).unwrap().status().unwrap();
    assert_eq!((status.failed, status.by_kind["http_status"]), (7, 3));
    assert_eq!((status.by_status[&404], status.by_status[&500]), (2, 1));
    let firsts: Vec<_> = status.examples.iter().map(|each| each.index).collect();
    assert_eq!(firsts, [1, 3, 4, 5, 6]);
}

#[test]
fn f11c_the_json_of_a_failure_has_its_columns() {
    let temp = tempfile::tempdir().unwrap();
    let columns = "UPDATE failure SET columns = '{\"id\":\"7\"}' WHERE line = 4;";
    drop(ledger(
        temp.path(),
        &(fail(4, "http://a/", "dns", "NULL") + columns),
    ));
    let view = LedgerView::open(temp.path()).unwrap();
    let found: Vec<FailureRecord> = view
        .failures(&FailureFilter::default())
        .collect::<Result<_, _>>()
        .unwrap();
    let mut line = Vec::new();
    found[0].write_json(&mut line);
    let expected = "{\"index\":4,\"url\":\"http://a/\",\"columns\":{\"id\":\"7\"},\
                    \"kind\":\"dns\",\"message\":\"m4\",\"attempts\":1}\n";
    assert_eq!(String::from_utf8(line).unwrap(), expected);
}

#[test]
fn f11a_running_stopped_killed_and_done_are_told_apart() {
    let temp = tempfile::tempdir().unwrap();
    let writer = ledger(
        temp.path(),
        "UPDATE job SET read_lines = 10, ok = 4, skipped = 1;",
    );
    let view = LedgerView::open(temp.path()).unwrap();
    for (state, free, held) in [
        ("running", Activity::Killed, Activity::Running),
        ("interrupted", Activity::Interrupted, Activity::Running),
        ("done", Activity::Done, Activity::Running),
    ] {
        writer
            .execute("UPDATE job SET state = ?1", [state])
            .unwrap();
        assert_eq!(view.status().unwrap().activity, free);
        let lock = Directory::open(temp.path()).unwrap();
        let status = view.status().unwrap();
        assert_eq!((status.activity, status.pending), (held, 5));
        drop(lock);
    }
}

#[test]
fn f11a_paused_hosts_are_counted_and_the_first_are_named() {
    let temp = tempfile::tempdir().unwrap();
    let now = wall_ms();
    let hosts: String = (0..9)
        .map(|n| {
            let until = now + 60_000 * (n - 1);
            format!("INSERT INTO host VALUES ('h{n}', {until}, {});", n + 1)
        })
        .collect();
    drop(ledger(temp.path(), &hosts));
    let status = LedgerView::open(temp.path()).unwrap().status().unwrap();
    assert_eq!((status.paused_hosts, status.paused.len()), (7, 5));
    let first = &status.paused[0];
    assert_eq!((first.host.as_str(), first.strikes), ("h2", 3));
    assert!((50.0..=60.0).contains(&first.paused_seconds), "{first:?}");
}

#[test]
fn f11b_an_older_ledger_is_read_as_it_is_and_stays_so() {
    let temp = tempfile::tempdir().unwrap();
    let older = Connection::open(temp.path().join(LEDGER)).unwrap();
    older.execute_batch(VERSION_1).unwrap();
    drop(older);
    let view = LedgerView::open(temp.path()).unwrap();
    let status = view.status().unwrap();
    let counts = (
        status.ok,
        status.failed,
        status.skipped,
        status.duplicates,
        status.pending,
    );
    assert_eq!(counts, (2, 1, 1, 0, 8));
    let failure = view
        .failures(&FailureFilter::default())
        .next()
        .unwrap()
        .unwrap();
    assert_eq!((failure.index, failure.columns), (1, None));
    let version: i64 = view
        .connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .unwrap();
    assert_eq!(version, 1);
}

#[test]
fn f11b_a_copy_that_cannot_be_written_to_is_read_unless_its_log_holds_commits() {
    let temp = tempfile::tempdir().unwrap();
    let place = temp.path().join("a copy? 100%#1");
    fs::create_dir(&place).unwrap();
    drop(ledger(&place, &some_failures()));
    // Nobody can make this file any more, as in a directory without the right to write.
    std::os::unix::fs::symlink("nowhere", place.join("ledger.db-shm")).unwrap();
    let view = LedgerView::open(&place).unwrap();
    assert_eq!(view.status().unwrap().failed, 7);
    fs::write(place.join("ledger.db-wal"), "commits").unwrap();
    let error = LedgerView::open(&place).unwrap_err();
    assert!(matches!(error, Error::Unreadable { .. }), "{error}");
    assert!(error.to_string().contains("copy both files"), "{error}");
}

#[test]
fn f11b_what_is_no_ledger_is_refused_with_what_it_is() {
    let temp = tempfile::tempdir().unwrap();
    let place = |name: &str| {
        let place = temp.path().join(name);
        fs::create_dir(&place).unwrap();
        place
    };
    let refused = |place: &Path| LedgerView::open(place).unwrap_err();
    assert!(matches!(
        refused(&temp.path().join("nowhere")),
        Error::NoJob { .. }
    ));
    assert!(matches!(refused(&place("bare")), Error::NoJob { .. }));
    let empty = place("empty");
    fs::write(empty.join(LEDGER), "").unwrap();
    assert!(matches!(refused(&empty), Error::NoJob { .. }));
    let unborn = place("unborn");
    drop(Ledger::open(&unborn.join(LEDGER), false).unwrap());
    assert!(matches!(refused(&unborn), Error::NoJob { .. }));
    let newer = place("newer");
    drop(ledger(&newer, "PRAGMA user_version = 99"));
    assert!(matches!(
        refused(&newer),
        Error::LedgerNewer { found: 99, .. }
    ));
    let foreign = place("foreign");
    let other = Connection::open(foreign.join(LEDGER)).unwrap();
    other.execute_batch("CREATE TABLE mine (x)").unwrap();
    assert!(matches!(refused(&foreign), Error::ForeignDatabase(_)));
    let text = place("text");
    fs::write(text.join(LEDGER), "this is no database at all, ".repeat(99)).unwrap();
    assert!(matches!(refused(&text), Error::LedgerDamaged { .. }));
}

#[test]
fn f11b_damage_within_a_ledger_is_an_error_once() {
    let temp = tempfile::tempdir().unwrap();
    let times = "UPDATE job SET updated_at = 9223372036854775807;";
    let writer = ledger(temp.path(), &(some_failures() + times));
    let view = LedgerView::open(temp.path()).unwrap();
    assert!(matches!(view.status(), Err(Error::LedgerDamaged { .. })));
    writer.execute_batch("DROP TABLE failure").unwrap();
    let filter = FailureFilter::default();
    let mut failures = view.failures(&filter);
    let error = failures.next().unwrap().unwrap_err().to_string();
    assert!(error.contains("no such table"), "{error}");
    assert!(failures.next().is_none());
    assert!(view.failure_groups(&filter, 1).is_err());
}
