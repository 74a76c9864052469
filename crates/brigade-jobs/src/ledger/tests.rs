//! What the ledger relies on, and its rows of done lines against a plain set.

use std::collections::{BTreeMap, BTreeSet};

use brigade_core::ranges::DoneSet;
use proptest::prelude::*;

use super::*;
use crate::input::{Checkpoint, Consumed, Segment};
use crate::parts::Synced;

/// Before 3.51.3 two connections that write and checkpoint could lose committed transactions.
#[test]
fn f6b_the_bundled_sqlite_is_free_of_the_wal_reset_bug() {
    let connection = rusqlite::Connection::open_in_memory().unwrap();
    let version: String = connection
        .query_row("SELECT sqlite_version()", [], |row| row.get(0))
        .unwrap();
    let numbers: Vec<u32> = version.split('.').map(|n| n.parse().unwrap()).collect();
    assert!(numbers >= vec![3, 51, 3], "{version}");
}

#[test]
fn f6c_every_commit_is_synced_to_the_disk() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(&directory.path().join("ledger.db"), false).unwrap();
    assert_eq!(ledger.pragma("journal_mode"), "wal");
    assert_eq!(ledger.pragma("synchronous"), "2");
}

fn commit(ledger: &mut Ledger, done: &DoneSet, touched: &mut [u64], segments: &[Segment]) {
    let ranges = done.ranges_around(touched);
    let commit = Commit {
        watermark: done.watermark(),
        done: &ranges,
        checkpoint: Checkpoint::default(),
        consumed: Consumed {
            lines: 400,
            bytes: 4000,
            ..Consumed::default()
        },
        segments,
        parts: &[],
        failures: &[],
        healed: &[],
        statuses: &BTreeMap::new(),
        hosts: &[],
        totals: &Totals::default(),
        state: "running",
        now: 1,
        sent_at: 1,
    };
    ledger.commit(&Synced::nothing(), &commit).unwrap();
}

fn ledger() -> Ledger {
    let ledger = Ledger::open("memory".as_ref(), true).unwrap();
    let begun = ledger.begin(Some("jsonl"), &ListState::default(), 1);
    begun.unwrap();
    ledger
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn f2c_the_rows_of_done_lines_equal_a_plain_set(
        commits in prop::collection::vec(prop::collection::vec(0u64..400, 0..30), 1..12),
    ) {
        let (mut ledger, mut done, mut model) = (ledger(), DoneSet::new(), BTreeSet::new());
        for mut lines in commits {
            for line in &lines {
                done.insert(*line);
                model.insert(*line);
            }
            commit(&mut ledger, &done, &mut lines, &[]);
            let recovered = ledger.recover().unwrap().resume.done;
            prop_assert_eq!(recovered.watermark(), done.watermark());
            prop_assert!(recovered.ranges().eq(done.ranges()));
            prop_assert!((0..400).all(|line| recovered.contains(line) == model.contains(&line)));
        }
    }
}

#[test]
fn the_hashes_of_the_list_come_back_in_order_with_all_their_bits() {
    let mut ledger = ledger();
    let segment = |number, bytes, hash| Segment {
        number,
        bytes,
        hash,
    };
    let all = [segment(0, 1 << 20, u64::MAX), segment(1, 5, 1 << 63)];
    commit(&mut ledger, &DoneSet::new(), &mut [], &all);
    commit(&mut ledger, &DoneSet::new(), &mut [], &[segment(1, 9, 7)]);
    let list = ledger.recover().unwrap().list.unwrap();
    assert_eq!(list.segments, [all[0], segment(1, 9, 7)]);
}

