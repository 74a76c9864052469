//! What a job has left, in a form that two runs have in common, and how it differs from another.
//!
//! It reads as a user's program would, with readers that share no code with what wrote the files,
//! and leaves out what no two runs have in common: times, and how often something was tried.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Result;
use crate::archive::Archive;
use crate::column::{Column, Form, Way};

/// The records of each line of the list, and what could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    lines: BTreeMap<u64, Vec<String>>,
    torn: usize,
    /// What does not hold together, in words.
    pub odd: Vec<String>,
}

/// How an output differs from that of an undisturbed run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    pub missing: usize,
    pub doubled: usize,
    pub torn: usize,
    pub different: usize,
}

impl Difference {
    pub fn is_none(self) -> bool {
        self == Self::default()
    }

    pub fn add(&mut self, other: Self) {
        self.missing += other.missing;
        self.doubled += other.doubled;
        self.torn += other.torn;
        self.different += other.different;
    }
}

impl Output {
    /// Reads the directory of a job that says it is done.
    pub fn read(directory: &Path, column: &Column) -> Self {
        let mut output = Self::default();
        if let Err(error) = output.fill(directory, column) {
            output.odd.push(error.to_string());
        }
        output
    }

    fn fill(&mut self, directory: &Path, column: &Column) -> Result<()> {
        let mut names: Vec<_> = fs::read_dir(directory)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<Result<_>>()?;
        names.sort();
        match column.form {
            Form::Parts | Form::Files => self.parts(directory, &names, column)?,
            Form::Archive => {
                let archive = Archive::read(directory, &names)?;
                self.torn += archive.torn;
                self.odd.extend(archive.odd);
                for (line, exchange) in archive.exchanges {
                    let records = self.lines.entry(line).or_default();
                    records.push(format!("ok {exchange}"));
                }
            }
        }
        if let Some(left) = names.iter().find(|name| name.ends_with(".tmp")) {
            self.odd.push(format!("{left} is left"));
        }
        self.json_lines(&fs::read(directory.join("failures.jsonl"))?, "failed");
        self.summary(&fs::read(directory.join("summary.json"))?)?;
        self.ledger(directory)
    }

    fn parts(&mut self, directory: &Path, names: &[String], column: &Column) -> Result<()> {
        let mut order = Vec::new();
        for name in names.iter().filter(|name| name.starts_with("part-")) {
            let packed = fs::read(directory.join(name))?;
            let mut bytes = Vec::new();
            let read = match name.rsplit_once('.').map(|(_, end)| end) {
                Some("gz") => {
                    flate2::read::MultiGzDecoder::new(&packed[..]).read_to_end(&mut bytes)
                }
                Some("zst") => zstd::Decoder::new(&packed[..])?.read_to_end(&mut bytes),
                _ => {
                    bytes = packed;
                    Ok(0)
                }
            };
            self.torn += usize::from(read.is_err());
            order.extend(self.json_lines(&bytes, "ok"));
        }
        if column.form == Form::Files {
            self.bodies(directory)?;
        }
        if column.way == Way::Ordered && !order.is_sorted() {
            self.odd
                .push("the results are not in the order of the list".to_owned());
        }
        Ok(())
    }

    /// Reads the files that the records name, into them; no others may be there.
    fn bodies(&mut self, directory: &Path) -> Result<()> {
        let mut there = BTreeSet::new();
        files(&directory.join("files"), &mut there)?;
        for record in self.lines.values_mut().flatten() {
            let named = record
                .strip_prefix("ok ")
                .and_then(|text| serde_json::from_str(text).ok());
            let Some(file) = named
                .as_ref()
                .and_then(|value: &Value| value["file"].as_str())
            else {
                continue;
            };
            let path = directory.join(file);
            there.remove(&path);
            let content = fs::read(&path).map_err(|error| format!("{file}: {error}"))?;
            record.push_str(&String::from_utf8_lossy(&content));
        }
        if let Some(path) = there.first() {
            self.odd.push(format!("no record names {}", path.display()));
        }
        Ok(())
    }

