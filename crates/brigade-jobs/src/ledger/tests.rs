//! What the ledger relies on, and its rows of done lines against a plain set.

use std::collections::{BTreeMap, BTreeSet};

use brigade_core::ranges::DoneSet;
use proptest::prelude::*;

use super::*;
use crate::input::{Checkpoint, Consumed, Metadata, Segment};
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
        consumed: Consumed::default(),
        segments,
        parts: &[],
        failures: &[],
        healed: &[],
        statuses: &BTreeMap::new(),
        hosts: &[],
        totals: &Totals::default(),
        state: "running",
        now: 1,
    };
    ledger.commit(&Synced::nothing(), &commit).unwrap();
}

fn ledger() -> Ledger {
    let ledger = Ledger::open("memory".as_ref(), true).unwrap();
    ledger.begin(true, "file", Metadata::default(), 1).unwrap();
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