/// What version 1 said of the tables that have grown since.
pub(crate) const VERSION_1: &str = "
CREATE TABLE job (
    id INTEGER PRIMARY KEY CHECK (id = 1), created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'interrupted', 'done')), format TEXT NOT NULL,
    watermark INTEGER NOT NULL, checkpoint_line INTEGER NOT NULL,
    checkpoint_offset INTEGER NOT NULL, list_kind TEXT NOT NULL, list_bytes INTEGER NOT NULL,
    list_modified INTEGER NOT NULL, list_inode INTEGER NOT NULL, read_lines INTEGER NOT NULL,
    read_bytes INTEGER NOT NULL, read_complete INTEGER NOT NULL, read_terminated INTEGER NOT NULL,
    ok INTEGER NOT NULL, skipped INTEGER NOT NULL, requests INTEGER NOT NULL,
    retries INTEGER NOT NULL, body_bytes INTEGER NOT NULL, runs INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL, cpu_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE done (first INTEGER PRIMARY KEY, last INTEGER NOT NULL CHECK (last >= first)) STRICT;
CREATE TABLE part (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, bytes INTEGER NOT NULL,
    records INTEGER NOT NULL
) STRICT;
CREATE TABLE failure (
    line INTEGER PRIMARY KEY, url TEXT NOT NULL, kind TEXT NOT NULL, status INTEGER,
    message TEXT NOT NULL, attempts INTEGER NOT NULL, failed_at INTEGER NOT NULL,
    list_offset INTEGER NOT NULL, list_length INTEGER NOT NULL
) STRICT;
CREATE TABLE host (
    name TEXT PRIMARY KEY, paused_until INTEGER NOT NULL, strikes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE status (code INTEGER PRIMARY KEY, results INTEGER NOT NULL) STRICT;
CREATE TABLE list_hash (
    segment INTEGER PRIMARY KEY, bytes INTEGER NOT NULL, hash INTEGER NOT NULL
) STRICT;
INSERT INTO job VALUES (1, 5, 6, 'interrupted', 'jsonl', 3, 2, 40, 'file', 900, 7, 8, 12, 800, 0, 1,
    2, 1, 4, 1, 99, 1, 10, 11);
INSERT INTO part VALUES (0, 'part-00000.jsonl', 77, 2);
INSERT INTO failure VALUES (1, 'http://a/', 'dns', NULL, 'no such host', 4, 9, 20, 9);
PRAGMA application_id = 1651664740;
PRAGMA user_version = 1;";

#[test]
fn f6d_a_ledger_of_version_1_is_taken_over_with_all_that_it_holds() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    let older = rusqlite::Connection::open(&path).unwrap();
    older.execute_batch(VERSION_1).unwrap();
    drop(older);
    for opened in 0..2 {
        let ledger = Ledger::open(&path, false).unwrap();
        assert_eq!(ledger.pragma("user_version"), "2", "opened {opened}");
        let found = ledger.recover().unwrap();
        assert_eq!(found.resume.done.watermark(), 3);
        assert_eq!((found.totals.ok, found.totals.body_bytes), (2, 99));
        assert_eq!((found.parts.len(), found.parts[0].bytes), (1, 77));
        assert_eq!(ledger.counts().unwrap().by_kind["dns"], 1);
    }
}

#[test]
fn f6d_a_ledger_that_was_migrated_has_the_columns_of_a_new_one() {
    let columns = |connection: &rusqlite::Connection| {
        let sql = "SELECT m.name || '.' || c.name || ' ' || c.type || c.\"notnull\"
                   FROM sqlite_schema m, pragma_table_info(m.name) c
                   WHERE m.type = 'table' ORDER BY 1";
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<Result<Vec<String>, _>>().unwrap()
    };
    let directory = tempfile::tempdir().unwrap();
    let paths = ["old.db", "new.db"].map(|name| directory.path().join(name));
    let older = rusqlite::Connection::open(&paths[0]).unwrap();
    older.execute_batch(VERSION_1).unwrap();
    drop(older);
    let [migrated, new] = paths.map(|path| {
        drop(Ledger::open(&path, false).unwrap());
        columns(&rusqlite::Connection::open(&path).unwrap())
    });
    assert_eq!(migrated, new);
}
