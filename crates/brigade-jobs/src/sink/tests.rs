//! The writer on disks that are full, that break, and that forget what was not synced.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use brigade_core::verdict::FailureKind;

use super::press::Press;
use super::writer::Writer;
use super::*;
use crate::brake::Brake;
use crate::budget::Budget;
use crate::directory::{Directory, LEDGER};
use crate::error::Error;
use crate::format::{Block, Encode};
use crate::input::{Checkpoint, Consumed};
use crate::ledger::{Failure, Ledger, ListState};
use crate::meter::Meter;
use crate::parts::{Opener, PartFile, PartKind, Parts, open_files};
use crate::progress::Counters;
use crate::record::{self, Success};

mod torn;

const KIND: PartKind = PartKind {
    extension: "jsonl",
    max: 1 << 30,
    begin: None,
    is_indexed: false,
};

/// A disk that can fill up, break, and tell what it has on it for sure.
#[derive(Clone, Default)]
struct Disk {
    /// Bytes that still fit; none for no limit.
    room: Arc<Mutex<Option<usize>>>,
    broken: Arc<AtomicBool>,
    synced: Arc<AtomicU64>,
}

struct OnDisk {
    disk: Disk,
    file: File,
    written: u64,
}

impl PartFile for OnDisk {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut room = self.disk.room.lock().unwrap();
        let fits = room.map_or(bytes.len(), |room| room.min(bytes.len()));
        self.file.write_all(&bytes[..fits])?;
        self.written += fits as u64;
        *room = room.map(|room| room - fits);
        if fits < bytes.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.disk.broken.load(Ordering::SeqCst) {
            return Err(io::Error::other("input/output error"));
        }
        self.disk.synced.store(self.written, Ordering::SeqCst);
        Ok(())
    }

    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        self.written = bytes;
        self.file.set_len(bytes)
    }
}

impl Disk {
    fn opener(&self) -> Opener {
        let disk = self.clone();
        Box::new(move |path| {
            let file = OpenOptions::new().append(true).create(true).open(path)?;
            Ok(Box::new(OnDisk {
                disk: disk.clone(),
                file,
                written: 0,
            }))
        })
    }
}

fn writer(path: &Path, opener: Opener, commit_every: usize) -> Writer {
    writer_of(KIND, path, opener, commit_every)
}

fn writer_of(kind: PartKind, path: &Path, opener: Opener, commit_every: usize) -> Writer {
    let directory = Arc::new(Directory::open(path).unwrap());
    let ledger = Ledger::open(&directory.join(LEDGER), false).unwrap();
    let recovered = ledger.recover().unwrap();
    let new = recovered.list.is_none();
    let new = new.then_some("jsonl");
    ledger.begin(new, &ListState::default(), 0).unwrap();
    let parts = Parts::recover(directory.clone(), &recovered.parts, kind, opener);
    Writer::new(Setup {
        directory,
        parts: parts.unwrap(),
        encoder: None,
        is_indexed: false,
        turns: None,
        json_bodies: false,
        ledger,
        recovered,
        budget: Arc::new(Budget::new(1 << 40)),
        counters: Arc::new(Counters::default()),
        spool: None,
        commit_every,
        meter: Meter::start(),
        durable: true,
        finished: Arc::new(AtomicBool::new(false)),
        asks_again: false,
        brake: Arc::new(Brake::new(None)),
    })
}

/// Lines as the writer makes them, encoded beside it.
#[derive(Debug)]
struct Lines;

impl Encode for Lines {
    fn encode(&self, results: &[Success]) -> Result<Block, Error> {
        let mut block = Block::default();
        for result in results {
            let (head, body) = result.data.split_at(result.body_at);
            block.bytes.extend_from_slice(head);
            let mut text = record::tail(result.elapsed_us, body, false, &mut block.bytes);
            while text.next(&mut block.bytes) {}
            block.records += 1;
        }
        Ok(block)
    }
}