    /// Takes lines of JSON; the index of each in the order of the lines.
    fn json_lines(&mut self, text: &[u8], kind: &str) -> Vec<u64> {
        let mut order = Vec::new();
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let value: Option<Value> = serde_json::from_slice(line).ok();
            let index = value.as_ref().and_then(|value| value["index"].as_u64());
            let (true, Some(mut value), Some(index)) = (line.ends_with(b"\n"), value, index) else {
                self.torn += 1;
                continue;
            };
            if let Some(fields) = value.as_object_mut() {
                for name in ["fetched_at", "elapsed_ms", "attempts", "message"] {
                    fields.remove(name);
                }
            }
            order.push(index);
            self.lines
                .entry(index)
                .or_default()
                .push(format!("{kind} {value}"));
        }
        order
    }

    fn summary(&mut self, text: &[u8]) -> Result<()> {
        let summary: Value = serde_json::from_slice(text)?;
        let number = |name: &str| summary[name].as_u64().unwrap_or(0);
        let settled = number("ok") + number("failed") + number("skipped") + number("duplicates");
        if summary["state"] != "done" || settled != number("input") || number("pending") != 0 {
            self.odd
                .push(format!("summary.json does not add up: {summary}"));
        }
        if number("ok") + number("failed") != self.lines.len() as u64 {
            self.odd
                .push("summary.json counts what is not there".to_owned());
        }
        Ok(())
    }

    /// Asks SQLite's own shell, where [there is one](has_shell), whether the ledger is whole and adds up. It is given
    /// a copy, because a reader leaves files of its own.
    fn ledger(&mut self, directory: &Path) -> Result<()> {
        let copy = tempfile::tempdir()?;
        for name in ["ledger.db", "ledger.db-wal"] {
            if directory.join(name).exists() {
                fs::copy(directory.join(name), copy.path().join(name))?;
            }
        }
        let question =
            "PRAGMA integrity_check; SELECT state, read_lines - ok - skipped - duplicates
            - (SELECT count(*) FROM failure), watermark - read_lines FROM job;";
        let path = copy.path().join("ledger.db");
        let shell = Command::new("sqlite3").arg(path).arg(question).output();
        let said = match shell {
            // Said by the proof as a whole.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            said => said.map_err(|error| format!("sqlite3: {error}"))?,
        };
        let answer = String::from_utf8_lossy(&said.stdout);
        if answer != "ok\ndone|0|0\n" {
            let complaint = String::from_utf8_lossy(&said.stderr);
            self.odd
                .push(format!("ledger.db says {answer:?} {complaint}"));
        }
        Ok(())
    }

    /// How many lines ended as results and how many as failures.
    pub fn counts(&self) -> (usize, usize) {
        let all = || self.lines.values().flatten();
        let failed = all().filter(|record| record.starts_with("failed")).count();
        (all().count() - failed, failed)
    }

    /// Holds it against the output of an undisturbed run.
    pub fn against(&self, reference: &Self) -> Difference {
        let mut difference = Difference {
            torn: self.torn,
            ..Difference::default()
        };
        let indexes: BTreeSet<_> = self.lines.keys().chain(reference.lines.keys()).collect();
        for index in indexes {
            match (self.lines.get(index), reference.lines.get(index)) {
                (Some(mine), Some(theirs)) if mine.len() == theirs.len() => {
                    difference.different += usize::from(mine != theirs);
                }
                (Some(_), Some(_)) => difference.doubled += 1,
                (None, _) => difference.missing += 1,
                (Some(_), None) => difference.different += 1,
            }
        }
        difference.different += self.odd.len();
        difference
    }
}

/// Whether there is the shell that looks into ledgers.
pub fn has_shell() -> bool {
    let mut shell = Command::new("sqlite3");
    shell.arg("-version").stdout(Stdio::null());
    shell.status().is_ok_and(|status| status.success())
}

/// The files below a folder.
pub fn files(folder: &Path, found: &mut BTreeSet<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files(&path, found)?;
        } else {
            found.insert(path);
        }
    }
    Ok(())
}
