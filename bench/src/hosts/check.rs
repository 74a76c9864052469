//! Holds what a side left behind against the list: every good page once, and nothing else.
//!
//! Output is read as its user would read it, piece by piece, so that this process stays small.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde_json::Value;

use super::manner::{Manner, Page};
use crate::{Result, parts};

/// What is wrong with an output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wrong {
    /// Good pages that are not there.
    pub(super) missing: usize,
    /// Good pages that are there twice.
    pub(super) doubled: usize,
    /// Results that are not what the host has: cut, or from a host that never gave a whole one.
    pub(super) spoiled: usize,
}

/// What was found so far.
#[derive(Debug)]
pub(super) struct Found {
    hosts: usize,
    /// The first line of each host.
    first: Vec<usize>,
    times: Vec<u8>,
    spoiled: usize,
}

impl Found {
    pub(super) fn new(hosts: usize, count: usize) -> Self {
        let mut first = vec![0; hosts];
        for line in 0..hosts {
            first[Page::of_line(line, hosts).host] = line;
        }
        Self {
            hosts,
            first,
            times: vec![0; count],
            spoiled: 0,
        }
    }

    /// Files, a page each. One whose download is marked as unfinished is no result.
    pub(super) fn files(&mut self, folder: &Path) -> Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let unfinished = folder.join(format!("{name}.aria2")).exists();
            if unfinished || name.ends_with(".aria2") {
                continue;
            }
            // A second copy gets a number behind its name.
            let plain = name.split_inclusive(".txt").next().unwrap_or_default();
            match Page::of_name(plain) {
                Some(page) => self.page(page, &fs::read(&path)?),
                None => self.spoiled += 1,
            }
        }
        Ok(())
    }

    /// Lines of JSON, each with the URL and the body of a page. A last line that is torn is none.
    pub(super) fn lines(&mut self, file: &Path) -> Result<()> {
        let Ok(file) = File::open(file) else {
            return Ok(());
        };
        for line in BufReader::new(file).split(b'\n') {
            let record: Value = serde_json::from_slice(&line?).unwrap_or_default();
            let url = record["url"].as_str().unwrap_or_default();
            let page = url.rsplit('/').next().and_then(Page::of_name);
            match (page, record["body"].as_str()) {
                (Some(page), Some(body)) => self.page(page, body.as_bytes()),
                _ => self.spoiled += 1,
            }
        }
        Ok(())
    }

    /// The parts of a job of brigade's.
    pub(super) fn parts(&mut self, folder: &Path) -> Result<()> {
        parts::of(folder)?
            .iter()
            .try_for_each(|part| self.lines(part))
    }

    fn page(&mut self, page: Page, body: &[u8]) {
        let first = self.first.get(page.host);
        let line = first.map(|first| first + page.page * self.hosts);
        let times = line.and_then(|line| self.times.get_mut(line));
        match times {
            Some(times) if Manner::of(page.host).is_good() && body == page.body().as_bytes() => {
                *times = times.saturating_add(1);
            }
            _ => self.spoiled += 1,
        }
    }

    pub(super) fn wrong(&self) -> Wrong {
        let good = |line: usize| Manner::of(Page::of_line(line, self.hosts).host).is_good();
        let mut wrong = Wrong {
            spoiled: self.spoiled,
            ..Wrong::default()
        };
        for (line, times) in self.times.iter().enumerate() {
            wrong.missing += usize::from(*times == 0 && good(line));
            wrong.doubled += usize::from(*times > 1);
        }
        wrong
    }
}

/// Fails unless a finished job of brigade's accounts for every line, in the ledger's derived files.
pub(super) fn account(folder: &Path, count: usize) -> Result<String> {
    let summary: Value = serde_json::from_slice(&fs::read(folder.join("summary.json"))?)?;
    let number = |name: &str| summary[name].as_u64().unwrap_or_default();
    let failures = BufReader::new(File::open(folder.join("failures.jsonl"))?);
    let failed = failures.lines().count() as u64;
    if number("ok") + failed != count as u64 || number("failed") != failed {
        return Err(format!("{count} lines, but {summary} and {failed} failures").into());
    }
    Ok(format!(
        "{} results and {failed} failures for {count} lines; failures by kind: {}",
        number("ok"),
        summary["by_kind"]
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTS: usize = 100;

    #[test]
    fn what_is_missing_doubled_and_spoiled_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, body: &str| fs::write(folder.path().join(name), body).unwrap();
        let page = |host| Page { host, page: 0 };
        write("40-0.txt", &page(40).body());
        write("41-0.txt", &page(41).body());
        write("41-0.txt.1", &page(41).body());
        write("42-0.txt", &page(42).body()[..100]);
        write("13-0.txt", &page(13).body()[..100]);
        write("43-0.txt", &page(43).body()[..100]);
        write("43-0.txt.aria2", "");
        let mut found = Found::new(HOSTS, HOSTS);
        found.files(folder.path()).unwrap();
        let expected = Wrong {
            missing: 94 - 2,
            doubled: 1,
            spoiled: 2,
        };
        assert_eq!(found.wrong(), expected);
    }
}