fn success(index: u64, body: usize) -> Outcome {
    let mut data = format!("{{\"index\":{index}").into_bytes();
    let body_at = data.len();
    data.extend(b"x".repeat(body));
    Outcome::Success(Success {
        index,
        status: 200,
        data,
        body_at,
        place: None,
        elapsed_us: 1,
        budget: 0,
    })
}

fn batch(outcomes: impl IntoIterator<Item = Outcome>, commit: bool) -> Batch {
    Batch {
        outcomes: outcomes.into_iter().collect(),
        commit,
        consumed: Some(Consumed {
            lines: 1000,
            bytes: 9000,
            ..Consumed::default()
        }),
        ..Batch::default()
    }
}

/// The indices of the results on disk, after the recovery that a next run makes.
fn recovered(path: &Path) -> (Vec<u64>, u64) {
    let directory = Arc::new(Directory::open(path).unwrap());
    let ledger = Ledger::open(&directory.join(LEDGER), false).unwrap();
    let recovered = ledger.recover().unwrap();
    Parts::recover(directory.clone(), &recovered.parts, KIND, open_files()).unwrap();
    let mut indices = Vec::new();
    for part in &recovered.parts {
        let text = std::fs::read_to_string(directory.join(&part.name)).unwrap();
        assert_eq!(text.lines().count() as u64, part.records);
        for line in text.lines() {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            indices.push(value["index"].as_u64().unwrap());
        }
    }
    let done = &recovered.resume.done;
    let beyond: u64 = done
        .ranges()
        .map(|range| range.end() - range.start() + 1)
        .sum();
    assert!(indices.iter().all(|index| done.contains(*index)));
    (indices, done.watermark() + beyond)
}

#[test]
fn f1g_on_a_full_disk_what_lies_in_whole_is_committed_and_the_rest_stays_pending() {
    let rooms = [0, 100_000, 300_000, 700_000, 999_999];
    for (room, pressed) in rooms
        .into_iter()
        .flat_map(|room| [(room, false), (room, true)])
    {
        let directory = tempfile::tempdir().unwrap();
        let disk = Disk::default();
        *disk.room.lock().unwrap() = Some(room);
        let mut writer = writer(directory.path(), disk.opener(), 1_000_000);
        writer.press = pressed.then(|| Press::new(Arc::new(Lines)));
        let mut failed = None;
        for first in (0..1000).step_by(10) {
            let outcomes = (first..first + 10).map(|index| success(index, 2000));
            let result = writer.take(batch(outcomes, first % 100 == 90));
            if let Err(error) = result {
                failed = Some(error.to_string());
                break;
            }
        }
        let error = failed.expect("the disk is full");
        assert!(error.contains("part-00000.jsonl"), "{error}");
        assert!(error.contains("free some space"), "{error}");
        assert!(error.contains("run the same command again"), "{error}");
        drop(writer);
        let (indices, done) = recovered(directory.path());
        assert_eq!(indices, (0..done).collect::<Vec<_>>());
        let lost = room / 2040 - indices.len();
        assert!(lost <= 140, "room {room}: {lost} results were thrown away");
    }
}

#[test]
fn f1c_nothing_is_committed_that_is_not_synced() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Disk::default();
    let mut writer = writer(directory.path(), disk.opener(), 50);
    let reader = rusqlite::Connection::open(directory.path().join(LEDGER)).unwrap();
    let committed = || -> i64 {
        let sql = "SELECT coalesce(sum(bytes), 0) FROM part";
        reader.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let mut grown = 0;
    for first in (0..2000).step_by(20) {
        let outcomes = (first..first + 20).map(|index| success(index, 999));
        writer.take(batch(outcomes, false)).unwrap();
        let synced = disk.synced.load(Ordering::SeqCst);
        assert!(committed() as u64 <= synced);
        grown += u64::from(synced > 0);
    }
    assert!(grown > 90, "there were commits to look at");

    disk.broken.store(true, Ordering::SeqCst);
    let before = committed();
    let outcomes = (2000..2100).map(|index| success(index, 999));
    let error = writer.take(batch(outcomes, true)).unwrap_err();
    assert!(matches!(error, Error::Write { .. }), "{error}");
    assert_eq!(
        committed(),
        before,
        "a failed sync is not followed by a commit"
    );
}

#[test]
fn f1h_a_commit_says_everything_at_once_or_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut first = writer(directory.path(), open_files(), 1000);
    let failure = |index, kind| {
        Outcome::Failure(Failure {
            index,
            offset: index * 10,
            length: 9,
            url: "http://a/".into(),
            kind,
            status: Some(404),
            message: "gone".into(),
            attempts: 1,
            failed_at: 1,
            columns: None,
        })
    };
    let mut said = batch(
        [
            success(0, 10),
            failure(1, FailureKind::HttpStatus),
            Outcome::Skipped(2..=3),
            success(7, 10),
        ],
        true,
    );
    said.checkpoints = [(0, 0), (4, 40), (8, 80)]
        .map(|(index, offset)| Checkpoint { index, offset })
        .to_vec();
    said.consumed = Some(Consumed {
        lines: 9,
        bytes: 90,
        complete: true,
        terminated: true,
    });
    first.take(said).unwrap();
    assert_eq!(crate::progress::get(&first.setup.counters.committed), 5);
    drop(first);
    let again = writer(directory.path(), open_files(), 1000);
    drop(again);
    let ledger = Ledger::open(&directory.path().join(LEDGER), false).unwrap();
    let recovered = ledger.recover().unwrap();
    assert_eq!(recovered.resume.done.watermark(), 4);
    assert_eq!(recovered.resume.done.ranges().collect::<Vec<_>>(), [7..=7]);
    let checkpoint = recovered.resume.checkpoint;
    assert_eq!(
        (checkpoint.index, checkpoint.offset),
        (4, 40),
        "not beyond the watermark"
    );
    assert_eq!((recovered.totals.ok, recovered.totals.skipped), (2, 2));
    assert_eq!(recovered.by_kind, [(FailureKind::HttpStatus, 1)]);
    assert_eq!(recovered.parts[0].records, 2);
}

#[test]
fn a_result_for_a_line_that_had_failed_takes_the_failure_away() {
    let directory = tempfile::tempdir().unwrap();
    let failure = Failure {
        index: 0,
        offset: 0,
        length: 9,
        url: "http://a/".into(),
        kind: FailureKind::Connect,
        status: None,
        message: "refused".into(),
        attempts: 1,
        failed_at: 1,
        columns: None,
    };
    let mut first = writer(directory.path(), open_files(), 1000);
    first
        .take(batch([Outcome::Failure(failure)], true))
        .unwrap();
    let summary = first.finish().unwrap();
    assert_eq!((summary.ok, summary.failed), (0, 1));
    let mut second = writer(directory.path(), open_files(), 1000);
    second.take(batch([success(0, 5)], false)).unwrap();
    let summary = second.finish().unwrap();
    assert_eq!(
        (summary.ok, summary.failed, summary.by_status[&200]),
        (1, 0, 1)
    );
    let failures = std::fs::read(directory.path().join("failures.jsonl")).unwrap();
    assert!(failures.is_empty());
}

#[test]
fn f7g_parts_however_small_are_not_kept_open_until_there_are_no_files_left() {
    let directory = tempfile::tempdir().unwrap();
    let open = Arc::new(());
    let (disk, each) = (Disk::default(), open.clone());
    let opener: Opener = Box::new(move |path| {
        let file = (disk.opener())(path)?;
        Ok(Box::new(Counted(file, each.clone())))
    });
    let kind = PartKind { max: 1, ..KIND };
    let mut writer = writer_of(kind, directory.path(), opener, 1_000_000);
    for first in (0..400).step_by(10) {
        let outcomes = (first..first + 10).map(|index| success(index, 10));
        writer.take(batch(outcomes, false)).unwrap();
        let open = Arc::strong_count(&open);
        assert!(open < 100, "{open} files are open");
    }
    assert_eq!(writer.finish().unwrap().parts, 400);
}

/// A file that counts.
struct Counted(Box<dyn PartFile>, #[expect(dead_code)] Arc<()>);

impl PartFile for Counted {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync()
    }

    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        self.0.truncate(bytes)
    }
}
